//! Reading JSON into types, and naming the place of what does not fit.
//!
//! serde_json tells a line and a column; the path is looked up from there, only then. A deserializer that keeps track of it all the
//! while (serde_path_to_error) makes every type's code several times as large: 60 KB of the filter.

use std::fmt::Write as _;

use serde::Deserialize;

/// A document that is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misread {
    /// Where: a JSON path.
    pub path: String,
    /// What is wrong there, with line and column where they are known.
    pub message: String,
}

/// Reads all of `json` as `T`.
///
/// # Errors
/// Where and why it is no `T`.
pub fn read<'d, T: Deserialize<'d>>(json: &'d [u8]) -> Result<T, Misread> {
    serde_json::from_slice(json).map_err(|error| misread(json, &error))
}

#[cold]
fn misread(json: &[u8], error: &serde_json::Error) -> Misread {
    Misread { path: path_at(json, offset(json, error.line(), error.column())), message: error.to_string() }
}

/// How many bytes stand before this line and column, both counted as serde_json does.
fn offset(json: &[u8], line: usize, column: usize) -> usize {
    let before: usize = json.split_inclusive(|&byte| byte == b'\n').take(line.saturating_sub(1)).map(<[u8]>::len).sum();
    before.saturating_add(column)
}

/// No document that serde_json reads nests deeper.
const MAX_DEPTH: usize = 128;

/// One step of a path.
enum Step<'j> {
    Item(usize),
    /// The text between the quotes.
    Member(&'j [u8]),
}

/// The path of the value or name that ends at `stop`, or of the object or list that begins there; else of what is being read there.
fn path_at(json: &[u8], stop: usize) -> String {
    let mut steps: Vec<Step<'_>> = Vec::new();
    let mut at: usize = 0;
    // A name was read and its value was not.
    let mut named = false;
    while at < stop && steps.len() <= MAX_DEPTH {
        let Some(&byte) = json.get(at) else { break };
        let begin = at;
        at = at.saturating_add(1);
        match byte {
            b'[' => steps.push(Step::Item(0)),
            b'{' => {
                steps.push(Step::Member(b""));
                named = false;
            }
            b']' | b'}' => {
                steps.pop();
            }
            b',' => match steps.last_mut() {
                Some(Step::Item(index)) => *index = index.saturating_add(1),
                _ => named = false,
            },
            b'"' => {
                at = string_end(json, at);
                if let Some(Step::Member(name)) = steps.last_mut()
                    && !named
                {
                    *name = json.get(begin.saturating_add(1)..at.saturating_sub(1)).unwrap_or_default();
                    named = true;
                }
            }
            _ => {}
        }
    }
    let mut path = "$".to_owned();
    for step in steps {
        // Writing to a String cannot fail.
        let _ = match step {
            Step::Item(index) => write!(path, "[{index}]"),
            Step::Member([]) => Ok(()),
            Step::Member(name) => write!(path, ".{}", String::from_utf8_lossy(name)),
        };
    }
    path
}

/// Behind the closing quote of the string whose text begins at `at`.
fn string_end(json: &[u8], mut at: usize) -> usize {
    while let Some(&byte) = json.get(at) {
        at = at.saturating_add(if byte == b'\\' { 2 } else { 1 });
        if byte == b'"' {
            break;
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "read for its errors")]
    struct Shape {
        name: String,
        #[serde(default)]
        items: Vec<BTreeMap<String, f64>>,
        #[serde(default)]
        inner: Option<Box<Shape>>,
    }

    fn path(json: &str) -> String {
        read::<Shape>(json.as_bytes()).unwrap_err().path
    }

    #[test]
    fn names_the_place_of_a_value() {
        assert_eq!(path(r#"{"name":7}"#), "$.name");
        assert_eq!(path(r#"{"name":null}"#), "$.name");
        assert_eq!(path(r#"{"name":{"a":1}}"#), "$.name");
        assert_eq!(path(r#"{"name": [] }"#), "$.name");
        assert_eq!(path("{\"name\":\"a\",\n \"items\":[{}, {\"x\":1,\n\"y\\\"\":\"z\"}]}"), "$.items[1].y\\\"");
        assert_eq!(path(r#"{"name":"é,{[\"","items":[{"x":1},[2]]}"#), "$.items[1]");
        assert_eq!(path(r#"{"name":"a","inner":{"name":"b","inner":{"name":true}}}"#), "$.inner.inner.name");
    }

    #[test]
    fn names_the_object_that_lacks_something_and_the_member_that_should_not_be() {
        assert_eq!(path("{}"), "$");
        assert_eq!(path(r#"{"name":"a","inner":{"items":[]}}"#), "$.inner");
        assert_eq!(path(r#"{"name":"a","inner":{"name":"b","nmae":7}}"#), "$.inner.nmae");
        assert_eq!(path(r#"{"name":"a","name":"b"}"#), "$.name");
        assert_eq!(path("7"), "$");
    }

    #[test]
    fn names_where_text_is_no_json() {
        assert_eq!(path(r#"{"name":"a","items":[{"x":1},{"y":?}]}"#), "$.items[1].y");
        assert_eq!(path(r#"{"name":"a""#), "$.name");
        assert_eq!(path(r#"{"name":"a"} x"#), "$");
        assert_eq!(path(""), "$");
    }

    proptest::proptest! {
        #[test]
        fn any_text_has_a_place(json in "[\\[\\]{}\",:a1 \\\\\n]{0,40}") {
            if let Err(misread) = read::<Shape>(json.as_bytes()) {
                proptest::prop_assert!(misread.path.starts_with('$'));
            }
        }
    }
}
