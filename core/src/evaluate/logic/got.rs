//! What expressions evaluate to.

use std::borrow::Cow;

use crate::value::Value;

/// What an expression evaluates to. Small, and nothing to drop in the common cases: it is passed on at every step.
#[derive(Debug)]
pub(crate) enum Got<'v> {
    Null,
    Bool(bool),
    Number(f64),
    /// Text of the snapshot or the context. In a damaged snapshot it may be no UTF-8: it reads as empty where its characters matter.
    Text(&'v [u8]),
    /// A list or an object of the context, or of what another operator put together.
    Borrowed(&'v Value<'v>),
    /// Text, a list or an object that an operator put together.
    Owned(Box<Value<'v>>),
}

/// What operators that compute with scalars see of a value.
#[derive(Clone, Copy)]
pub(crate) enum Scalar<'s> {
    Null,
    Bool(bool),
    Number(f64),
    Text(&'s [u8]),
    List,
    Map,
}

impl<'s> Scalar<'s> {
    pub fn of(value: &'s Value<'_>) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(b) => Self::Bool(*b),
            Value::Number(n) => Self::Number(*n),
            Value::String(text) => Self::Text(text.as_bytes()),
            Value::List(_) => Self::List,
            Value::Map(_) => Self::Map,
        }
    }

    /// How many bytes of text there are to compare.
    pub const fn text_len(self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            _ => 0,
        }
    }
}

impl<'v> Got<'v> {
    #[inline]
    pub fn borrowed(value: &'v Value<'v>) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(b) => Self::Bool(*b),
            Value::Number(n) => Self::Number(*n),
            Value::String(text) => Self::Text(text.as_bytes()),
            Value::List(_) | Value::Map(_) => Self::Borrowed(value),
        }
    }

    pub fn owned(value: Value<'v>) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(b) => Self::Bool(b),
            Value::Number(n) => Self::Number(n),
            Value::String(Cow::Borrowed(text)) => Self::Text(text.as_bytes()),
            other => Self::Owned(Box::new(other)),
        }
    }

    #[inline]
    pub fn scalar(&self) -> Scalar<'_> {
        match self {
            Self::Null => Scalar::Null,
            Self::Bool(b) => Scalar::Bool(*b),
            Self::Number(n) => Scalar::Number(*n),
            Self::Text(text) => Scalar::Text(text),
            Self::Borrowed(value) => Scalar::of(value),
            Self::Owned(value) => Scalar::of(value),
        }
    }

    /// The list or object that this is.
    pub fn compound(&self) -> Option<&Value<'v>> {
        match self {
            Self::Borrowed(value) => Some(value),
            Self::Owned(value) => Some(value),
            _ => None,
        }
    }

    /// The items of a list; none of anything else.
    pub fn items(&self) -> &[Value<'v>] {
        match self.compound() {
            Some(Value::List(items)) => items,
            _ => &[],
        }
    }

    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// JSONLogic's idea of truth: as JavaScript's, but empty lists and objects are false.
    #[inline]
    pub fn truthy(&self) -> bool {
        match self {
            Self::Null => false,
            Self::Bool(b) => *b,
            Self::Number(n) => *n != 0.0 && !n.is_nan(),
            Self::Text(text) => !text.is_empty(),
            Self::Borrowed(_) | Self::Owned(_) => match self.compound() {
                Some(Value::List(items)) => !items.is_empty(),
                Some(Value::Map(members)) => !members.is_empty(),
                Some(scalar) => scalar.is_truthy(),
                None => false,
            },
        }
    }

    /// For handing on. What is borrowed is copied, one level deep by reference: whoever asks has paid for it.
    pub fn into_value(self) -> Value<'v> {
        match self {
            Self::Null => Value::Null,
            Self::Bool(b) => Value::Bool(b),
            Self::Number(n) => Value::Number(n),
            Self::Text(text) => Value::String(Cow::Borrowed(readable(text))),
            Self::Borrowed(value) => value.clone(),
            Self::Owned(value) => *value,
        }
    }
}

/// Bytes as text.
pub(super) fn readable(text: &[u8]) -> &str {
    std::str::from_utf8(text).unwrap_or_default()
}
