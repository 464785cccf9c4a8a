//! One flag: its state, its variants, and who gets which.

use std::borrow::Cow;

use super::{Shared, logic, metadata};
use crate::diagnostic::{Diagnostics, member_path};
use crate::snapshot::layout::{Assignment, Decision, Flag, Literal, NONE, Range, Variant};
use crate::snapshot::{Builder, LiteralKind, ValueKind, index, since};
use crate::source::document;
use crate::source::json::{self, Members};
use crate::source::raw::minified;
use crate::value::Value;

/// What makes a flag unusable: where, what, and what to do about it.
pub(super) struct Defect {
    pub path: String,
    pub message: String,
    pub remedy: &'static str,
}

impl Defect {
    pub(super) fn new<T>(path: impl Into<String>, message: impl Into<String>, remedy: &'static str) -> Result<T, Self> {
        Err(Self { path: path.into(), message: message.into(), remedy })
    }
}

/// Of a decision: neither targeting nor a default variant.
const NOWHERE: Range = Range { start: NONE, len: NONE };

/// Lowers a flag. Where it is unusable it is stored as broken: it answers ERROR, and all others work.
pub(super) fn lower(
    key: &str,
    raw: &str,
    path: &str,
    shared: &Shared<'_>,
    builder: &mut Builder,
    diagnostics: &mut Diagnostics,
) {
    let members = json::members(raw.as_bytes()).unwrap_or_default();
    let own = members
        .get("metadata")
        .map_or_else(Vec::new, |raw| metadata::read(raw, &format!("{path}.metadata"), diagnostics));
    let flag = index(&builder.flags);
    let name = builder.text(key);
    let mut decision =
        Decision { id: name, key: name, bits: Decision::TARGETED, rules: NOWHERE, ..Decision::default() };
    let mut kind = ValueKind::Structure;
    let lowered = fill(&mut decision, &mut kind, flag, &members, path, shared, builder, diagnostics);
    if let Err(Defect { path, message, remedy }) = lowered {
        // A flag that is switched off says so, whatever else is wrong with it.
        if !decision.is(Decision::DISABLED) {
            decision.bits |= Decision::BROKEN;
            decision.note = builder.text(&format!("{message} (at {path})"));
        }
        diagnostics.error(&path, message, remedy);
    }
    let start = index(&builder.setters);
    builder.setters.push(index(&builder.decisions));
    builder.decisions.push(decision);
    let flag = Flag {
        key: name,
        // Flags have no other id here.
        id: name,
        kind: kind as u8,
        about: builder.text(&metadata::to_json(&shared.metadata, &own)),
        setters: Range { start, len: 1 },
    };
    builder.flags.push(flag);
}

#[allow(clippy::too_many_arguments, reason = "one caller, which owns all of them")]
fn fill(
    decision: &mut Decision,
    kind: &mut ValueKind,
    flag: u32,
    members: &Members<'_>,
    path: &str,
    shared: &Shared<'_>,
    builder: &mut Builder,
    diagnostics: &mut Diagnostics,
) -> Result<(), Defect> {
    if state(members, path)? {
        decision.bits |= Decision::DISABLED;
    }
    let names = variants(decision, kind, flag, members, path, builder, diagnostics)?;
    decision.rules.len = default_variant(members, &names, decision, path)?;
    let Some(targeting) = members.get("targeting") else { return Ok(()) };
    let path = format!("{path}.targeting");
    let rule = match document(targeting.as_bytes()) {
        Ok(Value::Null) => return Ok(()),
        Ok(Value::Map(members)) if members.is_empty() => return Ok(()),
        Ok(rule) => rule,
        Err(error) => return Defect::new(path, format!("the rule cannot be read: {error}"), "write JSONLogic"),
    };
    decision.rules.start = logic::lower(&rule, &path, &names, shared, builder, diagnostics)?;
    Ok(())
}

