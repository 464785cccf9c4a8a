//! The flagd dialect: OpenFeature's flag definitions, with JSONLogic targeting. Behaviour is flagd's; where its implementations disagree,
//! docs/decisions/0002 says what holds here. A broken flag breaks only itself, where flagd refuses the whole document.

mod flag;
mod logic;
mod metadata;
mod user;

pub use user::{ContextError, parse_context};

use std::borrow::Cow;

use super::json::{self, Members};
use crate::diagnostic::{Diagnostic, Diagnostics, Severity, member_path};
use crate::names::Names;
use crate::snapshot::{Builder, Dialect, index};
use crate::sort;
use crate::value::Value;

/// How `fractional` hashes its key. Going from one to the other assigns every user anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Fractional {
    /// The key's bytes: flagd up to 0.16 and the SDKs of its time.
    #[default]
    V2,
    /// The key as CBOR: flagd's providers from October 2026 on.
    V3,
}

impl Fractional {
    /// `v2` or `v3`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V2 => "v2",
            Self::V3 => "v3",
        }
    }

    /// The generation that a text names.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::V2, Self::V3].into_iter().find(|generation| generation.as_str() == name)
    }
}

/// What all flags of a document share.
struct Shared<'d> {
    /// `$evaluators`, in the order of their names.
    evaluators: Vec<(Cow<'d, str>, Value<'d>)>,
    /// What the document says about all flags.
    metadata: Vec<(Cow<'d, str>, String)>,
    fractional: Fractional,
}

impl Shared<'_> {
    /// The evaluator of this name, and the name.
    fn evaluator(&self, name: &str) -> Option<(&str, &Value<'_>)> {
        let place = self.evaluators.binary_search_by(|(known, _)| (**known).cmp(name)).ok()?;
        self.evaluators.get(place).map(|(name, rule)| (&**name, rule))
    }
}

/// Compiles a document into `builder`.
///
/// # Errors
/// Where the document as a whole holds no flag definitions.
pub(crate) fn lower(
    source: &[u8],
    fractional: Option<Fractional>,
    builder: &mut Builder,
    diagnostics: &mut Diagnostics,
) -> Result<(), Vec<Diagnostic>> {
    let document = json::members(source).map_err(|error| refusal(&error.path, &error.message))?;
    let flags = document.get("flags").ok_or_else(|| refusal("$.flags", "it is missing"))?;
    let flags = read_flags(flags, diagnostics).map_err(|error| refusal("$.flags", &error))?;
    builder.meta.dialect = Dialect::Flagd as u8;
    let shared = Shared {
        evaluators: evaluators(&document, diagnostics),
        metadata: document.get("metadata").map_or_else(Vec::new, |raw| metadata::read(raw, "$.metadata", diagnostics)),
        fractional: fractional.or_else(|| chosen_fractional(&document, diagnostics)).unwrap_or_default(),
    };
    builder.meta.metadata = builder.text(&metadata::to_json(&shared.metadata, &[]));
    for (key, path, raw) in &flags {
        flag::lower(key, raw, path, &shared, builder, diagnostics);
    }
    Ok(())
}

fn refusal(path: &str, message: &str) -> Vec<Diagnostic> {
    vec![Diagnostic {
        severity: Severity::Error,
        path: path.to_owned(),
        message: format!("not a set of flagd flag definitions: {message}"),
        remedy: "give it `flags`: an object of flags by key, as https://flagd.dev/schema/v0/flags.json has it"
            .to_owned(),
    }]
}

/// Each flag's key, path and text.
type Flags<'d> = Vec<(Cow<'d, str>, String, &'d str)>;

/// Both shapes of `flags`: an object by key, and a list of objects that have a `key`. In the order of keys, as flagd answers.
fn read_flags<'d>(raw: &'d str, diagnostics: &mut Diagnostics) -> Result<Flags<'d>, String> {
    let (mut flags, mut places) = (Flags::new(), Names::default());
    let mut add = |key: Cow<'d, str>, path: String, raw: &'d str| {
        if key.is_empty() {
            diagnostics.error(&path, "a flag's key is empty: nobody can ask for it", "name the flag");
            return;
        }
        let known = places.get(&key).and_then(|place| flags.get_mut(place as usize));
        if let Some((_, earlier, text)) = known {
            let message = format!("the same key as {earlier}; the last one counts");
            diagnostics.error(&path, message, "rename one, or keep flag sets in rulesets of their own");
            (*earlier, *text) = (path, raw);
            return;
        }
        places.insert(key.clone(), index(&flags));
        flags.push((key, path, raw));
    };
    if raw.starts_with('[') {
        let items = json::items(raw).map_err(|error| error.to_string())?;
        for (i, item) in items.into_iter().enumerate() {
            let path = format!("$.flags[{i}]");
            let key = json::members(item.as_bytes())
                .ok()
                .and_then(|members| json::document(members.get("key")?.as_bytes()).ok());
            match key {
                Some(Value::String(key)) => add(key, path, item),
                _ => return Err(format!("{path} has no `key`: in a list every flag needs one")),
            }
        }
    } else {
        let Members(members) =
            json::members(raw.as_bytes()).map_err(|_| "it is neither an object nor a list".to_owned())?;
        for (key, raw) in members {
            let path = member_path("$.flags", &key);
            add(key, path, raw);
        }
    }
    sort(&mut flags, |(a, ..), (b, ..)| a.cmp(b));
    Ok(flags)
}

fn evaluators<'d>(document: &Members<'d>, diagnostics: &mut Diagnostics) -> Vec<(Cow<'d, str>, Value<'d>)> {
    let Some(raw) = document.get("$evaluators") else { return Vec::new() };
    if let Ok(Value::Map(mut members)) = json::document(raw.as_bytes()) {
        sort(&mut members, |(a, _), (b, _)| a.cmp(b));
        return members;
    }
    diagnostics.error(
        "$.$evaluators",
        "not an object: no `$ref` can be resolved",
        "make it an object of rules by name",
    );
    Vec::new()
}

fn chosen_fractional(document: &Members<'_>, diagnostics: &mut Diagnostics) -> Option<Fractional> {
    let value = json::document(document.get("fractional")?.as_bytes());
    let chosen = value.ok().and_then(|value| Fractional::from_name(value.as_str()?));
    if chosen.is_none() {
        diagnostics.error("$.fractional", "names no generation of `fractional`: v2 is used", "write \"v2\" or \"v3\"");
    }
    chosen
}
