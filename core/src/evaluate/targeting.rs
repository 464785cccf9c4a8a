//! Deciding a flag by its targeting expression, as flagd does.

use super::decide::Session;
use super::decision::{Choice, Fault, FaultKind, Reason};
use super::logic::{Got, Logic, Scalar};
use super::text_steps;
use super::visitor::Visitor;
use crate::same::same;
use crate::snapshot::layout::{Decision, NONE, Range};
use crate::snapshot::view::{placed, row};
use crate::value::number_text;

impl<'r> Session<'r, '_> {
    /// The variant that targeting chooses, or else the default variant; none where the application's default applies.
    #[inline]
    pub(super) fn target<V: Visitor>(&mut self, decision: u32, visitor: &mut V) -> Result<Option<Choice>, Fault<'r>> {
        match self.targeted(decision, visitor.expressions()) {
            Ok(Some((variant, reason))) => Ok(Some(Choice { decision, rule: None, variant, reason })),
            Ok(None) => Ok(None),
            Err(kind) => Err(Fault::of(kind)),
        }
    }

    /// Apart from the kind of visitor, so that the modules hold it once. What it gives fits into a register.
    fn targeted<'w>(
        &mut self,
        decision: u32,
        visitor: Option<&'w mut (dyn super::ExpressionVisitor + 'w)>,
    ) -> Result<Option<(u32, Reason)>, FaultKind> {
        let ruleset = self.ruleset;
        let record = row(&ruleset.tables.decisions, decision).ok_or(FaultKind::Corrupt)?;
        if record.is(Decision::DISABLED) {
            return Ok(None);
        }
        let default = Some(record.default_variant()).filter(|variant| *variant != NONE);
        if record.targeting() == NONE {
            return Ok(default.map(|variant| (variant, Reason::Static)));
        }
        let mut logic = Logic {
            ruleset,
            context: self.context,
            flag_key: ruleset.bytes(record.key),
            now: self.now,
            steps: self.steps,
            visitor,
        };
        let value = logic.value(record.targeting());
        self.steps = logic.steps;
        match value? {
            Got::Null => Ok(default.map(|variant| (variant, Reason::Default))),
            Got::Text(name) => self.named(record.variants, name),
            other => self.named_by(record.variants, other),
        }
    }

    /// The variant that is called `name`.
    fn named(&mut self, variants: Range, name: &[u8]) -> Result<Option<(u32, Reason)>, FaultKind> {
        // Every name may be as long.
        let steps = text_steps(u32::try_from(name.len()).unwrap_or(u32::MAX)).saturating_add(1);
        self.spend(variants.len.saturating_mul(steps)).map_err(|fault| fault.kind)?;
        let ruleset = self.ruleset;
        for (at, variant) in placed(&ruleset.tables.variants, variants) {
            if same(ruleset.bytes(variant.key), name) {
                return Ok(Some((at, Reason::TargetingMatch)));
            }
        }
        Err(FaultKind::UnknownVariant)
    }

    /// The variant whose name is a value's text.
    #[inline(never)]
    fn named_by(&mut self, variants: Range, value: Got<'_>) -> Result<Option<(u32, Reason)>, FaultKind> {
        let mut number = ryu_js::Buffer::new();
        let name = match value.scalar() {
            Scalar::Bool(true) => b"true".as_slice(),
            Scalar::Bool(false) => b"false".as_slice(),
            Scalar::Number(n) => number_text(n, &mut number).as_bytes(),
            Scalar::Text(name) => name,
            Scalar::Null | Scalar::List | Scalar::Map => return Err(FaultKind::UnknownVariant),
        };
        self.named(variants, name)
    }
}
