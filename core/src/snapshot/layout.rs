//! The tables of a snapshot: flat records that refer to each other by index, read where they lie.
//!
//! Every bit pattern of a record is valid, so opening checks nothing but lengths; a reference that leads nowhere is noticed
//! when it is followed ([`FaultKind::Corrupt`](crate::FaultKind)). Change a record here and [`FORMAT`] with it.

#![allow(missing_docs)]

use serde::{Deserialize, Serialize};
use zerovec::{ZeroVec, make_ule};

pub use super::text::Text;

/// First bytes of every snapshot. No JSON document begins with them.
pub const MAGIC: [u8; 6] = *b"\x7fJKSTF";

/// The version of the tables below. A snapshot of another version is refused: compile it again.
pub const FORMAT: u16 = 4;

/// An index that refers to nothing.
pub const NONE: u32 = u32::MAX;

/// Everything in a snapshot behind [`MAGIC`] and [`FORMAT`].
#[derive(Clone, Debug, Default, Serialize, Deserialize, yoke::Yokeable)]
pub struct Tables<'a> {
    pub meta: Meta,
    #[serde(borrow)]
    pub text: &'a [u8],
    #[serde(borrow)]
    pub flags: ZeroVec<'a, Flag>,
    /// Open addressing with linear probing over flag keys; a power of two long, at least twice as long as `flags`. A slot has the flag in the
    /// bits that say which slot it is, and the rest of the key's hash above them; [`NONE`] in an empty one.
    #[serde(borrow)]
    pub index: ZeroVec<'a, u32>,
    /// Per flag: the decisions that may set it, the one with the last word first.
    #[serde(borrow)]
    pub setters: ZeroVec<'a, u32>,
    #[serde(borrow)]
    pub decisions: ZeroVec<'a, Decision>,
    #[serde(borrow)]
    pub rules: ZeroVec<'a, Rule>,
    #[serde(borrow)]
    pub terms: ZeroVec<'a, Terms>,
    #[serde(borrow)]
    pub stages: ZeroVec<'a, Stage>,
    #[serde(borrow)]
    pub splits: ZeroVec<'a, Split>,
    #[serde(borrow)]
    pub variants: ZeroVec<'a, Variant>,
    /// In the order of [`Missing::of`].
    #[serde(borrow)]
    pub missing: ZeroVec<'a, Missing>,
    #[serde(borrow)]
    pub assignments: ZeroVec<'a, Assignment>,
    #[serde(borrow)]
    pub conditions: ZeroVec<'a, Condition>,
    /// Values of flags, and what conditions compare with.
    #[serde(borrow)]
    pub literals: ZeroVec<'a, Literal>,
    /// Numbers among them, and the parts of versions.
    #[serde(borrow)]
    pub numbers: ZeroVec<'a, Number>,
    /// Root conditions of the segments which a condition refers to.
    #[serde(borrow)]
    pub segments: ZeroVec<'a, u32>,
    /// Targeting rules: every expression, the operands of one side by side.
    #[serde(borrow)]
    pub expressions: ZeroVec<'a, Expression>,
}

/// What concerns the whole ruleset.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Meta {
    pub dialect: u8,
    /// Orders this ruleset among its predecessors; 0 where nobody said.
    pub revision: u64,
    /// Of the source document: equal documents, equal digests.
    pub digest: u64,
    /// Users may ask to be part of a decision.
    pub opt_in: bool,
    /// A user who falls out of a rule's rollout is not offered the rules below it.
    pub rollout_is_final: bool,
    pub index_seed: u32,
    /// JSON objects of the source that are passed on as they are.
    pub project: Text,
    pub environment: Text,
    /// What the source says about the whole ruleset, as a JSON object of scalars.
    pub metadata: Text,
}

/// A run of records of another table.
#[make_ule(RangeULE)]
#[zerovec::skip_derive(Ord)]
#[derive(Clone, Copy, Debug, Serialize, Deserialize, Default, PartialEq, Eq)]
pub struct Range {
    pub start: u32,
    pub len: u32,
}

#[make_ule(FlagULE)]
#[zerovec::skip_derive(Ord)]
#[derive(Clone, Copy, Debug, Serialize, Deserialize, Default, PartialEq)]
pub struct Flag {
    pub key: Text,
    pub id: Text,
    /// [`ValueKind`](crate::ValueKind) as declared.
    pub kind: u8,
    /// DevCycle: further members of the flag's own JSON object, without braces. flagd: what the source says about the flag beside its value,
    /// as a JSON object of scalars. Empty where there is nothing.
    pub about: Text,
    pub setters: Range,
}

