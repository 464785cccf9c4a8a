//! Evaluating targeting rules: JSONLogic with flagd's operators, on the expressions of a snapshot.
//!
//! Values are borrowed from the snapshot and the context wherever they are not computed, so the common operators allocate nothing. Nothing
//! here fails for what a context holds: where an operand makes no sense an operator gives null, false or 0 (docs/decisions/0002). Faults
//! are limits and damaged snapshots.

mod cbor;
mod coerce;
mod fractional;
mod lists;
mod operator;
mod scalars;
mod semver;
mod text;
mod trace;
mod variable;

use std::borrow::Cow;

pub(crate) use fractional::{usable_total, weight};
pub use operator::Operator;
pub(crate) use operator::detail;
pub use trace::{ExpressionView, ExpressionVisitor};

use super::decide::spend;
use super::{Fault, FaultKind, MAX_DEPTH, text_steps};
use crate::context::Context;
use crate::snapshot::Ruleset;
use crate::snapshot::layout::Expression;
use crate::timestamp::Timestamp;
use crate::value::Value;
use coerce::truthy;

/// What an expression evaluates to.
pub(super) type Got<'v> = Cow<'v, Value<'v>>;

/// What `var` outside of the context's own scope refers to.
#[derive(Clone, Copy)]
pub(super) enum Scope<'v> {
    /// There is no element: the context itself.
    Context,
    /// `map` and its like: the element.
    Element(&'v Value<'v>),
    /// `reduce`: the element and what came of those before it.
    Fold { current: &'v Value<'v>, accumulator: &'v Value<'v> },
}

/// One evaluation of a targeting rule.
pub(super) struct Logic<'r, 'c, 's, 'w> {
    pub ruleset: &'r Ruleset<'r>,
    pub context: &'c Context<'c>,
    pub flag_key: &'r str,
    pub now: Timestamp,
    /// What is left of the session's budget.
    pub steps: &'s mut u32,
    pub visitor: Option<&'w mut dyn ExpressionVisitor>,
}

impl<'r, 'c> Logic<'r, 'c, '_, '_> {
    /// The value of the rule whose root is the expression at `root`.
    pub fn value<'v>(&mut self, root: u32) -> Result<Got<'v>, Fault<'r>>
    where
        'r: 'v,
        'c: 'v,
    {
        self.eval(root, Scope::Context, 0)
    }

