//! Evaluating targeting rules: JSONLogic with flagd's operators, on the expressions of a snapshot.
//!
//! Values are borrowed from the snapshot and the context wherever they are not computed, so the common operators allocate nothing. Nothing
//! here fails for what a context holds: where an operand makes no sense an operator gives null, false or 0 (docs/decisions/0002). Faults
//! are limits and damaged snapshots.

mod cbor;
mod coerce;
mod fractional;
mod got;
mod lists;
mod operator;
mod plain;
mod scalars;
mod semver;
mod text;
mod trace;
mod variable;

pub(crate) use fractional::{usable_total, weight};
pub(crate) use got::{Got, Scalar};
pub use operator::Operator;
pub(crate) use operator::detail;
pub use trace::{ExpressionView, ExpressionVisitor};

use super::{FaultKind, MAX_DEPTH, text_steps};
use crate::context::Context;
use crate::snapshot::Ruleset;
use crate::snapshot::layout::{Expression, Range};
use crate::timestamp::Timestamp;
use crate::value::Value;

/// What `var` refers to: where there is no frame, the context itself.
pub(super) type Scope<'v> = Option<&'v Frame<'v>>;

/// What `var` refers to within the operators that look at the items of a list.
pub(super) enum Frame<'v> {
    /// `map` and its like: the element.
    Element(&'v Value<'v>),
    /// `reduce`: the element and what came of those before it.
    Fold { current: &'v Value<'v>, accumulator: &'v Value<'v> },
}

/// One evaluation of a targeting rule.
pub(super) struct Logic<'r, 'c, 's, 'w> {
    pub ruleset: &'r Ruleset<'r>,
    pub context: &'c Context<'c>,
    pub flag_key: &'r [u8],
    pub now: Timestamp,
    /// What is left of the session's budget.
    pub steps: &'s mut u32,
    pub visitor: Option<&'w mut dyn ExpressionVisitor>,
}

impl<'r, 'c> Logic<'r, 'c, '_, '_> {
    /// The value of the rule whose root is the expression at `root`.
    pub fn value<'v>(&mut self, root: u32) -> Result<Got<'v>, FaultKind>
    where
        'r: 'v,
        'c: 'v,
    {
        self.eval(root, None, 0)
    }

    /// The expression at `at`, which costs a step and its text. Inline, so that only those parts are read that are needed.
    #[inline(always)]
    fn enter(&mut self, at: u32, depth: u32) -> Result<Expression, FaultKind> {
        let e = self.expression(at)?;
        self.spend(1_u32.saturating_add(text_steps(e.name.len.saturating_add(e.path.len))))?;
        if depth > MAX_DEPTH { Err(FaultKind::TooComplex) } else { Ok(e) }
    }

    #[inline(always)]
    fn expression(&self, at: u32) -> Result<Expression, FaultKind> {
        self.ruleset.tables.expressions.get(at as usize).ok_or(FaultKind::Corrupt)
    }

