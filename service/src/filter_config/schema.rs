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

/// The schema, by JSON Schema 2020-12.
#[must_use]
pub fn schema() -> Value {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<FilterConfig<'_>>().to_value()
}
