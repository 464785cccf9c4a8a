//! Plain conditions: an attribute beside a literal. Most conditions are such; the compiler put all that is needed into one record.

use super::got::Scalar;
use super::{Logic, Operator, detail, variable};
use crate::evaluate::FaultKind;
use crate::snapshot::layout::{Expression, Range};
use crate::snapshot::view::records;

impl Logic<'_, '_, '_, '_> {
    /// Whether the condition at `at` holds, as its operator would say of its operands; none for null.
    pub(super) fn plain(&mut self, at: u32) -> Result<Option<bool>, FaultKind> {
        use Operator as O;
        let e = self.expression(at)?;
        // The operands, too.
        self.spend(2)?;
        let name = self.ruleset.bytes(e.name);
        let subject = match self.context.find_any(e.name_hash, name) {
            Some(value) => Scalar::of(value),
            None if name == variable::TARGETING_KEY.as_bytes() => {
                self.context.targeting_key().map_or(Scalar::Null, |key| Scalar::Text(key.as_bytes()))
            }
            None => Scalar::Null,
        };
        let literal = match e.detail & detail::WITH {
            detail::WITH_TEXT => Scalar::Text(self.ruleset.bytes(e.path)),
            detail::WITH_NUMBER => Scalar::Number(e.number),
            detail::WITH_BOOL => Scalar::Bool(e.number != 0.0),
            _ => return self.listed(subject, &e).map(Some),
        };
        match O::from_u8(e.operator) {
            operator @ (O::StartsWith | O::EndsWith) => self.affixed(operator, subject, literal),
            operator @ (O::Equal | O::NotEqual | O::StrictEqual | O::StrictNotEqual) => {
                self.equals(operator, subject, literal).map(Some)
            }
            operator => self.ordered(operator, subject, literal).map(Some),
        }
    }

    fn listed(&mut self, subject: Scalar<'_>, e: &Expression) -> Result<bool, FaultKind> {
        self.spend(e.path.len)?;
        let Scalar::Text(subject) = subject else { return Ok(false) };
        let items = Range { start: e.path.start, len: e.path.len };
        let ruleset = self.ruleset;
        self.spend_on_text(subject.len().saturating_mul(e.path.len as usize))?;
        Ok(records(&ruleset.tables.expressions, items).any(|item| ruleset.bytes(item.name) == subject))
    }
}
