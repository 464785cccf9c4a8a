//! What DevCycle calls things in its answers: the texts of reasons and of faults.

use crate::evaluate::{Choice, Comparator, ConditionView, Fault, FaultKind, Test, Visitor};
use crate::snapshot::{RuleView, Ruleset};

/// The message with which the reference library fails where a decision has this fault.
#[must_use]
pub fn fault_message(fault: &Fault<'_>) -> String {
    match fault.kind {
        FaultKind::InvalidRollout => "Invalid rollout configuration".to_owned(),
        FaultKind::NoVariant => "Failed to decide target variation".to_owned(),
        FaultKind::MissingVariant => format!("Config missing variation: {}", fault.subject),
        FaultKind::MissingFlag => format!("Config missing variable: {}", fault.subject),
        FaultKind::InvalidCondition => "Non-existent filter subType".to_owned(),
        FaultKind::Broken
        | FaultKind::UnknownVariant
        | FaultKind::NoTargetingKey
        | FaultKind::TooComplex
        | FaultKind::Corrupt => fault.to_string(),
    }
}

/// A reason's text ends here. Real ones have some hundred bytes; a hostile snapshot could ask for all its text over and over.
const MAX_TEXT: usize = 16_384;

/// Watches a decision and words its reason as the reference does, with all its quirks (facts 2.7). Use it for one decision after another:
/// it forgets the one before by itself.
#[derive(Debug, Default)]
pub struct Details {
    /// The texts of the groups being evaluated: the first `depth`, innermost last. The others are kept for their memory.
    frames: Vec<Frame>,
    depth: usize,
    /// The text of the group evaluated last: what a segment's match quotes.
    inner: String,
    /// The text of the last rule that matched with any.
    text: String,
}

#[derive(Debug, Default)]
struct Frame {
    text: String,
    joins: bool,
}

impl Details {
    /// Forgets the decision watched.
    fn reset(&mut self) {
        self.depth = 0;
        self.inner.clear();
        self.text.clear();
    }

    #[cfg(test)]
    pub(super) fn set_text(&mut self, text: &str) {
        text.clone_into(&mut self.text);
    }

    /// The details of `choice`, which must be of the decision watched last.
    #[must_use]
    pub fn text(&self, ruleset: &Ruleset<'_>, choice: &Choice) -> String {
        self.pieces(choice.rule.and_then(|rule| ruleset.rule_unread(rule))).concat()
    }

    /// The details of a choice in two pieces. `rule` is the choice's, which must be of the decision watched last.
    #[must_use]
    pub fn pieces<T>(&self, rule: Option<RuleView<T>>) -> [&str; 2] {
        let Some(rule) = rule else { return ["Override", ""] };
        let how = match (rule.splits == 1, rule.mentions_rollout) {
            (true, false) => "",
            (true, true) => "Rollout | ",
            (false, false) => "Random Distribution | ",
            (false, true) => "Random Distribution | Rollout | ",
        };
        [how, &self.text]
    }
}

/// Appends `more` where there is room for it.
fn append(text: &mut String, more: &str) {
    if text.len().saturating_add(more.len()) <= MAX_TEXT {
        text.push_str(more);
    }
}

impl Visitor for Details {
    fn decision_begins(&mut self, _decision: u32) {
        self.reset();
    }

    fn condition_begins(&mut self, condition: &ConditionView<'_>) {
        if condition.test().is_group() {
            if self.depth >= self.frames.len() {
                self.frames.push(Frame::default());
            }
            if let Some(frame) = self.frames.get_mut(self.depth) {
                frame.text.clear();
                frame.joins = condition.test() == Test::AllOf;
            }
            self.depth = self.depth.saturating_add(1);
        }
    }

    fn condition_ends(&mut self, condition: &ConditionView<'_>, passed: bool) {
        if condition.test().is_group() {
            self.depth = self.depth.saturating_sub(1);
            if let Some(frame) = self.frames.get_mut(self.depth) {
                std::mem::swap(&mut self.inner, &mut frame.text);
            }
            return;
        }
        let Some(frame) = self.depth.checked_sub(1).and_then(|innermost| self.frames.get_mut(innermost)) else {
            return;
        };
        let mut set = |text: &str| {
            frame.text.clear();
            frame.text.push_str(text);
        };
        let name = match condition.test() {
            Test::Always => return set("All Users"),
            Test::OptedIn => return set(if passed { "Opt-In" } else { "Not Opt-In" }),
            _ if !passed => return,
            Test::Segments => {
                if condition.comparator() != Comparator::Equal {
                    return set("Not in Audience");
                }
                set("Audience Match");
                if !self.inner.is_empty() {
                    append(&mut frame.text, " -> ");
                    append(&mut frame.text, &self.inner);
                }
                return;
            }
            Test::CustomAny | Test::CustomUnnamed => "Custom Data -> ",
            _ => match condition.attribute() {
                "user_id" => "User ID",
                "email" => "Email",
                "country" => "Country",
                "platform" => "Platform",
                "platformVersion" => "Platform Version",
                "appVersion" => "App Version",
                "deviceModel" => "Device Model",
                _ => return,
            },
        };
        if !frame.joins {
            frame.text.clear();
        }
        append(&mut frame.text, name);
        if name.ends_with("-> ") {
            append(&mut frame.text, condition.attribute());
        }
        if frame.joins && !condition.is_last() {
            append(&mut frame.text, " AND ");
        }
    }

    fn rule_begins(&mut self, _rule: u32) {
        self.depth = 0;
        self.inner.clear();
    }

    fn rule_ends(&mut self, _rule: u32, matched: bool, _included: bool) {
        // The rule's own group ended last. Text of a rule that matched but lost on its rollout stays for a later one that has none.
        if matched && !self.inner.is_empty() {
            std::mem::swap(&mut self.text, &mut self.inner);
        }
    }
}
