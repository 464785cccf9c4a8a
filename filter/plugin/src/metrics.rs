//! What the filter counts, in Envoy's metrics.
//!
//! Envoy never forgets the name of a metric, so there is a limit to how many names a configuration makes.

use jackstaff_core::Ruleset;
use jackstaff_service::injector::Count;
use jackstaff_service::ruleset_supply::Fresh;

use crate::host::metrics::{Kind, define, increment, record};

/// Pairs of a flag and a variant that have a counter of their own; the others share one. Two hundred flags of five variants, at about a
/// kilobyte each in Envoy.
const MAX_DECISIONS: usize = 1_000;

/// The counter of what is beyond that.
const OTHER: &str = "jackstaff.decisions.flag._other.variant._other";

/// A variant's name where none was chosen.
const NO_VARIANT: &str = "_none";

/// The metrics of one plugin configuration, in one worker.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    /// In the order of names; nothing where Envoy did not make it.
    defined: Vec<(String, Option<u32>)>,
    decisions: usize,
}

impl Metrics {
    /// Adds what was counted.
    pub(crate) fn count(&mut self, count: &Count<'_>) {
        match *count {
            Count::Requests(n) => self.add("jackstaff.requests", n),
            Count::Omitted(n) => self.add("jackstaff.header_overflow", n),
            Count::Reason(reason, n) => {
                self.add(&format!("jackstaff.reasons.reason.{}", reason.as_str().to_ascii_lowercase()), n);
            }
            Count::UserData(outcome, n) => self.add(&format!("jackstaff.user_data.outcome.{outcome}"), n),
            Count::Decision { flag, variant, count } => {
                let variant = if variant.is_empty() { NO_VARIANT } else { variant };
                let name = format!("jackstaff.decisions.flag.{}.variant.{}", plain(flag), plain(variant));
                if self.find(&name).is_ok() {
                    self.add(&name, count);
                } else if self.decisions < MAX_DECISIONS {
                    self.decisions = self.decisions.saturating_add(1);
                    self.add(&name, count);
                } else {
                    self.add(OTHER, count);
                }
            }
        }
    }

    /// Tells of a ruleset that came with the configuration.
    pub(crate) fn inline(&mut self, ruleset: &Ruleset<'_>) {
        self.set("jackstaff.ruleset_revision", ruleset.revision());
        self.set("jackstaff.ruleset_flags", u64::try_from(ruleset.len()).unwrap_or(u64::MAX));
    }

    /// Tells of the ruleset.
    pub(crate) fn ruleset(&mut self, fresh: &Fresh) {
        match fresh {
            Fresh::New(supplied) => {
                self.inline(supplied.ruleset.get());
                self.set("jackstaff.ruleset_age_seconds", supplied.age);
            }
            Fresh::Same(_, age) => self.set("jackstaff.ruleset_age_seconds", *age),
            Fresh::Expired => self.set("jackstaff.ruleset_flags", 0),
        }
    }

    /// Tells how often asking for a ruleset was in vain.
    pub(crate) fn source_failures(&mut self, failures: u64) {
        self.add("jackstaff.source_failures", failures);
    }

    /// Tells how many users made room for others.
    pub(crate) fn evicted(&mut self, users: u64) {
        self.add("jackstaff.user_data_evicted", users);
    }

    /// Tells of exposure events.
    pub(crate) fn events(&mut self, sent: u64, failed: u64, dropped: u64) {
        self.add("jackstaff.events.batches_sent", sent);
        self.add("jackstaff.events.batches_failed", failed);
        self.add("jackstaff.events.decisions_dropped", dropped);
    }

    fn add(&mut self, name: &str, by: u64) {
        if by > 0
            && let Some(id) = self.id(Kind::Counter, name)
        {
            increment(id, by);
        }
    }

    fn set(&mut self, name: &str, value: u64) {
        if let Some(id) = self.id(Kind::Gauge, name) {
            record(id, value);
        }
    }

    fn id(&mut self, kind: Kind, name: &str) -> Option<u32> {
        match self.find(name) {
            Ok(id) => id,
            Err(place) => {
                let id = define(kind, name);
                self.defined.insert(place, (name.to_owned(), id));
                id
            }
        }
    }

    /// The metric of this name, or where it belongs.
    fn find(&self, name: &str) -> Result<Option<u32>, usize> {
        let place = self.defined.binary_search_by(|(known, _)| (**known).cmp(name))?;
        self.defined.get(place).map(|(_, id)| *id).ok_or(place)
    }
}

/// A key as a part of a metric's name, in which a dot divides parts.
fn plain(key: &str) -> String {
    key.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '_' }).collect()
}
