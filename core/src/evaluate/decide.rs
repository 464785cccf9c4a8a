//! From a flag to its decision.

use super::by_hand::ByHand;
use super::decision::{Choice, Decision, Fault, FaultKind, Reason};
use super::hold::Conditions;
use super::rollout::bounded;
use super::visitor::{NoVisitor, Visitor};
use super::{MAX_STEPS, Timestamp, str_steps};
use crate::context::Context;
use crate::hash::Murmur3;
use crate::snapshot::layout::{NONE, Terms};
use crate::snapshot::view::{records, row};
use crate::snapshot::{FlagIndex, FlagValue, Ruleset, layout};

/// One context's decisions at one moment. All of them share one budget of [`MAX_STEPS`], so that neither a hostile ruleset nor a
/// large selection of its flags can hold a worker.
#[derive(Debug)]
pub struct Session<'r, 'c> {
    pub(super) ruleset: &'r Ruleset<'r>,
    pub(super) context: &'c Context<'c>,
    pub(super) now: Timestamp,
    pub(super) by_hand: Vec<ByHand<'r>>,
    pub(super) steps: u32,
}

impl<'a> Ruleset<'a> {
    /// Starts deciding for `context` at `now`.
    #[must_use]
    pub const fn session<'r, 'c>(&'r self, context: &'c Context<'c>, now: Timestamp) -> Session<'r, 'c> {
        Session { ruleset: self, context, now, by_hand: Vec::new(), steps: MAX_STEPS }
    }

    /// Decides one flag. Allocates nothing, whatever the flag's type.
    #[must_use]
    pub fn evaluate(&self, flag: FlagIndex, context: &Context<'_>, now: Timestamp) -> Decision<'_> {
        self.session(context, now).evaluate(flag, &mut NoVisitor)
    }

    /// A variant counts only if every flag it sets exists.
    #[inline(always)]
    pub(super) fn complete(&self, choice: Choice) -> Result<Choice, Fault<'_>> {
        if (choice.variant as usize) >= self.tables.variants.len() {
            return Err(Fault::of(FaultKind::Corrupt));
        }
        if self.tables.missing.is_empty() { Ok(choice) } else { self.complete_among_others(choice) }
    }

    #[inline(never)]
    fn complete_among_others(&self, choice: Choice) -> Result<Choice, Fault<'_>> {
        self.missing(choice.variant).map_or(Ok(choice), |subject| Err(Fault { kind: FaultKind::MissingFlag, subject }))
    }

    /// The id of what is missing there.
    pub(super) fn missing(&self, of: u32) -> Option<&str> {
        let missing = &self.tables.missing;
        let at = missing.binary_search_by(|record| record.of.cmp(&of)).ok()?;
        missing.get(at).map(|record| self.text(record.id))
    }
}

