//! One flag's value, as a dictionary member and as the plain text of a header of its own.

use std::fmt::Write as _;

use jackstaff_core::FlagValue;
use sfv::{Decimal, DictSerializer, Integer, KeyRef, RefBareItem, StringRef};

/// Whole numbers of more digits are no Integer (RFC 9651, section 3.3.1).
const INTEGER_DIGITS: usize = 15;
/// A Decimal has at most this many digits before and after its point (RFC 9651, section 3.3.2).
const DECIMAL_DIGITS: (usize, usize) = (12, 3);

/// How a value is written.
enum Item<'v> {
    Boolean(bool),
    Integer(Integer),
    Decimal(Decimal),
    Text(&'v str, Option<&'static str>),
}

/// The member `key=value`, with the parameter `v` where a variant is given. Nothing where `key` is no legal dictionary key.
///
/// The result holds bytes from 0x20 to 0x7E only, whatever the value holds.
#[must_use]
pub fn member(key: &str, value: &FlagValue<'_>, variant: Option<&str>) -> Option<String> {
    let name = KeyRef::from_str(key).ok()?;
    let item = match *value {
        FlagValue::Boolean(value) => Item::Boolean(value),
        FlagValue::String(text) => Item::Text(text, None),
        FlagValue::Structure(json) => Item::Text(json, Some("json")),
        FlagValue::Number { text, .. } => number(text),
    };
    let mut out = DictSerializer::new();
    let mut parameters = match item {
        Item::Boolean(value) => out.bare_item(name, value),
        Item::Integer(value) => out.bare_item(name, value),
        Item::Decimal(value) => out.bare_item(name, value),
        Item::Text(value, kind) => {
            let parameters = out.bare_item(name, text(value));
            match kind.and_then(|kind| KeyRef::from_str(kind).ok()) {
                Some(kind) => parameters.parameter(kind, true),
                None => parameters,
            }
        }
    };
    if let (Some(variant), Ok(v)) = (variant, KeyRef::from_str("v")) {
        parameters = parameters.parameter(v, text(variant));
    }
    let _ = parameters.finish();
    out.finish()
}

/// String where it is printable ASCII, Display String else.
fn text(text: &str) -> RefBareItem<'_> {
    match StringRef::from_str(text) {
        Ok(text) => RefBareItem::String(text),
        Err(_) => RefBareItem::DisplayString(text),
    }
}

/// Reads the JSON text of a number rather than the number: digits are exact there.
fn number(text: &str) -> Item<'_> {
    exact(text).unwrap_or(Item::Text(text, Some("num")))
}

fn exact(text: &str) -> Option<Item<'_>> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    if whole.len() == digits.len() {
        return (whole.len() <= INTEGER_DIGITS)
            .then(|| text.parse::<i64>().ok())?
            .and_then(|n| Integer::try_from(n).ok().map(Item::Integer));
    }
    let (before, after) = DECIMAL_DIGITS;
    if whole.len() > before || fraction.is_empty() || fraction.len() > after {
        return None;
    }
    // The number in thousandths.
    let sign = if digits.len() == text.len() { "" } else { "-" };
    let scaled: i64 = format!("{sign}{whole}{fraction:0<after$}").parse().ok()?;
    Some(Item::Decimal(Decimal::from_integer_scaled_1000(Integer::try_from(scaled).ok()?)))
}

/// The value as the text of a header of its own, made for routes to match on.
///
/// Booleans are `true` and `false`, numbers their JSON text. Of a string, every byte of its UTF-8 form outside 0x20 to 0x7E, every `%`, and
/// spaces at its ends are percent-encoded, so that decoding gives the string back. JSON is compact, and characters outside of 0x20 to 0x7E
/// are written as JSON escapes (`\u00e9`).
#[must_use]
pub fn plain(value: &FlagValue<'_>) -> String {
    match *value {
        FlagValue::Boolean(true) => "true".to_owned(),
        FlagValue::Boolean(false) => "false".to_owned(),
        FlagValue::String(text) => percent_encoded(text),
        // A number's text is ASCII unless the snapshot is damaged; the same escapes then keep it harmless.
        FlagValue::Number { text, .. } | FlagValue::Structure(text) => ascii_json(text),
    }
}

