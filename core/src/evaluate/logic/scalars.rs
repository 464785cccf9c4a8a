//! Choosing, comparing and computing.

use super::coerce::{compare_mixed, compare_numbers, compare_texts, operand};
use super::got::{Got, Scalar};
use super::{Logic, Operator, Scope};
use crate::evaluate::FaultKind;
use crate::snapshot::layout::{Expression, NONE, Range};
use crate::value::Value;

impl<'r, 'c> Logic<'r, 'c, '_> {
    /// `if`: pairs of a condition and a value, then perhaps a value for all else. The place of the value that counts, or [`NONE`].
    #[inline]
    pub(super) fn branch<'v>(&mut self, operands: Range, scope: Scope<'v>, depth: u32) -> Result<u32, FaultKind>
    where
        'r: 'v,
        'c: 'v,
    {
        let mut place = 0_u32;
        while place < operands.len {
            let at = operands.start.saturating_add(place);
            let next = place.saturating_add(1);
            if next == operands.len {
                return Ok(at);
            }
            if self.test(at, scope, depth)? {
                return Ok(at.saturating_add(1));
            }
            place = next.saturating_add(1);
        }
        Ok(NONE)
    }

    /// `and`, `or`: the first operand whose truth is `decisive`, else the last one.
    pub(super) fn until<'v>(
        &mut self,
        e: &Expression,
        scope: Scope<'v>,
        depth: u32,
        decisive: bool,
    ) -> Result<Got<'v>, FaultKind>
    where
        'r: 'v,
        'c: 'v,
    {
        let mut value = Got::Null;
        for place in 0..e.operands.len {
            value = self.arg(e, place, scope, depth)?;
            if value.truthy() == decisive {
                break;
            }
        }
        Ok(value)
    }

    pub(super) fn equality<'v>(
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
        let a = self.at(operands, 0, scope, depth)?;
        let b = self.at(operands, 1, scope, depth)?;
        Ok(self.compare(operator, a.scalar(), b.scalar())? == Some(true))
    }

    /// What an operator that compares two values says of them; none for null.
    pub(super) fn compare(
        &mut self,
        operator: Operator,
        a: Scalar<'_>,
        b: Scalar<'_>,
    ) -> Result<Option<bool>, FaultKind> {
        match (a, b) {
            (Scalar::Text(a), Scalar::Text(b)) => {
                self.spend_on_text(a.len().max(b.len()))?;
                Ok(Some(compare_texts(operator, a, b)))
            }
            (Scalar::Number(a), Scalar::Number(b)) => Ok(compare_numbers(operator, a, b)),
            (a, b) => {
                self.spend_on_text(a.text_len().max(b.text_len()))?;
                Ok(compare_mixed(operator, a, b))
            }
        }
    }

    /// Two operands, or three for "between"; anything else is false.
    pub(super) fn comparison<'v>(
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
        if operands.len < 2 {
            return Ok(false);
        }
        let mut left = self.at(operands, 0, scope, depth)?;
        for place in 1..operands.len.min(3) {
            let right = self.at(operands, place, scope, depth)?;
            if self.compare(operator, left.scalar(), right.scalar())? != Some(true) {
                return Ok(false);
            }
            left = right;
        }
        Ok(true)
    }

    /// From left to right. One operand: its number, or for `-` its negative.
    pub(super) fn arithmetic<'v>(
        &mut self,
        operator: Operator,
        e: &Expression,
        scope: Scope<'v>,
        depth: u32,
    ) -> Result<f64, FaultKind>
    where
        'r: 'v,
        'c: 'v,
    {
        let mut result: Option<f64> = None;
        let mut count = 0_u32;
        self.each(e, scope, depth, &mut |_, value| {
            let n = operand(value.scalar());
            count = count.saturating_add(1);
            result = Some(match (result, operator) {
                (None, _) => n,
                (Some(left), Operator::Add) => left + n,
                (Some(left), Operator::Subtract) => left - n,
                (Some(left), Operator::Multiply) => left * n,
                (Some(left), Operator::Divide) => left / n,
                (Some(left), _) => left % n,
            });
            Ok(())
        })?;
        Ok(match (result, operator) {
            (None, Operator::Multiply) => 1.0,
            (None, _) => 0.0,
            (Some(n), Operator::Subtract) if count == 1 => -n,
            (Some(n), _) => n,
        })
    }

    /// `min`, `max`; null of nothing.
    pub(super) fn extreme<'v>(
        &mut self,
        operator: Operator,
        e: &Expression,
        scope: Scope<'v>,
        depth: u32,
    ) -> Result<Got<'v>, FaultKind>
    where
        'r: 'v,
        'c: 'v,
    {
        let mut best: Option<f64> = None;
        self.each(e, scope, depth, &mut |_, value| {
            let n = operand(value.scalar());
            let better = best.is_none_or(|best| if operator == Operator::Min { n < best } else { n > best });
            if better {
                best = Some(n);
            }
            Ok(())
        })?;
        Ok(best.map_or(Got::Null, Got::Number))
    }

    /// `value` for keeping: what that copies is spent.
    pub(super) fn own<'v>(&mut self, value: Got<'v>) -> Result<Value<'v>, FaultKind> {
        if let Got::Borrowed(value) = value {
            self.spend_on_copy(value)?;
        }
        Ok(value.into_value())
    }
}
