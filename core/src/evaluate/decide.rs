//! From a flag to its decision.

use super::by_hand::ByHand;
use super::decision::{Choice, Decision, Fault, FaultKind, Reason};
use super::hold::Conditions;
use super::rollout::bounded;
use super::visitor::{NoVisitor, Visitor};
use super::{MAX_STEPS, Timestamp, str_steps, text_steps};
use crate::context::Context;
use crate::hash::Murmur3;
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
        let variant = row(&self.tables.variants, choice.variant).ok_or_else(|| Fault::of(FaultKind::Corrupt))?;
        if variant.incomplete == 0 {
            return Ok(choice);
        }
        Err(Fault { kind: FaultKind::MissingFlag, subject: self.text(variant.missing_flag) })
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
                    disabled = row(&ruleset.tables.decisions, decision).is_some_and(|d| d.disabled != 0);
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
        let Some(literal) = assignment.and_then(|a| row(&tables.values, a.value)) else { return Ok(None) };
        // Its text is checked, and will be copied.
        self.spend(text_steps(literal.text.len))?;
        Ok(self.ruleset.value(literal))
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
        if record.broken.len > 0 {
            return Err(Fault { kind: FaultKind::Broken, subject: ruleset.text(record.broken) });
        }
        if record.targeted != 0 {
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
            decision_id: ruleset.bytes(record.id),
            opt_in: meta.opt_in && record.opt_in != 0,
            steps: &mut self.steps,
            visitor,
            fault: Fault::of(FaultKind::Corrupt),
        };
        for index in record.rules.start..record.rules.start.saturating_add(record.rules.len) {
            let rule = row(&ruleset.tables.rules, index).ok_or_else(|| Fault::of(FaultKind::Corrupt))?;
            conditions.visitor.rule_begins(index);
            let Ok(matched) = conditions.hold(rule.condition, 0, true) else { return Err(conditions.fault) };
            let rollout = ruleset.rollout(&rule)?;
            if !matched {
                // Even where the conditions do not hold, an invalid rollout is a fault for everyone, as in the reference.
                if rollout.is_some_and(|rollout| rollout.is_invalid()) {
                    return Err(Fault::of(FaultKind::InvalidRollout));
                }
                conditions.visitor.rule_ends(index, false, true);
                continue;
            }
            let splits = rollout.is_some() || rule.split_count != 1;
            if splits && rule.bucket_by.len == 0 && self.context.targeting_key().is_none() {
                return Err(Fault::of(FaultKind::NoTargetingKey));
            }
            let mut number = ryu_js::Buffer::new();
            let bucket_key = ruleset.bucket_key(&rule, self.context, &mut number);
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
            let variant = ruleset.split(rule.splits, bounded(hash.finish()))?;
            let split = rule.split_count != 1 || rule.mentions_rollout != 0;
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
