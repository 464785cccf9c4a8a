//! Reading JSON into types, and naming the place of what does not fit.
//!
//! A document is read into a [`Value`] first, and types from that. It makes the modules smaller than reading types from the text: what
//! serde generates for each type then holds no reader of JSON, only a step through a list or an object, and a place is known by itself.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, Expected, MapAccess, SeqAccess, Unexpected, VariantAccess,
    Visitor,
};

use super::json::document;
use crate::value::Value;

/// A document that is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misread {
    /// Where: a JSON path.
    pub path: String,
    /// What is wrong there.
    pub message: String,
}

impl Misread {
    #[cold]
    fn inside(mut self, step: &dyn fmt::Display) -> Self {
        self.path.insert_str(0, &step.to_string());
        self
    }
}

impl fmt::Display for Misread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, message } = self;
        if path == "$" { f.write_str(message) } else { write!(f, "{path}: {message}") }
    }
}

impl std::error::Error for Misread {}

impl Error for Misread {
    #[cold]
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { path: String::new(), message: message.to_string() }
    }

    /// Overridden because the general form brings the printing of floating-point numbers along: 26 KB.
    #[cold]
    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let found = match found {
            Unexpected::Unit => "null",
            Unexpected::Bool(_) => "a boolean",
            Unexpected::Unsigned(_) | Unexpected::Signed(_) | Unexpected::Float(_) => "a number",
            Unexpected::Str(_) => "a string",
            Unexpected::Seq => "a list",
            _ => "an object",
        };
        Self { path: String::new(), message: format!("invalid type: {found}, expected {expected}") }
    }

    #[cold]
    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self { path: String::new(), message: format!("invalid value: expected {expected}") }
    }
}

/// Reads all of `json` as `T`.
///
/// # Errors
/// Where and why it is no `T`.
pub fn read<'d, T: Deserialize<'d>>(json: &'d [u8]) -> Result<T, Misread> {
    from_value(&document(json)?)
}

/// Reads `value` as `T`.
///
/// # Errors
/// Where and why it is no `T`.
pub fn from_value<'d, T: Deserialize<'d>>(value: &Value<'d>) -> Result<T, Misread> {
    T::deserialize(From(value)).map_err(|misread| misread.inside(&'$'))
}

/// Reads from a value.
struct From<'v, 'd>(&'v Value<'d>);

impl<'d> From<'_, 'd> {
    #[cold]
    fn mismatch(&self, expected: &dyn Expected) -> Misread {
        let found = match self.0 {
            Value::Null => Unexpected::Unit,
            Value::Bool(b) => Unexpected::Bool(*b),
            Value::Number(n) => Unexpected::Float(*n),
            Value::String(text) => Unexpected::Str(text),
            Value::List(_) => Unexpected::Seq,
            Value::Map(_) => Unexpected::Map,
        };
        Misread::invalid_type(found, expected)
    }

    fn text<V: Visitor<'d>>(text: &Cow<'d, str>, visitor: V) -> Result<V::Value, Misread> {
        match text {
            Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
            Cow::Owned(text) => visitor.visit_str(text),
        }
    }
}

impl<'d> Deserializer<'d> for From<'_, 'd> {
    type Error = Misread;

