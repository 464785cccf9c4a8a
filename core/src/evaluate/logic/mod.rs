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
mod steps;
mod text;
mod trace;
mod truth;
mod variable;

pub(crate) use fractional::{usable_total, weight};
pub(crate) use got::{Got, Scalar};
pub use operator::Operator;
pub(crate) use operator::detail;
pub use trace::{ExpressionView, ExpressionVisitor};

use super::{FaultKind, MAX_DEPTH};
use crate::context::Context;
use crate::snapshot::Ruleset;
use crate::snapshot::layout::{Expression, NONE, Range};
use crate::snapshot::view::row;
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
pub(super) struct Logic<'r, 'c, 'w> {
    pub ruleset: &'r Ruleset<'r>,
    pub context: &'c Context<'c>,
    pub flag_key: &'r [u8],
    pub now: Timestamp,
    /// What is left of the session's budget.
    pub steps: u32,
    pub visitor: Option<&'w mut dyn ExpressionVisitor>,
}

impl<'r, 'c> Logic<'r, 'c, '_> {
    /// The value of the rule whose root is the expression at `root`.
    pub fn value<'v>(&mut self, root: u32) -> Result<Got<'v>, FaultKind>
    where
        'r: 'v,
        'c: 'v,
    {
        self.eval(root, None, 0)
    }

    /// The expression at `at`, which costs a step. Inline, so that only those parts are read that are needed.
    #[inline(always)]
    fn enter(&mut self, at: u32, depth: u32) -> Result<Expression, FaultKind> {
        let e = self.expression(at)?;
        self.spend(1)?;
        if depth > MAX_DEPTH { Err(FaultKind::TooComplex) } else { Ok(e) }
    }

    #[inline(always)]
    fn expression(&self, at: u32) -> Result<Expression, FaultKind> {
        row(&self.ruleset.tables.expressions, at).ok_or(FaultKind::Corrupt)
    }

    /// The value of the expression at `at`.
    fn eval<'v>(&mut self, mut at: u32, scope: Scope<'v>, mut depth: u32) -> Result<Got<'v>, FaultKind>
    where
        'r: 'v,
        'c: 'v,
    {
        const TEXT: u8 = Operator::Text as u8;
        const IF: u8 = Operator::If as u8;
        const FRACTIONAL: u8 = Operator::FractionalText as u8;
        const FRACTIONAL_CBOR: u8 = Operator::FractionalCbor as u8;
        if self.visitor.is_some() {
            return self.watched(at, scope, depth);
        }
        // What most rules are; the others are apart, so that these need little of the stack.
        loop {
            let e = self.enter(at, depth)?;
            depth = depth.saturating_add(1);
            match e.operator {
                TEXT => {
                    self.spend_on_name(e.name)?;
                    return Ok(Got::Text(self.ruleset.bytes(e.name)));
                }
                IF => match self.branch(e.operands, scope, depth)? {
                    NONE => return Ok(Got::Null),
                    branch => at = branch,
                },
                FRACTIONAL | FRACTIONAL_CBOR => {
                    return self.fractional(Operator::from_u8(e.operator), e.operands, e.detail, scope, depth);
                }
                _ => return self.apply(at, scope, depth),
            }
        }
    }

    #[inline(never)]
    fn watched<'v>(&mut self, at: u32, scope: Scope<'v>, depth: u32) -> Result<Got<'v>, FaultKind>
    where
        'r: 'v,
        'c: 'v,
    {
        let e = self.enter(at, depth)?;
        self.spend_on_names(&e)?;
        let view = ExpressionView::new(self.ruleset, e, depth);
        if let Some(visitor) = &mut self.visitor {
            visitor.expression_begins(&view);
        }
        let got = self.apply(at, scope, depth.saturating_add(1))?;
        let value = self.own(got)?;
        if let Some(visitor) = &mut self.visitor {
            visitor.expression_ends(&view, &value);
        }
        Ok(Got::owned(value))
    }

    /// The value of the expression at `at`, whose operands stand `depth` deep.
    #[inline(never)]
    fn apply<'v>(&mut self, at: u32, scope: Scope<'v>, depth: u32) -> Result<Got<'v>, FaultKind>
    where
        'r: 'v,
        'c: 'v,
    {
        use Operator as O;
        let e = self.expression(at)?;
        if e.detail & detail::WITH != 0 && self.visitor.is_none() {
            return Ok(self.condition(at, scope, depth)?.map_or(Got::Null, Got::Bool));
        }
        match O::from_u8(e.operator) {
            O::Null => Ok(Got::Null),
            O::False => Ok(Got::Bool(false)),
            O::True => Ok(Got::Bool(true)),
            O::Number => Ok(Got::Number(e.number())),
            O::Text => {
                self.spend_on_name(e.name)?;
                Ok(Got::Text(self.ruleset.bytes(e.name)))
            }
            O::If => match self.branch(e.operands, scope, depth)? {
                NONE => Ok(Got::Null),
                branch => self.eval(branch, scope, depth),
            },
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
        self.spend_on_names(e)?;
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

    #[allow(clippy::cast_precision_loss, reason = "exact for the next 285,000 years")]
    fn now_seconds(&self) -> f64 {
        self.now.0.div_euclid(1_000) as f64
    }
}
