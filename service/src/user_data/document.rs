//! What is stored about a user: the model, and JSON Merge Patch on it.

use std::borrow::Cow;
use std::fmt;

use jackstaff_core::source::document;
use jackstaff_core::{Context, Dialect, Scope, Timestamp, Value, write_json_string};

use super::merge::{MAX_NAMES, merge, names};

/// The members of an object, in the order of their first writing.
pub(crate) type Members<'a> = Vec<(Cow<'a, str>, Value<'a>)>;

/// A document's text is at most this long: sixteen times what the largest users seen have, a twentieth of what the least of the stores
/// behind Spin takes for a value (400 KB), and a millisecond to read at the edge.
pub const MAX_DOCUMENT_BYTES: usize = 16_384;

/// Attributes in a document: a quarter of what a decision takes, so that a request has room for its own.
pub const MAX_STORED_ATTRIBUTES: usize = 250;

/// The stored attributes of one user.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Document<'a> {
    /// The user's own: `email`, `country`…
    pub(crate) profile: Members<'a>,
    /// What the application added.
    pub(crate) custom: Members<'a>,
    /// From then on the document counts as absent.
    pub(super) expires: Option<Timestamp>,
}

/// What lies in the store is no document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corrupt;

/// A document would be too large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TooLarge {
    /// More than [`MAX_DOCUMENT_BYTES`]; how many it would have.
    Bytes(usize),
    /// More than [`MAX_STORED_ATTRIBUTES`]; how many it would have.
    Attributes(usize),
    /// The patch has more names than a document has room for (4,096); how many it has.
    Names(usize),
}

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(
                f,
                "the user's stored attributes would take {bytes} bytes and may take {MAX_DOCUMENT_BYTES}: remove some with null, or shorten them"
            ),
            Self::Attributes(count) => write!(
                f,
                "the user would have {count} stored attributes and may have {MAX_STORED_ATTRIBUTES}: remove some with null"
            ),
            Self::Names(count) => write!(
                f,
                "the change names {count} attributes, those inside of others included, and may name {MAX_NAMES}: no user has more"
            ),
        }
    }
}

impl std::error::Error for TooLarge {}

/// Attributes to be set, and with `null` to be removed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Patch<'a> {
    /// Of the profile.
    pub(crate) profile: Members<'a>,
    /// Of what the application adds; `None` leaves it as it is.
    pub(crate) custom: Option<Custom<'a>>,
}

impl Patch<'_> {
    /// Whether it is small enough to be merged.
    pub(super) fn check(&self) -> Result<(), TooLarge> {
        let custom = match &self.custom {
            Some(Custom::Merge(members)) => names(members),
            Some(Custom::Clear) | None => 0,
        };
        let count = self.profile.len().saturating_add(custom);
        if count > MAX_NAMES { Err(TooLarge::Names(count)) } else { Ok(()) }
    }

    /// Whether it changes no document: when the user was last seen is stored only along with something else.
    pub(crate) fn says_nothing(&self) -> bool {
        let custom = match &self.custom {
            None => true,
            Some(Custom::Clear) => false,
            Some(Custom::Merge(members)) => members.is_empty(),
        };
        custom && self.profile.iter().all(|(name, _)| name == super::LAST_SEEN)
    }
}

/// What a patch does to what the application adds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Custom<'a> {
    /// Removes all of it.
    Clear,
    /// Key by key.
    Merge(Members<'a>),
}

impl Patch<'_> {
    /// The patch as DevCycle's API takes one.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut out = String::from("{");
        for (name, value) in &self.profile {
            write_json_string(name, &mut out);
            out.push(':');
            value.write_json(&mut out);
            out.push(',');
        }
        match &self.custom {
            None => {
                out.truncate(out.trim_end_matches(',').len());
            }
            Some(Custom::Clear) => out.push_str("\"customData\":null"),
            Some(Custom::Merge(members)) => {
                out.push_str("\"customData\":");
                write_members(members, &mut out);
            }
        }
        out.push('}');
        out
    }
}

