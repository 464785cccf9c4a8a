//! Paying for what an evaluation does.

use super::Logic;
use crate::evaluate::{BYTES_PER_STEP, FaultKind, text_steps};
use crate::snapshot::layout::Expression;

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

    /// Pays for reading the name and the path of an expression.
    #[inline]
    pub(super) fn spend_on_names(&mut self, e: &Expression) -> Result<(), FaultKind> {
        match text_steps(e.name.len.saturating_add(e.path.len)) {
            0 => Ok(()),
            steps => self.spend(steps),
        }
    }
}
