//! YAML as a notation for JSON: a document becomes the JSON text that the core compiles, and a table of where everything stood.
//!
//! By YAML 1.2's core schema, in which `on`, `yes` and dates are strings, as flagd's own reader has it. Anchors, aliases and merge keys (`<<`)
//! are resolved. What JSON cannot say, and what is given twice, is an error at its line.

mod lines;
mod scalar;
mod tree;

use std::fmt;
use std::path::Path;

pub use lines::Lines;

/// A document in JSON.
pub struct Document {
    pub json: String,
    /// Where everything stood.
    pub lines: Lines,
}

/// Why a document is no JSON.
#[derive(Debug)]
pub struct Error {
    /// From 1.
    pub line: usize,
    /// From 1.
    pub column: usize,
    message: String,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.message)
    }
}

/// Whether what `path` holds is to be read as YAML: by its name, or where that says nothing, by its first character.
pub fn is_yaml(path: &Path, bytes: &[u8]) -> bool {
    let extension = path.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase);
    match extension.as_deref() {
        Some("yaml" | "yml") => true,
        Some("json") => false,
        _ => bytes.trim_ascii_start().first().is_some_and(|first| *first != b'{'),
    }
}

/// Turns a YAML document into JSON of at most `max_bytes`.
pub fn to_json(yaml: &str, max_bytes: usize) -> Result<Document, Error> {
    let root = tree::read(yaml)?;
    let mut writer = lines::Writer::new(max_bytes);
    writer.write(&root)?;
    Ok(writer.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(yaml: &str) -> String {
        to_json(yaml, 10_000).map_or_else(|error| error.to_string(), |document| document.json)
    }

    #[test]
    fn the_core_schema_decides_what_is_a_string() {
        let yaml = "a: [on, no, 10, 10.0, .5, +1, 0x1F, ~, 'true', true, 1e3, 2024-01-01, 1_000, \"\\u00e9\"]\n1: true\ntrue: x\n";
        let expected =
            r#"{"a":["on","no",10,10.0,0.5,1,31,null,"true",true,1e3,"2024-01-01","1_000","é"],"1":true,"true":"x"}"#;
        assert_eq!(json(yaml), expected);
        assert_eq!(json("a: !!str 5\nb: |\n  x\n  y\nc:\n"), r#"{"a":"5","b":"x\ny\n","c":null}"#);
    }

    #[test]
    fn json_is_yaml() {
        let text = r#"{"flags":{"a b":{"variants":{"on":true,"off":1.50}}},"x":[[],{}, "a\"b\\c\ud83d\ude00"]}"#;
        assert_eq!(json(text), text.replace(", ", ",").replace("\\ud83d\\ude00", "😀"));
    }

    #[test]
    fn aliases_and_merge_keys_are_resolved() {
        let yaml = "base: &base {state: ENABLED, n: 1}\nfirst: *base\nsecond:\n  <<: [*base, {m: 2}]\n  n: 3\n";
        let expected = r#"{"base":{"state":"ENABLED","n":1},"first":{"state":"ENABLED","n":1},"second":{"n":3,"state":"ENABLED","m":2}}"#;
        assert_eq!(json(yaml), expected);
    }

    #[test]
    fn what_json_cannot_say_is_named_with_its_line() {
        for (yaml, expected) in [
            ("a:\n  b: .inf", "line 2, column 6: `.inf` is no number in JSON: write a number, or put it in quotes"),
            (
                "a: 010",
                "line 1, column 4: `010` is 10 to some readers of YAML and 8 to others: drop the leading zeros, or put it in quotes",
            ),
            ("a: 1\nb: 2\na: 3", "line 3, column 1: the key `a` is given twice, at first in line 1: keep one of them"),
            ("? [a]\n: b", "line 1, column 3: a key must be a scalar, not a list or mapping: JSON has no other keys"),
            ("a: !color red", "line 1, column 11: the tag `!color` means nothing here: remove it"),
            ("a: &x [*x]", "line 1, column 8: this alias stands inside of what it refers to: JSON cannot hold it"),
            ("a: 1\n---\nb: 2", "line 2, column 1: a second document begins here: put it into a file of its own"),
            ("", "line 1, column 1: there is no document"),
            ("<<: 3", "line 1, column 5: what `<<` merges must be a mapping or a list of mappings"),
        ] {
            assert_eq!(json(yaml), expected, "{yaml}");
        }
        assert!(json("a: [1").starts_with("line 1, column "), "{}", json("a: [1"));
    }

    #[test]
    fn aliases_do_not_multiply_without_end() {
        let mut yaml = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for i in 1..12 {
            yaml.push_str(&format!("a{i}: &a{i} [{}]\n", vec![format!("*a{}", i - 1); 10].join(", ")));
        }
        assert!(json(&yaml).contains("grows beyond 10000 bytes of JSON"), "{}", json(&yaml));
    }

    #[test]
    fn lines_are_found_by_path() {
        let document = to_json("flags:\n  a.b:\n    variants:\n      - 1\n      - 2\n", 1_000).unwrap();
        assert_eq!(document.lines.find("$"), Some(1));
        assert_eq!(document.lines.find("$.flags"), Some(1));
        assert_eq!(document.lines.find("$.flags[\"a.b\"].variants[1]"), Some(5));
        assert_eq!(document.lines.find("$.flags[\"a.b\"].variants[1].unknown"), Some(5));
        assert_eq!(Lines::default().find("$"), None);
    }
}
