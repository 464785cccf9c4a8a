//! JSON-shaped values: a user's attributes and the literals of a ruleset.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};

use crate::json_text::write_json_string;
use crate::names::Names;
use crate::same::same;
use crate::snapshot::index;

/// A JSON value. Text borrows from the document it was read from where that held no escapes.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// Any number: both dialects compute in IEEE 754 doubles, as JavaScript does.
    Number(f64),
    /// Text.
    String(Cow<'a, str>),
    /// An array.
    List(Vec<Value<'a>>),
    /// An object, in the order written. A repeated name keeps its first place and its last value, as in JavaScript.
    Map(Vec<(Cow<'a, str>, Value<'a>)>),
}

impl Default for &Value<'_> {
    /// `null`.
    fn default() -> Self {
        &Value::Null
    }
}

impl<'a> Value<'a> {
    /// The text, if this is a string.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// JavaScript's idea of truth: `false`, `null`, `0`, `NaN` and `""` are false, all else true.
    #[must_use]
    pub fn is_truthy(&self) -> bool {
        match self {
            Self::Null => false,
            Self::Bool(b) => *b,
            Self::Number(n) => *n != 0.0 && !n.is_nan(),
            Self::String(text) => !text.is_empty(),
            Self::List(_) | Self::Map(_) => true,
        }
    }

    /// Copies what is borrowed, so that the value can outlive its document.
    #[must_use]
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Self::Null => Value::Null,
            Self::Bool(b) => Value::Bool(b),
            Self::Number(n) => Value::Number(n),
            Self::String(text) => Value::String(Cow::Owned(text.into_owned())),
            Self::List(items) => Value::List(items.into_iter().map(Value::into_owned).collect()),
            Self::Map(members) => Value::Map(
                members.into_iter().map(|(name, value)| (Cow::Owned(name.into_owned()), value.into_owned())).collect(),
            ),
        }
    }

    /// Appends this value as compact JSON; numbers as JavaScript prints them (`7`, not `7.0`).
    pub fn write_json(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(true) => out.push_str("true"),
            Self::Bool(false) => out.push_str("false"),
            Self::Number(n) => out.push_str(number_text(*n, &mut ryu_js::Buffer::new())),
            Self::String(text) => write_json_string(text, out),
            Self::List(items) => {
                out.push('[');
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    item.write_json(out);
                }
                out.push(']');
            }
            Self::Map(members) => {
                out.push('{');
                for (i, (name, value)) in members.iter().enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    write_json_string(name, out);
                    out.push(':');
                    value.write_json(out);
                }
                out.push('}');
            }
        }
    }

    /// This value as compact JSON text.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut out = String::new();
        self.write_json(&mut out);
        out
    }
}

/// `number` as JavaScript's `String(number)` writes it: `610`, `0.1`, `1e+21`, `1e-7`.
pub fn number_text(number: f64, buffer: &mut ryu_js::Buffer) -> &str {
    buffer.format(number)
}

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(b) => serializer.serialize_bool(*b),
            Self::Number(n) => serializer.serialize_f64(*n),
            Self::String(text) => serializer.serialize_str(text),
            Self::List(items) => serializer.collect_seq(items),
            Self::Map(members) => serializer.collect_map(members.iter().map(|(name, value)| (name, value))),
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Value<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

/// Text that borrows from the document where it can. (serde's own `Cow` always copies.)
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(TextVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }
    fn visit_unit<E>(self) -> Result<Value<'de>, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E>(self, b: bool) -> Result<Value<'de>, E> {
        Ok(Value::Bool(b))
    }
    // Doubles are what JavaScript would read.
    #[allow(clippy::cast_precision_loss)]
    fn visit_i64<E>(self, n: i64) -> Result<Value<'de>, E> {
        Ok(Value::Number(n as f64))
    }
    #[allow(clippy::cast_precision_loss)]
    fn visit_u64<E>(self, n: u64) -> Result<Value<'de>, E> {
        Ok(Value::Number(n as f64))
    }
    fn visit_f64<E>(self, n: f64) -> Result<Value<'de>, E> {
        Ok(Value::Number(n))
    }
    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Value<'de>, E> {
        Ok(Value::String(Cow::Borrowed(text)))
    }
    fn visit_str<E>(self, text: &str) -> Result<Value<'de>, E> {
        Ok(Value::String(Cow::Owned(text.to_owned())))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value<'de>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Value::List(items))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value<'de>, A::Error> {
        let mut members: Vec<(Cow<'de, str>, Value<'de>)> = Vec::new();
        let mut sorted = true;
        while let Some(name) = map.next_key::<Text<'de>>()? {
            let value = map.next_value()?;
            sorted = sorted && members.last().is_none_or(|(last, _)| *last < name.0);
            members.push((name.0, value));
        }
        // Names in rising order cannot repeat.
        Ok(Value::Map(if sorted { members } else { last_value_of_each(members) }))
    }
}

/// So many names are compared with each other.
const FEW: usize = 16;

/// Drops repeated names: the first place, the last value.
pub(crate) fn last_value_of_each<'a>(members: Vec<(Cow<'a, str>, Value<'a>)>) -> Vec<(Cow<'a, str>, Value<'a>)> {
    // Few are compared with each other sooner than hashed, and hardly ever repeat.
    let repeats = |(at, (name, _)): (usize, &(Cow<'a, str>, Value<'a>))| {
        members.iter().take(at).any(|(earlier, _)| same(earlier.as_bytes(), name.as_bytes()))
    };
    if members.len() <= FEW && !members.iter().enumerate().any(repeats) {
        return members;
    }
    let mut places = Names::default();
    let mut kept: Vec<(Cow<'a, str>, Value<'a>)> = Vec::with_capacity(members.len());
    for (name, value) in members {
        match places.get(&name).and_then(|at| kept.get_mut(at as usize)) {
            Some((_, earlier)) => *earlier = value,
            None => {
                places.insert(name.clone(), index(&kept));
                kept.push((name, value));
            }
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(json: &str) -> String {
        serde_json::from_str::<Value<'_>>(json).unwrap().to_json()
    }

    #[test]
    fn prints_as_javascript_does() {
        assert_eq!(
            round(r#"{"b":7.0,"a":[1e21,0.1,-0.5,null,true],"c":"\u0001\"é"}"#),
            r#"{"b":7,"a":[1e+21,0.1,-0.5,null,true],"c":"\u0001\"é"}"#
        );
    }

    #[test]
    fn a_repeated_name_keeps_its_place_and_its_last_value() {
        assert_eq!(round(r#"{"b":1,"a":2,"b":3}"#), r#"{"b":3,"a":2}"#);
        let many: Vec<String> = (0..FEW).map(|i| format!(r#""{i}":0"#)).collect();
        let (first, rest) = (many.join(","), &many[1..].join(","));
        assert_eq!(round(&format!(r#"{{{first},"0":1}}"#)), format!(r#"{{"0":1,{rest}}}"#));
    }
}
