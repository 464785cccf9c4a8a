//! Whether a rule's conditions hold.

use zerovec::ule::AsULE as _;

use super::condition::{Comparator, ConditionView, Test};
use super::decide::spend;
use super::visitor::Visitor;
use super::{BYTES_PER_STEP, Fault, FaultKind, MAX_DEPTH, str_steps, text_steps};
use crate::context::{Context, Scope};
use crate::snapshot::Ruleset;
use crate::snapshot::layout::{Condition, ConditionULE, NONE, Range, Text};
use crate::snapshot::view::{at, records};
use crate::value::Value;

/// What one decision's conditions are evaluated with.
pub(super) struct Conditions<'r, 'c, V> {
    pub ruleset: &'r Ruleset<'r>,
    pub context: &'c Context<'c>,
    /// The decision's own id and whether it admits users who ask.
    pub decision_id: Text,
    pub opt_in: bool,
    /// What is left of the session's budget.
    pub steps: &'c mut u32,
    pub visitor: &'c mut V,
    /// Why evaluation was [`Stopped`].
    pub fault: Fault<'r>,
}

/// A condition cannot be evaluated, for the reason that [`Conditions::fault`] tells: apart, as results of one byte are handed up much faster
/// through a tree than results that hold the reason.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stopped;

impl<'r, 'c, V: Visitor> Conditions<'r, 'c, V> {
    /// Whether the condition at `index` holds.
    pub fn hold(&mut self, index: u32, depth: u32, last: bool) -> Result<bool, Stopped> {
        let record = self.enter(index, depth)?;
        if V::WATCHES {
            let seen = Condition::from_unaligned(*record);
            // Who watches may read it.
            self.spend(text_steps(self.ruleset.text_len(seen.name)))?;
            let view = ConditionView { ruleset: self.ruleset, record: seen, depth, last };
            self.visitor.condition_begins(&view);
            let passed = self.test(record, depth)?;
            self.visitor.condition_ends(&view, passed);
            return Ok(passed);
        }
        self.test(record, depth)
    }

