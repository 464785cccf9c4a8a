//! Everything for a user, in memory: what other libraries return as structs. The benchmark uses it natively as well.

use jackstaff_core::source::devcycle::Details;
use jackstaff_core::{Choice, Context, FlagValue, Ruleset, Timestamp};

/// What a user gets.
#[allow(dead_code, reason = "the probe makes it and returns a count; the native benchmark reads it")]
pub struct Everything<'r> {
    /// Each feature's variation, with the details of the reason.
    pub features: Vec<(Choice, String)>,
    /// By flag: its value, and which of the features set it.
    pub variables: Vec<Option<(FlagValue<'r>, usize)>>,
}

/// Decides everything.
pub fn everything<'r>(ruleset: &'r Ruleset<'r>, context: &Context<'_>, now: Timestamp) -> Everything<'r> {
    let mut session = ruleset.session(context, now);
    let mut details = Details::default();
    let mut features = Vec::new();
    let mut variables = vec![None; ruleset.len()];
    for decision in 0..ruleset.decision_count() {
        if let Ok(Some(choice)) = session.decide(decision, &mut details) {
            for (flag, value) in ruleset.assignments(choice.variant) {
                if let Some(variable) = variables.get_mut(flag.place()) {
                    *variable = Some((value, features.len()));
                }
            }
            features.push((choice, details.text(ruleset, &choice)));
        }
    }
    Everything { features, variables }
}
