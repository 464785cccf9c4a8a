//! From a flag to its decision.

use std::fmt;

use super::condition::Conditions;
use super::rollout::bounded;
use super::visitor::{NoVisitor, Visitor};
use super::{MAX_STEPS, Timestamp, str_steps};
use crate::context::Context;
use crate::hash::Murmur3;
use crate::snapshot::view::records;
use crate::snapshot::{FlagIndex, FlagValue, Ruleset};

/// Why a flag has the value it has. The words are OpenFeature's, with DevCycle's `OVERRIDE` added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// A rule matched, and everyone it matches gets this variant.
    TargetingMatch,
    /// A rule matched, and the user's key chose among several variants or a rollout.
    Split,
    /// Nobody is targeted: everyone gets this variant.
    Static,
    /// No rule wants this user: the flag's default variant, or the application's own default, applies.
    Default,
    /// The flag is switched off: the application's own default applies.
    Disabled,
    /// A person chose this variant for this user.
    Override,
    /// The flag could not be decided; [`Decision::fault`] says why.
    Error,
}

impl Reason {
    /// As it goes over the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TargetingMatch => "TARGETING_MATCH",
            Self::Split => "SPLIT",
            Self::Static => "STATIC",
            Self::Default => "DEFAULT",
            Self::Disabled => "DISABLED",
            Self::Override => "OVERRIDE",
            Self::Error => "ERROR",
        }
    }
}

/// What is wrong with a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// The source of this decision was unusable; the subject says how.
    Broken,
    /// A rollout by stages has no starting percentage.
    InvalidRollout,
    /// The user's hash falls outside of every entry of the distribution.
    NoVariant,
    /// The distribution names a variant that does not exist.
    MissingVariant,
    /// The variant sets a flag that does not exist.
    MissingFlag,
    /// A condition that means nothing.
    InvalidCondition,
    /// Targeting gives what is not the name of a variant.
    UnknownVariant,
    /// Nested too deep or too long to evaluate within the limits.
    TooComplex,
    /// The snapshot is damaged here.
    Corrupt,
}

/// Why a decision could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault<'r> {
    /// What is wrong.
    pub kind: FaultKind,
    /// The id at fault, or the sentence that says how a source is broken.
    pub subject: &'r str,
}

/// OpenFeature's error codes, as far as an evaluator gives them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// There is no flag with this key.
    FlagNotFound,
    /// The flag's source is unusable.
    ParseError,
    /// The context is not a JSON object.
    InvalidContext,
    /// Anything else.
    General,
}

impl ErrorCode {
    /// As it goes over the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FlagNotFound => "FLAG_NOT_FOUND",
            Self::ParseError => "PARSE_ERROR",
            Self::InvalidContext => "INVALID_CONTEXT",
            Self::General => "GENERAL",
        }
    }
}

impl Fault<'_> {
    /// What OpenFeature calls this.
    #[must_use]
    pub const fn error_code(&self) -> ErrorCode {
        match self.kind {
            FaultKind::Broken | FaultKind::InvalidCondition => ErrorCode::ParseError,
            _ => ErrorCode::General,
        }
    }

    pub(super) const fn of(kind: FaultKind) -> Self {
        Self { kind, subject: "" }
    }
}

impl fmt::Display for Fault<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subject = self.subject;
        match self.kind {
            FaultKind::Broken => f.write_str(subject),
            FaultKind::InvalidRollout => f.write_str("a rollout by stages has no starting percentage"),
            FaultKind::NoVariant => f.write_str("the percentages do not cover this user"),
            FaultKind::MissingVariant => write!(f, "the variant `{subject}` does not exist"),
            FaultKind::MissingFlag => write!(f, "the flag with id `{subject}` does not exist"),
            FaultKind::InvalidCondition => write!(f, "a condition means nothing: {subject}"),
            FaultKind::UnknownVariant => f.write_str("targeting gives what is not the name of a variant"),
            FaultKind::TooComplex => f.write_str("the conditions nest too deep or are too many"),
            FaultKind::Corrupt => f.write_str("the snapshot is damaged"),
        }
    }
}

/// The outcome of a decision over variants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The decision, by its place in the ruleset.
    pub decision: u32,
    /// The rule that won; `None` for an override, and where a targeting expression decides.
    pub rule: Option<u32>,
    /// The variant chosen.
    pub variant: u32,
    /// Why.
    pub reason: Reason,
}

/// One flag, decided.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decision<'r> {
    /// The value; `None` means the application's own default.
    pub value: Option<FlagValue<'r>>,
    /// Why.
    pub reason: Reason,
    /// Which decision, rule and variant it came from.
    pub choice: Option<Choice>,
    /// What went wrong, where the reason is [`Reason::Error`].
    pub fault: Option<Fault<'r>>,
}