#[make_ule(DecisionULE)]
#[zerovec::skip_derive(Ord)]
#[derive(Clone, Copy, Debug, Serialize, Deserialize, Default, PartialEq)]
pub struct Decision {
    pub id: Text,
    pub key: Text,
    /// The dialect's word for what kind of decision this is.
    pub kind: Text,
    /// A JSON object of the source that is passed on, empty where there is none; of one that is [`BROKEN`](Self::BROKEN), how.
    pub note: Text,
    /// What is true of it, of the bits below.
    pub bits: u8,
    /// Of one that is [`TARGETED`](Self::TARGETED): see [`Decision::targeting`] and [`Decision::default_variant`].
    pub rules: Range,
    pub variants: Range,
}

impl Decision {
    /// Users may ask to be part of it.
    pub const OPT_IN: u8 = 1;
    /// It is decided by a targeting expression, not by rules.
    pub const TARGETED: u8 = 2;
    /// It is switched off.
    pub const DISABLED: u8 = 4;
    /// The source was unusable.
    pub const BROKEN: u8 = 8;

    /// Whether all of `bits` are true of it.
    #[inline(always)]
    pub const fn is(&self, bits: u8) -> bool {
        self.bits & bits == bits
    }

    /// Index into `expressions`, or [`NONE`].
    pub const fn targeting(&self) -> u32 {
        self.rules.start
    }

    /// The variant for everyone whom targeting does not place: an index into `variants`, or [`NONE`].
    pub const fn default_variant(&self) -> u32 {
        self.rules.len
    }
}

#[make_ule(RuleULE)]
#[zerovec::skip_derive(Ord)]
#[derive(Clone, Copy, Debug, Serialize, Deserialize, Default, PartialEq)]
pub struct Rule {
    pub id: Text,
    /// The hash seed of this rule, itself a hash of the id.
    pub seed: u32,
    pub condition: u32,
    /// Index into `terms`; [`NONE`] for nearly all.
    pub terms: u32,
    pub splits: Range,
}

/// What few rules have: a rollout, and an attribute to split users by.
#[make_ule(TermsULE)]
#[zerovec::skip_derive(Ord)]
#[derive(Clone, Copy, Debug, Serialize, Deserialize, Default, PartialEq)]
pub struct Terms {
    /// What is true of them, of the bits below.
    pub bits: u8,
    /// When the rollout starts, in milliseconds since the epoch; NaN compares false, as an invalid date does in JavaScript.
    pub start: f64,
    /// Fraction of users from `start` on; NaN where the source has none.
    pub percentage: f64,
    pub stages: Range,
    /// The attribute that users are split by; empty: the targeting key.
    pub bucket_by: Text,
    pub bucket_by_hash: u32,
}

impl Terms {
    /// There is a rollout.
    pub const ROLLOUT: u8 = 1;
    /// It is all or none from its start on; else by stages.
    pub const SCHEDULED: u8 = 2;
    /// The source has a rollout member, be it `null`: it shows in the reason.
    pub const MENTIONED: u8 = 4;

    /// Whether all of `bits` are true of them.
    #[inline(always)]
    pub const fn are(&self, bits: u8) -> bool {
        self.bits & bits == bits
    }
}

#[make_ule(StageULE)]
#[zerovec::skip_derive(Ord)]
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq)]
pub struct Stage {
    /// Milliseconds since the epoch.
    pub date: f64,
    pub percentage: f64,
    pub discrete: u8,
}

#[make_ule(SplitULE)]
#[zerovec::skip_derive(Ord)]
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq)]
pub struct Split {
    /// Sum of the fractions up to and with this one, added in the order of the walk.
    pub upto: f64,
    /// Which of the decision's variants, so that decisions have distributions in common; with the bit [`ABSENT`](Self::ABSENT), one that does
    /// not exist: see [`Missing::of`].
    pub variant: u32,
}

impl Split {
    /// The bit of those that the source names and does not have.
    pub const ABSENT: u32 = 1 << 31;
}

#[make_ule(VariantULE)]
#[zerovec::skip_derive(Ord)]
#[derive(Clone, Copy, Debug, Serialize, Deserialize, Default, PartialEq)]
pub struct Variant {
    pub id: Text,
    pub key: Text,
    pub name: Text,
    pub assignments: Range,
}