fn percent_encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let inner_end = text.trim_end_matches(' ').len();
    let inner_start = text.len().saturating_sub(text.trim_start_matches(' ').len());
    for (at, byte) in text.bytes().enumerate() {
        let kept = match byte {
            b'%' => false,
            b' ' => (inner_start..inner_end).contains(&at),
            _ => byte.is_ascii_graphic(),
        };
        if kept {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

fn ascii_json(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c == ' ' || c.is_ascii_graphic() {
            out.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use jackstaff_core::Value;
    use proptest::prelude::*;
    use sfv::{BareItem, Dictionary, ListEntry, Parser};

    use super::*;

    fn num(text: &str) -> String {
        member("k", &FlagValue::Number { number: text.parse().unwrap(), text }, None).unwrap()
    }

    #[test]
    fn the_designs_example() {
        let write = |key: &str, value: FlagValue<'_>| member(key, &value, None).unwrap();
        assert_eq!(write("checkout", FlagValue::String("treatment")), r#"checkout="treatment""#);
        assert_eq!(write("new-nav", FlagValue::Boolean(true)), "new-nav");
        assert_eq!(write("old-nav", FlagValue::Boolean(false)), "old-nav=?0");
        assert_eq!(write("pricing", FlagValue::Structure(r#"{"tier":2}"#)), r#"pricing="{\"tier\":2}";json"#);
        assert_eq!(write("greeting", FlagValue::String("café")), r#"greeting=%"caf%c3%a9""#);
        assert_eq!(member("on", &FlagValue::Boolean(true), Some("a b")).unwrap(), r#"on;v="a b""#);
        assert_eq!(
            member("j", &FlagValue::Structure("[\"é\"]"), Some("é")).unwrap(),
            r#"j=%"[%22%c3%a9%22]";json;v=%"%c3%a9""#
        );
        assert_eq!(member("Not legal", &FlagValue::Boolean(true), None), None);
    }

    #[test]
    fn numbers_take_the_narrowest_type_that_holds_them_exactly() {
        assert_eq!(num("40"), "k=40");
        assert_eq!(num("-999999999999999"), "k=-999999999999999");
        assert_eq!(num("1000000000000000"), r#"k="1000000000000000";num"#);
        assert_eq!(num("-0.5"), "k=-0.5");
        assert_eq!(num("0.125"), "k=0.125");
        assert_eq!(num("0.1251"), r#"k="0.1251";num"#);
        assert_eq!(num("123456789012.25"), "k=123456789012.25");
        assert_eq!(num("1234567890123.25"), r#"k="1234567890123.25";num"#);
        assert_eq!(num("1e+21"), r#"k="1e+21";num"#);
        assert_eq!(num("1e-7"), r#"k="1e-7";num"#);
    }

    #[test]
    fn plain_text_can_be_matched_and_decoded() {
        assert_eq!(plain(&FlagValue::String("Summer sale")), "Summer sale");
        assert_eq!(plain(&FlagValue::String(" 50% é\r\n ")), "%20".to_owned() + "50%25 %C3%A9%0D%0A%20");
        assert_eq!(plain(&FlagValue::String("  ")), "%20%20");
        assert_eq!(plain(&FlagValue::Boolean(false)), "false");
        assert_eq!(plain(&FlagValue::Number { number: 2.5, text: "2.5" }), "2.5");
        assert_eq!(plain(&FlagValue::Structure(r#"{"é":"😀"}"#)), r#"{"\u00e9":"\ud83d\ude00"}"#);
    }

    fn read_back(header: &str) -> BareItem {
        let dictionary = Parser::new(header).parse::<Dictionary>().unwrap();
        let Some((_, ListEntry::Item(item))) = dictionary.into_iter().next() else { panic!("{header}") };
        item.bare_item
    }

    fn is_visible(text: &str) -> bool {
        text.bytes().all(|byte| (0x20..0x7f).contains(&byte))
    }

    proptest! {
        #[test]
        fn strings_come_back(value in any::<String>()) {
            let header = member("k", &FlagValue::String(&value), Some(&value)).unwrap();
            prop_assert!(is_visible(&header), "{:?}", header);
            match read_back(&header) {
                BareItem::String(text) => prop_assert_eq!(text.as_str(), value),
                BareItem::DisplayString(text) => prop_assert_eq!(text, value),
                other => prop_assert!(false, "{:?}", other),
            }
        }

        #[test]
        fn numbers_come_back(number in prop_oneof![any::<f64>(), (-1e16..1e16f64), any::<i32>().prop_map(|n| f64::from(n) / 1000.0)]) {
            prop_assume!(number.is_finite());
            let text = Value::Number(number).to_json();
            let header = member("k", &FlagValue::Number { number, text: &text }, None).unwrap();
            prop_assert!(is_visible(&header), "{:?}", header);
            let back = match read_back(&header) {
                BareItem::Integer(n) => i64::from(n) as f64,
                BareItem::Decimal(n) => f64::from(n),
                BareItem::String(text) => { prop_assert!(header.ends_with(";num")); text.as_str().parse().unwrap() }
                other => { prop_assert!(false, "{:?}", other); return Ok(()) }
            };
            prop_assert_eq!(back, number);
        }

        #[test]
        fn plain_text_is_visible_and_has_no_space_at_its_ends(value in any::<String>()) {
            let text = plain(&FlagValue::String(&value));
            prop_assert!(is_visible(&text) && text.trim() == text, "{:?}", text);
            prop_assert!(is_visible(&plain(&FlagValue::Structure(&value))));
        }
    }
}
