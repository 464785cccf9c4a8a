//! What a rule's conditions can ask.

use crate::snapshot::Ruleset;
use crate::snapshot::layout::{Condition, Range};
use crate::snapshot::view::records;

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

/// A condition, as a [`Visitor`](super::Visitor) sees it.
#[derive(Clone, Copy, Debug)]
pub struct ConditionView<'r> {
    pub(crate) ruleset: &'r Ruleset<'r>,
    pub(crate) record: Condition,
    /// Directly below the root, or the root itself, of a rule's or segment's conditions…
    pub(super) depth: u32,
    /// …and whether it is the last child of its parent.
    pub(super) last: bool,
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
        records(&self.ruleset.tables.literals, range).map(|operand| {
            if operand.kind == crate::snapshot::LiteralKind::Version as u8 {
                let range = Range { start: operand.text.start, len: operand.text.len.into() };
                let parts: Vec<String> =
                    records(&self.ruleset.tables.numbers, range).map(|part| part.number.to_string()).collect();
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
