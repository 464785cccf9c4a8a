//! The path of a place in JSON text.

use std::fmt::Write as _;

use super::json::MAX_DEPTH;

/// One step of a path.
enum Step<'j> {
    Item(usize),
    /// The text between the quotes.
    Member(&'j [u8]),
}

/// The path of the value or name that ends at `stop`, or of the object or list that begins there; else of what is being read there.
pub(super) fn path_at(json: &[u8], stop: usize) -> String {
    let mut steps: Vec<Step<'_>> = Vec::new();
    let mut at: usize = 0;
    // A name was read and its value was not.
    let mut named = false;
    while at < stop && steps.len() <= MAX_DEPTH as usize {
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
