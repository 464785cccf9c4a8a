//! Deciding a flag by its targeting expression, as flagd does.

use super::decide::Session;
use super::decision::{Choice, Fault, FaultKind, Reason};
use super::logic::{Logic, Scalar};
use super::visitor::Visitor;
use crate::snapshot::layout::{Decision, NONE};
use crate::snapshot::view::records;
use crate::value::number_text;

impl<'r> Session<'r, '_> {
    /// The variant that targeting chooses, or else the default variant; none where the application's default applies.
    pub(super) fn target<V: Visitor>(
        &mut self,
        decision: u32,
        record: &Decision,
        visitor: &mut V,
    ) -> Result<Option<Choice>, Fault<'r>> {
        self.target_watched(decision, record, visitor.expressions())
    }

    /// Apart from the kind of visitor, so that the modules hold it once.
    fn target_watched<'w>(
        &mut self,
        decision: u32,
        record: &Decision,
        visitor: Option<&'w mut (dyn super::ExpressionVisitor + 'w)>,
    ) -> Result<Option<Choice>, Fault<'r>> {
        if record.disabled != 0 {
            return Ok(None);
        }
        let choice = |variant, reason| Choice { decision, rule: None, variant, reason };
        let default = (record.default_variant != NONE).then_some(record.default_variant);
        if record.targeting == NONE {
            return Ok(default.map(|variant| choice(variant, Reason::Static)));
        }
        let ruleset = self.ruleset;
        let mut logic = Logic {
            ruleset,
            context: self.context,
            flag_key: ruleset.bytes(record.key),
            now: self.now,
            steps: &mut self.steps,
            visitor,
        };
        let value = logic.value(record.targeting).map_err(Fault::of)?;
        let mut number = ryu_js::Buffer::new();
        let name = match value.scalar() {
            Scalar::Null => return Ok(default.map(|variant| choice(variant, Reason::Default))),
            Scalar::Bool(true) => b"true".as_slice(),
            Scalar::Bool(false) => b"false".as_slice(),
            Scalar::Number(n) => number_text(n, &mut number).as_bytes(),
            Scalar::Text(name) => name,
            Scalar::List | Scalar::Map => return Err(Fault::of(FaultKind::UnknownVariant)),
        };
        self.spend(record.variants.len)?;
        for (at, variant) in (record.variants.start..).zip(records(&ruleset.tables.variants, record.variants)) {
            if ruleset.bytes(variant.key) == name {
                return Ok(Some(choice(at, Reason::TargetingMatch)));
            }
        }
        Err(Fault::of(FaultKind::UnknownVariant))
    }
}
