//! The documents about the plugin configuration say what the code reads.

use std::collections::BTreeSet;
use std::fs;

use jackstaff_service::filter_config::FilterConfig;
use jackstaff_service::filter_config::schema::schema;
use jackstaff_testbed::plugin_reference::files;
use serde_json::{Value, json};

#[test]
fn the_reference_is_that_of_the_code() {
    for (path, expected) in files().unwrap() {
        let found = fs::read_to_string(&path).unwrap_or_default();
        let differs = found.lines().zip(expected.lines()).find(|(found, expected)| found != expected);
        assert!(
            found == expected,
            "{} does not say what the plugin configuration is now. Run `cargo testbed reference` and commit what it writes. First difference: {differs:#?}",
            path.display()
        );
    }
}

/// The reader of the configuration is written by hand, and its schema is derived: they must say the same.
#[test]
fn the_schema_says_what_the_reader_reads() {
    let root = schema();
    let mut walk = Walk { root: &root, seen: 0 };
    walk.members("$", &root, &|probe| probe);
    assert!(walk.seen > 60, "{} places were looked at", walk.seen);
}

/// What is passed on as it is, to be read elsewhere.
const UNREAD: [&str; 3] = ["$.ruleset", "$.api.keys", "$.user_data.settings"];

/// A configuration with a probe at the place in question.
type Around<'a> = &'a dyn Fn(Value) -> Value;

struct Walk<'s> {
    root: &'s Value,
    seen: usize,
}

impl<'s> Walk<'s> {
    fn agree(&mut self, path: &str, schema: &'s Value, around: Around<'_>) {
        self.seen += 1;
        if UNREAD.contains(&path) {
            for probe in [json!(null), json!({"any": 1}), json!("text")] {
                assert_eq!(refusals(path, around(probe)), [""; 0], "{path}");
            }
            return;
        }
        let (schema, nullable) = self.resolve(schema);
        let takes = |probe: Value| refusals(path, around(probe)).is_empty();
        assert_eq!(takes(json!(null)), nullable, "{path}: null");
        if let Some(choices) = schema["oneOf"].as_array() {
            return self.one_of(path, choices, around);
        }
        let kind = kind(schema);
        for (other, probe) in
            [("boolean", json!(true)), ("string", json!("a")), ("array", json!([])), ("object", json!({}))]
        {
            let refused = refusals(path, around(probe)).iter().any(|message| message.starts_with("invalid type"));
            assert_eq!(refused, kind != other, "{path}: {other} for {kind}");
        }
        match kind {
            "integer" => {
                for (probe, fits) in [
                    (json!(0), true),
                    (json!(-1), false),
                    (json!(0.5), false),
                    (json!(u32::MAX), true),
                    (json!(u64::from(u32::MAX) + 1), schema["format"] != "uint32"),
                ] {
                    assert_eq!(takes(probe.clone()), fits, "{path}: {probe}");
                }
            }
            "array" => self.agree(&format!("{path}[0]"), &schema["items"], &|probe| around(json!([probe]))),
            "object" if schema["properties"].is_object() => self.members(path, schema, around),
            "object" => {
                self.agree(&format!("{path}.a"), &schema["additionalProperties"], &|probe| around(json!({"a": probe})));
            }
            "boolean" | "string" => {}
            other => panic!("{path}: what is {other}?"),
        }
    }

    fn members(&mut self, path: &str, schema: &'s Value, around: Around<'_>) {
        let members = schema["properties"].as_object().unwrap();
        assert_eq!(schema["additionalProperties"], false, "{path}");
        let names: BTreeSet<_> = members.keys().cloned().collect();
        assert_eq!(expected(&format!("{path}.?"), around(json!({"?": 0}))), names, "{path}");
        let required: BTreeSet<_> = schema["required"].as_array().into_iter().flatten().map(text).collect();
        let missing = refusals(path, around(json!({})));
        let missing = missing.iter().filter_map(|message| message.strip_prefix("missing field"));
        assert_eq!(missing.flat_map(quoted).collect::<BTreeSet<_>>(), required, "{path}");
        for (name, member) in members {
            self.agree(&format!("{path}.{name}"), member, &|probe| around(json!({name: probe})));
        }
    }

    /// Words, or objects of one member.
    fn one_of(&mut self, path: &str, choices: &'s [Value], around: Around<'_>) {
        let words: BTreeSet<_> =
            choices.iter().filter_map(|choice| choice["const"].as_str()).map(str::to_owned).collect();
        if !words.is_empty() {
            assert_eq!(expected(path, around(json!("?"))), words, "{path}");
            assert!(words.iter().all(|word| refusals(path, around(json!(word))).is_empty()), "{path}");
            return;
        }
        let members = || choices.iter().flat_map(|choice| choice["properties"].as_object().unwrap());
        let names: BTreeSet<_> = members().map(|(name, _)| name.clone()).collect();
        assert_eq!(expected(&format!("{path}.?"), around(json!({"?": 0}))), names, "{path}");
        for (name, member) in members() {
            self.agree(&format!("{path}.{name}"), member, &|probe| around(json!({name: probe})));
        }
    }

    /// What a reference refers to, and whether it may be `null`.
    fn resolve(&self, schema: &'s Value) -> (&'s Value, bool) {
        if let Some(pointer) = schema["$ref"].as_str().and_then(|reference| reference.strip_prefix('#')) {
            return self.resolve(self.root.pointer(pointer).unwrap());
        }
        match schema["anyOf"].as_array().map(Vec::as_slice) {
            Some([named, null]) if null["type"] == "null" => (self.resolve(named).0, true),
            _ => (schema, schema["type"].as_array().is_some_and(|kinds| kinds.contains(&json!("null")))),
        }
    }
}

/// The first type that a schema names.
fn kind(schema: &Value) -> &str {
    schema["type"].as_str().or_else(|| schema["type"][0].as_str()).unwrap_or("anything")
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// What the reader has against the value at `path`: its shape, not what it says.
fn refusals(path: &str, config: Value) -> Vec<String> {
    let config = config.to_string();
    let errors = FilterConfig::parse(config.as_bytes()).err().unwrap_or_default().into_iter();
    let here = errors.filter(|error| error.path == path).map(|error| error.message);
    here.filter(|message| ["invalid ", "missing ", "unknown "].iter().any(|beginning| message.starts_with(beginning)))
        .collect()
}

/// The names that the reader says it expected at `path`, instead of `?`.
fn expected(path: &str, config: Value) -> BTreeSet<String> {
    let refusals = refusals(path, config);
    let names = |message: &String| message.split_once("`?`, expected").map(|(_, names)| quoted(names).collect());
    refusals.iter().find_map(names).unwrap_or_default()
}

/// What stands between backticks.
fn quoted(text: &str) -> impl Iterator<Item = String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned)
}
