//! Paying for what an evaluation does.

use super::{Logic, Operator};
use crate::evaluate::{BYTES_PER_STEP, FaultKind, text_steps};
use crate::snapshot::layout::{Expression, Text};

impl Logic<'_, '_, '_> {
    /// Takes `steps` from the budget.
    #[inline]
    pub(super) fn spend(&mut self, steps: u32) -> Result<(), FaultKind> {
        self.steps = self.steps.saturating_sub(steps);
        if self.steps == 0 { Err(FaultKind::TooComplex) } else { Ok(()) }
    }

    /// Takes what handling `len` bytes of text costs.
    #[inline]
    pub(super) fn spend_on_text(&mut self, len: usize) -> Result<(), FaultKind> {
        const BYTES: usize = BYTES_PER_STEP as usize;
        match len / BYTES {
            0 => Ok(()),
            steps => self.spend(u32::try_from(steps).unwrap_or(u32::MAX)),
        }
    }

    /// Pays for reading a name of the ruleset; a short one comes free with the step that looks at it.
    #[inline(always)]
    pub(super) fn spend_on_name(&mut self, name: Text) -> Result<(), FaultKind> {
        if name.len == Text::LONG { self.spend(text_steps(self.ruleset.text_len(name))) } else { Ok(()) }
    }

    /// As [`spend_on_name`](Self::spend_on_name), for the name and the path of an expression.
    #[inline(always)]
    pub(super) fn spend_on_names(&mut self, e: &Expression) -> Result<(), FaultKind> {
        self.spend_on_name(e.name)?;
        // Of another operator it is no path.
        if e.path().len == Text::LONG && e.operator == Operator::Attribute as u8 {
            self.spend_on_name(e.path())?;
        }
        Ok(())
    }
}