/// More variants than anyone chooses by hand for one user; each costs a walk over the decisions.
const MAX_OVERRIDES: usize = 64;

/// Variants chosen by hand: decision id → variant id, applied over everything else in this order, the last one winning.
pub type Overrides<'o> = [(&'o str, &'o str)];

/// One context's decisions at one moment. All of them share one budget of [`MAX_STEPS`], so that neither a hostile ruleset nor a
/// large selection of its flags can hold a worker.
#[derive(Debug)]
pub struct Session<'r, 'c> {
    pub(super) ruleset: &'r Ruleset<'r>,
    pub(super) context: &'c Context<'c>,
    pub(super) now: Timestamp,
    overrides: &'c Overrides<'c>,
    pub(super) steps: u32,
}

impl<'a> Ruleset<'a> {
    /// Starts deciding for `context` at `now`.
    #[must_use]
    pub const fn session<'r, 'c>(&'r self, context: &'c Context<'c>, now: Timestamp) -> Session<'r, 'c> {
        Session { ruleset: self, context, now, overrides: &[], steps: MAX_STEPS }
    }

    /// Decides one flag. Allocates nothing, whatever the flag's type.
    #[must_use]
    pub fn evaluate(&self, flag: FlagIndex, context: &Context<'_>, now: Timestamp) -> Decision<'_> {
        self.session(context, now).evaluate(flag, &mut NoVisitor)
    }

    fn assigned(&self, variant: u32, flag: FlagIndex) -> Option<FlagValue<'_>> {
        let range = self.tables.variants.get(variant as usize)?.assignments;
        let assignment = records(&self.tables.assignments, range).filter(|a| a.flag == flag.0).last()?;
        self.value(self.tables.values.get(assignment.value as usize)?)
    }

    /// A variant counts only if every flag it sets exists.
    fn complete(&self, choice: Choice) -> Result<Choice, Fault<'_>> {
        let variant = self.tables.variants.get(choice.variant as usize).ok_or_else(|| Fault::of(FaultKind::Corrupt))?;
        if variant.incomplete == 0 {
            return Ok(choice);
        }
        Err(Fault { kind: FaultKind::MissingFlag, subject: self.text(variant.missing_flag) })
    }

    /// Where the decision with this id stands, and its variant with that id.
    fn overridden(&self, decision: &str, variant: &str) -> Option<(u32, u32)> {
        let (at, record) =
            (0..).zip(self.tables.decisions.iter()).find(|(_, d)| self.bytes(d.id) == decision.as_bytes())?;
        let known = u32::try_from(self.tables.variants.len()).unwrap_or(0);
        let first = record.variants.start;
        let chosen = (first..first.saturating_add(record.variants.len).min(known)).find(|&at| {
            self.tables.variants.get(at as usize).is_some_and(|v| self.bytes(v.id) == variant.as_bytes())
        })?;
        Some((at, chosen))
    }
}

