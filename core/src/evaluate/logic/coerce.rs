//! JSON values as truth, number and text, in the way of JSONLogic. Where engines differ: docs/decisions/0002.

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::value::{Value, number_text};

/// JSONLogic's idea of truth: as JavaScript's, but empty lists and objects are false.
pub(super) fn truthy(value: &Value<'_>) -> bool {
    match value {
        Value::List(items) => !items.is_empty(),
        Value::Map(members) => !members.is_empty(),
        scalar => scalar.is_truthy(),
    }
}

/// As JavaScript's `Number(value)`: NaN for what is no number.
pub(super) fn number(value: &Value<'_>) -> f64 {
    match value {
        Value::Null => 0.0,
        Value::Bool(b) => f64::from(u8::from(*b)),
        Value::Number(n) => *n,
        Value::String(text) => text_number(text),
        Value::List(_) | Value::Map(_) => f64::NAN,
    }
}

/// For arithmetic, which nothing interrupts: what is no number counts as 0.
pub(super) fn operand(value: &Value<'_>) -> f64 {
    let number = number(value);
    if number.is_nan() { 0.0 } else { number }
}

fn text_number(text: &str) -> f64 {
    let text = text.trim_ascii();
    if text.is_empty() {
        return 0.0;
    }
    // Rust reads "inf" and "nan" as numbers, too.
    let plain = text.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E'));
    if plain { text.parse().unwrap_or(f64::NAN) } else { f64::NAN }
}

/// As `cat` joins it: nothing for null, items with commas between.
pub(super) fn push_text(value: &Value<'_>, out: &mut String) {
    match value {
        Value::Null => {}
        Value::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Value::Number(n) => out.push_str(number_text(*n, &mut ryu_js::Buffer::new())),
        Value::String(text) => out.push_str(text),
        Value::List(items) => {
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                push_text(item, out);
            }
        }
        Value::Map(_) => value.write_json(out),
    }
}

/// The text of a scalar.
pub(super) fn text<'v>(value: &'v Value<'_>) -> Cow<'v, str> {
    match value {
        Value::String(text) => Cow::Borrowed(text),
        other => {
            let mut out = String::new();
            push_text(other, &mut out);
            Cow::Owned(out)
        }
    }
}

/// `===`: the same type and value. Lists and objects equal nothing.
pub(super) fn strictly_equal(a: &Value<'_>, b: &Value<'_>) -> bool {
    match (a, b) {
        (Value::Null, Value::Null) => true,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Number(a), Value::Number(b)) => a == b,
        (Value::String(a), Value::String(b)) => a == b,
        _ => false,
    }
}

/// `==`: as JavaScript's; null equals null alone, lists and objects equal nothing.
pub(super) fn equal(a: &Value<'_>, b: &Value<'_>) -> bool {
    match (a, b) {
        (Value::Null, _) | (_, Value::Null) | (Value::String(_), Value::String(_)) => strictly_equal(a, b),
        (a, b) => number(a) == number(b),
    }
}

/// The order of two values: of text where both are text, else of numbers; none where one is no number.
pub(super) fn order(a: &Value<'_>, b: &Value<'_>) -> Option<Ordering> {
    match (a, b) {
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        (a, b) => number(a).partial_cmp(&number(b)),
    }
}

/// So many members are compared in the time of one step.
const MEMBERS_PER_STEP: u32 = 8;

/// What lies on `path`, whose segments have dots between; a whole number takes an item of a list. Large objects cost `steps`: where those
/// end, the next expression says so.
pub(super) fn at_path<'v>(value: &'v Value<'v>, path: &str, steps: &mut u32) -> Option<&'v Value<'v>> {
    path.split('.').try_fold(value, |value, segment| match value {
        Value::Map(members) => {
            let cost = u32::try_from(members.len()).unwrap_or(u32::MAX) / MEMBERS_PER_STEP;
            *steps = steps.saturating_sub(cost);
            members.iter().find(|(name, _)| name == segment).map(|(_, value)| value)
        }
        Value::List(items) if segment.bytes().all(|b| b.is_ascii_digit()) => items.get(segment.parse::<usize>().ok()?),
        _ => None,
    })
}
