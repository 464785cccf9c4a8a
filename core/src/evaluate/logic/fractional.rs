//! `fractional`: the subject's hash chooses among weighted variants.

use std::borrow::Cow;

use super::cbor;
use super::{Got, Logic, Operator, Scope, detail, null};
use crate::evaluate::{Fault, FaultKind};
use crate::hash::Murmur3;
use crate::snapshot::layout::{Expression, Range};
use crate::value::Value;

/// All weights together; flagd's own limit.
const MAX_TOTAL: u64 = 2_147_483_647;

impl<'r, 'c> Logic<'r, 'c, '_, '_> {
    /// Malformed input gives null, never a fault.
    pub(super) fn fractional<'v>(
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
        if e.operands.len == 0 {
            return Ok(null());
        }
        // A distribution without a key: whether it is one shows without building the list.
        let first = self.operator_at(e.operands.start)?;
        let key = if first == Operator::List { None } else { Some(self.arg(e, 0, scope, depth)?) };
        let (hash, skip) = match key.as_deref() {
            None => (self.own_key(operator), 0),
            // A computed bucket: it is itself part of the distribution.
            Some(Value::List(_)) => (self.own_key(operator), 0),
            Some(key) => (self.hash(operator, key)?, 1),
        };
        let Some(hash) = hash else { return Ok(null()) };
        let buckets = Range { start: e.operands.start.saturating_add(skip), len: e.operands.len.saturating_sub(skip) };
        let computed = matches!(key.as_deref(), Some(Value::List(_)));
        if e.detail & detail::CONSTANT != 0 && !computed && self.visitor.is_none() {
            return self.constant(hash, buckets);
        }
        self.computed_buckets(hash, buckets, scope, depth)
    }

    fn operator_at(&self, at: u32) -> Result<Operator, Fault<'r>> {
        let found = self.ruleset.tables.expressions.get(at as usize).ok_or_else(|| Fault::of(FaultKind::Corrupt))?;
        Ok(Operator::from_u8(found.operator))
    }

    /// The hash of flag and subject, where the subject is known.
    fn own_key(&self, operator: Operator) -> Option<u32> {
        let subject = self.context.targeting_key().filter(|key| !key.is_empty())?;
        let mut hash = Murmur3::new(0);
        if operator == Operator::FractionalCbor {
            cbor::encode_pair(self.flag_key, subject, &mut hash);
        } else {
            hash.update(self.flag_key.as_bytes());
            hash.update(subject.as_bytes());
        }
        Some(hash.finish())
    }

    fn hash(&mut self, operator: Operator, key: &Value<'_>) -> Result<Option<u32>, Fault<'r>> {
        let mut hash = Murmur3::new(0);
        match (operator, key) {
            (_, Value::Null) => return Ok(None),
            (Operator::FractionalCbor, key) => {
                self.spend_on_copy(key)?;
                cbor::encode(key, &mut hash);
            }
            (_, Value::String(text)) => {
                self.spend_on_text(text.len())?;
                hash.update(text.as_bytes());
            }
            _ => return Ok(None),
        }
        Ok(Some(hash.finish()))
    }

    /// Entries that are written out, and were checked when compiled: `number` is the sum of the weights up to and with each.
    fn constant<'v>(&mut self, hash: u32, buckets: Range) -> Result<Got<'v>, Fault<'r>>
    where
        'r: 'v,
        'c: 'v,
    {
        self.spend(buckets.len)?;
        let entry = |place: u32| {
            let at = buckets.start.saturating_add(place) as usize;
            self.ruleset.tables.expressions.get(at).ok_or_else(|| Fault::of(FaultKind::Corrupt))
        };
        let Some(last) = buckets.len.checked_sub(1) else { return Ok(null()) };
        let chosen = bucket(hash, total(entry(last)?.number));
        for place in 0..buckets.len {
            let entry = entry(place)?;
            if chosen < total(entry.number) {
                return self.eval(entry.operands.start, Scope::Context, 0);
            }
        }
        Ok(null())
    }

    fn computed_buckets<'v>(
        &mut self,
        hash: u32,
        buckets: Range,
        scope: Scope<'v>,
        depth: u32,
    ) -> Result<Got<'v>, Fault<'r>>
    where
        'r: 'v,
        'c: 'v,
    {
        let mut entries: Vec<(Value<'v>, u64)> = Vec::new();
        let mut sum = 0_u64;
        for at in buckets.start..buckets.start.saturating_add(buckets.len) {
            let entry = self.eval(at, scope, depth)?;
            let entry = self.own(entry)?;
            let Some((variant, weight)) = read_entry(entry) else { return Ok(null()) };
            sum = sum.saturating_add(weight);
            entries.push((variant, sum));
        }
        if sum == 0 || sum > MAX_TOTAL {
            return Ok(null());
        }
        let chosen = bucket(hash, sum);
        let found = entries.into_iter().find(|(_, upto)| chosen < *upto);
        Ok(found.map_or_else(null, |(variant, _)| Cow::Owned(variant)))
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
pub(crate) fn usable_total(sum: u64) -> bool {
    (1..=MAX_TOTAL).contains(&sum)
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a damaged snapshot: any number will do")]
fn total(sum: f64) -> u64 {
    (sum as u64).min(MAX_TOTAL)
}

/// The place of `hash` in `0..total`.
fn bucket(hash: u32, total: u64) -> u64 {
    u64::from(hash).saturating_mul(total) >> 32
}
