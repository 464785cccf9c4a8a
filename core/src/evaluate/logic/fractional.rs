//! `fractional`: the subject's hash chooses among weighted variants.

use zerovec::ule::AsULE as _;

use super::cbor;
use super::detail::CONSTANT;
use super::got::{Got, Scalar};
use super::{Logic, Operator, Scope};
use crate::evaluate::FaultKind;
use crate::hash::Murmur3;
use crate::snapshot::layout::{Expression, Range};
use crate::value::Value;

/// All weights together; flagd's own limit.
const MAX_TOTAL: u32 = 2_147_483_647;

impl<'r, 'c> Logic<'r, 'c, '_> {
    /// Malformed input gives null, never a fault.
    pub(super) fn fractional<'v>(
        &mut self,
        operator: Operator,
        operands: Range,
        detail: u8,
        scope: Scope<'v>,
        depth: u32,
    ) -> Result<Got<'v>, FaultKind>
    where
        'r: 'v,
        'c: 'v,
    {
        if operands.len == 0 {
            return Ok(Got::Null);
        }
        // A distribution without a key: whether it is one shows without building the list.
        let keyless = self.expression(operands.start)?.operator == Operator::List as u8;
        if keyless && detail & CONSTANT != 0 && self.visitor.is_none() {
            return match self.own_key(operator) {
                Some(hash) => self.constant(hash, operands, depth),
                None => Ok(Got::Null),
            };
        }
        self.any_fractional(operator, operands, detail, keyless, scope, depth)
    }

    /// One whose key or entries are computed.
    #[inline(never)]
    fn any_fractional<'v>(
        &mut self,
        operator: Operator,
        operands: Range,
        detail: u8,
        keyless: bool,
        scope: Scope<'v>,
        depth: u32,
    ) -> Result<Got<'v>, FaultKind>
    where
        'r: 'v,
        'c: 'v,
    {
        let key = if keyless { None } else { Some(self.at(operands, 0, scope, depth)?) };
        // A computed bucket is itself part of the distribution.
        let computed = key.as_ref().is_some_and(|key| matches!(key.scalar(), Scalar::List));
        let (hash, skip) = match &key {
            Some(key) if !computed => (self.hash(operator, key)?, 1),
            _ => (self.own_key(operator), 0),
        };
        let Some(hash) = hash else { return Ok(Got::Null) };
        let buckets = Range { start: operands.start.saturating_add(skip), len: operands.len.saturating_sub(skip) };
        if detail & CONSTANT != 0 && !computed && self.visitor.is_none() {
            return self.constant(hash, buckets, depth);
        }
        self.computed_buckets(hash, buckets, scope, depth)
    }

    /// The hash of flag and subject, where the subject is known.
    fn own_key(&self, operator: Operator) -> Option<u32> {
        let subject = self.context.targeting_key().filter(|key| !key.is_empty())?;
        let mut hash = Murmur3::new(0);
        if operator == Operator::FractionalCbor {
            cbor::encode_pair(self.flag_key, subject.as_bytes(), &mut hash);
        } else {
            hash.update(self.flag_key);
            hash.update(subject.as_bytes());
        }
        Some(hash.finish())
    }

    fn hash(&mut self, operator: Operator, key: &Got<'_>) -> Result<Option<u32>, FaultKind> {
        let mut hash = Murmur3::new(0);
        match (operator, key.scalar()) {
            (_, Scalar::Null) => return Ok(None),
            (Operator::FractionalCbor, scalar) => {
                self.spend_on_text(scalar.text_len())?;
                if let Some(value) = key.compound() {
                    self.spend_on_copy(value)?;
                    cbor::encode(value, &mut hash);
                } else {
                    cbor::encode_scalar(scalar, &mut hash);
                }
            }
            (_, Scalar::Text(text)) => {
                self.spend_on_text(text.len())?;
                hash.update(text);
            }
            _ => return Ok(None),
        }
        Ok(Some(hash.finish()))
    }

    /// Entries that are written out, and were checked when compiled: `upto` is the sum of the weights up to and with each.
    fn constant<'v>(&mut self, hash: u32, buckets: Range, depth: u32) -> Result<Got<'v>, FaultKind>
    where
        'r: 'v,
        'c: 'v,
    {
        // The value, too.
        self.spend(buckets.len.saturating_add(1))?;
        let start = buckets.start as usize;
        let entries = self.ruleset.tables.expressions.as_ule_slice();
        let entries = entries.get(start..start.saturating_add(buckets.len as usize)).ok_or(FaultKind::Corrupt)?;
        let Some(last) = entries.last() else { return Ok(Got::Null) };
        let chosen = bucket(hash, Expression::from_unaligned(*last).upto());
        for entry in entries {
            let entry = Expression::from_unaligned(*entry);
            if chosen < entry.upto() {
                return self.literal_or_eval(entry.operands.start, depth);
            }
        }
        Ok(Got::Null)
    }

    /// The value at `at`, which nearly always is text.
    fn literal_or_eval<'v>(&mut self, at: u32, depth: u32) -> Result<Got<'v>, FaultKind>
    where
        'r: 'v,
        'c: 'v,
    {
        const TEXT: u8 = Operator::Text as u8;
        let e = self.expression(at)?;
        if e.operator != TEXT {
            return self.eval(at, None, depth);
        }
        Ok(Got::Text(self.ruleset.bytes(e.name)))
    }

    fn computed_buckets<'v>(
        &mut self,
        hash: u32,
        buckets: Range,
        scope: Scope<'v>,
        depth: u32,
    ) -> Result<Got<'v>, FaultKind>
    where
        'r: 'v,
        'c: 'v,
    {
        let mut entries: Vec<(Value<'v>, u64)> = Vec::new();
        let mut sum = 0_u64;
        for at in buckets.start..buckets.start.saturating_add(buckets.len) {
            let entry = self.eval(at, scope, depth)?;
            let entry = self.own(entry)?;
            let Some((variant, weight)) = read_entry(entry) else { return Ok(Got::Null) };
            sum = sum.saturating_add(weight);
            entries.push((variant, sum));
        }
        let Some(total) = usable_total(sum) else { return Ok(Got::Null) };
        let chosen = u64::from(bucket(hash, total));
        let found = entries.into_iter().find(|(_, upto)| chosen < *upto);
        Ok(found.map_or(Got::Null, |(variant, _)| Got::owned(variant)))
    }
}

/// The variant and weight of an entry: a list of one or two.
fn read_entry(entry: Value<'_>) -> Option<(Value<'_>, u64)> {
    let Value::List(items) = entry else { return None };
    let mut items = items.into_iter();
    let variant = items.next().filter(|variant| !matches!(variant, Value::List(_) | Value::Map(_)))?;
    let weight = match items.next() {
        None => 1,
        Some(Value::Number(n)) => weight(n)?,
        Some(_) => return None,
    };
    items.next().is_none().then_some((variant, weight))
}

/// A weight as the source writes it: whole; a negative one counts as 0.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "saturates: too much is refused by the total"
)]
pub(crate) fn weight(n: f64) -> Option<u64> {
    (n == n.trunc()).then_some(n as u64)
}

/// The sum of weights that may be chosen from, where it may.
pub(crate) fn usable_total(sum: u64) -> Option<u32> {
    u32::try_from(sum).ok().filter(|sum| (1..=MAX_TOTAL).contains(sum))
}

/// The place of `hash` in `0..total`.
fn bucket(hash: u32, total: u32) -> u32 {
    #[allow(clippy::cast_possible_truncation, reason = "below the total")]
    let place = (u64::from(hash).saturating_mul(u64::from(total)) >> 32) as u32;
    place
}
