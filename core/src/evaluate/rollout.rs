//! Splitting users: who is in a rollout yet, and who gets which variant.

use zerovec::ule::AsULE as _;

use super::{Fault, FaultKind, Timestamp};
use crate::context::{Context, Scope};
use crate::hash::Murmur3;
use crate::snapshot::Ruleset;
use crate::snapshot::layout::{Range, Split, SplitULE, Terms};
use crate::snapshot::view::{records, row, run};
use crate::value::{Value, number_text};

impl Terms {
    /// A rollout by stages without a starting percentage.
    pub(super) const fn are_invalid(&self) -> bool {
        self.bits & (Self::ROLLOUT | Self::SCHEDULED) == Self::ROLLOUT && self.percentage.is_nan()
    }
}

impl Ruleset<'_> {
    /// What a rule has that few have.
    #[inline(never)]
    pub(super) fn terms(&self, index: u32) -> Result<Terms, Fault<'_>> {
        row(&self.tables.terms, index).ok_or_else(|| Fault::of(FaultKind::Corrupt))
    }

    /// Whether `rollout` has come to the user with this bucket key.
    #[inline(never)]
    pub(super) fn includes(
        &self,
        rollout: &Terms,
        seed: u32,
        bucket_key: &str,
        now: Timestamp,
    ) -> Result<bool, Fault<'_>> {
        let fraction = self.fraction(rollout, now)?;
        // Nobody, or everybody.
        if fraction == 0.0 || fraction >= 1.0 {
            return Ok(fraction > 0.0);
        }
        let mut hash = Murmur3::new(seed);
        hash.update(bucket_key.as_bytes());
        hash.update(b"_rollout");
        Ok(bounded(hash.finish()) <= fraction)
    }

    /// The fraction of users that a rollout includes at `now`.
    pub(crate) fn fraction(&self, rollout: &Terms, now: Timestamp) -> Result<f64, Fault<'_>> {
        // Doubles, as the reference computes in: exact for the next 285,000 years.
        #[allow(clippy::cast_precision_loss)]
        let now = now.0 as f64;
        if rollout.are(Terms::SCHEDULED) {
            return Ok(if now >= rollout.start { 1.0 } else { 0.0 });
        }
        if rollout.are_invalid() {
            return Err(Fault::of(FaultKind::InvalidRollout));
        }
        let stages = || records(&self.tables.stages, rollout.stages);
        let (date, percentage) = match stages().rfind(|s| s.date <= now) {
            Some(current) => (current.date, current.percentage),
            None if rollout.start < now => (rollout.start, rollout.percentage),
            None => return Ok(0.0),
        };
        match stages().find(|s| s.date > now) {
            Some(next) if next.discrete == 0 => {
                let passed = (now - date) / (next.date - date);
                // The reference takes "no time has passed" for "no stage": out for that one millisecond.
                Ok(if passed == 0.0 { 0.0 } else { percentage + (next.percentage - percentage) * passed })
            }
            _ => Ok(percentage),
        }
    }

    /// The attribute by which a rule splits its users, as JavaScript prints it.
    #[inline(never)]
    pub(super) fn bucket_key<'k>(
        &self,
        terms: &Terms,
        context: &'k Context<'_>,
        number: &'k mut ryu_js::Buffer,
    ) -> &'k str {
        let name = self.bytes(terms.bucket_by);
        let value = [Scope::Custom, Scope::Private]
            .into_iter()
            .find_map(|scope| context.find(terms.bucket_by_hash, scope, name).filter(|value| value.is_truthy()));
        match value {
            Some(Value::String(text)) => text,
            Some(Value::Number(n)) => number_text(*n, number),
            Some(Value::Bool(_)) => "true",
            _ => "null",
        }
    }

    /// Which of `variants` is in the distribution at the place that `bucket` gives: it is asked only where the place makes a difference.
    #[inline(always)]
    pub(crate) fn split(&self, splits: Range, variants: Range, bucket: impl FnOnce() -> f64) -> Result<u32, Fault<'_>> {
        let splits = run(&self.tables.splits, splits);
        let upto = |split: &SplitULE| f64::from_unaligned(split.upto);
        let split = match splits {
            // No place lies beyond it.
            [whole, ..] if upto(whole) == 1.0 => whole,
            _ => {
                let bucket = bucket();
                let at = splits.iter().find(|split| bucket < upto(split) || (upto(split) == 1.0 && bucket == 1.0));
                at.ok_or_else(|| Fault::of(FaultKind::NoVariant))?
            }
        };
        let variant = u32::from_unaligned(split.variant);
        if variant & Split::ABSENT != 0 {
            return Err(self.absent(variant));
        }
        Ok(variants.start.saturating_add(variant))
    }

    #[cold]
    fn absent(&self, variant: u32) -> Fault<'_> {
        self.missing(variant)
            .map_or(Fault::of(FaultKind::Corrupt), |subject| Fault { kind: FaultKind::MissingVariant, subject })
    }
}

/// A hash as a fraction: 0 to 1, both reachable. The divisor is 2^32 - 1, so that 1 is reachable, as in the reference.
pub(super) fn bounded(hash: u32) -> f64 {
    f64::from(hash) / f64::from(u32::MAX)
}
