//! Reading a ruleset: flags by key, and what the records say.

use std::fmt;

use zerovec::ZeroVec;
use zerovec::ule::AsULE;

use super::layout::{self, NONE, Number, Range};
use super::{Dialect, LiteralKind, Ruleset};

/// A flag of one ruleset, found once by its key, cheap to keep and copy. Means nothing to another ruleset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FlagIndex(pub(crate) u32);

impl FlagIndex {
    /// The flag's place among [`Ruleset::flags`]. (What a damaged snapshot assigns may lie beyond them.)
    #[must_use]
    pub const fn place(self) -> usize {
        self.0 as usize
    }
}

/// The type of a flag's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ValueKind {
    /// `true` or `false`.
    Boolean = 0,
    /// Text.
    String = 1,
    /// A number.
    Number = 2,
    /// A JSON object (or whatever else JSON allows).
    Structure = 3,
}

impl ValueKind {
    pub(crate) const fn from_u8(kind: u8) -> Self {
        match kind {
            0 => Self::Boolean,
            1 => Self::String,
            2 => Self::Number,
            _ => Self::Structure,
        }
    }
}

/// The value of a flag, read in place.
#[derive(Clone, Copy, PartialEq)]
pub enum FlagValue<'r> {
    /// `true` or `false`.
    Boolean(bool),
    /// Text.
    String(&'r str),
    /// A number and its JSON text: as JavaScript prints it in a DevCycle ruleset (`7`, never `7.0`), as the source writes it in flagd's.
    Number {
        /// The number.
        number: f64,
        /// Its JSON text.
        text: &'r str,
    },
    /// The compact JSON text of an object, a list or null.
    Structure(&'r str),
}

impl FlagValue<'_> {
    /// Appends the value as JSON.
    pub fn write_json(&self, out: &mut String) {
        match self {
            Self::Boolean(true) => out.push_str("true"),
            Self::Boolean(false) => out.push_str("false"),
            Self::String(text) => crate::json_text::write_json_string(text, out),
            Self::Number { text, .. } | Self::Structure(text) => out.push_str(text),
        }
    }
}

impl fmt::Debug for FlagValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut json = String::new();
        self.write_json(&mut json);
        f.write_str(&json)
    }
}

impl<'a> Ruleset<'a> {
    /// The dialect of the source. A byte this build does not know reads as the first dialect.
    #[must_use]
    pub const fn dialect(&self) -> Dialect {
        if self.tables.meta.dialect == Dialect::Flagd as u8 { Dialect::Flagd } else { Dialect::DevCycle }
    }

    /// What the source says about the whole ruleset: a JSON object of strings, numbers and booleans, `{}` where it says nothing.
    #[must_use]
    pub fn metadata_json(&self) -> &str {
        object_or_empty(self.text(self.tables.meta.metadata))
    }

    /// Orders this ruleset among its predecessors; 0 where the source did not say.
    #[must_use]
    pub const fn revision(&self) -> u64 {
        self.tables.meta.revision
    }

    /// Tells source documents apart: equal documents have equal digests.
    #[must_use]
    pub const fn digest(&self) -> u64 {
        self.tables.meta.digest
    }

    /// The source's project object, as JSON.
    #[must_use]
    pub fn project_json(&self) -> &str {
        self.text(self.tables.meta.project)
    }

    /// The source's environment object, as JSON.
    #[must_use]
    pub fn environment_json(&self) -> &str {
        self.text(self.tables.meta.environment)
    }

