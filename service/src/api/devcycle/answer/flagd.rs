//! flagd flags in DevCycle's answers, as far as its types allow.

use jackstaff_core::{Choice, Dialect, Fault, FaultKind, FlagValue, Reason, Ruleset, ValueKind};

/// What a flagd flag is to DevCycle's SDKs: a feature with one variable. Its type is the one that promises nothing more.
pub(super) const PLAIN_FEATURE: &str = "release";

/// Why a flagd flag has its value, in DevCycle's words: those that its SDKs know.
pub(super) const fn reason(reason: Reason) -> (&'static str, &'static str) {
    match reason {
        Reason::Static => (Reason::TargetingMatch.as_str(), "All Users"),
        Reason::Default => (Reason::Default.as_str(), "User Not Targeted"),
        other => (other.as_str(), "Targeting Rule"),
    }
}

/// The declared type; of a flagd flag the value's own, as its variants may differ in theirs.
pub(super) const fn kind(dialect: Dialect, declared: ValueKind, value: &FlagValue<'_>) -> ValueKind {
    match (dialect, value) {
        (Dialect::DevCycle, _) => declared,
        (_, FlagValue::Boolean(_)) => ValueKind::Boolean,
        (_, FlagValue::String(_)) => ValueKind::String,
        (_, FlagValue::Number { .. }) => ValueKind::Number,
        (_, FlagValue::Structure(_)) => ValueKind::Structure,
    }
}

/// The choice, if DevCycle's API can tell it: it has no lists and no null, which flagd's variants may be.
pub(super) fn told<'r>(ruleset: &'r Ruleset<'r>, choice: Option<Choice>) -> Result<Option<Choice>, Fault<'r>> {
    let Some(made) = choice.filter(|_| ruleset.dialect() == Dialect::Flagd) else { return Ok(choice) };
    let untold = |value: &FlagValue<'_>| matches!(value, FlagValue::Structure(json) if !json.starts_with('{'));
    if ruleset.assignments(made.variant).any(|(_, value)| untold(&value)) {
        let subject = "the value is a list or null, for which DevCycle's API has no type: ask for it over OFREP";
        return Err(Fault { kind: FaultKind::Broken, subject });
    }
    Ok(choice)
}
