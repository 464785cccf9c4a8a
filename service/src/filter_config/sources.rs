//! Where the filter gets its ruleset from, and how often.

use jackstaff_core::Value;
use jackstaff_core::source::{FromJson, Reading};

use super::{ConfigErrors, FilterConfig};
use crate::ruleset_supply::MAX_SOURCES;

/// Short enough that a kill switch works; a source asked by one worker of each proxy every ten seconds hardly notices.
const DEFAULT_POLL_S: u32 = 10;

/// An hour. Whoever wants a ruleset to change less often changes the source less often.
const MAX_POLL_S: u32 = 3_600;

/// Ten years.
const MAX_AGE_S: u64 = 315_360_000;

/// How the sources are asked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize), serde(default, deny_unknown_fields))]
pub struct RefreshConfig {
    /// Seconds between two looks at the sources. One worker of a proxy looks, for all.
    pub poll_s: u32,
    /// Seconds for which the last good ruleset serves while no source answers; for ever when absent.
    pub max_age_s: Option<u64>,
    /// What happens to requests while there is no ruleset.
    pub without: Without,
}

/// What happens to requests while there is no ruleset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize), serde(rename_all = "snake_case"))]
pub enum Without {
    /// They go on without flags, and the status header says `none`: the application uses its defaults.
    #[default]
    Defaults,
    /// They are answered 503 with `retry-after`: a health check through this listener then holds traffic back until there is a ruleset.
    Unavailable,
}

impl<'v> FromJson<'v> for Without {
    fn read(&mut self, value: &'v Value<'v>, reading: &mut Reading<'v>) {
        reading.word(value, self, &[("defaults", Self::Defaults), ("unavailable", Self::Unavailable)]);
    }
}

impl Default for RefreshConfig {
    fn default() -> Self {
        Self { poll_s: DEFAULT_POLL_S, max_age_s: None, without: Without::Defaults }
    }
}

impl<'v> FromJson<'v> for RefreshConfig {
    fn read(&mut self, value: &'v Value<'v>, reading: &mut Reading<'v>) {
        reading.object(value, &mut |of| {
            of.optional("poll_s", &mut self.poll_s);
            of.optional("max_age_s", &mut self.max_age_s);
            of.optional("without", &mut self.without);
        });
    }
}

impl RefreshConfig {
    /// Milliseconds between two looks.
    #[must_use]
    pub fn poll_ms(&self) -> i64 {
        i64::from(self.poll_s).saturating_mul(1_000)
    }

    /// Milliseconds for which the last good ruleset serves.
    #[must_use]
    pub fn max_age_ms(&self) -> Option<i64> {
        self.max_age_s.map(|seconds| i64::try_from(seconds).unwrap_or(i64::MAX).saturating_mul(1_000))
    }
}

impl FilterConfig<'_> {
    pub(super) fn check_sources(&self, errors: &mut ConfigErrors) {
        if self.sources.len() > MAX_SOURCES {
            errors.add(
                &"$.sources",
                &format_args!("has {} entries", self.sources.len()),
                &format_args!("have at most {MAX_SOURCES}: each further one is a fallback for those before"),
            );
        }
        for (nth, source) in self.sources.iter().enumerate() {
            if let Err((member, message)) = source.check() {
                errors.add(&format_args!("$.sources[{nth}].{member}"), &message, &"correct this value");
            }
        }
        errors.check_number("$.refresh.poll_s", self.refresh.poll_s, 1..=MAX_POLL_S, DEFAULT_POLL_S, " seconds");
        if self.refresh.max_age_s.is_some_and(|seconds| !(1..=MAX_AGE_S).contains(&seconds)) {
            errors.add(
                &"$.refresh.max_age_s",
                &"is no such time",
                &format_args!("choose 1 to {MAX_AGE_S} seconds, or leave it out"),
            );
        }
    }
}
