//! Expressions of which only the truth matters: conditions, and the operators that give true or false.

use super::{Logic, Operator, Scope, detail};
use crate::evaluate::FaultKind;
use crate::snapshot::layout::Range;

impl<'r, 'c> Logic<'r, 'c, '_> {
    /// Whether the expression at `at` holds: as `eval`, without the value where only its truth matters.
    #[inline]
    pub(super) fn test<'v>(&mut self, at: u32, scope: Scope<'v>, depth: u32) -> Result<bool, FaultKind>
    where
        'r: 'v,
        'c: 'v,
    {
        Ok(self.condition(at, scope, depth)? == Some(true))
    }

    /// As `test`; of plain conditions, none for null.
    #[inline(never)]
    pub(super) fn condition<'v>(&mut self, at: u32, scope: Scope<'v>, mut depth: u32) -> Result<Option<bool>, FaultKind>
    where
        'r: 'v,
        'c: 'v,
    {
        const AND: u8 = Operator::And as u8;
        const OR: u8 = Operator::Or as u8;
        if self.visitor.is_some() {
            return Ok(Some(self.watched(at, scope, depth)?.truthy()));
        }
        let e = self.expression(at)?;
        let mut conditions = Range { start: at, len: 1 };
        if let AND | OR = e.operator {
            self.enter(at, depth)?;
            depth = depth.saturating_add(1);
            conditions = e.operands;
        }
        // Of nothing `and` and `or` are null.
        let mut held = None;
        for at in conditions.start..conditions.start.saturating_add(conditions.len) {
            let condition = self.expression(at)?;
            held = if condition.detail & detail::WITH == 0 {
                Some(self.compound(at, scope, depth)?)
            } else {
                self.plain(condition, at)?
            };
            if (held == Some(true)) == (e.operator == OR) {
                break;
            }
        }
        Ok(held)
    }

    /// Whether an expression holds that is no plain condition.
    #[inline(never)]
    fn compound<'v>(&mut self, at: u32, scope: Scope<'v>, depth: u32) -> Result<bool, FaultKind>
    where
        'r: 'v,
        'c: 'v,
    {
        use Operator as O;
        match O::from_u8(self.expression(at)?.operator) {
            O::And | O::Or => self.test(at, scope, depth),
            operator if operator.is_predicate() => {
                let operands = self.enter(at, depth)?.operands;
                self.predicate(operator, operands, scope, depth.saturating_add(1))
            }
            _ => Ok(self.eval(at, scope, depth)?.truthy()),
        }
    }

    /// Whether the operand at `place` holds.
    #[inline]
    pub(super) fn test_at<'v>(
        &mut self,
        operands: Range,
        place: u32,
        scope: Scope<'v>,
        depth: u32,
    ) -> Result<bool, FaultKind>
    where
        'r: 'v,
        'c: 'v,
    {
        if place >= operands.len {
            return Ok(false);
        }
        self.test(operands.start.saturating_add(place), scope, depth)
    }

    /// The operators that give true or false, whatever their operands.
    #[inline]
    pub(super) fn predicate<'v>(
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
}
