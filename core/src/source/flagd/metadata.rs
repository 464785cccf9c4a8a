//! Metadata: flat objects of strings, numbers and booleans, the flag's over the document's.

use std::borrow::Cow;

use crate::diagnostic::{Diagnostics, member_path};
use crate::json_text::write_json_string;
use crate::source::json::{self, Members};

/// A member's name and its JSON text, as written.
pub(super) type Entry<'d> = (Cow<'d, str>, String);

/// Reads an object. What is neither string, number nor boolean is left out and reported: clients take nothing else.
pub(super) fn read<'d>(raw: &'d str, path: &str, diagnostics: &mut Diagnostics) -> Vec<Entry<'d>> {
    let Ok(Members(members)) = json::members(raw.as_bytes()) else {
        diagnostics.warning(
            path,
            "not an object; it is left out",
            "make it an object of strings, numbers and booleans",
        );
        return Vec::new();
    };
    let mut entries: Vec<Entry<'d>> = Vec::new();
    for (name, value) in members {
        if value.starts_with(['{', '[', 'n']) {
            let remedy = "use a string, a number or a boolean";
            diagnostics.warning(&member_path(path, &name), "clients take only scalars; it is left out", remedy);
            continue;
        }
        set(&mut entries, name, value.to_owned());
    }
    entries
}

/// `over` laid over `base`, as a JSON object; empty where there is nothing.
pub(super) fn to_json(base: &[Entry<'_>], over: &[Entry<'_>]) -> String {
    let mut merged: Vec<Entry<'_>> = base.to_vec();
    for (name, text) in over {
        set(&mut merged, name.clone(), text.clone());
    }
    let mut json = String::new();
    for (name, text) in &merged {
        json.push(if json.is_empty() { '{' } else { ',' });
        write_json_string(name, &mut json);
        json.push(':');
        json.push_str(text);
    }
    if !json.is_empty() {
        json.push('}');
    }
    json
}

fn set<'d>(entries: &mut Vec<Entry<'d>>, name: Cow<'d, str>, text: String) {
    match entries.iter_mut().find(|(known, _)| *known == name) {
        Some((_, known)) => *known = text,
        None => entries.push((name, text)),
    }
}
