//! The table.

use std::fmt;

use crate::bootstrap::Variant;

/// Nanoseconds of CPU a request.
pub struct Row {
    pub variant: Variant,
    pub envoy: f64,
    pub service: f64,
}

pub struct Table(Vec<Row>);

impl Table {
    pub const fn new(rows: Vec<Row>) -> Self {
        Self(rows)
    }

    /// What a variant adds, in Envoy and in the service.
    fn added(&self, variant: Variant) -> f64 {
        let total =
            |variant| self.0.iter().find(|row| row.variant == variant).map_or(f64::NAN, |row| row.envoy + row.service);
        total(variant) - total(Variant::Nothing)
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
        for row in &self.0 {
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
        Ok(())
    }
}

fn micro(nanoseconds: f64) -> String {
    format!("{:.1} µs", nanoseconds / 1e3)
}
