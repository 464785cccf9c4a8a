//! Variants that a person chose for this user.

use super::decide::Session;
use super::decision::{Choice, Fault, Reason};
use super::str_steps;
use crate::snapshot::layout::Text;
use crate::snapshot::view::placed;

/// A variant that a person chose for this user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByHand<'r> {
    /// The decision that it replaces, by its place in the ruleset.
    pub decision: u32,
    /// The choice, or why it counts for nothing.
    pub outcome: Result<Choice, Fault<'r>>,
}

/// More variants than anyone chooses by hand for one user; each costs a walk over the decisions.
const MAX_OVERRIDES: usize = 64;

/// Variants chosen by hand: decision id → variant id, applied over everything else in this order, the last one winning.
pub type Overrides<'o> = [(&'o str, &'o str)];

impl<'r> Session<'r, '_> {
    /// Applies variants chosen by hand. Decisions and variants that do not exist are passed over, and so is all that comes after the budget
    /// has ended.
    #[must_use]
    pub fn with_overrides(mut self, overrides: &Overrides<'_>) -> Self {
        self.by_hand.clear();
        for (decision, variant) in overrides.iter().take(MAX_OVERRIDES) {
            let Ok(found) = self.find_by_hand(decision, variant) else { break };
            self.by_hand.extend(found);
        }
        self
    }

    /// The variants chosen by hand, in the order given.
    #[must_use]
    pub fn overrides(&self) -> &[ByHand<'r>] {
        &self.by_hand
    }

    fn find_by_hand(&mut self, decision: &str, variant: &str) -> Result<Option<ByHand<'r>>, Fault<'r>> {
        let ruleset = self.ruleset;
        let tables = &ruleset.tables;
        let found = self.find_id((0..).zip(tables.decisions.iter()).map(|(at, record)| (at, record.id)), decision)?;
        let Some(record) = found.and_then(|at| tables.decisions.get(at as usize)) else { return Ok(None) };
        let ids = placed(&tables.variants, record.variants).map(|(at, record)| (at, record.id));
        let (Some(decision), Some(variant)) = (found, self.find_id(ids, variant)?) else { return Ok(None) };
        let choice = Choice { decision, rule: None, variant, reason: Reason::Override };
        let outcome = self.complete(choice);
        Ok(Some(ByHand { decision, outcome }))
    }

    /// The first place with this id.
    fn find_id(&mut self, mut ids: impl Iterator<Item = (u32, Text)>, id: &str) -> Result<Option<u32>, Fault<'r>> {
        let ruleset = self.ruleset;
        for (at, text) in &mut ids {
            let candidate = ruleset.bytes(text);
            self.spend(1)?;
            if candidate.len() == id.len() {
                self.spend(str_steps(id))?;
                if candidate == id.as_bytes() {
                    return Ok(Some(at));
                }
            }
        }
        Ok(None)
    }
}