    fn deserialize_any<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, Misread> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(b) => visitor.visit_bool(*b),
            Value::Number(_) => self.deserialize_f64(visitor),
            Value::String(text) => Self::text(text, visitor),
            Value::List(_) => self.deserialize_seq(visitor),
            Value::Map(_) => self.deserialize_map(visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, Misread> {
        match self.0 {
            Value::Bool(b) => visitor.visit_bool(*b),
            _ => Err(self.mismatch(&visitor)),
        }
    }

    fn deserialize_f64<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, Misread> {
        match self.0 {
            Value::Number(n) => visitor.visit_f64(*n),
            _ => Err(self.mismatch(&visitor)),
        }
    }

    fn deserialize_u64<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, Misread> {
        match self.0 {
            // Beyond, doubles do not tell one whole number from the next.
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            Value::Number(n) if n.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(n) => {
                visitor.visit_u64(*n as u64)
            }
            Value::Number(_) => Err(Misread::invalid_value(Unexpected::Other(""), &visitor)),
            _ => Err(self.mismatch(&visitor)),
        }
    }

    fn deserialize_str<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, Misread> {
        match self.0 {
            Value::String(text) => Self::text(text, visitor),
            _ => Err(self.mismatch(&visitor)),
        }
    }

    fn deserialize_option<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, Misread> {
        if matches!(self.0, Value::Null) { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'d>>(self, _: &'static str, visitor: V) -> Result<V::Value, Misread> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, Misread> {
        match self.0 {
            Value::List(items) => visitor.visit_seq(Items { items, at: 0 }),
            _ => Err(self.mismatch(&visitor)),
        }
    }

    fn deserialize_map<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, Misread> {
        match self.0 {
            Value::Map(members) => visitor.visit_map(Members { members, value: None }),
            _ => Err(self.mismatch(&visitor)),
        }
    }

    fn deserialize_struct<V: Visitor<'d>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misread> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'d>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misread> {
        match self.0 {
            Value::String(name) => visitor.visit_enum(Variant { name, content: None }),
            Value::Map(members) => match members.as_slice() {
                [(name, content)] => visitor.visit_enum(Variant { name, content: Some(content) }),
                _ => Err(Misread::invalid_value(Unexpected::Map, &"an object with a single member")),
            },
            _ => Err(self.mismatch(&visitor)),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, Misread> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! { <V: Visitor<'d>> bytes byte_buf unit unit_struct tuple tuple_struct i128 u128 char }

    fn deserialize_string<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, Misread> {
        self.deserialize_str(visitor)
    }
    fn deserialize_identifier<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, Misread> {
        self.deserialize_str(visitor)
    }
    fn deserialize_f32<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, Misread> {
        self.deserialize_f64(visitor)
    }
    fn deserialize_u8<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, Misread> {
        self.deserialize_u64(visitor)
    }
    fn deserialize_u16<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, Misread> {
        self.deserialize_u64(visitor)
    }
    fn deserialize_u32<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, Misread> {
        self.deserialize_u64(visitor)
    }
    fn deserialize_i8<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, Misread> {
        self.deserialize_i64(visitor)
    }
    fn deserialize_i16<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, Misread> {
        self.deserialize_i64(visitor)
    }
    fn deserialize_i32<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, Misread> {
        self.deserialize_i64(visitor)
    }
    fn deserialize_i64<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, Misread> {
        match self.0 {
            #[allow(clippy::cast_possible_truncation)]
            Value::Number(n) if n.fract() == 0.0 && n.abs() <= 9_007_199_254_740_992.0 => visitor.visit_i64(*n as i64),
            Value::Number(_) => Err(Misread::invalid_value(Unexpected::Other(""), &visitor)),
            _ => Err(self.mismatch(&visitor)),
        }
    }
}

struct Items<'v, 'd> {
    items: &'v [Value<'d>],
    at: usize,
}

impl<'d> SeqAccess<'d> for Items<'_, 'd> {
    type Error = Misread;

    fn next_element_seed<S: DeserializeSeed<'d>>(&mut self, seed: S) -> Result<Option<S::Value>, Misread> {
        let Some(item) = self.items.get(self.at) else { return Ok(None) };
        let at = self.at;
        self.at = at.saturating_add(1);
        seed.deserialize(From(item)).map(Some).map_err(|misread| misread.inside(&format_args!("[{at}]")))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len().saturating_sub(self.at))
    }
}

struct Members<'v, 'd> {
    members: &'v [(Cow<'d, str>, Value<'d>)],
    /// The member whose name was read last.
    value: Option<(&'v str, &'v Value<'d>)>,
}

/// A member's name as a step of a path.
struct Member<'n>(&'n str);

impl fmt::Display for Member<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, ".{}", self.0)
    }
}

impl<'d> MapAccess<'d> for Members<'_, 'd> {
    type Error = Misread;

