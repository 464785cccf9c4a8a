//! From a flag to its decision.

use zerovec::ule::AsULE as _;

use super::by_hand::ByHand;
use super::decision::{Choice, Decision, Fault, FaultKind, Reason};
use super::hold::Conditions;
use super::memo::Memo;
use super::rollout::bounded;
use super::visitor::{NoVisitor, Visitor};
use super::{MAX_STEPS, Timestamp, str_steps};
use crate::context::Context;
use crate::hash::{Prepared, murmur3};
use crate::snapshot::layout::{Decision as Record, DecisionULE, NONE, Range, Terms, Text};
use crate::snapshot::view::{at, row, run};
use crate::snapshot::{FlagIndex, FlagValue, Ruleset};

/// One context's decisions at one moment. All of them share one budget of [`MAX_STEPS`], so that neither a hostile ruleset nor a
/// large selection of its flags can hold a worker.
#[derive(Debug)]
pub struct Session<'r, 'c> {
    pub(super) ruleset: &'r Ruleset<'r>,
    pub(super) context: &'c Context<'c>,
    pub(super) now: Timestamp,
    pub(super) by_hand: Vec<ByHand<'r>>,
    pub(super) steps: u32,
    /// The targeting key, once a rule has split users by it.
    key: Option<Prepared<'c>>,
    memo: Option<&'c mut Memo>,
}

impl<'a> Ruleset<'a> {
    /// Starts deciding for `context` at `now`.
    #[must_use]
    pub const fn session<'r, 'c>(&'r self, context: &'c Context<'c>, now: Timestamp) -> Session<'r, 'c> {
        Session { ruleset: self, context, now, by_hand: Vec::new(), steps: MAX_STEPS, key: None, memo: None }
    }

    /// Decides one flag. Allocates nothing, whatever the flag's type.
    #[must_use]
    pub fn evaluate(&self, flag: FlagIndex, context: &Context<'_>, now: Timestamp) -> Decision<'_> {
        self.session(context, now).evaluate(flag, &mut NoVisitor)
    }

    /// The id of what is missing there.
    pub(super) fn missing(&self, of: u32) -> Option<&str> {
        let missing = &self.tables.missing;
        let at = missing.binary_search_by(|record| record.of.cmp(&of)).ok()?;
        missing.get(at).map(|record| self.text(record.id))
    }
}

impl<'r, 'c> Session<'r, 'c> {
    /// Has the session remember in `memo` what conditions come to, forgetting what is in there: for who has several flags decided, without
    /// anyone watching.
    #[must_use]
    #[inline]
    pub fn with_memo(mut self, memo: &'c mut Memo) -> Self {
        *memo = Memo::default();
        // Who asked to be part of a decision is another question for each.
        self.memo = if self.ruleset.tables.meta.opt_in { None } else { Some(memo) };
        self
    }

    /// Pays for going through what a variant sets, which whoever asked for the choice will do.
    #[inline(always)]
    fn pass_on(&mut self, choice: Choice) -> Result<(), Fault<'r>> {
        let variant = at(&self.ruleset.tables.variants, choice.variant);
        self.spend(variant.map_or(0, |variant| Range::from_unaligned(variant.assignments).len))
    }

