//! Plain conditions: an attribute beside a literal. Most conditions are such; the compiler put all that is needed into one record.

use super::coerce::{at_path, compare_numbers, compare_texts};
use super::got::Scalar;
use super::{Logic, Operator, detail, variable};
use crate::evaluate::FaultKind;
use crate::same::{same, start};
use crate::snapshot::layout::{Expression, Range};
use crate::snapshot::view::records;
use crate::value::Value;

impl<'c> Logic<'_, 'c, '_> {
    /// Whether the plain condition at `at` holds, as its operator would say of its operands; none for null.
    #[inline(always)]
    pub(super) fn plain(&mut self, e: Expression, at: u32) -> Result<Option<bool>, FaultKind> {
        // The operands, too; a literal's text is paid for where it is compared.
        self.spend(3)?;
        self.spend_on_name(e.name)?;
        let mut found = self.context.find_any(e.name_hash, self.ruleset.bytes(e.name));
        if e.detail & detail::WITH_PATH != 0 {
            found = self.below(found, e.operands.start)?;
        }
        match (e.detail & detail::WITH, found) {
            (detail::WITH_TEXT, Some(Value::String(text))) => {
                let literal = self.ruleset.bytes(e.path());
                self.spend_on_text(text.len().max(literal.len()))?;
                Ok(Some(compare_texts(Operator::from_u8(e.operator), text.as_bytes(), literal)))
            }
            (detail::WITH_NUMBER, Some(Value::Number(number))) => {
                Ok(compare_numbers(Operator::from_u8(e.operator), *number, e.number()))
            }
            (detail::WITH_LIST, Some(Value::String(text))) => self.listed(text.as_bytes(), e.items()).map(Some),
            _ => self.plain_of_any(found, at),
        }
    }

    /// As [`plain`](Self::plain), for a subject of any type.
    #[inline(never)]
    fn plain_of_any(&mut self, found: Option<&Value<'_>>, at: u32) -> Result<Option<bool>, FaultKind> {
        let e = self.expression(at)?;
        let name = self.ruleset.bytes(e.name);
        let subject = match found {
            Some(value) => Scalar::of(value),
            // The targeting key is an attribute, unless one of that name is given.
            None if e.detail & detail::WITH_PATH == 0 && name == variable::TARGETING_KEY.as_bytes() => {
                self.context.targeting_key().map_or(Scalar::Null, |key| Scalar::Text(key.as_bytes()))
            }
            None => Scalar::Null,
        };
        let literal = match e.detail & detail::WITH {
            detail::WITH_TEXT => Scalar::Text(self.ruleset.bytes(e.path())),
            detail::WITH_NUMBER => Scalar::Number(e.number()),
            detail::WITH_BOOL => Scalar::Bool(e.number() != 0.0),
            detail::WITH_LIST => {
                let Scalar::Text(subject) = subject else { return Ok(Some(false)) };
                return self.listed(subject, e.items()).map(Some);
            }
            _ => {
                let op = self.expression(e.operands.start.saturating_add(1))?.name;
                let (op, version) = (self.ruleset.bytes(op), self.ruleset.bytes(e.path()));
                return self.sem_ver_of(subject, op, Scalar::Text(version));
            }
        };
        self.compare(Operator::from_u8(e.operator), subject, literal)
    }

    /// What lies on the path of the attribute which is the operand at `at`.
    #[inline(never)]
    fn below(&mut self, found: Option<&'c Value<'c>>, at: u32) -> Result<Option<&'c Value<'c>>, FaultKind> {
        let path = self.expression(at)?.path();
        self.spend_on_name(path)?;
        Ok(found.and_then(|value| at_path(value, self.ruleset.bytes(path), &mut self.steps)))
    }

    /// Whether `subject` is among the texts that are `items`.
    fn listed(&mut self, subject: &[u8], items: Range) -> Result<bool, FaultKind> {
        self.spend(items.len)?;
        let ruleset = self.ruleset;
        self.spend_on_text(subject.len().saturating_mul(items.len as usize))?;
        let start = start(subject);
        Ok(records(&ruleset.tables.expressions, items)
            .any(|item| item.start() == start && same(ruleset.bytes(item.name), subject)))
    }
}