impl<'r> Session<'r, '_> {
    /// Pays for going through what a variant sets, which whoever asked for the choice will do.
    #[inline(always)]
    pub(super) fn pass_on(&mut self, choice: Choice) -> Result<(), Fault<'r>> {
        let assignments = row(&self.ruleset.tables.variants, choice.variant).map(|variant| variant.assignments.len);
        self.spend(assignments.unwrap_or(0))
    }

    /// Decides one flag, with someone watching.
    pub fn evaluate<V: Visitor>(&mut self, flag: FlagIndex, visitor: &mut V) -> Decision<'r> {
        let ruleset = self.ruleset;
        let mut fault = None;
        let mut disabled = false;
        if !self.by_hand.is_empty() {
            match self.evaluate_by_hand(flag) {
                Ok(Some(decision)) => return decision,
                Ok(None) => {}
                Err(found) => fault = Some(found),
            }
        }
        for decision in ruleset.setters(flag) {
            let found = match self.decide(decision, visitor) {
                Ok(Some(choice)) => match self.set(choice.variant, flag) {
                    Ok(Some(value)) => return decided(value, choice),
                    Ok(None) => continue,
                    Err(found) => found,
                },
                Ok(None) => {
                    disabled =
                        row(&ruleset.tables.decisions, decision).is_some_and(|d| d.is(layout::Decision::DISABLED));
                    continue;
                }
                Err(found) => found,
            };
            // Breaks only itself: a decision with less of a say may still set the flag.
            fault = fault.or(Some(found));
            if self.steps == 0 {
                break;
            }
        }
        let reason = match fault {
            Some(_) => Reason::Error,
            None if disabled => Reason::Disabled,
            None => Reason::Default,
        };
        Decision { value: None, reason, choice: None, fault }
    }

    /// The flag as a variant chosen by hand sets it, if one does; else the first fault of those variants.
    #[inline(never)]
    fn evaluate_by_hand(&mut self, flag: FlagIndex) -> Result<Option<Decision<'r>>, Fault<'r>> {
        let mut none = Ok(None);
        for at in (0..self.by_hand.len()).rev() {
            let Some(ByHand { outcome, .. }) = self.by_hand.get(at).copied() else { break };
            match outcome
                .and_then(|choice| self.pass_on(choice).map(|()| choice))
                .and_then(|choice| Ok(self.set(choice.variant, flag)?.map(|value| decided(value, choice))))
            {
                Ok(Some(decision)) => return Ok(Some(decision)),
                Ok(None) => {}
                Err(found) => none = none.and(Err(found)),
            }
        }
        none
    }

    /// The value that a variant gives a flag, if it does: the last one, where it names the flag more than once.
    #[inline]
    fn set(&mut self, variant: u32, flag: FlagIndex) -> Result<Option<FlagValue<'r>>, Fault<'r>> {
        let tables = &self.ruleset.tables;
        let assignments = row(&tables.variants, variant).map(|v| v.assignments).unwrap_or_default();
        let assignment = records(&tables.assignments, assignments).rfind(|a| a.flag == flag.0);
        let Some(literal) = assignment.and_then(|a| row(&tables.literals, a.value)) else { return Ok(None) };
        let value = self.ruleset.value(literal);
        // Its text was checked, and will be copied.
        if let Some(FlagValue::String(text) | FlagValue::Number { text, .. } | FlagValue::Structure(text)) = value {
            self.spend(str_steps(text))?;
        }
        Ok(value)
    }

    /// Makes one decision, by its place in the ruleset: which variant, if any, this user gets. [`overrides`](Self::overrides) come on top.
    ///
    /// # Errors
    /// Where the ruleset is at fault for this user.
    pub fn decide<V: Visitor>(&mut self, decision: u32, visitor: &mut V) -> Result<Option<Choice>, Fault<'r>> {
        visitor.decision_begins(decision);
        self.spend(1)?;
        let made = self.choose(decision, visitor);
        match &made {
            Ok(Some(choice)) => self.pass_on(*choice)?,
            Ok(None) => {}
            // Reading a subject checks its text.
            Err(fault) => self.spend(str_steps(fault.subject))?,
        }
        made
    }

    #[inline]
    fn choose<V: Visitor>(&mut self, decision: u32, visitor: &mut V) -> Result<Option<Choice>, Fault<'r>> {
        let ruleset = self.ruleset;
        let record = row(&ruleset.tables.decisions, decision).ok_or_else(|| Fault::of(FaultKind::Corrupt))?;
        if record.is(layout::Decision::BROKEN) {
            return Err(Fault { kind: FaultKind::Broken, subject: ruleset.text(record.note) });
        }
        if record.is(layout::Decision::TARGETED) {
            return self.target(decision, visitor);
        }
        self.follow(decision, &record, visitor)
    }

    /// Decides by rules: the first one that holds, and whose rollout includes the user.
    #[inline(never)]
    fn follow<V: Visitor>(
        &mut self,
        decision: u32,
        record: &layout::Decision,
        visitor: &mut V,
    ) -> Result<Option<Choice>, Fault<'r>> {
        let ruleset = self.ruleset;
        let meta = &ruleset.tables.meta;
        let mut conditions = Conditions {
            ruleset,
            context: self.context,
            decision_id: record.id,
            opt_in: meta.opt_in && record.is(layout::Decision::OPT_IN),
            steps: &mut self.steps,
            visitor,
            fault: Fault::of(FaultKind::Corrupt),
        };
        for index in record.rules.start..record.rules.start.saturating_add(record.rules.len) {
            let rule = row(&ruleset.tables.rules, index).ok_or_else(|| Fault::of(FaultKind::Corrupt))?;
            conditions.visitor.rule_begins(index);
            let Ok(matched) = conditions.hold(rule.condition, 0, true) else { return Err(conditions.fault) };
            if !matched {
                // Even where the conditions do not hold, an invalid rollout is a fault for everyone, as in the reference.
                if rule.terms != NONE && ruleset.terms(&rule)?.is_some_and(|terms| terms.are_invalid()) {
                    return Err(Fault::of(FaultKind::InvalidRollout));
                }
                conditions.visitor.rule_ends(index, false, true);
                continue;
            }
            let terms = ruleset.terms(&rule)?;
            let rollout = terms.filter(|terms| terms.are(Terms::ROLLOUT));
            let splits = rollout.is_some() || rule.splits.len != 1;
            if splits && terms.is_none_or(|terms| terms.bucket_by.len == 0) && self.context.targeting_key().is_none() {
                return Err(Fault::of(FaultKind::NoTargetingKey));
            }
            let mut number = ryu_js::Buffer::new();
            let bucket_key = ruleset.bucket_key(&terms, self.context, &mut number);
            spend(conditions.steps, str_steps(bucket_key))?;
            let mut hash = Murmur3::new(rule.seed);
            hash.update(bucket_key.as_bytes());
            let included = match rollout {
                Some(rollout) => {
                    spend(conditions.steps, rollout.stages.len)?;
                    ruleset.includes(&rollout, hash, self.now)?
                }
                None => true,
            };
            conditions.visitor.rule_ends(index, true, included);
            if !included {
                if meta.rollout_is_final {
                    return Ok(None);
                }
                continue;
            }
            spend(conditions.steps, rule.splits.len)?;
            let variant = ruleset.split(rule.splits, record.variants, bounded(hash.finish()))?;
            let split = rule.splits.len != 1 || terms.is_some_and(|terms| terms.are(Terms::MENTIONED));
            let reason = if split { Reason::Split } else { Reason::TargetingMatch };
            return ruleset.complete(Choice { decision, rule: Some(index), variant, reason }).map(Some);
        }
        Ok(None)
    }

    /// Takes `steps` from the budget.
    pub(super) fn spend(&mut self, steps: u32) -> Result<(), Fault<'r>> {
        spend(&mut self.steps, steps)
    }
}

/// Takes `steps` from `budget`: a fault where it ends.
#[inline(always)]
pub(super) fn spend<'r>(budget: &mut u32, steps: u32) -> Result<(), Fault<'r>> {
    *budget = budget.saturating_sub(steps);
    if *budget == 0 { Err(Fault::of(FaultKind::TooComplex)) } else { Ok(()) }
}

const fn decided<'r>(value: FlagValue<'r>, choice: Choice) -> Decision<'r> {
    Decision { value: Some(value), reason: choice.reason, choice: Some(choice), fault: None }
}