    /// The condition at `index`, paid for. It is read where it lies: most conditions need few of its fields.
    #[inline(always)]
    fn enter(&mut self, index: u32, depth: u32) -> Result<&'r ConditionULE, Stopped> {
        let Some(record) = at(&self.ruleset.tables.conditions, index) else {
            return Err(self.stop(Fault::of(FaultKind::Corrupt)));
        };
        self.spend(1)?;
        if depth > MAX_DEPTH {
            return Err(self.stop(Fault::of(FaultKind::TooComplex)));
        }
        Ok(record)
    }

    #[cold]
    fn stop(&mut self, fault: Fault<'r>) -> Stopped {
        self.fault = fault;
        Stopped
    }

    #[cold]
    #[inline(never)]
    fn invalid(&mut self, condition: &ConditionULE) -> Stopped {
        let subject = self.ruleset.text(Text::from_unaligned(condition.name));
        self.stop(Fault { kind: FaultKind::InvalidCondition, subject })
    }

    /// Takes `steps` from the budget.
    #[inline(always)]
    fn spend(&mut self, steps: u32) -> Result<(), Stopped> {
        spend(self.steps, steps).map_err(|fault| self.stop(fault))
    }

    fn test(&mut self, condition: &'r ConditionULE, depth: u32) -> Result<bool, Stopped> {
        const ALWAYS: u8 = Test::Always as u8;
        const UNNAMED: u8 = Test::CustomUnnamed as u8;
        const ALL_OF: u8 = Test::AllOf as u8;
        const IMPLIED: u8 = Test::AllOfImplied as u8;
        const ANY_OF: u8 = Test::AnyOf as u8;
        const SEGMENTS: u8 = Test::Segments as u8;
        const OPTED_IN: u8 = Test::OptedIn as u8;
        const TARGETING_KEY: u8 = Test::TargetingKey as u8;
        const PROFILE_STRING: u8 = Test::ProfileString as u8;
        const PROFILE_VERSION: u8 = Test::ProfileVersion as u8;
        const CUSTOM_ANY: u8 = Test::CustomAny as u8;
        const INVALID: u8 = Test::Invalid as u8;

        let (mut condition, mut depth) = (condition, depth);
        loop {
            // Numbers instead of a `Test`: what none of them is needs no look of its own.
            return Ok(match condition.test {
                ALL_OF | IMPLIED | ANY_OF => {
                    let children = Range::from_unaligned(condition.operands);
                    if !V::WATCHES && children.len == 1 {
                        // A group of one holds where that one does.
                        depth = depth.saturating_add(1);
                        condition = self.enter(children.start, depth)?;
                        continue;
                    }
                    self.children(children, depth, condition.test == ANY_OF)?
                }
                TARGETING_KEY => self.string(condition, self.context.targeting_key())?,
                PROFILE_STRING => self.string(condition, self.profile(condition))?,
                PROFILE_VERSION => {
                    let subject = self.profile(condition);
                    self.pay(condition, subject)?;
                    self.ruleset.compare_version(condition, subject)
                }
                CUSTOM_ANY => {
                    let value = match self.attribute(condition, Scope::Private) {
                        None => self.attribute(condition, Scope::Custom),
                        value => value,
                    };
                    self.pay(condition, text(value))?;
                    self.ruleset.compare_any(condition, value)
                }
                SEGMENTS => self.segments(condition, depth)?,
                OPTED_IN => self.opted_in()?,
                ALWAYS | UNNAMED => true,
                INVALID => return Err(self.invalid(condition)),
                _ => false,
            });
        }
    }

    /// A string rule.
    #[inline(always)]
    fn string(&mut self, condition: &ConditionULE, subject: Option<&str>) -> Result<bool, Stopped> {
        self.pay(condition, subject)?;
        Ok(match subject {
            // What is asked most.
            Some(subject) if condition.comparator == Comparator::Equal as u8 => {
                self.ruleset.equals_any(condition, subject)
            }
            subject => self.ruleset.compare_string(condition, subject),
        })
    }

    /// Pays for a comparison with the operands.
    #[inline(always)]
    fn pay(&mut self, condition: &ConditionULE, subject: Option<&str>) -> Result<(), Stopped> {
        self.spend(Range::from_unaligned(condition.operands).len)?;
        let longest = subject.map_or(0, str::len) | usize::from(Text::from_unaligned(condition.name).len);
        if longest < BYTES_PER_STEP as usize { Ok(()) } else { self.pay_for_text(condition, subject) }
    }

    /// Every operand may read all of a long subject. The attribute's name is read before them.
    #[inline(never)]
    fn pay_for_text(&mut self, condition: &ConditionULE, subject: Option<&str>) -> Result<(), Stopped> {
        let operands = Range::from_unaligned(condition.operands).len.max(1);
        let steps = subject.map_or(0, str_steps).saturating_mul(operands);
        let name = self.ruleset.text_len(Text::from_unaligned(condition.name));
        self.spend(steps.saturating_add(text_steps(name)))
    }

    #[inline(always)]
    fn profile(&self, condition: &ConditionULE) -> Option<&'c str> {
        text(self.attribute(condition, Scope::Profile))
    }

    /// The attribute that is tested.
    #[inline(always)]
    fn attribute(&self, condition: &ConditionULE, scope: Scope) -> Option<&'c Value<'c>> {
        let hash = u32::from_unaligned(condition.name_hash);
        match self.ruleset.short(Text::from_unaligned(condition.name)) {
            Some(name) => self.context.find(hash, scope, name),
            None => self.long_attribute(condition, scope),
        }
    }

    /// Apart, so that the names of nearly all stay out of memory.
    #[cold]
    #[inline(never)]
    fn long_attribute(&self, condition: &ConditionULE, scope: Scope) -> Option<&'c Value<'c>> {
        let name = self.ruleset.bytes(Text::from_unaligned(condition.name));
        self.context.find(u32::from_unaligned(condition.name_hash), scope, name)
    }

    /// Until one decides: `decisive` for any-of, its opposite for all-of. No children: false.
    #[inline(always)]
    fn children(&mut self, range: Range, depth: u32, decisive: bool) -> Result<bool, Stopped> {
        let end = range.start.saturating_add(range.len);
        for child in range.start..end {
            let last = child.saturating_add(1) == end;
            if self.hold(child, depth.saturating_add(1), last)? == decisive {
                return Ok(decisive);
            }
        }
        Ok(range.len > 0 && !decisive)
    }

    /// In order: an unknown segment ends it as false, whatever is asked; the first that matches decides.
    fn segments(&mut self, condition: &ConditionULE, depth: u32) -> Result<bool, Stopped> {
        if condition.has_operands == 0 {
            return Ok(false);
        }
        let wanted = Comparator::from_u8(condition.comparator);
        for root in records(&self.ruleset.tables.segments, Range::from_unaligned(condition.operands)) {
            if root == NONE {
                return Ok(false);
            }
            if self.hold(root, depth.saturating_add(1), true)? {
                return Ok(wanted == Comparator::Equal);
            }
        }
        Ok(wanted == Comparator::NotEqual)
    }

    #[inline(never)]
    fn opted_in(&mut self) -> Result<bool, Stopped> {
        if !self.opt_in {
            return Ok(false);
        }
        let id = self.ruleset.bytes(self.decision_id);
        self.spend(text_steps(self.ruleset.text_len(self.decision_id)))?;
        let hash = crate::context::attribute_hash(id);
        Ok(self.context.find(hash, Scope::OptIn, id).is_some_and(Value::is_truthy))
    }
}

/// The text that a value is.
#[inline(always)]
fn text<'v>(value: Option<&'v Value<'_>>) -> Option<&'v str> {
    match value {
        Some(Value::String(text)) => Some(text),
        _ => None,
    }
}
