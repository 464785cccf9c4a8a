//! The table of ratios.

use std::fmt;

/// One comparison. Times are nanoseconds.
pub struct Row {
    pub what: String,
    pub ours: f64,
    pub peer: &'static str,
    pub theirs: f64,
    /// At least so many times as fast; `None` where the design sets no budget.
    pub budget: Option<f64>,
}

impl Row {
    pub fn new(what: &str, ours: f64, peer: &'static str, theirs: f64, budget: Option<f64>) -> Self {
        Self { what: what.to_owned(), ours, peer, theirs, budget }
    }

    fn ratio(&self) -> f64 {
        self.theirs / self.ours
    }
}

/// All of them.
#[derive(Default)]
pub struct Table(pub Vec<Row>);

impl Table {
    /// The rows that miss their budget.
    pub fn missed(&self) -> impl Iterator<Item = &Row> {
        self.0.iter().filter(|row| row.budget.is_some_and(|budget| row.ratio() < budget))
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| what | Jackstaff | peer | its time | ratio | budget | ok |")?;
        writeln!(f, "|---|---:|---|---:|---:|---:|---|")?;
        for row in &self.0 {
            let ratio = row.ratio();
            let (budget, ok) = match row.budget {
                None => (String::new(), ""),
                Some(budget) => (format!("{budget}×"), if ratio >= budget { "yes" } else { "**MISSED**" }),
            };
            let ratio = if ratio < 10.0 { format!("{ratio:.1}×") } else { format!("{ratio:.0}×") };
            let (ours, theirs) = (Time(row.ours), Time(row.theirs));
            writeln!(f, "| {} | {ours} | {} | {theirs} | {ratio} | {budget} | {ok} |", row.what, row.peer)?;
        }
        Ok(())
    }
}

/// Nanoseconds in the unit that reads best.
struct Time(f64);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (value, unit) = match self.0 {
            ns if ns < 1e3 => (ns, "ns"),
            ns if ns < 1e6 => (ns / 1e3, "µs"),
            ns => (ns / 1e6, "ms"),
        };
        if value < 10.0 { write!(f, "{value:.2} {unit}") } else { write!(f, "{value:.0} {unit}") }
    }
}