/// Whether the flag is switched off.
fn state(members: &Members<'_>, path: &str) -> Result<bool, Defect> {
    let state = members.get("state").and_then(|raw| document(raw.as_bytes()).ok());
    match state.as_ref().and_then(Value::as_str) {
        Some("ENABLED") => Ok(false),
        Some("DISABLED") => Ok(true),
        _ => Defect::new(
            format!("{path}.state"),
            "the flag has no state: flagd refuses such a document",
            "write \"state\": \"ENABLED\" or \"DISABLED\"",
        ),
    }
}

/// Stores the variants; their names, in order.
fn variants<'d>(
    decision: &mut Decision,
    kind: &mut ValueKind,
    flag: u32,
    members: &Members<'d>,
    path: &str,
    builder: &mut Builder,
    diagnostics: &mut Diagnostics,
) -> Result<Vec<Cow<'d, str>>, Defect> {
    let path = format!("{path}.variants");
    let variants = members.get("variants").and_then(|raw| json::members(raw.as_bytes()).ok());
    let Some(Members(variants)) = variants.filter(|variants| !variants.0.is_empty()) else {
        return Defect::new(path, "the flag has no variants", "give it an object of at least one value by name");
    };
    let start = index(&builder.variants);
    let mut names: Vec<Cow<'d, str>> = Vec::new();
    for (name, raw) in variants {
        let path = member_path(&path, &name);
        if names.contains(&name) {
            diagnostics.error(&path, "the name occurs twice; the first one counts", "rename or remove one of them");
            continue;
        }
        let (value, of) = literal(raw, builder);
        if names.is_empty() {
            *kind = of;
        } else if *kind != of {
            diagnostics.warning(&path, "of another type than the variant before", "give all variants one type");
        }
        if raw.starts_with(['[', 'n']) {
            diagnostics.warning(&path, "lists and null are no flag values for OpenFeature", "use an object");
        }
        let text = builder.text(&name);
        let value = builder.value(value);
        let assignments = index(&builder.assignments);
        builder.assignments.push(Assignment { flag, value });
        let assignments = since(&builder.assignments, assignments);
        builder.variants.push(Variant { id: text, key: text, name: text, assignments });
        names.push(name);
    }
    decision.variants = since(&builder.variants, start);
    Ok(names)
}

/// A variant's value, with numbers as they are written: OFREP's strict clients tell `10` from `10.0`.
fn literal(raw: &str, builder: &mut Builder) -> (Literal, ValueKind) {
    match document(raw.as_bytes()) {
        Ok(Value::Number(number)) => (builder.number(number, raw), ValueKind::Number),
        Ok(value @ Value::Bool(_)) => (builder.literal(&value), ValueKind::Boolean),
        Ok(value @ Value::String(_)) => (builder.literal(&value), ValueKind::String),
        _ => (Literal { kind: LiteralKind::Json as u8, text: builder.text(&minified(raw)) }, ValueKind::Structure),
    }
}

/// The default variant's place among all; [`NONE`] where the application's default applies.
fn default_variant(
    members: &Members<'_>,
    names: &[Cow<'_, str>],
    decision: &Decision,
    path: &str,
) -> Result<u32, Defect> {
    let path = format!("{path}.defaultVariant");
    let name = match members.get("defaultVariant").map(|raw| document(raw.as_bytes())) {
        None | Some(Ok(Value::Null)) => return Ok(NONE),
        Some(Ok(Value::String(name))) => name,
        Some(_) => {
            return Defect::new(
                path,
                "the default variant is not named by a string",
                "write a variant's name, or null",
            );
        }
    };
    if name.is_empty() {
        return Ok(NONE);
    }
    match (decision.variants.start..).zip(names).find(|(_, known)| **known == name) {
        Some((at, _)) => Ok(at),
        None => Defect::new(
            path,
            format!("there is no variant `{name}`: flagd refuses such a document"),
            "write the name of one of the variants, or null for the application's default",
        ),
    }
}