/// Something that the source refers to and does not have.
#[make_ule(MissingULE)]
#[zerovec::skip_derive(Ord)]
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq)]
pub struct Missing {
    /// The place of a variant, which sets a flag that does not exist; or what stands for a variant in [`Split::variant`].
    pub of: u32,
    /// The id of what does not exist.
    pub id: Text,
}

#[make_ule(AssignmentULE)]
#[zerovec::skip_derive(Ord)]
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq)]
pub struct Assignment {
    pub flag: u32,
    pub value: u32,
}

/// A value in the ruleset: of a flag, or compared with.
#[make_ule(LiteralULE)]
#[zerovec::skip_derive(Ord)]
#[derive(Clone, Copy, Debug, Serialize, Deserialize, Default, PartialEq)]
pub struct Literal {
    /// [`LiteralKind`](super::LiteralKind).
    pub kind: u8,
    /// The string itself; the JSON text of an object, a list or null; for a number, `start` is its place in `numbers`; for a version, a range
    /// of them, its parts.
    pub text: Text,
}

/// A number and its JSON text. Parts of versions have none.
#[make_ule(NumberULE)]
#[zerovec::skip_derive(Ord)]
#[derive(Clone, Copy, Debug, Serialize, Deserialize, Default, PartialEq)]
pub struct Number {
    pub number: f64,
    pub text: Text,
}

#[make_ule(ConditionULE)]
#[zerovec::skip_derive(Ord)]
#[derive(Clone, Copy, Debug, Serialize, Deserialize, Default, PartialEq)]
pub struct Condition {
    /// [`Test`](crate::evaluate::Test).
    pub test: u8,
    /// [`Comparator`](crate::evaluate::Comparator).
    pub comparator: u8,
    /// What the comparator text says about order, for versions; the kind of the first value, for custom attributes.
    pub detail: u8,
    /// 1: the source's values exist and are not all null.
    pub has_operands: u8,
    /// The attribute tested.
    pub name: Text,
    pub name_hash: u32,
    /// Children in `conditions`, values in `literals`, or references in `segments`, as the test has it.
    pub operands: Range,
}

/// One expression of a targeting rule.
#[make_ule(ExpressionULE)]
#[zerovec::skip_derive(Ord)]
#[derive(Clone, Copy, Debug, Serialize, Deserialize, Default, PartialEq)]
pub struct Expression {
    /// [`Operator`](crate::evaluate::Operator).
    pub operator: u8,
    /// Bits of [`detail`](crate::evaluate::detail).
    pub detail: u8,
    /// A literal's text; the first segment of a path, or all of it; a member's name.
    pub name: Text,
    /// The hash of `name`, where it is an attribute's; else [`Expression::upto`] or [`Expression::start`].
    pub name_hash: u32,
    /// A [text](Self::path), a [number](Self::number) or a [range](Self::items), as the operator has it.
    pub more: u64,
    /// The operands, in `expressions`.
    pub operands: Range,
}

impl Expression {
    /// The rest of a path, behind its first dot; the text of a plain condition.
    pub const fn path(&self) -> Text {
        let Range { start, len } = self.items();
        #[allow(clippy::cast_possible_truncation, reason = "a text's length is a byte")]
        let len = len as u8;
        Text { start, len }
    }

    /// A literal number; that of a plain condition.
    pub const fn number(&self) -> f64 {
        f64::from_bits(self.more)
    }

    /// Of a plain condition with a list: its items, in `expressions`.
    pub const fn items(&self) -> Range {
        #[allow(clippy::cast_possible_truncation, reason = "the lower half is meant")]
        let start = self.more as u32;
        #[allow(clippy::cast_possible_truncation, reason = "the upper half is what is left")]
        let len = (self.more >> u32::BITS) as u32;
        Range { start, len }
    }

    /// As [`path`](Self::path) reads it.
    pub fn with_path(text: Text) -> u64 {
        Self::with_items(Range { start: text.start, len: text.len.into() })
    }

    /// As [`items`](Self::items) reads it.
    pub fn with_items(items: Range) -> u64 {
        u64::from(items.start) | u64::from(items.len) << u32::BITS
    }

    /// Of literal text: how it [starts](crate::same::start).
    pub const fn start(&self) -> u32 {
        self.name_hash
    }

    /// Of an entry of a distribution that is written out: the sum of the weights up to and with it.
    pub const fn upto(&self) -> u32 {
        self.name_hash
    }
}