impl<'a> Document<'a> {
    /// Reads what lies in the store.
    ///
    /// # Errors
    /// Where it is no document.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Corrupt> {
        let Ok(Value::Map(members)) = document(bytes) else { return Err(Corrupt) };
        let mut document = Self::default();
        for (name, value) in members {
            match (&*name, value) {
                ("profile", Value::Map(members)) => document.profile = members,
                ("custom", Value::Map(members)) => document.custom = members,
                ("expires", Value::Number(ms)) => {
                    #[expect(
                        clippy::cast_possible_truncation,
                        reason = "a date as far off as numbers go is the last one"
                    )]
                    let ms = ms as i64;
                    document.expires = Some(Timestamp(ms));
                }
                // A document of a later version would lose what this one does not know.
                _ => return Err(Corrupt),
            }
        }
        Ok(document)
    }

    /// Whether it counts as absent at `now`.
    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|expires| expires.0 <= now.0)
    }

    /// Whether it holds no attribute.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.profile.is_empty() && self.custom.is_empty()
    }

    /// The document's text.
    ///
    /// # Errors
    /// Where it is beyond a limit.
    pub fn to_json(&self) -> Result<String, TooLarge> {
        let count = self.profile.len().saturating_add(self.custom.len());
        if count > MAX_STORED_ATTRIBUTES {
            return Err(TooLarge::Attributes(count));
        }
        let out = self.text();
        if out.len() > MAX_DOCUMENT_BYTES { Err(TooLarge::Bytes(out.len())) } else { Ok(out) }
    }

    /// The same for a copy, which may be longer by the time that it counts.
    pub(super) fn text(&self) -> String {
        let mut out = String::from("{\"profile\":");
        write_members(&self.profile, &mut out);
        out.push_str(",\"custom\":");
        write_members(&self.custom, &mut out);
        if let Some(expires) = self.expires {
            out.push_str(&format!(",\"expires\":{}", expires.0));
        }
        out.push('}');
        out
    }

    /// The user as DevCycle's API writes one.
    #[must_use]
    pub fn to_user(&self, id: &str) -> String {
        let mut out = String::from("{\"user_id\":");
        write_json_string(id, &mut out);
        for (name, value) in &self.profile {
            out.push(',');
            write_json_string(name, &mut out);
            out.push(':');
            value.write_json(&mut out);
        }
        out.push_str(",\"customData\":");
        write_members(&self.custom, &mut out);
        out.push('}');
        out
    }

    /// Reads a user as [`to_user`](Self::to_user) writes one.
    ///
    /// # Errors
    /// Where it is none.
    pub fn from_user(json: &'a [u8]) -> Result<Self, Corrupt> {
        let Ok(Value::Map(members)) = document(json) else { return Err(Corrupt) };
        let mut user = Self::default();
        for (name, value) in members {
            match (&*name, value) {
                ("user_id", Value::String(_)) => {}
                ("customData", Value::Map(members)) => user.custom = members,
                ("user_id" | "customData", _) => return Err(Corrupt),
                (_, value) => user.profile.push((name, value)),
            }
        }
        Ok(user)
    }

    /// Applies `patch` as RFC 7396 has it. True where that changed anything but when the user was last seen.
    pub fn apply(&mut self, patch: Patch<'a>) -> bool {
        let before = (self.profile.clone(), self.custom.clone());
        merge(&mut self.profile, patch.profile);
        match patch.custom {
            None => {}
            Some(Custom::Clear) => self.custom.clear(),
            Some(Custom::Merge(members)) => merge(&mut self.custom, members),
        }
        let telling =
            |members: &Members<'_>| -> usize { members.iter().filter(|(name, _)| name != super::LAST_SEEN).count() };
        let same_profile = telling(&before.0) == telling(&self.profile)
            && before.0.iter().filter(|(name, _)| name != super::LAST_SEEN).all(|member| self.profile.contains(member));
        !same_profile || before.1 != self.custom
    }

    /// Adds what is stored to `context`, which keeps what it has: a request knows better than the store.
    pub(super) fn merge_under(self, context: &mut Context<'a>, dialect: Dialect) {
        // flagd's rulesets know one kind of attributes.
        let profile = if dialect == Dialect::Flagd { Scope::Custom } else { Scope::Profile };
        for (scope, members) in [(profile, self.profile), (Scope::Custom, self.custom)] {
            for (name, value) in members {
                // A full context stays as it is.
                if context.get(scope, &name).is_none() && !context.set(scope, name, value) {
                    return;
                }
            }
        }
    }
}

fn write_members(members: &Members<'_>, out: &mut String) {
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