    /// A variant counts only if every flag it sets exists. As [`pass_on`](Self::pass_on), pays for going through them.
    #[inline(always)]
    pub(super) fn complete(&mut self, choice: Choice) -> Result<Choice, Fault<'r>> {
        let ruleset = self.ruleset;
        let variant = at(&ruleset.tables.variants, choice.variant).ok_or_else(|| Fault::of(FaultKind::Corrupt))?;
        if !ruleset.tables.missing.is_empty()
            && let Some(subject) = ruleset.missing(choice.variant)
        {
            return Err(Fault { kind: FaultKind::MissingFlag, subject });
        }
        self.spend(Range::from_unaligned(variant.assignments).len)?;
        Ok(choice)
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
                    disabled = at(&ruleset.tables.decisions, decision).is_some_and(|d| d.bits & Record::DISABLED != 0);
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
        let Some(variant) = at(&tables.variants, variant) else { return Ok(None) };
        let assignments = run(&tables.assignments, Range::from_unaligned(variant.assignments));
        let assignment = assignments.iter().rfind(|assignment| u32::from_unaligned(assignment.flag) == flag.0);
        let value = assignment.map(|assignment| u32::from_unaligned(assignment.value));
        let Some(literal) = value.and_then(|value| row(&tables.literals, value)) else { return Ok(None) };
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
        if let Err(fault) = &made {
            // Reading a subject checks its text.
            self.spend(str_steps(fault.subject))?;
        }
        made
    }

    #[inline]
    fn choose<V: Visitor>(&mut self, decision: u32, visitor: &mut V) -> Result<Option<Choice>, Fault<'r>> {
        let ruleset = self.ruleset;
        let record = at(&ruleset.tables.decisions, decision).ok_or_else(|| Fault::of(FaultKind::Corrupt))?;
        if record.bits & Record::BROKEN != 0 {
            let subject = ruleset.text(Text::from_unaligned(record.note));
            return Err(Fault { kind: FaultKind::Broken, subject });
        }
        if record.bits & Record::TARGETED != 0 {
            let made = self.target(decision, visitor)?;
            if let Some(choice) = made {
                self.pass_on(choice)?;
            }
            return Ok(made);
        }
        self.follow(decision, record, visitor)
    }

    /// Decides by rules: the first one that holds, and whose rollout includes the user.
    #[inline(never)]
    fn follow<V: Visitor>(
        &mut self,
        decision: u32,
        record: &'r DecisionULE,
        visitor: &mut V,
    ) -> Result<Option<Choice>, Fault<'r>> {
        let ruleset = self.ruleset;
        let meta = &ruleset.tables.meta;
        let mut conditions = Conditions {
            ruleset,
            context: self.context,
            decision_id: Text::from_unaligned(record.id),
            opt_in: meta.opt_in && record.bits & Record::OPT_IN != 0,
            steps: &mut self.steps,
            visitor,
            fault: Fault::of(FaultKind::Corrupt),
        };
        let rules = Range::from_unaligned(record.rules);
        for index in rules.start..rules.start.saturating_add(rules.len) {
            let rule = at(&ruleset.tables.rules, index).ok_or_else(|| Fault::of(FaultKind::Corrupt))?;
            conditions.visitor.rule_begins(index);
            let condition = u32::from_unaligned(rule.condition);
            let known = if V::WATCHES { None } else { self.memo.as_ref().and_then(|memo| memo.get(condition)) };
            let matched = match known {
                Some(matched) => {
                    spend(conditions.steps, 1)?;
                    matched
                }
                None => {
                    let Ok(matched) = conditions.hold(condition, 0, true) else { return Err(conditions.fault) };
                    if let Some(memo) = &mut self.memo {
                        memo.set(condition, matched);
                    }
                    matched
                }
            };
            let terms = u32::from_unaligned(rule.terms);
            if !matched {
                // Even where the conditions do not hold, an invalid rollout is a fault for everyone, as in the reference.
                if terms != NONE && ruleset.terms(terms)?.are_invalid() {
                    return Err(Fault::of(FaultKind::InvalidRollout));
                }
                conditions.visitor.rule_ends(index, false, true);
                continue;
            }
            let terms = if terms == NONE { None } else { Some(ruleset.terms(terms)?) };
            let seed = u32::from_unaligned(rule.seed);
            let splits = Range::from_unaligned(rule.splits);
            let rollout = terms.as_ref().filter(|terms| terms.are(Terms::ROLLOUT));
            let by_attribute = terms.as_ref().filter(|terms| terms.bucket_by.len > 0);
            let targeting_key = self.context.targeting_key();
            if targeting_key.is_none() && by_attribute.is_none() && (rollout.is_some() || splits.len != 1) {
                return Err(Fault::of(FaultKind::NoTargetingKey));
            }
            let targeting_key = targeting_key.unwrap_or_default();
            let mut number = ryu_js::Buffer::new();
            let bucket_key = match by_attribute {
                Some(terms) => ruleset.bucket_key(terms, self.context, &mut number),
                None => targeting_key,
            };
            spend(conditions.steps, str_steps(bucket_key))?;
            let included = match rollout {
                Some(rollout) => {
                    spend(conditions.steps, rollout.stages.len)?;
                    ruleset.includes(rollout, seed, bucket_key, self.now)?
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
            spend(conditions.steps, splits.len)?;
            let key = &mut self.key;
            let variant = ruleset.split(splits, Range::from_unaligned(record.variants), || {
                bounded(match by_attribute {
                    Some(_) => murmur3(bucket_key.as_bytes(), seed),
                    None => key.get_or_insert_with(|| Prepared::new(targeting_key.as_bytes())).hash(seed),
                })
            })?;
            let split = splits.len != 1 || terms.is_some_and(|terms| terms.are(Terms::MENTIONED));
            let reason = if split { Reason::Split } else { Reason::TargetingMatch };
            return self.complete(Choice { decision, rule: Some(index), variant, reason }).map(Some);
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
    match budget.checked_sub(steps) {
        None | Some(0) => {
            *budget = 0;
            Err(Fault::of(FaultKind::TooComplex))
        }
        Some(left) => {
            *budget = left;
            Ok(())
        }
    }
}

const fn decided<'r>(value: FlagValue<'r>, choice: Choice) -> Decision<'r> {
    Decision { value: Some(value), reason: choice.reason, choice: Some(choice), fault: None }
}