    /// The value of the expression at `at`.
    fn eval<'v>(&mut self, at: u32, scope: Scope<'v>, depth: u32) -> Result<Got<'v>, FaultKind>
    where
        'r: 'v,
        'c: 'v,
    {
        let e = self.enter(at, depth)?;
        if self.visitor.is_some() {
            return self.watched(at, scope, depth);
        }
        self.apply(e, at, scope, depth.saturating_add(1))
    }

    /// Whether the expression at `at` holds: as `eval`, without the value where only its truth matters.
    fn test<'v>(&mut self, at: u32, scope: Scope<'v>, depth: u32) -> Result<bool, FaultKind>
    where
        'r: 'v,
        'c: 'v,
    {
        use Operator as O;
        let e = self.enter(at, depth)?;
        if self.visitor.is_some() {
            return Ok(self.watched(at, scope, depth)?.truthy());
        }
        if e.detail & detail::WITH != 0 {
            return Ok(self.plain(at)? == Some(true));
        }
        let below = depth.saturating_add(1);
        match O::from_u8(e.operator) {
            O::And => self.holds(e.operands, scope, below, false),
            O::Or => self.holds(e.operands, scope, below, true),
            operator if operator.is_predicate() => self.predicate(operator, e.operands, scope, below),
            _ => Ok(self.apply(e, at, scope, below)?.truthy()),
        }
    }

    #[inline(never)]
    fn watched<'v>(&mut self, at: u32, scope: Scope<'v>, depth: u32) -> Result<Got<'v>, FaultKind>
    where
        'r: 'v,
        'c: 'v,
    {
        let e = self.expression(at)?;
        let view = ExpressionView::new(self.ruleset, e, depth);
        if let Some(visitor) = &mut self.visitor {
            visitor.expression_begins(&view);
        }
        let got = self.apply(e, at, scope, depth.saturating_add(1))?;
        let value = self.own(got)?;
        if let Some(visitor) = &mut self.visitor {
            visitor.expression_ends(&view, &value);
        }
        Ok(Got::owned(value))
    }

    /// The common operators; the others are apart, so that these need little of the stack.
    #[inline(always)]
    fn apply<'v>(&mut self, e: Expression, at: u32, scope: Scope<'v>, depth: u32) -> Result<Got<'v>, FaultKind>
    where
        'r: 'v,
        'c: 'v,
    {
        use Operator as O;
        if e.detail & detail::WITH != 0 && self.visitor.is_none() {
            return Ok(self.plain(at)?.map_or(Got::Null, Got::Bool));
        }
        match O::from_u8(e.operator) {
            O::Null => Ok(Got::Null),
            O::False => Ok(Got::Bool(false)),
            O::True => Ok(Got::Bool(true)),
            O::Number => Ok(Got::Number(e.number)),
            O::Text => Ok(Got::Text(self.ruleset.bytes(e.name))),
            O::If => self.choose(e.operands, scope, depth),
            operator @ (O::FractionalText | O::FractionalCbor) => {
                self.fractional(operator, e.operands, e.detail, scope, depth)
            }
            operator if operator.is_predicate() => Ok(Got::Bool(self.predicate(operator, e.operands, scope, depth)?)),
            operator => self.apply_rare(operator, at, scope, depth),
        }
    }

    #[inline(never)]
    fn apply_rare<'v>(
        &mut self,
        operator: Operator,
        at: u32,
        scope: Scope<'v>,
        depth: u32,
    ) -> Result<Got<'v>, FaultKind>
    where
        'r: 'v,
        'c: 'v,
    {
        use Operator as O;
        let e = &self.expression(at)?;
        match operator {
            O::Attribute => self.attribute(e, scope, depth),
            O::And => self.until(e, scope, depth, false),
            O::Or => self.until(e, scope, depth, true),
            O::List => self.list(e, scope, depth),
            O::Object | O::Member => self.object(e, scope, depth),
            O::Element => self.element(e, scope, depth),
            O::ComputedAttribute | O::ComputedElement => self.computed(e, scope, depth),
            O::WholeContext => Ok(Got::owned(self.whole_context()?)),
            O::FlagKey => Ok(Got::Text(self.flag_key)),
            O::Now => Ok(Got::Number(self.now_seconds())),
            O::FlagdProperties => Ok(Got::owned(self.flagd_properties())),
            O::Missing => self.missing(e, scope, depth),
            O::MissingSome => self.missing_some(e, scope, depth),
            O::Add | O::Subtract | O::Multiply | O::Divide | O::Remainder => {
                Ok(Got::Number(self.arithmetic(operator, e, scope, depth)?))
            }
            O::Min | O::Max => self.extreme(operator, e, scope, depth),
            O::Merge => self.merge(e, scope, depth),
            O::Cat => self.cat(e, scope, depth),
            O::Substr => self.substr(e, scope, depth),
            O::Map => self.map(e, scope, depth),
            O::Filter => self.filter(e, scope, depth),
            O::Reduce => self.reduce(e, scope, depth),
            O::StartsWith | O::EndsWith => self.affix(operator, e, scope, depth),
            O::SemVer => self.sem_ver(e, scope, depth),
            // The common ones do not come here.
            _ => Ok(Got::Null),
        }
    }

    /// The operators that give true or false, whatever their operands.
    #[inline]
    fn predicate<'v>(
        &mut self,
        operator: Operator,
        operands: Range,
        scope: Scope<'v>,
        depth: u32,
    ) -> Result<bool, FaultKind>
    where
        'r: 'v,
        'c: 'v,
    {
        use Operator as O;
        match operator {
            O::Not => Ok(!self.test_at(operands, 0, scope, depth)?),
            O::Truthy => self.test_at(operands, 0, scope, depth),
            O::Equal | O::NotEqual | O::StrictEqual | O::StrictNotEqual => {
                self.equality(operator, operands, scope, depth)
            }
            O::In => self.contains(operands, scope, depth),
            O::All | O::NoneOf | O::Some => self.quantify(operator, operands, scope, depth),
            _ => self.comparison(operator, operands, scope, depth),
        }
    }

    /// The value of the operand at `place`; null where there is none.
    #[inline]
    fn arg<'v>(&mut self, e: &Expression, place: u32, scope: Scope<'v>, depth: u32) -> Result<Got<'v>, FaultKind>
    where
        'r: 'v,
        'c: 'v,
    {
        self.at(e.operands, place, scope, depth)
    }

    /// As [`arg`](Self::arg).
    #[inline]
    fn at<'v>(&mut self, operands: Range, place: u32, scope: Scope<'v>, depth: u32) -> Result<Got<'v>, FaultKind>
    where
        'r: 'v,
        'c: 'v,
    {
        if place >= operands.len {
            return Ok(Got::Null);
        }
        self.eval(operands.start.saturating_add(place), scope, depth)
    }

    /// Whether the operand at `place` holds.
    #[inline]
    fn test_at<'v>(&mut self, operands: Range, place: u32, scope: Scope<'v>, depth: u32) -> Result<bool, FaultKind>
    where
        'r: 'v,
        'c: 'v,
    {
        if place >= operands.len {
            return Ok(false);
        }
        self.test(operands.start.saturating_add(place), scope, depth)
    }

    /// Hands over every operand: the items of a list that stands where the operands should.
    fn each<'v>(
        &mut self,
        e: &Expression,
        scope: Scope<'v>,
        depth: u32,
        take: &mut dyn FnMut(&mut Self, Got<'v>) -> Result<(), FaultKind>,
    ) -> Result<(), FaultKind>
    where
        'r: 'v,
        'c: 'v,
    {
        for place in 0..e.operands.len {
            let value = self.arg(e, place, scope, depth)?;
            if e.detail & detail::SPREAD == 0 || !matches!(value.scalar(), Scalar::List) {
                take(self, value)?;
                continue;
            }
            match value {
                Got::Borrowed(Value::List(items)) => {
                    for item in items {
                        self.spend(1)?;
                        take(self, Got::borrowed(item))?;
                    }
                }
                Got::Owned(list) => {
                    if let Value::List(items) = *list {
                        for item in items {
                            take(self, Got::owned(item))?;
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Takes `steps` from the budget.
    #[inline]
    fn spend(&mut self, steps: u32) -> Result<(), FaultKind> {
        *self.steps = self.steps.saturating_sub(steps);
        if *self.steps == 0 { Err(FaultKind::TooComplex) } else { Ok(()) }
    }

    /// Takes what handling `len` bytes of text costs.
    #[inline]
    fn spend_on_text(&mut self, len: usize) -> Result<(), FaultKind> {
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
