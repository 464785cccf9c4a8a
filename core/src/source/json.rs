//! The one reader of JSON.
//!
//! Own code because of what serde_json costs in a module: with its numbers, its errors and the printing of floating-point numbers that they
//! bring along it is a quarter of the filter. This one reads into [`Value`] only, knows where it stands, and is held to serde_json's
//! answers by a property test. Grammar: RFC 8259.

use std::borrow::Cow;

use super::place::path_at;
use super::read::Misread;
use crate::value::{Value, last_value_of_each};

/// How deep lists and objects may nest: more would exhaust the stack of a module. Others (serde_json) draw the same line.
pub(super) const MAX_DEPTH: u32 = 128;

/// The members of an object, as written: names may repeat.
#[derive(Default)]
pub(super) struct Members<'d>(pub(super) Vec<(Cow<'d, str>, &'d str)>);

impl<'d> Members<'d> {
    /// The last member of this name, as its text.
    pub(super) fn get(&self, name: &str) -> Option<&'d str> {
        self.0.iter().rev().find(|(known, _)| known == name).map(|(_, value)| *value)
    }
}

/// Reads all of `json`. Escapes of lone surrogates (`\ud800`) become U+FFFD, which is what JavaScript's encoder makes of them when it hashes.
///
/// # Errors
/// Where it is no JSON.
pub fn document(json: &[u8]) -> Result<Value<'_>, Misread> {
    let mut reader = Reader::new(json)?;
    let value = reader.value(0)?;
    reader.end()?;
    Ok(value)
}

/// The members of an object, each as its text.
pub(super) fn members(json: &[u8]) -> Result<Members<'_>, Misread> {
    let mut reader = Reader::new(json)?;
    let mut members = Vec::new();
    reader.object(|reader, name| {
        let start = reader.at;
        reader.value(1)?;
        members.push((name, reader.text.get(start..reader.at).unwrap_or_default()));
        Ok(())
    })?;
    reader.end()?;
    Ok(Members(members))
}

/// The text of the last member `name` of the object `json`, as it is written; nothing where there is none.
#[must_use]
pub fn member_text<'d>(json: &'d [u8], name: &str) -> Option<&'d str> {
    members(json).ok()?.get(name)
}

/// The items of a list, each as its text.
pub(super) fn items(json: &str) -> Result<Vec<&str>, Misread> {
    let mut reader = Reader::new(json.as_bytes())?;
    let mut items = Vec::new();
    reader.list(|reader| {
        let start = reader.at;
        reader.value(1)?;
        items.push(reader.text.get(start..reader.at).unwrap_or_default());
        Ok(())
    })?;
    reader.end()?;
    Ok(items)
}

struct Reader<'d> {
    text: &'d str,
    at: usize,
}

impl<'d> Reader<'d> {
    fn new(json: &'d [u8]) -> Result<Self, Misread> {
        match std::str::from_utf8(json) {
            Ok(text) => Ok(Self { text, at: 0 }),
            Err(error) => Err(Misread {
                path: "$".to_owned(),
                message: format!("the text is not UTF-8 at byte {}", error.valid_up_to()),
            }),
        }
    }

