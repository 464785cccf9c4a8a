//! Values of structured fields (RFC 9651) as they are written. What writes all of the standard takes 5 KB more in a module; tests read with it
//! what is written here.

use std::fmt::Write as _;

/// Appends `text`: a String where it is printable ASCII, a Display String else. All that is written is printable ASCII.
pub(crate) fn push_text(text: &str, out: &mut String) {
    let printable = |byte: u8| matches!(byte, 0x20..=0x7e);
    let plain = text.bytes().all(printable);
    out.push_str(if plain { "\"" } else { "%\"" });
    for byte in text.bytes() {
        // Writing to a String cannot fail.
        let _ = match byte {
            b'"' | b'\\' if plain => write!(out, "\\{}", char::from(byte)),
            b'"' | b'%' if !plain => write!(out, "%{byte:02x}"),
            byte if printable(byte) => out.write_char(char::from(byte)),
            _ => write!(out, "%{byte:02x}"),
        };
    }
    out.push('"');
}

/// Appends a Decimal, given in thousandths.
pub(crate) fn push_decimal(thousandths: i64, out: &mut String) {
    let (size, sign) = (thousandths.unsigned_abs(), if thousandths < 0 { "-" } else { "" });
    let digits = format!("{sign}{}.{:03}", size / 1_000, size % 1_000);
    // One digit stays.
    let last = digits.strip_suffix("00").or_else(|| digits.strip_suffix('0')).unwrap_or(&digits);
    out.push_str(last);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sfv::{BareItem, Decimal, Integer, Item, ItemSerializer, Parser, RefBareItem, StringRef};

    use super::*;

    fn written(write: impl FnOnce(&mut String)) -> String {
        let mut out = String::new();
        write(&mut out);
        out
    }

    proptest! {
        #[test]
        fn texts_are_written_as_others_write_them(any: String, plain in "[ -~]{0,20}") {
            for text in [any, plain] {
                let item = StringRef::from_str(&text).map_or(RefBareItem::DisplayString(&text), RefBareItem::String);
                let out = written(|out| push_text(&text, out));
                prop_assert_eq!(&out, &ItemSerializer::new().bare_item(item).finish());
                let read = match Parser::new(&out).parse::<Item>().unwrap().bare_item {
                    BareItem::String(read) => read.as_str().to_owned(),
                    BareItem::DisplayString(read) => read,
                    other => panic!("{other:?}"),
                };
                prop_assert_eq!(read, text);
            }
        }

        #[test]
        fn decimals_are_written_as_others_write_them(number in -999_999_999_999_999_i64..=999_999_999_999_999, places in 0..15_u32) {
            let number = number / 10_i64.pow(places);
            for number in [number, number / 10 * 10, number / 100 * 100, number / 1_000 * 1_000] {
                let decimal = Decimal::from_integer_scaled_1000(Integer::try_from(number).unwrap());
                prop_assert_eq!(written(|out| push_decimal(number, out)), ItemSerializer::new().bare_item(decimal).finish());
            }
        }
    }
}
