//! The texts of a snapshot: all of them in one piece, each stored once.

#![allow(missing_docs)]

use serde::{Deserialize, Serialize};
use zerovec::make_ule;

use super::Ruleset;
use super::layout::NONE;
use super::view::part;
use crate::same::same;

/// A piece of [`Tables::text`](super::layout::Tables::text). Texts are most of what records hold, and nearly all are short.
#[make_ule(TextULE)]
#[zerovec::skip_derive(Ord)]
#[derive(Clone, Copy, Debug, Serialize, Deserialize, Default, PartialEq, Eq, Hash)]
pub struct Text {
    /// Where it begins. Of a long one, [`NONE`] less where its length begins, four bytes with the text behind them: this is beyond all text.
    pub start: u32,
    /// How many bytes it has, or [`Text::LONG`].
    pub len: u8,
}

impl Text {
    /// The length from which on a text is long.
    pub const LONG: u8 = u8::MAX;

    /// What a text of `len` bytes has for its length.
    pub fn short_len(len: usize) -> u8 {
        u8::try_from(len).unwrap_or(Self::LONG)
    }

    /// What lies at `start` in `all`, where a long text begins: its length, then itself.
    pub fn long(start: u32, all: &[u8]) -> Option<&[u8]> {
        let (len, rest) = all.get(NONE.saturating_sub(start) as usize..)?.split_first_chunk()?;
        rest.get(..u32::from_le_bytes(*len) as usize)
    }
}

impl<'a> Ruleset<'a> {
    /// The bytes of `text`; none where it is damaged.
    #[inline(always)]
    pub(crate) fn bytes(&self, text: Text) -> &'a [u8] {
        match self.short(text) {
            Some(bytes) => bytes,
            None => self.long(text),
        }
    }

    /// The bytes of `text`, unless it is long or damaged: nearly none is.
    #[inline(always)]
    pub(crate) fn short(&self, text: Text) -> Option<&'a [u8]> {
        // What is long lies beyond all text.
        part(self.tables.text, text.start, text.len.into())
    }

    #[cold]
    #[inline(never)]
    fn long(&self, text: Text) -> &'a [u8] {
        let long = if text.len == Text::LONG { Text::long(text.start, self.tables.text) } else { None };
        long.unwrap_or_default()
    }

    /// As `self.bytes(text) == other`: most differ in length or in the first byte, which are known before the others are looked at.
    #[inline(always)]
    pub(crate) fn is(&self, text: Text, other: &[u8]) -> bool {
        if text.len != Text::short_len(other.len()) {
            return false;
        }
        match self.short(text) {
            Some(bytes) => bytes.first() == other.first() && same(bytes, other),
            None => self.is_long(text, other),
        }
    }

    #[cold]
    #[inline(never)]
    fn is_long(&self, text: Text, other: &[u8]) -> bool {
        self.long(text) == other
    }

    /// How many bytes `text` has.
    #[inline(always)]
    pub(crate) fn text_len(&self, text: Text) -> u32 {
        if text.len == Text::LONG { self.long_len(text) } else { text.len.into() }
    }

    #[cold]
    #[inline(never)]
    fn long_len(&self, text: Text) -> u32 {
        u32::try_from(self.bytes(text).len()).unwrap_or(u32::MAX)
    }

    /// The text, or nothing where it is damaged.
    pub(crate) fn text(&self, text: Text) -> &'a str {
        std::str::from_utf8(self.bytes(text)).unwrap_or_default()
    }

    /// The text, none where it is damaged.
    pub(super) fn checked_text(&self, text: Text) -> Option<&'a str> {
        let bytes = self.bytes(text);
        // Of a long one, no less than that.
        if bytes.len() >= usize::from(text.len) { std::str::from_utf8(bytes).ok() } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::Text;
    use crate::snapshot::Builder;
    use crate::{CompileOptions, Context, FlagValue, Ruleset, Timestamp, compile};

    /// About the length from which on a text is long, and far beyond.
    const LENGTHS: [usize; 7] = [0, 1, 254, 255, 256, 257, 70_000];

    #[test]
    fn texts_of_any_length_are_read_as_they_were_stored() {
        let mut builder = Builder::default();
        let texts: Vec<(String, Text)> = LENGTHS
            .into_iter()
            .flat_map(|len| ["a", "b"].map(|letter| letter.repeat(len)))
            .map(|text| (text.clone(), builder.text(&text)))
            .collect();
        for (text, stored) in &texts {
            assert_eq!(builder.bytes(*stored), text.as_bytes());
            assert_eq!(builder.text(text), *stored, "stored once");
        }
        let bytes = builder.finish();
        let ruleset = Ruleset::verify(&bytes).unwrap();
        for (text, stored) in &texts {
            assert_eq!(ruleset.text(*stored), text);
            assert_eq!(ruleset.checked_text(*stored), Some(text.as_str()));
            assert_eq!(ruleset.text_len(*stored) as usize, text.len());
            for (other, _) in &texts {
                assert_eq!(ruleset.is(*stored, other.as_bytes()), text == other);
            }
        }
    }

    #[test]
    fn flags_values_and_attributes_may_be_long() {
        let (country, variant) = ("c".repeat(300), "v".repeat(256));
        for len in LENGTHS.into_iter().skip(1) {
            let (key, value, name) = ("k".repeat(len), "t".repeat(len), "n".repeat(len));
            let source = format!(
                r#"{{"flags":{{"{key}":{{"state":"ENABLED","variants":{{"{variant}":"{value}","off":"off"}},"defaultVariant":"off",
                "targeting":{{"if":[{{"==":[{{"var":"{name}"}},"{country}"]}},"{variant}"]}}}}}}}}"#
            );
            let bytes = compile(source.as_bytes(), &CompileOptions::default()).unwrap().snapshot;
            let ruleset = Ruleset::verify(&bytes).unwrap();
            let context = Context::new("u").with(crate::Scope::Custom, &name, crate::Value::String((&*country).into()));
            let decided = ruleset.evaluate(ruleset.find(&key).unwrap(), &context, Timestamp(0));
            assert_eq!(decided.value, Some(FlagValue::String(&value)), "{len}");
            assert_eq!(ruleset.find(&"l".repeat(len)), None);
        }
    }

    /// What no builder writes: beyond all text, a length that leads beyond it, and one that is not there.
    #[test]
    fn damaged_texts_are_empty() {
        let mut builder = Builder::default();
        builder.text("abc");
        let mut bytes = builder.finish();
        // Three letters as the length of a long text, of which there is nothing.
        let ruleset = Ruleset::open(&bytes).unwrap();
        for (start, len) in
            [(1, 3), (3, 1), (u32::MAX, 1), (u32::MAX, 255), (u32::MAX - 2, 255), (u32::MAX - 9, 255), (0, 255)]
        {
            assert_eq!(ruleset.bytes(Text { start, len }), b"", "{start} {len}");
            assert_eq!(ruleset.checked_text(Text { start, len }), None, "{start} {len}");
        }
        let mut builder = Builder::default();
        builder.text(&"a".repeat(400));
        bytes = builder.finish();
        let ruleset = Ruleset::open(&bytes).unwrap();
        // A long one of which less is there than it says.
        assert_eq!(ruleset.bytes(Text { start: u32::MAX - 4, len: Text::LONG }), b"");
    }
}
