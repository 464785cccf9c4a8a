//! The reference of the plugin configuration: a JSON Schema and a table of every setting, both made from the types that read it.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use jackstaff_service::filter_config::schema::schema as raw_schema;
use regex::Regex;
use serde_json::Value;

/// The document that holds the table, from the workspace's root.
const TABLE: &str = "docs/filter-configuration.md";
/// The schema, likewise.
const SCHEMA: &str = "configs/envoy/plugin.schema.json";

const BEGIN: &str = "<!-- begin: made by `cargo testbed reference` from the types in service/src/filter_config -->\n";
const END: &str = "<!-- end -->\n";

/// Every file of the reference, with what it should hold.
///
/// # Errors
/// When the document cannot be read or has lost the marks that the table stands between.
pub fn files() -> Result<Vec<(PathBuf, String)>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let schema = schema();
    let document = root.join(TABLE);
    let text = fs::read_to_string(&document).with_context(|| format!("cannot read {TABLE}"))?;
    let (before, rest) = text.split_once(BEGIN).with_context(|| format!("{TABLE} lacks the line {BEGIN}"))?;
    let (_, after) = rest.split_once(END).with_context(|| format!("{TABLE} lacks the line {END}"))?;
    let text = format!("{before}{BEGIN}\n{}\n{END}{after}", table(&schema));
    Ok(vec![(document, text), (root.join(SCHEMA), format!("{schema:#}\n"))])
}

/// Writes the files.
///
/// # Errors
/// As for [`files`], or when one cannot be written.
pub fn write() -> Result<()> {
    for (path, text) in files()? {
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// The schema with descriptions that read well outside of the code.
fn schema() -> Value {
    let mut schema = raw_schema();
    let links = Regex::new(r"\[(`[^`]*`)\](\([^)]*\))?").expect("a constant");
    tidy(&mut schema, &links);
    schema["title"] = "The plugin configuration of Jackstaff's Envoy filter".into();
    schema["description"] = "Every part is optional. Unknown members are refused.".into();
    schema
}

/// Joins wrapped lines and drops links between pieces of code.
fn tidy(value: &mut Value, links: &Regex) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(text) if name == "description" => {
                        *text = links.replace_all(&text.replace('\n', " "), "$1").into_owned();
                    }
                    member => tidy(member, links),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| tidy(item, links)),
        _ => {}
    }
}

/// The settings, a row each.
fn table(schema: &Value) -> String {
    let mut table = "| setting | type | default | meaning |\n|---|---|---|---|\n".to_owned();
    Walk { root: schema, table: &mut table }.members("", schema);
    table
}

struct Walk<'s, 't> {
    root: &'s Value,
    table: &'t mut String,
}

impl<'s> Walk<'s, '_> {
    /// The schema that a reference names, and the one that may also be `null`.
    fn resolve(&self, schema: &'s Value) -> &'s Value {
        if let Some(pointer) = schema["$ref"].as_str().and_then(|reference| reference.strip_prefix('#')) {
            return self.root.pointer(pointer).map_or(schema, |named| self.resolve(named));
        }
        match schema["anyOf"].as_array().map(Vec::as_slice) {
            Some([named, null]) if null["type"] == "null" => self.resolve(named),
            _ => schema,
        }
    }

    /// A row for each member, and below it those of its own members.
    fn members(&mut self, path: &str, schema: &'s Value) {
        let schema = self.resolve(schema);
        if let Some(alternatives) = schema["oneOf"].as_array() {
            for alternative in alternatives {
                let description = alternative["description"].as_str().unwrap_or_default();
                for (name, member) in alternative["properties"].as_object().into_iter().flatten() {
                    self.row(&join(path, name), member, description, Some("choose one"));
                }
            }
            return;
        }
        for (name, member) in schema["properties"].as_object().into_iter().flatten() {
            let required = schema["required"].as_array().is_some_and(|names| names.iter().any(|other| other == name));
            let meaning = member["description"].as_str().unwrap_or_default();
            self.row(&join(path, name), member, meaning, required.then_some("required"));
        }
        if schema["items"].is_object() {
            self.members(&format!("{path}[]"), &schema["items"]);
        }
        if schema["additionalProperties"].is_object() {
            self.members(&format!("{path}.*"), &schema["additionalProperties"]);
        }
    }

    fn row(&mut self, path: &str, member: &'s Value, meaning: &str, instead_of_default: Option<&str>) {
        let named = self.resolve(member);
        let mut meaning =
            if meaning.is_empty() { named["description"].as_str().unwrap_or_default() } else { meaning }.to_owned();
        for choice in choices(named) {
            if let (Some(name), Some(about)) = (choice["const"].as_str(), choice["description"].as_str()) {
                // Writing to a String cannot fail.
                let _ = write!(meaning, "<br>`{name}`: {about}");
            }
        }
        let default = match &member["default"] {
            _ if let Some(instead) = instead_of_default => instead.to_owned(),
            Value::Null => "absent".to_owned(),
            Value::Object(members) if !members.is_empty() => "see below".to_owned(),
            default => format!("`{default}`"),
        };
        let kind = self.kind(member);
        let _ = writeln!(self.table, "| `{path}` | {kind} | {default} | {} |", meaning.replace('|', "\\|"));
        self.members(path, member);
    }

    /// The type in words.
    fn kind(&self, schema: &'s Value) -> String {
        let schema = self.resolve(schema);
        if schema["oneOf"].is_array() {
            let names: Vec<_> = choices(schema).iter().filter_map(|choice| choice["const"].as_str()).collect();
            return if names.is_empty() { "one of".to_owned() } else { names.join(", ") };
        }
        if let Some(kinds) = schema["anyOf"].as_array() {
            return kinds.iter().map(|kind| self.kind(kind)).collect::<Vec<_>>().join(" or ");
        }
        let name = match &schema["type"] {
            Value::Array(names) => names.iter().find_map(|name| name.as_str().filter(|name| *name != "null")),
            name => name.as_str(),
        };
        match name.unwrap_or("any") {
            "array" => format!("list of {}", self.kind(&schema["items"])),
            "object" if schema["additionalProperties"].is_object() => {
                format!("object of {}", self.kind(&schema["additionalProperties"]))
            }
            name => name.to_owned(),
        }
    }
}

fn choices(schema: &Value) -> &[Value] {
    schema["oneOf"].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_has_a_row_with_its_type_and_default() {
        let table = table(&schema());
        for row in [
            "| `max_header_bytes` | integer | `4096` | The byte budget of the flag header. |",
            "| `identity[].anonymous.max_age` | integer | `31536000` | How long it is kept, in seconds. |",
            "| `per_flag_headers` | object of string | `{}` |",
            "| `attributes[].name` | string | required |",
            "| `identity[].anonymous.same_site` | strict, lax, none | `\"lax\"` |",
            "| `ruleset` | object or string | absent |",
        ] {
            assert!(table.contains(row), "{row}\n{table}");
        }
        assert!(table.lines().all(|line| !line.ends_with("|  |")), "a setting is not explained:\n{table}");
    }
}