    /// The value of the expression at `at`.
    fn eval<'v>(&mut self, at: u32, scope: Scope<'v>, depth: u32) -> Result<Got<'v>, Fault<'r>>
    where
        'r: 'v,
        'c: 'v,
    {
        let e = self.ruleset.tables.expressions.get(at as usize).ok_or_else(|| Fault::of(FaultKind::Corrupt))?;
        self.spend(1_u32.saturating_add(text_steps(e.name.len.saturating_add(e.path.len))))?;
        if depth > MAX_DEPTH {
            return Err(Fault::of(FaultKind::TooComplex));
        }
        if self.visitor.is_none() {
            return self.apply(&e, scope, depth.saturating_add(1));
        }
        let view = ExpressionView::new(self.ruleset, e, depth);
        if let Some(visitor) = &mut self.visitor {
            visitor.expression_begins(&view);
        }
        let value = self.apply(&e, scope, depth.saturating_add(1))?;
        if let Some(visitor) = &mut self.visitor {
            visitor.expression_ends(&view, &value);
        }
        Ok(value)
    }

    fn apply<'v>(&mut self, e: &Expression, scope: Scope<'v>, depth: u32) -> Result<Got<'v>, Fault<'r>>
    where
        'r: 'v,
        'c: 'v,
    {
        use Operator as O;
        let operator = O::from_u8(e.operator);
        Ok(match operator {
            O::Null => null(),
            O::False => bool(false),
            O::True => bool(true),
            O::Number => number(e.number),
            O::Text => borrowed_text(self.ruleset.text(e.name)),
            O::List => self.list(e, scope, depth)?,
            O::Object | O::Member => self.object(e, scope, depth)?,
            O::Attribute => self.attribute(e, scope, depth)?,
            O::Element => self.element(e, scope, depth)?,
            O::ComputedAttribute | O::ComputedElement => self.computed(e, scope, depth)?,
            O::WholeContext => Cow::Owned(self.whole_context()?),
            O::FlagKey => borrowed_text(self.flag_key),
            O::Now => number(self.now_seconds()),
            O::FlagdProperties => Cow::Owned(self.flagd_properties()),
            O::Missing => self.missing(e, scope, depth)?,
            O::MissingSome => self.missing_some(e, scope, depth)?,
            O::If => self.choose(e, scope, depth)?,
            O::And => self.until(e, scope, depth, false)?,
            O::Or => self.until(e, scope, depth, true)?,
            O::Not => bool(!truthy(&*self.arg(e, 0, scope, depth)?)),
            O::Truthy => bool(truthy(&*self.arg(e, 0, scope, depth)?)),
            O::Equal | O::NotEqual | O::StrictEqual | O::StrictNotEqual => {
                bool(self.equality(operator, e, scope, depth)?)
            }
            O::Greater | O::GreaterOrEqual | O::Less | O::LessOrEqual => {
                bool(self.comparison(operator, e, scope, depth)?)
            }
            O::Add | O::Subtract | O::Multiply | O::Divide | O::Remainder => {
                number(self.arithmetic(operator, e, scope, depth)?)
            }
            O::Min | O::Max => self.extreme(operator, e, scope, depth)?,
            O::Merge => self.merge(e, scope, depth)?,
            O::In => bool(self.contains(e, scope, depth)?),
            O::Cat => self.cat(e, scope, depth)?,
            O::Substr => self.substr(e, scope, depth)?,
            O::Map => self.map(e, scope, depth)?,
            O::Filter => self.filter(e, scope, depth)?,
            O::Reduce => self.reduce(e, scope, depth)?,
            O::All | O::NoneOf | O::Some => bool(self.quantify(operator, e, scope, depth)?),
            O::StartsWith | O::EndsWith => self.affix(operator, e, scope, depth)?,
            O::SemVer => self.sem_ver(e, scope, depth)?,
            O::FractionalText | O::FractionalCbor => self.fractional(operator, e, scope, depth)?,
        })
    }

    /// The value of the operand at `place`; null where there is none.
    fn arg<'v>(&mut self, e: &Expression, place: u32, scope: Scope<'v>, depth: u32) -> Result<Got<'v>, Fault<'r>>
    where
        'r: 'v,
        'c: 'v,
    {
        if place >= e.operands.len {
            return Ok(null());
        }
        self.eval(e.operands.start.saturating_add(place), scope, depth)
    }

    /// Hands over every operand: the items of a list that stands where the operands should.
    fn each<'v>(
        &mut self,
        e: &Expression,
        scope: Scope<'v>,
        depth: u32,
        take: &mut dyn FnMut(&mut Self, Got<'v>) -> Result<(), Fault<'r>>,
    ) -> Result<(), Fault<'r>>
    where
        'r: 'v,
        'c: 'v,
    {
        for place in 0..e.operands.len {
            let value = self.arg(e, place, scope, depth)?;
            if e.detail & detail::SPREAD == 0 || !matches!(*value, Value::List(_)) {
                take(self, value)?;
                continue;
            }
            match value {
                Cow::Borrowed(Value::List(items)) => {
                    for item in items {
                        self.spend(1)?;
                        take(self, Cow::Borrowed(item))?;
                    }
                }
                Cow::Owned(Value::List(items)) => {
                    for item in items {
                        take(self, Cow::Owned(item))?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Takes `steps` from the budget.
    fn spend(&mut self, steps: u32) -> Result<(), Fault<'r>> {
        spend(self.steps, steps)
    }

    /// Takes what handling `len` bytes of text costs.
    fn spend_on_text(&mut self, len: usize) -> Result<(), Fault<'r>> {
        match text_steps(u32::try_from(len).unwrap_or(u32::MAX)) {
            0 => Ok(()),
            steps => self.spend(steps),
        }
    }

    #[allow(clippy::cast_precision_loss, reason = "exact for the next 285,000 years")]
    fn now_seconds(&self) -> f64 {
        self.now.0.div_euclid(1_000) as f64
    }
}

fn null<'v>() -> Got<'v> {
    Cow::Owned(Value::Null)
}

fn bool<'v>(b: bool) -> Got<'v> {
    Cow::Owned(Value::Bool(b))
}

fn number<'v>(n: f64) -> Got<'v> {
    Cow::Owned(Value::Number(n))
}

fn borrowed_text(text: &str) -> Got<'_> {
    Cow::Owned(Value::String(Cow::Borrowed(text)))
}