    fn next_key_seed<S: DeserializeSeed<'d>>(&mut self, seed: S) -> Result<Option<S::Value>, Misread> {
        let Some(((name, value), rest)) = self.members.split_first() else { return Ok(None) };
        self.members = rest;
        self.value = Some((name, value));
        seed.deserialize(Name(name)).map(Some).map_err(|misread| misread.inside(&Member(name)))
    }

    fn next_value_seed<S: DeserializeSeed<'d>>(&mut self, seed: S) -> Result<S::Value, Misread> {
        let (name, value) = self.value.take().ok_or_else(|| Misread::custom("a value without a name"))?;
        seed.deserialize(From(value)).map_err(|misread| misread.inside(&Member(name)))
    }
}

/// A member's name as a value.
struct Name<'v, 'd>(&'v Cow<'d, str>);

impl<'d> Deserializer<'d> for Name<'_, 'd> {
    type Error = Misread;

    fn deserialize_any<V: Visitor<'d>>(self, visitor: V) -> Result<V::Value, Misread> {
        From::text(self.0, visitor)
    }

    serde::forward_to_deserialize_any! { <V: Visitor<'d>>
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// A variant by its name, alone or with its content.
struct Variant<'v, 'd> {
    name: &'v Cow<'d, str>,
    content: Option<&'v Value<'d>>,
}

impl<'v, 'd> EnumAccess<'d> for Variant<'v, 'd> {
    type Error = Misread;
    type Variant = Content<'v, 'd>;

    fn variant_seed<S: DeserializeSeed<'d>>(self, seed: S) -> Result<(S::Value, Content<'v, 'd>), Misread> {
        let Self { name, content } = self;
        let variant = seed.deserialize(Name(name)).map_err(|misread| match content {
            Some(_) => misread.inside(&Member(name)),
            None => misread,
        })?;
        Ok((variant, Content { name, value: content }))
    }
}

/// What stands beside a variant's name.
struct Content<'v, 'd> {
    name: &'v str,
    value: Option<&'v Value<'d>>,
}

impl<'d> Content<'_, 'd> {
    fn read<T>(&self, read: impl FnOnce(From<'_, 'd>) -> Result<T, Misread>) -> Result<T, Misread> {
        read(From(self.value.unwrap_or(&Value::Null))).map_err(|misread| misread.inside(&Member(self.name)))
    }
}

impl<'d> VariantAccess<'d> for Content<'_, 'd> {
    type Error = Misread;

    fn unit_variant(self) -> Result<(), Misread> {
        self.read(|value| match value.0 {
            Value::Null => Ok(()),
            _ => Err(value.mismatch(&"nothing beside the name")),
        })
    }

    fn newtype_variant_seed<S: DeserializeSeed<'d>>(self, seed: S) -> Result<S::Value, Misread> {
        self.read(|value| seed.deserialize(value))
    }

    fn tuple_variant<V: Visitor<'d>>(self, _: usize, visitor: V) -> Result<V::Value, Misread> {
        self.read(|value| value.deserialize_seq(visitor))
    }

    fn struct_variant<V: Visitor<'d>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, Misread> {
        self.read(|value| value.deserialize_map(visitor))
    }
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
        assert_eq!(path("{\"name\":\"a\",\n \"items\":[{}, {\"x\":1,\n\"y\\\"\":\"z\"}]}"), "$.items[1].y\"");
        assert_eq!(path(r#"{"name":"é,{[\"","items":[{"x":1},[2]]}"#), "$.items[1]");
        assert_eq!(path(r#"{"name":"a","inner":{"name":"b","inner":{"name":true}}}"#), "$.inner.inner.name");
    }

    #[test]
    fn names_the_object_that_lacks_something_and_the_member_that_should_not_be() {
        assert_eq!(path("{}"), "$");
        assert_eq!(path(r#"{"name":"a","inner":{"items":[]}}"#), "$.inner");
        assert_eq!(path(r#"{"name":"a","inner":{"name":"b","nmae":7}}"#), "$.inner.nmae");
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
