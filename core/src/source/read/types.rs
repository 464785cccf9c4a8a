//! What every type is made of.

use std::borrow::Cow;

use super::{FromJson, Reading, Step};
use crate::value::Value;

/// Anything at all, which is not looked at.
impl<'v> FromJson<'v> for () {
    fn read(&mut self, _: &'v Value<'v>, _: &mut Reading<'v>) {}
}

/// Anything at all, as it is.
impl<'v> FromJson<'v> for &'v Value<'v> {
    fn read(&mut self, value: &'v Value<'v>, _: &mut Reading<'v>) {
        *self = value;
    }
}

/// The items of a list, as they are.
impl<'v> FromJson<'v> for &'v [Value<'v>] {
    fn read(&mut self, value: &'v Value<'v>, reading: &mut Reading<'v>) {
        if let Some(items) = reading.list(value) {
            *self = items;
        }
    }
}

/// The members of an object, as they are.
impl<'v> FromJson<'v> for &'v [(Cow<'v, str>, Value<'v>)] {
    fn read(&mut self, value: &'v Value<'v>, reading: &mut Reading<'v>) {
        if let Some(members) = reading.map(value) {
            *self = members;
        }
    }
}

impl<'v> FromJson<'v> for &'v str {
    fn read(&mut self, value: &'v Value<'v>, reading: &mut Reading<'v>) {
        match value {
            Value::String(text) => *self = text,
            _ => reading.mismatch(value, "a string"),
        }
    }
}

impl<'v> FromJson<'v> for String {
    fn read(&mut self, value: &'v Value<'v>, reading: &mut Reading<'v>) {
        match value {
            Value::String(text) => text.as_ref().clone_into(self),
            _ => reading.mismatch(value, "a string"),
        }
    }
}

impl<'v> FromJson<'v> for bool {
    fn read(&mut self, value: &'v Value<'v>, reading: &mut Reading<'v>) {
        match value {
            Value::Bool(truth) => *self = *truth,
            _ => reading.mismatch(value, "a boolean"),
        }
    }
}

impl<'v> FromJson<'v> for f64 {
    fn read(&mut self, value: &'v Value<'v>, reading: &mut Reading<'v>) {
        match value {
            Value::Number(number) => *self = *number,
            _ => reading.mismatch(value, "a number"),
        }
    }
}

impl<'v> FromJson<'v> for u32 {
    fn read(&mut self, value: &'v Value<'v>, reading: &mut Reading<'v>) {
        if let Some(number) = reading.whole(value, Self::MAX.into()).and_then(|number| number.try_into().ok()) {
            *self = number;
        }
    }
}

impl<'v> FromJson<'v> for u64 {
    fn read(&mut self, value: &'v Value<'v>, reading: &mut Reading<'v>) {
        if let Some(number) = reading.whole(value, Self::MAX) {
            *self = number;
        }
    }
}

impl<'v> FromJson<'v> for usize {
    fn read(&mut self, value: &'v Value<'v>, reading: &mut Reading<'v>) {
        // No platform's `usize` is larger than 64 bits.
        if let Some(number) = reading.whole(value, Self::MAX as u64).and_then(|number| number.try_into().ok()) {
            *self = number;
        }
    }
}

/// `null` is as good as nothing.
impl<'v, T: Default + FromJson<'v>> FromJson<'v> for Option<T> {
    fn read(&mut self, value: &'v Value<'v>, reading: &mut Reading<'v>) {
        if !matches!(value, Value::Null) {
            self.get_or_insert_default().read(value, reading);
        }
    }
}

impl<'v, T: Default + FromJson<'v>> FromJson<'v> for Vec<T> {
    fn read(&mut self, value: &'v Value<'v>, reading: &mut Reading<'v>) {
        reading.each(value, &mut |item, reading| {
            let mut read = T::default();
            read.read(item, reading);
            self.push(read);
        });
    }
}

/// An object of texts, in the order written.
impl<'v> FromJson<'v> for Vec<(String, String)> {
    fn read(&mut self, value: &'v Value<'v>, reading: &mut Reading<'v>) {
        for (name, value) in reading.map(value).unwrap_or_default() {
            let mut text = String::new();
            reading.inside(Step::Member(name), value, &mut text);
            self.push((name.clone().into_owned(), text));
        }
    }
}
