//! Reading JSON into types, and naming the place of what does not fit.
//!
//! A document is read into a [`Value`] first, and types from that, each in place: it begins as its default, and what the document says replaces
//! parts of it. Own code because serde's derives make all of theirs anew for every type. Here the work is done once, behind `dyn FromJson`,
//! and a type brings one call for each of its members.

mod object;
mod types;

use std::borrow::Cow;
use std::fmt::{self, Write as _};

pub use self::object::Object;
use super::json::document;
use crate::value::Value;

/// Defects that are told of one document: nobody corrects more at once, and a hostile document holds millions.
const MAX_DEFECTS: usize = 20;

/// 2⁵³: beyond, doubles do not tell one whole number from the next.
const MAX_WHOLE: u64 = 9_007_199_254_740_992;

/// A document that is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misread {
    /// Where: a JSON path.
    pub path: String,
    /// What is wrong there.
    pub message: String,
}

impl fmt::Display for Misread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, message } = self;
        if path == "$" { f.write_str(message) } else { write!(f, "{path}: {message}") }
    }
}

impl std::error::Error for Misread {}

/// What can be read from JSON.
pub trait FromJson<'v> {
    /// Takes what `value` says. What does not fit is told to `reading` and changes nothing here.
    fn read(&mut self, value: &'v Value<'v>, reading: &mut Reading<'v>);
}

/// Reads all of `json` as `T`.
///
/// # Errors
/// Where and why it is no `T`.
pub fn read<T: Default + for<'v> FromJson<'v>>(json: &[u8]) -> Result<T, Misread> {
    from_value(&document(json)?)
}

/// As [`read`], with everything that does not fit.
///
/// # Errors
/// Where and why it is no `T`: the first defects of it, never none.
pub fn read_all<T: Default + for<'v> FromJson<'v>>(json: &[u8]) -> Result<T, Vec<Misread>> {
    let document = document(json).map_err(|misread| vec![misread])?;
    let mut read = T::default();
    let found = Reading::of(&document, &mut read);
    if found.is_empty() { Ok(read) } else { Err(found) }
}

/// Reads `value` as `T`.
///
/// # Errors
/// Where and why it is no `T`.
pub fn from_value<'v, T: Default + FromJson<'v>>(value: &'v Value<'v>) -> Result<T, Misread> {
    let mut read = T::default();
    match Reading::first_of(value, &mut read) {
        None => Ok(read),
        Some(misread) => Err(misread),
    }
}

/// A value that is being read: the place in it, and what did not fit so far.
#[derive(Debug)]
pub struct Reading<'v> {
    path: Vec<Step<'v>>,
    found: Vec<Misread>,
}

#[derive(Debug)]
enum Step<'v> {
    Item(usize),
    Member(&'v str),
}

impl<'v> Reading<'v> {
    #[inline(never)]
    fn of(value: &'v Value<'v>, into: &mut dyn FromJson<'v>) -> Vec<Misread> {
        let mut reading = Self { path: Vec::new(), found: Vec::new() };
        into.read(value, &mut reading);
        reading.found
    }

    #[inline(never)]
    fn first_of(value: &'v Value<'v>, into: &mut dyn FromJson<'v>) -> Option<Misread> {
        Self::of(value, into).into_iter().next()
    }

    fn inside(&mut self, step: Step<'v>, value: &'v Value<'v>, into: &mut dyn FromJson<'v>) {
        self.path.push(step);
        into.read(value, self);
        self.path.pop();
    }

    /// Notes that the value being read is not what it should be.
    #[cold]
    #[inline(never)]
    pub fn refuse(&mut self, message: fmt::Arguments<'_>) {
        if self.found.len() >= MAX_DEFECTS {
            return;
        }
        let mut path = "$".to_owned();
        for step in &self.path {
            // Writing to a String cannot fail.
            let _ = match step {
                Step::Item(at) => write!(path, "[{at}]"),
                Step::Member(name) => write!(path, ".{name}"),
            };
        }
        self.found.push(Misread { path, message: message.to_string() });
    }

    /// Notes that `value`, which is being read, is of another type.
    #[cold]
    #[inline(never)]
    pub fn mismatch(&mut self, value: &Value<'_>, expected: &str) {
        let found = match value {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::List(_) => "a list",
            Value::Map(_) => "an object",
        };
        self.refuse(format_args!("invalid type: {found}, expected {expected}"));
    }

    /// Notes a name that nothing has.
    #[cold]
    #[inline(never)]
    fn unknown(&mut self, what: &str, given: &str, known: &[&str]) {
        if self.found.len() >= MAX_DEFECTS {
            return;
        }
        let mut message = format!("unknown {what} `{given}`, expected ");
        let between = match known.len() {
            2 => " or ",
            _ => ", ",
        };
        if known.len() > 2 {
            message.push_str("one of ");
        }
        for (nth, name) in known.iter().enumerate() {
            // Writing to a String cannot fail.
            let _ = write!(message, "{}`{name}`", if nth > 0 { between } else { "" });
        }
        self.refuse(format_args!("{message}"));
    }

    /// The items of a list. What is none is noted.
    pub fn list(&mut self, value: &'v Value<'v>) -> Option<&'v [Value<'v>]> {
        match value {
            Value::List(items) => Some(items),
            _ => {
                self.mismatch(value, "a list");
                None
            }
        }
    }

    /// Reads each item of a list. What is none is noted.
    pub fn each(&mut self, value: &'v Value<'v>, read: &mut dyn FnMut(&'v Value<'v>, &mut Self)) {
        for (at, item) in self.list(value).unwrap_or_default().iter().enumerate() {
            self.path.push(Step::Item(at));
            read(item, self);
            self.path.pop();
        }
    }

    /// The members of an object. What is none is noted.
    pub fn map(&mut self, value: &'v Value<'v>) -> Option<&'v [(Cow<'v, str>, Value<'v>)]> {
        match value {
            Value::Map(members) => Some(members),
            _ => {
                self.mismatch(value, "an object");
                None
            }
        }
    }

    /// A whole number from 0 to `most`. What is none is noted.
    fn whole(&mut self, value: &Value<'_>, most: u64) -> Option<u64> {
        let Value::Number(number) = value else {
            self.mismatch(value, "a number");
            return None;
        };
        let most = most.min(MAX_WHOLE);
        #[expect(clippy::cast_precision_loss, reason = "up to MAX_WHOLE there is none")]
        if number.fract() == 0.0 && (0.0..=most as f64).contains(number) {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is such a number")]
            return Some(*number as u64);
        }
        self.refuse(format_args!("invalid value: expected a whole number from 0 to {most}"));
        None
    }

    /// One of some words, each of which stands for something. What is none of them is noted.
    pub fn word<T: Copy>(&mut self, value: &Value<'_>, into: &mut T, words: &[(&'static str, T)]) {
        let Some(given) = value.as_str() else { return self.mismatch(value, "a string") };
        match words.iter().find(|(word, _)| *word == given) {
            Some((_, meant)) => *into = *meant,
            None => {
                let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
                self.unknown("variant", given, &known);
            }
        }
    }
}

#[cfg(test)]
mod tests;
