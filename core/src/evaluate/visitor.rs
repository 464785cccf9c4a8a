//! Watching a decision being made.

use super::condition::ConditionView;
use super::logic::ExpressionVisitor;

/// Is told every step of a decision. The default methods do nothing, so that not watching costs nothing.
pub trait Visitor {
    /// False for one that does nothing, to which steps that change no decision need not be shown.
    const WATCHES: bool = true;

    /// A decision, by its place in the ruleset, is about to be made; its rules follow, unless it is broken.
    fn decision_begins(&mut self, _decision: u32) {}
    /// A rule is about to be tried.
    fn rule_begins(&mut self, _rule: u32) {}
    /// A condition is about to be evaluated; its children, or those of the segments it refers to, follow.
    fn condition_begins(&mut self, _condition: &ConditionView<'_>) {}
    /// A condition was evaluated.
    fn condition_ends(&mut self, _condition: &ConditionView<'_>, _passed: bool) {}
    /// A rule was tried: whether its conditions hold, and whether its rollout includes the user.
    fn rule_ends(&mut self, _rule: u32, _matched: bool, _included: bool) {}
    /// Who watches the targeting expressions, if anybody.
    fn expressions(&mut self) -> Option<&mut dyn ExpressionVisitor> {
        None
    }
}

/// Watches nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoVisitor;

impl Visitor for NoVisitor {
    const WATCHES: bool = false;
}
