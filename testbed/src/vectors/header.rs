//! The header that the filter injects, as an application reads it.

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};
use sfv::{BareItem, Dictionary, ListEntry, Parser};

/// The header that carries the user through the filter.
pub(super) const CONTEXT_HEADER: &str = "x-jackstaff-context";

/// Room for every flag of a vector: nothing may be left out when values are compared.
pub(super) const HEADER_BYTES: usize = 48_000;

/// A flag's key as a dictionary key (RFC 9651, 3.2).
pub(super) fn header_key(key: &str) -> String {
    let legal: String = key
        .chars()
        .map(|c| c.to_ascii_lowercase())
        .map(|c| if c.is_ascii_lowercase() || c.is_ascii_digit() || "_-.*".contains(c) { c } else { '_' })
        .collect();
    if legal.starts_with(|c: char| c.is_ascii_lowercase() || c == '*') { legal } else { format!("*{legal}") }
}

/// Reads the header back with the RFC 9651 library: each flag's value with its type.
pub(super) fn header_flags(header: &str) -> Result<Value> {
    let dictionary: Dictionary = Parser::new(header).parse().with_context(|| format!("no dictionary: {header}"))?;
    let mut flags = Map::new();
    for (key, entry) in dictionary {
        let ListEntry::Item(item) = entry else { anyhow::bail!("{} is an inner list", key.as_str()) };
        let has = |name: &str| item.params.iter().any(|(param, _)| param.as_str() == name);
        let text = match &item.bare_item {
            BareItem::Boolean(b) => {
                flags.insert(key.as_str().to_owned(), json!({ "boolean": b }));
                continue;
            }
            BareItem::Integer(n) => {
                flags.insert(key.as_str().to_owned(), json!({ "number": i64::from(*n) as f64 }));
                continue;
            }
            BareItem::Decimal(n) => {
                flags.insert(key.as_str().to_owned(), json!({ "number": n.to_string().parse::<f64>()? }));
                continue;
            }
            BareItem::String(text) => text.as_str().to_owned(),
            BareItem::DisplayString(text) => text.to_string(),
            other => anyhow::bail!("{} is {other:?}", key.as_str()),
        };
        let value = if has("json") {
            json!({ "json": serde_json::from_str::<Value>(&text)? })
        } else if has("num") {
            json!({ "number": text.parse::<f64>()? })
        } else {
            json!({ "string": text })
        };
        flags.insert(key.as_str().to_owned(), value);
    }
    Ok(Value::from(flags))
}
