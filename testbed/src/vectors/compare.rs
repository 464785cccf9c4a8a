//! Differences between two JSON values, a line each.

use serde_json::Value;

/// More differences than anyone reads.
const MAX_DIFFERENCES: usize = 12;

/// Where `got` differs from `expected`. Objects are compared without regard to the order of their members; numbers by value.
pub(crate) fn differences(path: &str, expected: &Value, got: &Value) -> Vec<String> {
    let mut found = Vec::new();
    walk(path, expected, got, &mut found);
    found.truncate(MAX_DIFFERENCES);
    found
}

fn walk(path: &str, expected: &Value, got: &Value, found: &mut Vec<String>) {
    match (expected, got) {
        (Value::Object(expected), Value::Object(got)) => {
            for (name, value) in expected {
                match got.get(name) {
                    Some(other) => walk(&format!("{path}.{name}"), value, other, found),
                    None => found.push(format!("{path}.{name}: expected {}, got nothing", short(value))),
                }
            }
            for (name, value) in got.iter().filter(|(name, _)| !expected.contains_key(*name)) {
                found.push(format!("{path}.{name}: expected nothing, got {}", short(value)));
            }
        }
        (Value::Array(expected), Value::Array(got)) if expected.len() == got.len() => {
            for (i, (expected, got)) in expected.iter().zip(got).enumerate() {
                walk(&format!("{path}[{i}]"), expected, got, found);
            }
        }
        (Value::Number(a), Value::Number(b)) if a == b || a.as_f64() == b.as_f64() => {}
        _ if expected == got => {}
        _ => found.push(format!("{path}: expected {}, got {}", short(expected), short(got))),
    }
}

fn short(value: &Value) -> String {
    const SHOWN: usize = 160;
    let text = value.to_string();
    if text.chars().count() <= SHOWN { text } else { text.chars().take(SHOWN).chain("…".chars()).collect() }
}
