//! The tables of a snapshot: flat records that refer to each other by index, read where they lie.
//!
//! Every bit pattern of a record is valid, so opening checks nothing but lengths; a reference that leads nowhere is noticed
//! when it is followed ([`FaultKind::Corrupt`](crate::FaultKind)). Change a record here and [`FORMAT`] with it.

#![allow(missing_docs)]

use serde::{Deserialize, Serialize};
use zerovec::{ZeroVec, make_ule};

/// First bytes of every snapshot. No JSON document begins with them.
pub const MAGIC: [u8; 6] = *b"\x7fJKSTF";

/// The version of the tables below. A snapshot of another version is refused: compile it again.
pub const FORMAT: u16 = 3;

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
    /// Open addressing with linear probing over flag keys; a power of two long.
    #[serde(borrow)]
    pub index: ZeroVec<'a, Slot>,
    /// Per flag: the decisions that may set it, the one with the last word first.
    #[serde(borrow)]
    pub setters: ZeroVec<'a, u32>,
    #[serde(borrow)]
    pub decisions: ZeroVec<'a, Decision>,
    #[serde(borrow)]
    pub rules: ZeroVec<'a, Rule>,
    #[serde(borrow)]
    pub rollouts: ZeroVec<'a, Rollout>,
    #[serde(borrow)]
    pub stages: ZeroVec<'a, Stage>,
    #[serde(borrow)]
    pub splits: ZeroVec<'a, Split>,
    #[serde(borrow)]
    pub variants: ZeroVec<'a, Variant>,
    #[serde(borrow)]
    pub assignments: ZeroVec<'a, Assignment>,
    #[serde(borrow)]
    pub values: ZeroVec<'a, Literal>,
    #[serde(borrow)]
    pub conditions: ZeroVec<'a, Condition>,
    #[serde(borrow)]
    pub operands: ZeroVec<'a, Literal>,
    /// Parts of version operands.
    #[serde(borrow)]
    pub parts: ZeroVec<'a, f64>,
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
    pub project: (u32, u32),
    pub environment: (u32, u32),
    /// What the source says about the whole ruleset, as a JSON object of scalars.
    pub metadata: (u32, u32),
}

/// A piece of [`Tables::text`].
#[make_ule(TextULE)]
#[zerovec::skip_derive(Ord)]
#[derive(Clone, Copy, Debug, Serialize, Deserialize, Default, PartialEq, Eq, Hash)]
pub struct Text {
    pub start: u32,
    pub len: u32,
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
    /// Further members of the flag's own JSON object, without braces; empty where there are none.
    pub extra: Text,
    /// What the source says about the flag beside its value, as a JSON object of scalars; empty where it says nothing.
    pub metadata: Text,
    pub setters: Range,
}

#[make_ule(SlotULE)]
#[zerovec::skip_derive(Ord)]
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq)]
pub struct Slot {
    pub hash: u32,
    /// [`NONE`] in an empty slot.
    pub flag: u32,
}

#[make_ule(DecisionULE)]
#[zerovec::skip_derive(Ord)]
#[derive(Clone, Copy, Debug, Serialize, Deserialize, Default, PartialEq)]
pub struct Decision {
    pub id: Text,
    pub key: Text,
    /// The dialect's word for what kind of decision this is.
    pub kind: Text,
    /// A JSON object of the source that is passed on; empty where there is none.
    pub settings: Text,
    pub opt_in: u8,
    /// Not empty: the source was unusable, and this says how.
    pub broken: Text,
    pub rules: Range,
    pub variants: Range,
    /// 1: decided by the targeting expression below, not by rules.
    pub targeted: u8,
    /// 1: switched off.
    pub disabled: u8,
    /// Index into `expressions`, or [`NONE`].
    pub targeting: u32,
    /// The variant for everyone whom targeting does not place: an index into `variants`, or [`NONE`].
    pub default_variant: u32,
}

#[make_ule(RuleULE)]
#[zerovec::skip_derive(Ord)]
#[derive(Clone, Copy, Debug, Serialize, Deserialize, Default, PartialEq)]
pub struct Rule {
    pub id: Text,
    /// The hash seed of this rule, itself a hash of the id.
    pub seed: u32,
    pub condition: u32,
    /// Index into `rollouts`, or [`NONE`].
    pub rollout: u32,
    /// The source has a rollout member, be it `null`: it shows in the reason.
    pub mentions_rollout: u8,
    pub splits: Range,
    /// How many entries the source's distribution has.
    pub split_count: u32,
    /// The attribute that users are split by; empty: the targeting key.
    pub bucket_by: Text,
    pub bucket_by_hash: u32,
}

#[make_ule(RolloutULE)]
#[zerovec::skip_derive(Ord)]
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq)]
pub struct Rollout {
    /// 1: all or none from `start` on; 0: by stages.
    pub scheduled: u8,
    /// Milliseconds since the epoch; NaN compares false, as an invalid date does in JavaScript.
    pub start: f64,
    /// Fraction of users from `start` on; NaN where the source has none.
    pub percentage: f64,
    pub stages: Range,
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
    /// Index into `variants`, or [`NONE`] where the source names one that does not exist.
    pub variant: u32,
    pub variant_id: Text,
}

#[make_ule(VariantULE)]
#[zerovec::skip_derive(Ord)]
#[derive(Clone, Copy, Debug, Serialize, Deserialize, Default, PartialEq)]
pub struct Variant {
    pub id: Text,
    pub key: Text,
    pub name: Text,
    pub assignments: Range,
    /// 1: it sets a flag that does not exist, whose id is `missing_flag`.
    pub incomplete: u8,
    pub missing_flag: Text,
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
    /// The string itself; the JSON text of a number, an object, a list or null; a range of `parts` for a version.
    pub text: Text,
    /// The number; 1 for true.
    pub number: f64,
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
    /// Children in `conditions`, values in `operands`, or references in `segments`, as the test has it.
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
    /// The rest of a path, behind its first dot.
    pub path: Text,
    /// A literal number.
    pub number: f64,
    /// The operands, in `expressions`.
    pub operands: Range,
}

impl Expression {
    /// Of literal text: how it [starts](crate::same::start).
    pub const fn start(&self) -> u32 {
        self.name_hash
    }

    /// Of an entry of a distribution that is written out: the sum of the weights up to and with it.
    pub const fn upto(&self) -> u32 {
        self.name_hash
    }
}
