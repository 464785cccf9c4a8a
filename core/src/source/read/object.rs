//! Reading objects.

use std::borrow::Cow;

use super::{FromJson, Reading, Step};
use crate::value::Value;

/// An object that is being read, member by member.
#[derive(Debug)]
pub struct Object<'v, 'r> {
    members: &'v [(Cow<'v, str>, Value<'v>)],
    reading: &'r mut Reading<'v>,
    /// The names that were asked for.
    known: Vec<&'static str>,
}

impl<'v> Object<'v, '_> {
    /// Reads a member into its place; whether it is there.
    pub fn optional(&mut self, name: &'static str, into: &mut dyn FromJson<'v>) -> bool {
        self.known.push(name);
        let Some((_, value)) = self.members.iter().find(|(given, _)| given == name) else { return false };
        self.reading.inside(Step::Member(name), value, into);
        true
    }

    /// Reads a member into its place. Where it is missing, that is noted.
    pub fn required(&mut self, name: &'static str, into: &mut dyn FromJson<'v>) {
        if !self.optional(name, into) {
            self.reading.refuse(format_args!("missing field `{name}`"));
        }
    }

    /// What a member says, if it is there.
    pub fn member<T: Default + FromJson<'v>>(&mut self, name: &'static str) -> Option<T> {
        let mut read = T::default();
        self.optional(name, &mut read).then_some(read)
    }
}

impl<'v> Reading<'v> {
    /// Reads an object that may have more members than `read` asks for.
    pub fn open_object(&mut self, value: &'v Value<'v>, read: &mut dyn FnMut(&mut Object<'v, '_>)) {
        self.members(value, None, read);
    }

    /// Reads an object. Members that `read` does not ask for are noted: a misspelt one would otherwise silently do nothing.
    pub fn object(&mut self, value: &'v Value<'v>, read: &mut dyn FnMut(&mut Object<'v, '_>)) {
        self.members(value, Some("field"), read);
    }

    /// Reads an object that has exactly one of the members that `read` asks for.
    pub fn alternative(&mut self, value: &'v Value<'v>, read: &mut dyn FnMut(&mut Object<'v, '_>)) {
        if self.members(value, Some("variant"), read).is_some_and(|count| count != 1) {
            self.refuse(format_args!("invalid value: expected an object with a single member"));
        }
    }

    /// How many members the object has. Those that `read` does not ask for are noted as unknown, if that is what they are to be called.
    fn members(
        &mut self,
        value: &'v Value<'v>,
        unknown: Option<&str>,
        read: &mut dyn FnMut(&mut Object<'v, '_>),
    ) -> Option<usize> {
        let members = self.map(value)?;
        let before = self.found.len();
        let mut object = Object { members, reading: self, known: Vec::new() };
        read(&mut object);
        let known = object.known;
        if let Some(what) = unknown {
            // What is misspelt comes first: it may be what is missing.
            let others = self.found.split_off(before);
            for (name, _) in members.iter().filter(|(name, _)| !known.contains(&&**name)) {
                self.path.push(Step::Member(name));
                self.unknown(what, name, &known);
                self.path.pop();
            }
            self.found.extend(others);
        }
        Some(members.len())
    }
}
