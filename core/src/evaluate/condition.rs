//! Evaluating a rule's conditions.

use super::decide::spend;
use super::visitor::Visitor;
use super::{Fault, FaultKind, MAX_DEPTH, str_steps, text_steps};
use crate::context::{Context, Scope};
use crate::snapshot::Ruleset;
use crate::snapshot::layout::{Condition, NONE, Range};
use crate::snapshot::view::{records, row};
use crate::value::Value;

/// What a condition tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Test {
    /// Nothing: false.
    Never = 0,
    /// Nothing: true.
    Always = 1,
    /// All children hold. (None: false.)
    AllOf = 2,
    /// As [`AllOf`](Self::AllOf), where the source did not say so in as many words: it differs in how reasons are worded.
    AllOfImplied = 3,
    /// Some child holds.
    AnyOf = 4,
    /// The user is (or is not) in one of the segments.
    Segments = 5,
    /// The user asked to be part of this decision.
    OptedIn = 6,
    /// The targeting key, as a string.
    TargetingKey = 7,
    /// A profile attribute, as a string.
    ProfileString = 8,
    /// A profile attribute, as a version.
    ProfileVersion = 9,
    /// A private or custom attribute of any type.
    CustomAny = 10,
    /// The source is unusable here: evaluating it is a fault.
    Invalid = 11,
    /// A custom attribute whose name the source does not tell: true.
    CustomUnnamed = 12,
}

impl Test {
    pub(crate) const fn from_u8(test: u8) -> Self {
        match test {
            1 => Self::Always,
            2 => Self::AllOf,
            3 => Self::AllOfImplied,
            4 => Self::AnyOf,
            5 => Self::Segments,
            6 => Self::OptedIn,
            7 => Self::TargetingKey,
            8 => Self::ProfileString,
            9 => Self::ProfileVersion,
            10 => Self::CustomAny,
            11 => Self::Invalid,
            12 => Self::CustomUnnamed,
            _ => Self::Never,
        }
    }

    /// Whether this test combines children.
    #[must_use]
    pub const fn is_group(self) -> bool {
        matches!(self, Self::AllOf | Self::AllOfImplied | Self::AnyOf)
    }
}

/// How an attribute is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Comparator {
    /// A word that no rule knows, or none.
    Other = 0,
    /// `=`
    Equal = 1,
    /// `!=`
    NotEqual = 2,
    /// `>`
    Greater = 3,
    /// `>=`
    GreaterOrEqual = 4,
    /// `<`
    Less = 5,
    /// `<=`
    LessOrEqual = 6,
    /// There is a value.
    Exists = 7,
    /// There is none.
    NotExists = 8,
    /// Substring.
    Contains = 9,
    /// No substring.
    NotContains = 10,
    /// Prefix.
    StartsWith = 11,
    /// No prefix.
    NotStartsWith = 12,
    /// Suffix.
    EndsWith = 13,
    /// No suffix.
    NotEndsWith = 14,
}

impl Comparator {
    const ALL: [Self; 15] = [
        Self::Other,
        Self::Equal,
        Self::NotEqual,
        Self::Greater,
        Self::GreaterOrEqual,
        Self::Less,
        Self::LessOrEqual,
        Self::Exists,
        Self::NotExists,
        Self::Contains,
        Self::NotContains,
        Self::StartsWith,
        Self::NotStartsWith,
        Self::EndsWith,
        Self::NotEndsWith,
    ];

    pub(crate) fn from_u8(comparator: u8) -> Self {
        Self::ALL.get(usize::from(comparator)).copied().unwrap_or(Self::Other)
    }

    /// In words, for explanations.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Other => "is a string",
            Self::Equal => "is one of",
            Self::NotEqual => "is none of",
            Self::Greater => "is greater than",
            Self::GreaterOrEqual => "is at least",
            Self::Less => "is less than",
            Self::LessOrEqual => "is at most",
            Self::Exists => "exists",
            Self::NotExists => "does not exist",
            Self::Contains => "contains",
            Self::NotContains => "does not contain",
            Self::StartsWith => "starts with",
            Self::NotStartsWith => "does not start with",
            Self::EndsWith => "ends with",
            Self::NotEndsWith => "does not end with",
        }
    }
}

/// Bits of a version condition: which orderings of user and operand satisfy it.
pub(crate) mod order {
    pub const EQUAL: u8 = 1;
    pub const GREATER: u8 = 2;
    pub const LESS: u8 = 4;
}

/// A condition, as a [`Visitor`] sees it.
#[derive(Clone, Copy, Debug)]
pub struct ConditionView<'r> {
    pub(crate) ruleset: &'r Ruleset<'r>,
    pub(crate) record: Condition,
    /// Directly below the root, or the root itself, of a rule's or segment's conditions…
    depth: u32,
    /// …and whether it is the last child of its parent.
    last: bool,
}

impl<'r> ConditionView<'r> {
    /// What is tested.
    #[must_use]
    pub const fn test(&self) -> Test {
        Test::from_u8(self.record.test)
    }
    /// How.
    #[must_use]
    pub fn comparator(&self) -> Comparator {
        Comparator::from_u8(self.record.comparator)
    }
    /// The name of the attribute tested, if one is.
    #[must_use]
    pub fn attribute(&self) -> &'r str {
        self.ruleset.text(self.record.name)
    }
    /// The values compared with, as JSON. (Versions as prepared for comparing.)
    pub fn operands(&self) -> impl Iterator<Item = String> {
        let range = if self.test().is_group() || self.test() == Test::Segments {
            Range::default()
        } else {
            self.record.operands
        };
        records(&self.ruleset.tables.operands, range).map(|operand| {
            if operand.kind == crate::snapshot::LiteralKind::Version as u8 {
                let range = Range { start: operand.text.start, len: operand.text.len };
                let parts: Vec<String> =
                    records(&self.ruleset.tables.parts, range).map(|part| part.to_string()).collect();
                return parts.join(".");
            }
            let mut json = String::new();
            if let Some(value) = self.ruleset.value(operand) {
                value.write_json(&mut json);
            }
            json
        })
    }
    /// How deep in the rule this stands; a rule's root is at 0.
    #[must_use]
    pub const fn depth(&self) -> u32 {
        self.depth
    }
    /// Whether it is the last child of its parent.
    #[must_use]
    pub const fn is_last(&self) -> bool {
        self.last
    }
}

/// What one decision's conditions are evaluated with.
pub(super) struct Conditions<'r, 'c, V> {
    pub ruleset: &'r Ruleset<'r>,
    pub context: &'c Context<'c>,
    /// The decision's own id and whether it admits users who ask.
    pub decision_id: &'r [u8],
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
        self.spend(record.operands.len.saturating_add(1).saturating_add(text_steps(record.name.len)))?;
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
        self.spend(text_steps(u32::try_from(self.decision_id.len()).unwrap_or(u32::MAX)))?;
        let hash = crate::context::attribute_hash(self.decision_id);
        Ok(self.context.find(hash, Scope::OptIn, self.decision_id).is_some_and(Value::is_truthy))
    }
}