    /// How many flags there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tables.flags.len()
    }

    /// Whether there are no flags.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tables.flags.is_empty()
    }

    /// All flags, in the order of the source.
    pub fn flags(&self) -> impl Iterator<Item = FlagIndex> + use<> {
        (0..u32::try_from(self.tables.flags.len()).unwrap_or(0)).map(FlagIndex)
    }

    /// The decisions that may set a flag, by their places in the ruleset, the one with the last word first.
    #[inline(always)]
    pub fn setters(&self, flag: FlagIndex) -> impl Iterator<Item = u32> {
        let setters = at(&self.tables.flags, flag.0).map_or(Range::default(), |f| Range::from_unaligned(f.setters));
        records(&self.tables.setters, setters)
    }

    /// Whether a flag may be decided otherwise at another time: where it is not, whoever asks needs no clock.
    #[must_use]
    pub fn depends_on_time(&self, flag: FlagIndex) -> bool {
        self.setters(flag).filter_map(|decision| row(&self.tables.decisions, decision)).any(|decision| {
            if decision.is(layout::Decision::TARGETED) {
                return decision.targeting() != NONE;
            }
            records(&self.tables.rules, decision.rules).any(|rule| rule.terms != NONE)
        })
    }

    /// How many decisions there are.
    #[must_use]
    pub fn decision_count(&self) -> u32 {
        u32::try_from(self.tables.decisions.len()).unwrap_or(0)
    }

    /// The variants of a decision, by their places in the ruleset.
    pub fn variants(&self, decision: u32) -> impl Iterator<Item = u32> {
        let range = self.tables.decisions.get(decision as usize).map(|decision| decision.variants).unwrap_or_default();
        placed(&self.tables.variants, range).map(|(at, _)| at)
    }

    /// The flags that a variant sets, with their values.
    pub fn assignments(&self, variant: u32) -> impl Iterator<Item = (FlagIndex, FlagValue<'_>)> {
        let range = self.tables.variants.get(variant as usize).map(|v| v.assignments).unwrap_or_default();
        records(&self.tables.assignments, range)
            .filter_map(|a| Some((FlagIndex(a.flag), self.value(self.tables.literals.get(a.value as usize)?)?)))
    }

    #[inline]
    pub(crate) fn value(&self, literal: layout::Literal) -> Option<FlagValue<'_>> {
        const FALSE: u8 = LiteralKind::False as u8;
        const TRUE: u8 = LiteralKind::True as u8;
        const NUMBER: u8 = LiteralKind::Number as u8;
        const STRING: u8 = LiteralKind::String as u8;
        const UNTRUE: u8 = LiteralKind::Untrue as u8;
        const NULL: u8 = LiteralKind::Null as u8;
        const JSON: u8 = LiteralKind::Json as u8;
        Some(match literal.kind {
            FALSE => FlagValue::Boolean(false),
            TRUE => FlagValue::Boolean(true),
            NUMBER => {
                let Number { number, text } = self.number(literal)?;
                FlagValue::Number { number, text: self.checked_text(text)? }
            }
            STRING | UNTRUE => FlagValue::String(self.checked_text(literal.text)?),
            NULL | JSON => FlagValue::Structure(self.checked_text(literal.text)?),
            _ => return None,
        })
    }

    /// The number that a literal is.
    #[inline(always)]
    pub(crate) fn number(&self, literal: layout::Literal) -> Option<Number> {
        if literal.kind == LiteralKind::Number as u8 { row(&self.tables.numbers, literal.text.start) } else { None }
    }
}

pub(super) const fn object_or_empty(json: &str) -> &str {
    if json.is_empty() { "{}" } else { json }
}

/// The record at `index`, as it lies there: for who reads few of its fields. Inlined, where `ZeroVec`'s own way is a call that hands a
/// whole record over.
#[inline(always)]
pub(crate) fn at<'t, T: AsULE>(table: &'t ZeroVec<'_, T>, index: u32) -> Option<&'t T::ULE> {
    table.as_ule_slice().get(index as usize)
}

/// The record at `index`.
#[inline(always)]
pub(crate) fn row<T: AsULE + Copy>(table: &ZeroVec<'_, T>, index: u32) -> Option<T> {
    let ule = at(table, index)?;
    Some(T::from_unaligned(*ule))
}

/// The records of `range` as they lie there; none where they do not all exist.
#[inline(always)]
pub(crate) fn run<'t, T: AsULE>(table: &'t ZeroVec<'_, T>, range: Range) -> &'t [T::ULE] {
    part(table.as_ule_slice(), range.start, range.len).unwrap_or_default()
}

/// Cut in two steps: their sum could be too large, and looking for that costs more.
#[inline(always)]
pub(super) fn part<T>(whole: &[T], start: u32, len: u32) -> Option<&[T]> {
    whole.get(start as usize..)?.get(..len as usize)
}

/// The records of `range`; none where they do not all exist.
#[inline(always)]
pub(crate) fn records<'t, T: AsULE + Copy>(
    table: &'t ZeroVec<'_, T>,
    range: Range,
) -> impl DoubleEndedIterator<Item = T> + use<'t, T> {
    run(table, range).iter().map(|&ule| T::from_unaligned(ule))
}

/// As [`records`], each behind its place in the table.
#[inline(always)]
pub(crate) fn placed<'t, T: AsULE + Copy>(
    table: &'t ZeroVec<'_, T>,
    range: Range,
) -> impl Iterator<Item = (u32, T)> + use<'t, T> {
    // The records first: where a damaged range begins at the last number there are none, and the place behind it is never asked for.
    records(table, range).zip(range.start..).map(|(record, at)| (at, record))
}
