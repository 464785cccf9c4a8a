//! Whether a rule's conditions hold.

use super::condition::{Comparator, ConditionView, Test};
use super::decide::spend;
use super::visitor::Visitor;
use super::{Fault, FaultKind, MAX_DEPTH, str_steps, text_steps};
use crate::context::{Context, Scope};
use crate::snapshot::Ruleset;
use crate::snapshot::layout::{Condition, NONE, Range, Text};
use crate::snapshot::view::{records, row};
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
        let mut depth = depth;
        let mut record = self.enter(index, depth)?;
        // A group of one holds where that one does.
        while !V::WATCHES && record.operands.len == 1 && Test::from_u8(record.test).is_group() {
            depth = depth.saturating_add(1);
            record = self.enter(record.operands.start, depth)?;
        }
        let view = ConditionView { ruleset: self.ruleset, record, depth, last };
        self.visitor.condition_begins(&view);
        let passed = self.test(&record, depth)?;
        self.visitor.condition_ends(&view, passed);
        Ok(passed)
    }

    /// The condition at `index`, paid for.
    #[inline(always)]
    fn enter(&mut self, index: u32, depth: u32) -> Result<Condition, Stopped> {
        let Some(record) = row(&self.ruleset.tables.conditions, index) else {
            return Err(self.stop(Fault::of(FaultKind::Corrupt)));
        };
        self.spend(record.operands.len.saturating_add(1))?;
        if record.name.len == Text::LONG {
            self.spend(text_steps(self.ruleset.text_len(record.name)))?;
        }
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

    /// Takes `steps` from the budget.
    #[inline(always)]
    fn spend(&mut self, steps: u32) -> Result<(), Stopped> {
        spend(self.steps, steps).map_err(|fault| self.stop(fault))
    }

    fn test(&mut self, condition: &Condition, depth: u32) -> Result<bool, Stopped> {
        Ok(match Test::from_u8(condition.test) {
            Test::Never => false,
            Test::Always | Test::CustomUnnamed => true,
            Test::AllOf | Test::AllOfImplied => self.children(condition.operands, depth, false)?,
            Test::AnyOf => self.children(condition.operands, depth, true)?,
            Test::Segments => self.segments(condition, depth)?,
            Test::OptedIn => self.opted_in()?,
            test @ (Test::TargetingKey | Test::ProfileString | Test::ProfileVersion) => {
                let subject =
                    if test == Test::TargetingKey { self.context.targeting_key() } else { self.profile(condition) };
                self.spend_on_text(condition, subject)?;
                if test == Test::ProfileVersion {
                    self.ruleset.compare_version(condition, subject)
                } else {
                    self.ruleset.compare_string(condition, subject)
                }
            }
            Test::CustomAny => {
                let name = self.ruleset.bytes(condition.name);
                let value = [Scope::Private, Scope::Custom]
                    .into_iter()
                    .find_map(|scope| self.context.find(condition.name_hash, scope, name));
                self.spend_on_text(condition, value.and_then(Value::as_str))?;
                self.ruleset.compare_any(condition, value)
            }
            Test::Invalid => {
                let subject = self.ruleset.text(condition.name);
                return Err(self.stop(Fault { kind: FaultKind::InvalidCondition, subject }));
            }
        })
    }

    /// Every operand may read all of a long subject.
    #[inline(always)]
    fn spend_on_text(&mut self, condition: &Condition, subject: Option<&str>) -> Result<(), Stopped> {
        match subject.map_or(0, str_steps) {
            0 => Ok(()),
            steps => self.spend(steps.saturating_mul(condition.operands.len.max(1))),
        }
    }

    #[inline(always)]
    fn profile(&self, condition: &Condition) -> Option<&'c str> {
        self.context
            .find(condition.name_hash, Scope::Profile, self.ruleset.bytes(condition.name))
            .and_then(Value::as_str)
    }

    /// Until one decides: `decisive` for any-of, its opposite for all-of. No children: false.
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
    fn segments(&mut self, condition: &Condition, depth: u32) -> Result<bool, Stopped> {
        if condition.has_operands == 0 {
            return Ok(false);
        }
        let wanted = Comparator::from_u8(condition.comparator);
        for root in records(&self.ruleset.tables.segments, condition.operands) {
            if root == NONE {
                return Ok(false);
            }
            if self.hold(root, depth.saturating_add(1), true)? {
                return Ok(wanted == Comparator::Equal);
            }
        }
        Ok(wanted == Comparator::NotEqual)
    }

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