    /// The next byte that is no white space, which it stays in front of.
    fn peek(&mut self) -> Option<u8> {
        loop {
            let byte = *self.text.as_bytes().get(self.at)?;
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(byte);
            }
            self.step();
        }
    }

    fn step(&mut self) {
        self.at = self.at.saturating_add(1);
    }

    /// Passes over `byte`, if it comes next.
    fn takes(&mut self, byte: u8) -> bool {
        let next = self.peek() == Some(byte);
        if next {
            self.step();
        }
        next
    }

    fn end(&mut self) -> Result<(), Misread> {
        if self.peek().is_none() { Ok(()) } else { self.fail("trailing characters") }
    }

    #[cold]
    fn fail<T>(&self, what: &str) -> Result<T, Misread> {
        let before = self.text.as_bytes().get(..self.at).unwrap_or_default();
        let line = before.iter().filter(|&&byte| byte == b'\n').count().saturating_add(1);
        let column = before.iter().rev().take_while(|&&byte| byte != b'\n').count().saturating_add(1);
        let what = if self.at >= self.text.len() { "the text ends too early" } else { what };
        let message = format!("{what} at line {line} column {column}");
        Err(Misread { path: path_at(self.text.as_bytes(), self.at), message })
    }

    fn value(&mut self, depth: u32) -> Result<Value<'d>, Misread> {
        if depth >= MAX_DEPTH {
            return self.fail("nested too deep");
        }
        match self.peek() {
            Some(b'{') => {
                let mut members: Vec<(Cow<'d, str>, Value<'d>)> = Vec::new();
                let mut sorted = true;
                self.object(|reader, name| {
                    let value = reader.value(depth.saturating_add(1))?;
                    sorted = sorted && members.last().is_none_or(|(last, _)| *last < name);
                    members.push((name, value));
                    Ok(())
                })?;
                // Names in rising order cannot repeat.
                Ok(Value::Map(if sorted { members } else { last_value_of_each(members) }))
            }
            Some(b'[') => {
                let mut items = Vec::new();
                self.list(|reader| {
                    items.push(reader.value(depth.saturating_add(1))?);
                    Ok(())
                })?;
                Ok(Value::List(items))
            }
            Some(b'"') => self.string().map(Value::String),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => self.fail("expected a value"),
        }
    }

    fn word(&mut self, word: &str, value: Value<'d>) -> Result<Value<'d>, Misread> {
        if !self.text.as_bytes().get(self.at..).is_some_and(|rest| rest.starts_with(word.as_bytes())) {
            return self.fail("expected a value");
        }
        self.at = self.at.saturating_add(word.len());
        Ok(value)
    }

    fn object(
        &mut self,
        mut member: impl FnMut(&mut Self, Cow<'d, str>) -> Result<(), Misread>,
    ) -> Result<(), Misread> {
        if !self.takes(b'{') {
            return self.fail("expected an object");
        }
        if self.takes(b'}') {
            return Ok(());
        }
        loop {
            if self.peek() != Some(b'"') {
                return self.fail("expected a member's name");
            }
            let name = self.string()?;
            if !self.takes(b':') {
                return self.fail("expected `:`");
            }
            self.peek();
            member(self, name)?;
            if self.takes(b'}') {
                return Ok(());
            }
            if !self.takes(b',') {
                return self.fail("expected `,` or `}`");
            }
        }
    }

    fn list(&mut self, mut item: impl FnMut(&mut Self) -> Result<(), Misread>) -> Result<(), Misread> {
        if !self.takes(b'[') {
            return self.fail("expected a list");
        }
        if self.takes(b']') {
            return Ok(());
        }
        loop {
            self.peek();
            item(self)?;
            if self.takes(b']') {
                return Ok(());
            }
            if !self.takes(b',') {
                return self.fail("expected `,` or `]`");
            }
        }
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.text.as_bytes().get(self.at).is_some_and(u8::is_ascii_digit) {
            self.step();
        }
        self.at.saturating_sub(start)
    }

    /// Whether one of `bytes` comes next; it is passed over.
    fn one_of(&mut self, bytes: &[u8]) -> bool {
        let next = self.text.as_bytes().get(self.at).is_some_and(|byte| bytes.contains(byte));
        if next {
            self.step();
        }
        next
    }

    fn number(&mut self) -> Result<Value<'d>, Misread> {
        let start = self.at;
        self.one_of(b"-");
        let zero = self.text.as_bytes().get(self.at) == Some(&b'0');
        let whole = self.digits();
        let mut valid = whole > 0 && !(zero && whole > 1);
        if self.one_of(b".") {
            valid &= self.digits() > 0;
        }
        if self.one_of(b"eE") {
            self.one_of(b"+-");
            valid &= self.digits() > 0;
        }
        if !valid {
            return self.fail("invalid number");
        }
        match self.text.get(start..self.at).map(str::parse::<f64>) {
            Some(Ok(number)) if number.is_finite() => Ok(Value::Number(number)),
            _ => self.fail("number out of range"),
        }
    }

    /// A string; its opening quote comes next.
    fn string(&mut self) -> Result<Cow<'d, str>, Misread> {
        self.step();
        let mut owned = String::new();
        loop {
            let start = self.at;
            let rest = self.text.as_bytes().get(start..).unwrap_or_default();
            let plain =
                rest.iter().position(|&byte| byte == b'"' || byte == b'\\' || byte < 0x20).unwrap_or(rest.len());
            self.at = start.saturating_add(plain);
            // What stops the search is ASCII: both ends are boundaries of characters.
            let piece = self.text.get(start..self.at).unwrap_or_default();
            match self.text.as_bytes().get(self.at) {
                Some(b'"') => {
                    self.step();
                    if owned.is_empty() {
                        return Ok(Cow::Borrowed(piece));
                    }
                    owned.push_str(piece);
                    return Ok(Cow::Owned(owned));
                }
                Some(b'\\') => {
                    owned.push_str(piece);
                    owned.push(self.escape()?);
                }
                _ => return self.fail("a control character in a string"),
            }
        }
    }

    /// An escape; its backslash comes next.
    fn escape(&mut self) -> Result<char, Misread> {
        self.step();
        let byte = self.text.as_bytes().get(self.at).copied();
        self.step();
        Ok(match byte {
            Some(plain @ (b'"' | b'\\' | b'/')) => char::from(plain),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let first = self.unit()?;
                let mut units = [first, 0];
                let mut used = 1;
                if (0xd800..0xdc00).contains(&first) {
                    // The other half, unless it is none.
                    let back = self.at;
                    if self.one_of(b"\\") && self.one_of(b"u") {
                        units = [first, self.unit()?];
                        used = 2;
                    }
                    if !(0xdc00..0xe000).contains(&units[1]) {
                        self.at = back;
                        used = 1;
                    }
                }
                let units = units.into_iter().take(used);
                char::decode_utf16(units).next().and_then(Result::ok).unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            _ => {
                self.at = self.at.saturating_sub(1);
                return self.fail("invalid escape");
            }
        })
    }

    fn unit(&mut self) -> Result<u16, Misread> {
        let end = self.at.saturating_add(4);
        let digits = self.text.get(self.at..end).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        match digits.and_then(|digits| u16::from_str_radix(digits, 16).ok()) {
            Some(unit) => {
                self.at = end;
                Ok(unit)
            }
            None => self.fail("invalid escape"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(json: &str) -> Result<String, Misread> {
        document(json.as_bytes()).map(|value| value.to_json())
    }

    #[test]
    fn reads_what_is_json() {
        assert_eq!(
            read(" {\"a\" : [ 1.50, -0, 1e2 , null,true,false ] }\n").unwrap(),
            r#"{"a":[1.5,0,100,null,true,false]}"#
        );
        assert_eq!(
            read(r#""\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00é""#).unwrap(),
            "\"\\\"\\\\/\\u0008\\u000c\\n\\r\\té😀é\""
        );
        assert_eq!(
            read(r#"["\ud800","\ud800\u0041","\ude00\ud83d"]"#).unwrap(),
            "[\"\u{fffd}\",\"\u{fffd}A\",\"\u{fffd}\u{fffd}\"]"
        );
        assert_eq!(members(b"{ \"a\" : 1.0 , \"b\":[ 2 ],\"a\":{} }").unwrap().get("a"), Some("{}"));
        assert_eq!(items("[ 1.0 , \"x\" ]").unwrap(), ["1.0", "\"x\""]);
    }

    #[test]
    fn says_where_it_is_none() {
        let error = read("{\"a\":[1,\n 01]}").unwrap_err();
        assert_eq!((error.path.as_str(), error.message.as_str()), ("$.a[1]", "invalid number at line 2 column 4"));
        for bad in [
            "",
            "{",
            "[1,]",
            "{\"a\"}",
            "{,}",
            "+1",
            ".5",
            "1.",
            "1e",
            "-",
            "1e999",
            "\"\u{1}\"",
            "\"\\x\"",
            "\"\\u12\"",
            "tru",
            "1 2",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
        assert!(document(b"\"\xff\"").is_err());
        let deep = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(read(&deep(MAX_DEPTH as usize)).is_ok() && read(&deep(100_000)).is_err());
    }

    proptest! {
        #[test]
        fn reads_as_serde_json_does(json in "([\\[\\]{}:, \"\\\\a1eE.+-]|true|null|\\\\u00e9|\"a\":|\"b\"|[0-9]{1,20}|é){0,12}") {
            let theirs = serde_json::from_str::<serde_json::Value>(&json);
            match (document(json.as_bytes()), theirs) {
                (Ok(ours), Ok(_)) => {
                    let theirs = serde_json::from_str::<Value<'_>>(&json).unwrap();
                    prop_assert_eq!(ours, theirs);
                }
                (ours, theirs) => prop_assert_eq!(ours.is_ok(), theirs.is_ok(), "{}", json),
            }
        }

        #[test]
        fn reads_numbers_as_serde_json_does(number: f64, whole: i64) {
            for json in [number.to_string(), whole.to_string(), format!("{number:e}")] {
                if let Ok(theirs) = serde_json::from_str::<f64>(&json) {
                    prop_assert_eq!(document(json.as_bytes()).unwrap(), Value::Number(theirs));
                }
            }
        }
    }
}
