//! The JSON Schema of the plugin configuration, from the types that read it. For documents and tests, never in a module.

use std::collections::BTreeMap;

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::Value;

use super::FilterConfig;

/// What stands in for a ruleset: its own shape is its dialect's.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its shape is wanted")]
pub(super) enum Ruleset {
    /// A source.
    Source(BTreeMap<String, Value>),
    /// A snapshot in base64.
    Snapshot(String),
}

/// What `per_flag_headers` is in JSON.
pub(super) type Texts = BTreeMap<String, String>;

/// Writes pairs as what they are in JSON.
pub(super) fn texts<S: serde::Serializer>(pairs: &[(String, String)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(pairs.iter().map(|(name, text)| (name, text)))
}

/// The schema, by JSON Schema 2020-12.
#[must_use]
pub fn schema() -> Value {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<FilterConfig<'_>>().to_value()
}
