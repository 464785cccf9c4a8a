//! `Flagd-Selector`: the flags of one set.

use http::HeaderName;
use http::request::Parts;
use jackstaff_core::source::document;
use jackstaff_core::{FlagIndex, Ruleset, Value};

pub(in crate::api) const HEADER: HeaderName = HeaderName::from_static("flagd-selector");

/// The flag sets asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Selector(Option<String>);

impl Selector {
    /// Reads the header: `flagSetId=<id>`, where an empty id asks for flags of no set.
    ///
    /// # Errors
    /// Where it selects by something else.
    pub(super) fn of(head: &Parts) -> Result<Self, String> {
        let Some(header) = head.headers.get(HEADER) else { return Ok(Self(None)) };
        let text = header.to_str().map_err(|_| invalid("it is no text"))?.trim();
        match text.split_once('=') {
            _ if text.is_empty() => Ok(Self(None)),
            Some(("flagSetId", id)) => Ok(Self(Some(id.to_owned()))),
            Some(("source", _)) | None => Err(invalid("an environment has one source here")),
            Some((key, _)) => Err(invalid(&format!("there is no `{key}` to select by"))),
        }
    }

    /// Whether the flag is of the set asked for.
    pub(super) fn admits(&self, ruleset: &Ruleset<'_>, flag: FlagIndex) -> bool {
        let Some(wanted) = &self.0 else { return true };
        let metadata = ruleset.flag(flag).map_or("", |view| view.metadata);
        let id = match document(metadata.as_bytes()) {
            Ok(Value::Map(members)) => members.into_iter().find(|(name, _)| name == "flagSetId").map(|(_, id)| id),
            _ => None,
        };
        match id {
            Some(Value::String(id)) => id == wanted.as_str(),
            _ => wanted.is_empty(),
        }
    }
}

fn invalid(why: &str) -> String {
    format!("invalid selector: {why}; use `flagSetId=<id>`")
}
