//! JSON values as number and text, and comparing them, in the way of JSONLogic. Where engines differ: docs/decisions/0002.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::Operator;
use super::got::{Got, Scalar, readable};
use crate::same::same;
use crate::value::{Value, number_text};

/// As JavaScript's `Number(value)`: NaN for what is no number.
pub(super) fn number(value: Scalar<'_>) -> f64 {
    match value {
        Scalar::Null => 0.0,
        Scalar::Bool(b) => f64::from(u8::from(b)),
        Scalar::Number(n) => n,
        Scalar::Text(text) => text_number(text),
        Scalar::List | Scalar::Map => f64::NAN,
    }
}

/// For arithmetic, which nothing interrupts: what is no number counts as 0.
pub(super) fn operand(value: Scalar<'_>) -> f64 {
    let number = number(value);
    if number.is_nan() { 0.0 } else { number }
}

fn text_number(text: &[u8]) -> f64 {
    let text = text.trim_ascii();
    if text.is_empty() {
        return 0.0;
    }
    // Rust reads "inf" and "nan" as numbers, too.
    let plain = text.iter().all(|b| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E'));
    if plain { readable(text).parse().unwrap_or(f64::NAN) } else { f64::NAN }
}

/// As `cat` joins it: nothing for null, items with commas between.
pub(super) fn push_text(value: &Value<'_>, out: &mut String) {
    match value {
        Value::List(items) => {
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                push_text(item, out);
            }
        }
        Value::Map(_) => value.write_json(out),
        scalar => push_scalar(Scalar::of(scalar), out),
    }
}

fn push_scalar(value: Scalar<'_>, out: &mut String) {
    match value {
        Scalar::Null | Scalar::List | Scalar::Map => {}
        Scalar::Bool(b) => out.push_str(if b { "true" } else { "false" }),
        Scalar::Number(n) => out.push_str(number_text(n, &mut ryu_js::Buffer::new())),
        Scalar::Text(text) => out.push_str(readable(text)),
    }
}

/// As [`push_text`].
pub(super) fn push_got(got: &Got<'_>, out: &mut String) {
    match got.compound() {
        Some(value) => push_text(value, out),
        None => push_scalar(got.scalar(), out),
    }
}

/// The text that [`push_text`] writes.
pub(super) fn text<'g>(got: &'g Got<'_>) -> Cow<'g, str> {
    if let Scalar::Text(text) = got.scalar() {
        return Cow::Borrowed(readable(text));
    }
    let mut out = String::new();
    push_got(got, &mut out);
    Cow::Owned(out)
}

/// `===`: the same type and value. Lists and objects equal nothing.
pub(super) fn strictly_equal(a: Scalar<'_>, b: Scalar<'_>) -> bool {
    match (a, b) {
        (Scalar::Null, Scalar::Null) => true,
        (Scalar::Bool(a), Scalar::Bool(b)) => a == b,
        (Scalar::Number(a), Scalar::Number(b)) => a == b,
        (Scalar::Text(a), Scalar::Text(b)) => same(a, b),
        _ => false,
    }
}

/// What `operator` says of two texts; all that compare can.
#[inline]
pub(super) fn compare_texts(operator: Operator, a: &[u8], b: &[u8]) -> bool {
    use Operator as O;
    match operator {
        O::Equal | O::StrictEqual => same(a, b),
        O::NotEqual | O::StrictNotEqual => !same(a, b),
        O::StartsWith => a.get(..b.len()).is_some_and(|start| same(start, b)),
        O::EndsWith => a.len().checked_sub(b.len()).and_then(|at| a.get(at..)).is_some_and(|end| same(end, b)),
        _ => ordered(operator, Some(a.cmp(b))),
    }
}

/// What `operator` says of two numbers; null where it asks for text.
#[inline]
pub(super) fn compare_numbers(operator: Operator, a: f64, b: f64) -> Option<bool> {
    use Operator as O;
    Some(match operator {
        O::Equal | O::StrictEqual => a == b,
        O::NotEqual | O::StrictNotEqual => a != b,
        O::StartsWith | O::EndsWith => return None,
        _ => ordered(operator, a.partial_cmp(&b)),
    })
}

/// Whether `operator` holds of two values in this order; of none, where one is no number, nothing does.
fn ordered(operator: Operator, order: Option<Ordering>) -> bool {
    use Operator as O;
    order.is_some_and(|order| match operator {
        O::Greater => order.is_gt(),
        O::GreaterOrEqual => order.is_ge(),
        O::Less => order.is_lt(),
        _ => order.is_le(),
    })
}

/// What `operator` says of two values of any types. As JavaScript: text beside what is none counts as a number; but null equals null alone,
/// lists and objects equal nothing.
#[inline(never)]
pub(super) fn compare_mixed(operator: Operator, a: Scalar<'_>, b: Scalar<'_>) -> Option<bool> {
    use Operator as O;
    let null = matches!(a, Scalar::Null) || matches!(b, Scalar::Null);
    match operator {
        O::StrictEqual => Some(strictly_equal(a, b)),
        O::StrictNotEqual => Some(!strictly_equal(a, b)),
        O::Equal if null => Some(strictly_equal(a, b)),
        O::NotEqual if null => Some(!strictly_equal(a, b)),
        _ => compare_numbers(operator, number(a), number(b)),
    }
}

/// So many members are compared in the time of one step.
const MEMBERS_PER_STEP: u32 = 8;

/// What lies on `path`, whose segments have dots between; a whole number takes an item of a list. Large objects cost `steps`: where those
/// end, the next expression says so.
pub(super) fn at_path<'v>(value: &'v Value<'v>, path: &[u8], steps: &mut u32) -> Option<&'v Value<'v>> {
    path.split(|b| *b == b'.').try_fold(value, |value, segment| match value {
        Value::Map(members) => {
            let cost = u32::try_from(members.len()).unwrap_or(u32::MAX) / MEMBERS_PER_STEP;
            *steps = steps.saturating_sub(cost);
            members.iter().find(|(name, _)| name.as_bytes() == segment).map(|(_, value)| value)
        }
        Value::List(items) if segment.iter().all(u8::is_ascii_digit) => {
            items.get(readable(segment).parse::<usize>().ok()?)
        }
        _ => None,
    })
}
