//! The table.

use std::fmt;

use crate::bootstrap::Variant;

/// Nanoseconds of CPU a request.
pub struct Row {
    pub variant: Variant,
    pub envoy: f64,
    pub service: f64,
}

pub struct Table {
    rows: Vec<Row>,
    /// What the filter adds in each Envoy.
    each: Vec<f64>,
}

/// What a variant adds, in Envoy and in the service.
fn added(rows: &[Row], variant: Variant) -> f64 {
    let total =
        |variant| rows.iter().find(|row| row.variant == variant).map_or(f64::NAN, |row| row.envoy + row.service);
    total(variant) - total(Variant::Nothing)
}

impl Table {
    /// The mean of what several Envoys came to.
    pub fn of(runs: &[Vec<Row>]) -> Self {
        let mean = |variant, of: fn(&Row) -> f64| {
            runs.iter().flatten().filter(|row| row.variant == variant).map(of).sum::<f64>() / runs.len() as f64
        };
        let rows = Variant::ALL.map(|variant| Row {
            variant,
            envoy: mean(variant, |row| row.envoy),
            service: mean(variant, |row| row.service),
        });
        Self { rows: rows.into(), each: runs.iter().map(|rows| added(rows, Variant::Jackstaff)).collect() }
    }

    fn added(&self, variant: Variant) -> f64 {
        added(&self.rows, variant)
    }

    /// The filter's share of what a variant adds, and the most that the design allows.
    fn budget(&self, variant: Variant) -> Option<(f64, f64)> {
        let most = match variant {
            Variant::AllHeaders => 1.5,
            Variant::ExtAuthz(_) | Variant::ExtProc(_) => 1.0 / 6.0,
            _ => return None,
        };
        Some((self.added(Variant::Jackstaff) / self.added(variant), most))
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| in front of the router | Envoy | service | added | Jackstaff adds … of it | budget | ok |")?;
        writeln!(f, "|---|---:|---:|---:|---:|---:|---|")?;
        for row in &self.rows {
            let service = if row.variant.service().is_some() { micro(row.service) } else { String::new() };
            let added = if row.variant == Variant::Nothing { String::new() } else { micro(self.added(row.variant)) };
            let (share, budget, ok) = match self.budget(row.variant) {
                None => (String::new(), String::new(), ""),
                Some((share, most)) => {
                    (format!("{share:.2}×"), format!("{most:.2}×"), if share <= most { "yes" } else { "**MISSED**" })
                }
            };
            let (name, envoy) = (row.variant.name(), micro(row.envoy));
            writeln!(f, "| {name} | {envoy} | {service} | {added} | {share} | {budget} | {ok} |")?;
        }
        let each: Vec<_> = self.each.iter().map(|&added| micro(added)).collect();
        writeln!(f, "\nFrom one Envoy to the next Jackstaff adds {}.", each.join(", "))
    }
}

fn micro(nanoseconds: f64) -> String {
    format!("{:.1} µs", nanoseconds / 1e3)
}
