//! The keys under which things lie in the key-value store: made here and nowhere else.
//!
//! A key is portable: at most 255 bytes, none of `/ \ ? #` (Azure Cosmos DB behind Spin) nor of `; ^ |` and controls (Fastly). The first
//! part says what lies there, parts are joined by `:`, and no part holds one.

/// The key under which the ruleset of `environment` lies.
#[must_use]
pub fn ruleset(environment: &str) -> String {
    format!("ruleset:{environment}")
}