impl<'r> Session<'r, '_> {
    /// Applies variants chosen by hand.
    #[must_use]
    pub const fn with_overrides<'c>(self, overrides: &'c Overrides<'c>) -> Session<'r, 'c>
    where
        Self: 'c,
    {
        Session { ruleset: self.ruleset, context: self.context, now: self.now, overrides, steps: self.steps }
    }

    /// The variants chosen by hand, in the order given: each with its decision, or what is wrong with it. Decisions and variants that do
    /// not exist are passed over.
    pub fn overrides(&self) -> impl DoubleEndedIterator<Item = Result<Choice, Fault<'r>>> {
        let ruleset = self.ruleset;
        self.overrides.iter().take(MAX_OVERRIDES).filter_map(move |(decision, variant)| {
            let (decision, variant) = ruleset.overridden(decision, variant)?;
            Some(ruleset.complete(Choice { decision, rule: None, variant, reason: Reason::Override }))
        })
    }

    /// Decides one flag, with someone watching.
    pub fn evaluate<V: Visitor>(&mut self, flag: FlagIndex, visitor: &mut V) -> Decision<'r> {
        let ruleset = self.ruleset;
        let mut fault = None;
        let mut disabled = false;
        for chosen in self.overrides().rev() {
            match chosen {
                Ok(choice) => {
                    if let Some(value) = ruleset.assigned(choice.variant, flag) {
                        return Decision {
                            value: Some(value),
                            reason: choice.reason,
                            choice: Some(choice),
                            fault: None,
                        };
                    }
                }
                Err(found) => fault = fault.or(Some(found)),
            }
        }
        for decision in ruleset.setters(flag) {
            match self.decide(decision, visitor) {
                Ok(Some(choice)) => {
                    if let Some(value) = ruleset.assigned(choice.variant, flag) {
                        if let Err(found) = self.spend(value_steps(&value)) {
                            fault = fault.or(Some(found));
                            break;
                        }
                        return Decision {
                            value: Some(value),
                            reason: choice.reason,
                            choice: Some(choice),
                            fault: None,
                        };
                    }
                }
                Ok(None) => {
                    disabled = ruleset.tables.decisions.get(decision as usize).is_some_and(|d| d.disabled != 0);
                }
                // Breaks only itself: a decision with less of a say may still set the flag.
                Err(found) => {
                    fault = fault.or(Some(found));
                    if self.steps == 0 {
                        break;
                    }
                }
            }
        }
        let reason = match fault {
            Some(_) => Reason::Error,
            None if disabled => Reason::Disabled,
            None => Reason::Default,
        };
        Decision { value: None, reason, choice: None, fault }
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
            // Whoever asked will go through them.
            Ok(Some(choice)) => {
                let assignments = self.ruleset.tables.variants.get(choice.variant as usize).map(|v| v.assignments.len);
                self.spend(assignments.unwrap_or(0))?;
            }
            Ok(None) => {}
            // Reading a subject checks its text.
            Err(fault) => self.spend(str_steps(fault.subject))?,
        }
        made
    }

    fn choose<V: Visitor>(&mut self, decision: u32, visitor: &mut V) -> Result<Option<Choice>, Fault<'r>> {
        let ruleset = self.ruleset;
        let record = ruleset.tables.decisions.get(decision as usize).ok_or_else(|| Fault::of(FaultKind::Corrupt))?;
        if record.broken.len > 0 {
            return Err(Fault { kind: FaultKind::Broken, subject: ruleset.text(record.broken) });
        }
        if record.targeted != 0 {
            return self.target(decision, &record, visitor);
        }
        let meta = &ruleset.tables.meta;
        let mut conditions = Conditions {
            ruleset,
            context: self.context,
            decision_id: ruleset.bytes(record.id),
            opt_in: meta.opt_in && record.opt_in != 0,
            steps: &mut self.steps,
            visitor,
        };
        for index in record.rules.start..record.rules.start.saturating_add(record.rules.len) {
            let rule = ruleset.tables.rules.get(index as usize).ok_or_else(|| Fault::of(FaultKind::Corrupt))?;
            conditions.visitor.rule_begins(index);
            let matched = conditions.hold(rule.condition, 0, true)?;
            let rollout = ruleset.rollout(&rule)?;
            let mut number = ryu_js::Buffer::new();
            let bucket_key = if matched { ruleset.bucket_key(&rule, self.context, &mut number) } else { "" };
            conditions.spend(str_steps(bucket_key))?;
            let mut hash = Murmur3::new(rule.seed);
            hash.update(bucket_key.as_bytes());
            let included = match rollout {
                // Even where the conditions do not hold: an invalid rollout is a fault for everyone, as in the reference.
                Some(rollout) if matched || rollout.is_invalid() => {
                    conditions.spend(rollout.stages.len)?;
                    ruleset.includes(&rollout, hash, self.now)?
                }
                _ => true,
            };
            conditions.visitor.rule_ends(index, matched, included);
            if !matched {
                continue;
            }
            if !included {
                if meta.rollout_is_final {
                    return Ok(None);
                }
                continue;
            }
            conditions.spend(rule.splits.len)?;
            let variant = ruleset.split(rule.splits, bounded(hash.finish()))?;
            let split = rule.split_count != 1 || rule.mentions_rollout != 0;
            let reason = if split { Reason::Split } else { Reason::TargetingMatch };
            return ruleset.complete(Choice { decision, rule: Some(index), variant, reason }).map(Some);
        }
        Ok(None)
    }

    /// Takes `steps` from the budget.
    fn spend(&mut self, steps: u32) -> Result<(), Fault<'r>> {
        spend(&mut self.steps, steps)
    }
}

/// Takes `steps` from `budget`: a fault where it ends.
pub(super) fn spend<'r>(budget: &mut u32, steps: u32) -> Result<(), Fault<'r>> {
    *budget = budget.saturating_sub(steps);
    if *budget == 0 { Err(Fault::of(FaultKind::TooComplex)) } else { Ok(()) }
}

/// What reading a value costs: its text is checked, and will be copied.
fn value_steps(value: &FlagValue<'_>) -> u32 {
    match value {
        FlagValue::Boolean(_) => 0,
        FlagValue::String(text) | FlagValue::Structure(text) | FlagValue::Number { text, .. } => str_steps(text),
    }
}
