//! Watching a targeting rule being evaluated.

use super::{Operator, detail};
use crate::snapshot::Ruleset;
use crate::snapshot::layout::Expression;
use crate::value::Value;

/// Is told every expression of a targeting rule.
pub trait ExpressionVisitor {
    /// An expression is about to be evaluated; those among its operands that are needed follow.
    fn expression_begins(&mut self, expression: &ExpressionView<'_>);
    /// An expression was evaluated.
    fn expression_ends(&mut self, expression: &ExpressionView<'_>, value: &Value<'_>);
}

/// An expression, as an [`ExpressionVisitor`] sees it.
#[derive(Clone, Copy, Debug)]
pub struct ExpressionView<'r> {
    ruleset: &'r Ruleset<'r>,
    record: Expression,
    depth: u32,
}

impl<'r> ExpressionView<'r> {
    pub(super) const fn new(ruleset: &'r Ruleset<'r>, record: Expression, depth: u32) -> Self {
        Self { ruleset, record, depth }
    }

    /// What is done.
    #[must_use]
    pub fn operator(&self) -> Operator {
        Operator::from_u8(self.record.operator)
    }

    /// The path that a `var` reads, as the source writes it; the name of a member; empty for all else.
    #[must_use]
    pub fn path(&self) -> String {
        if !matches!(self.operator(), Operator::Attribute | Operator::Element | Operator::Member) {
            return String::new();
        }
        let name = self.ruleset.text(self.record.name);
        // The others have something else there, or nothing.
        let rest = if self.operator() == Operator::Attribute { self.ruleset.text(self.record.path()) } else { "" };
        if rest.is_empty() { name.to_owned() } else { format!("{name}.{rest}") }
    }

    /// Whether it reads from the element of a list instead of the context.
    #[must_use]
    pub const fn in_element(&self) -> bool {
        self.record.detail & detail::ELEMENT != 0
    }

    /// How deep in the rule it stands; the root is at 0.
    #[must_use]
    pub const fn depth(&self) -> u32 {
        self.depth
    }
}
