//! Choosing, comparing and computing.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::coerce::{equal, operand, order, strictly_equal, truthy};
use super::{Got, Logic, Operator, Scope, null, number};
use crate::evaluate::Fault;
use crate::snapshot::layout::Expression;
use crate::value::Value;

impl<'r, 'c> Logic<'r, 'c, '_, '_> {
    /// `if`: pairs of a condition and a value, then perhaps a value for all else.
    pub(super) fn choose<'v>(&mut self, e: &Expression, scope: Scope<'v>, depth: u32) -> Result<Got<'v>, Fault<'r>>
    where
        'r: 'v,
        'c: 'v,
    {
        let mut place = 0_u32;
        loop {
            let next = place.saturating_add(1);
            if next >= e.operands.len || truthy(&*self.arg(e, place, scope, depth)?) {
                return self.arg(e, if next < e.operands.len { next } else { place }, scope, depth);
            }
            place = next.saturating_add(1);
        }
    }

    /// `and`, `or`: the first operand whose truth is `decisive`, else the last one.
    pub(super) fn until<'v>(
        &mut self,
        e: &Expression,
        scope: Scope<'v>,
        depth: u32,
        decisive: bool,
    ) -> Result<Got<'v>, Fault<'r>>
    where
        'r: 'v,
        'c: 'v,
    {
        let mut value = null();
        for place in 0..e.operands.len {
            value = self.arg(e, place, scope, depth)?;
            if truthy(&value) == decisive {
                break;
            }
        }
        Ok(value)
    }

    pub(super) fn equality<'v>(
        &mut self,
        operator: Operator,
        e: &Expression,
        scope: Scope<'v>,
        depth: u32,
    ) -> Result<bool, Fault<'r>>
    where
        'r: 'v,
        'c: 'v,
    {
        let a = self.arg(e, 0, scope, depth)?;
        let b = self.arg(e, 1, scope, depth)?;
        self.spend_on_texts(&a, &b)?;
        Ok(match operator {
            Operator::Equal => equal(&a, &b),
            Operator::NotEqual => !equal(&a, &b),
            Operator::StrictEqual => strictly_equal(&a, &b),
            _ => !strictly_equal(&a, &b),
        })
    }

    /// Two operands, or three for "between"; anything else is false.
    pub(super) fn comparison<'v>(
        &mut self,
        operator: Operator,
        e: &Expression,
        scope: Scope<'v>,
        depth: u32,
    ) -> Result<bool, Fault<'r>>
    where
        'r: 'v,
        'c: 'v,
    {
        if e.operands.len < 2 {
            return Ok(false);
        }
        let mut left = self.arg(e, 0, scope, depth)?;
        for place in 1..e.operands.len.min(3) {
            let right = self.arg(e, place, scope, depth)?;
            self.spend_on_texts(&left, &right)?;
            let order = order(&left, &right);
            let holds = match operator {
                Operator::Greater => order == Some(Ordering::Greater),
                Operator::GreaterOrEqual => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
                Operator::Less => order == Some(Ordering::Less),
                _ => matches!(order, Some(Ordering::Less | Ordering::Equal)),
            };
            if !holds {
                return Ok(false);
            }
            left = right;
        }
        Ok(true)
    }

    fn spend_on_texts(&mut self, a: &Value<'_>, b: &Value<'_>) -> Result<(), Fault<'r>> {
        let len = |value: &Value<'_>| value.as_str().map_or(0, str::len);
        self.spend_on_text(len(a).max(len(b)))
    }

    /// From left to right. One operand: its number, or for `-` its negative.
    pub(super) fn arithmetic<'v>(
        &mut self,
        operator: Operator,
        e: &Expression,
        scope: Scope<'v>,
        depth: u32,
    ) -> Result<f64, Fault<'r>>
    where
        'r: 'v,
        'c: 'v,
    {
        let mut result: Option<f64> = None;
        let mut count = 0_u32;
        self.each(e, scope, depth, &mut |_, value| {
            let n = operand(&value);
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
    ) -> Result<Got<'v>, Fault<'r>>
    where
        'r: 'v,
        'c: 'v,
    {
        let mut best: Option<f64> = None;
        self.each(e, scope, depth, &mut |_, value| {
            let n = operand(&value);
            let better = best.is_none_or(|best| if operator == Operator::Min { n < best } else { n > best });
            if better {
                best = Some(n);
            }
            Ok(())
        })?;
        Ok(best.map_or_else(null, number))
    }

    /// `value` for keeping: what that copies is spent.
    pub(super) fn own<'v>(&mut self, value: Got<'v>) -> Result<Value<'v>, Fault<'r>> {
        match value {
            Cow::Owned(value) => Ok(value),
            Cow::Borrowed(value) => {
                self.spend_on_copy(value)?;
                Ok(value.clone())
            }
        }
    }
}
