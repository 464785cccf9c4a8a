//! Comparing one attribute with a condition's operands, by the rules of its type.

use std::cmp::Ordering;

use zerovec::ule::AsULE as _;

use super::condition::{Comparator, order};
use super::version::{MAX_PARTS, clean_version, compare_versions, user_version_parts};
use crate::snapshot::Ruleset;
use crate::snapshot::layout::{ConditionULE, Literal, LiteralULE, Number, Range, Text};
use crate::snapshot::view::run;
use crate::snapshot::{LiteralKind, ValueKind};
use crate::value::Value;

/// From this many strings on, membership is looked up by bisection; below, a walk is faster.
pub(crate) const BISECT_FROM: usize = 8;

impl Ruleset<'_> {
    /// The string rules. `subject` is `None` where the attribute is missing or of another type.
    pub(super) fn compare_string(&self, condition: &ConditionULE, subject: Option<&str>) -> bool {
        let comparator = Comparator::from_u8(condition.comparator);
        let exists = subject.is_some_and(|s| !s.is_empty());
        match comparator {
            Comparator::Exists => return exists,
            Comparator::NotExists => return !exists,
            Comparator::Greater
            | Comparator::GreaterOrEqual
            | Comparator::Less
            | Comparator::LessOrEqual
            | Comparator::Other => {
                return subject.is_some();
            }
            _ => {}
        }
        if condition.has_operands == 0 {
            return false;
        }
        let found = subject.is_some_and(|s| match comparator {
            Comparator::Equal | Comparator::NotEqual => self.equals_any(condition, s),
            // The reference tests the value it found for truth: an empty one found first makes this false.
            Comparator::Contains | Comparator::NotContains => {
                // The search prepares itself for the whole operand before it looks at a subject that is shorter.
                self.first_found(condition, |operand| {
                    operand.len() <= s.len() && memchr::memmem::find(s.as_bytes(), operand).is_some()
                })
            }
            Comparator::StartsWith | Comparator::NotStartsWith => {
                self.first_found(condition, |operand| s.as_bytes().starts_with(operand))
            }
            _ => self.first_found(condition, |operand| s.as_bytes().ends_with(operand)),
        });
        match comparator {
            Comparator::NotEqual => subject.is_some() && !found,
            Comparator::NotContains | Comparator::NotStartsWith | Comparator::NotEndsWith => !found,
            _ => found,
        }
    }

    /// Whether `subject` is among the operands, which the compiler sorted.
    pub(super) fn equals_any(&self, condition: &ConditionULE, subject: &str) -> bool {
        // There is text without any: the values were all null.
        if condition.has_operands == 0 {
            return false;
        }
        let (operands, subject) = (self.operands(condition), subject.as_bytes());
        if operands.len() >= BISECT_FROM {
            return self.bisect(operands, subject);
        }
        for operand in operands {
            if self.is(Text::from_unaligned(operand.text), subject) {
                return true;
            }
        }
        false
    }

    #[inline(never)]
    fn bisect(&self, operands: &[LiteralULE], subject: &[u8]) -> bool {
        operands.binary_search_by(|operand| self.bytes(Text::from_unaligned(operand.text)).cmp(subject)).is_ok()
    }

    /// Whether the first operand that fits is truthy.
    fn first_found(&self, condition: &ConditionULE, fits: impl Fn(&[u8]) -> bool) -> bool {
        self.operands(condition)
            .iter()
            .find(|operand| fits(self.bytes(Text::from_unaligned(operand.text))))
            .is_some_and(|operand| operand.kind == LiteralKind::String as u8)
    }

    /// The number rules: any operand will do, but `!=` wants all of them to be numbers and to differ.
    pub(super) fn compare_number(&self, condition: &ConditionULE, subject: f64) -> bool {
        let numbers = || self.literals(condition).filter_map(|o| self.number(o)).map(|o| o.number);
        match Comparator::from_u8(condition.comparator) {
            Comparator::NotEqual => {
                condition.has_operands != 0
                    && self.literals(condition).all(|o| self.number(o).is_some_and(|o| o.number != subject))
            }
            Comparator::Equal => numbers().any(|n| subject == n),
            Comparator::Greater => numbers().any(|n| subject > n),
            Comparator::GreaterOrEqual => numbers().any(|n| subject >= n),
            Comparator::Less => numbers().any(|n| subject < n),
            Comparator::LessOrEqual => numbers().any(|n| subject <= n),
            _ => false,
        }
    }

    /// The boolean rules.
    pub(super) fn compare_bool(&self, condition: &ConditionULE, subject: bool) -> bool {
        let kind = if subject { LiteralKind::True } else { LiteralKind::False };
        let contained = || self.literals(condition).any(|o| o.kind == kind as u8);
        match Comparator::from_u8(condition.comparator) {
            Comparator::Equal | Comparator::Contains => contained(),
            Comparator::NotEqual | Comparator::NotContains => condition.has_operands != 0 && !contained(),
            _ => false,
        }
    }

    /// The rules for an attribute that may be of any type: the first operand's type chooses among the above.
    pub(super) fn compare_any(&self, condition: &ConditionULE, subject: Option<&Value<'_>>) -> bool {
        let comparator = Comparator::from_u8(condition.comparator);
        let exists = match subject {
            None | Some(Value::Null) => false,
            Some(Value::String(text)) => !text.is_empty(),
            Some(_) => true,
        };
        match comparator {
            Comparator::Exists => return exists,
            Comparator::NotExists => return !exists,
            _ => {}
        }
        if condition.has_operands != 0 {
            match (ValueKind::from_u8(condition.detail), subject) {
                (ValueKind::String, Some(Value::String(text))) => {
                    return self.compare_string(condition, Some(text));
                }
                (ValueKind::Number, Some(Value::Number(number))) => {
                    return self.compare_number(condition, *number);
                }
                (ValueKind::Boolean, Some(Value::Bool(b))) => {
                    return self.compare_bool(condition, *b);
                }
                _ => {}
            }
        }
        comparator == Comparator::NotEqual && subject.is_none_or(|value| !value.is_truthy())
    }

    /// The version rules. The compiler prepared the operands; those that can never compare are not among them.
    pub(super) fn compare_version(&self, condition: &ConditionULE, subject: Option<&str>) -> bool {
        let Some(subject) = subject.filter(|s| !s.is_empty()) else {
            return false;
        };
        if condition.has_operands == 0 {
            return false;
        }
        let negated = Comparator::from_u8(condition.comparator) == Comparator::NotEqual;
        let parts = if negated { user_version_parts(subject) } else { user_version_parts(&clean_version(subject)) };
        let Some(parts) = parts else { return negated };
        let wanted = |ordering| match ordering {
            Ordering::Equal => order::EQUAL,
            Ordering::Greater => order::GREATER,
            Ordering::Less => order::LESS,
        };
        let any = self.literals(condition).any(|operand| {
            if u32::from(operand.text.len) > MAX_PARTS {
                return false;
            }
            let start = operand.text.start as usize;
            let end = start.saturating_add(operand.text.len.into());
            self.tables.numbers.as_ule_slice().get(start..end).is_some_and(|operand| {
                let ordering = compare_versions(&parts, operand.iter().map(|&ule| Number::from_unaligned(ule).number));
                condition.detail & wanted(ordering) != 0
            })
        });
        any != negated
    }

    #[inline(always)]
    fn operands(&self, condition: &ConditionULE) -> &[LiteralULE] {
        run(&self.tables.literals, Range::from_unaligned(condition.operands))
    }

    fn literals(&self, condition: &ConditionULE) -> impl Iterator<Item = Literal> {
        self.operands(condition).iter().map(|&ule| Literal::from_unaligned(ule))
    }
}
