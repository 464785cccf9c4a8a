//! Attributes of the user from headers, by an explicit list.

use jackstaff_core::source::document;
use jackstaff_core::{Context, Scope, Value};
use serde::Deserialize;

use super::{Headers, first};
use crate::filter_config::ConfigError;

/// A header that is an attribute.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(deny_unknown_fields)]
pub struct Attribute {
    /// The header. Of several with this name, the first counts.
    pub header: String,
    /// The name by which rules know the attribute.
    pub name: String,
    /// Where rules look for it.
    #[serde(default)]
    pub scope: AttributeScope,
    /// What it is read as. A value that is none of these is left out.
    #[serde(default, rename = "type")]
    pub kind: AttributeType,
}

/// The scopes of [`Scope`] that a header may set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(rename_all = "snake_case")]
pub enum AttributeScope {
    /// The user's own fields: `email`, `country`, `appVersion`…
    Profile,
    /// What the application adds.
    #[default]
    Custom,
    /// The same, never to be stored or reported.
    Private,
}

/// How a header is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize))]
#[serde(rename_all = "snake_case")]
pub enum AttributeType {
    /// Text, without the spaces around it.
    #[default]
    String,
    /// A finite number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// Any JSON value.
    Json,
}

impl Attribute {
    /// Sets the attribute, where the request has a value that can be read and the context does not know better.
    pub fn apply<'h>(&'h self, headers: &Headers<'h>, context: &mut Context<'h>) {
        let Some(text) = first(headers, &self.header).and_then(|value| std::str::from_utf8(value.trim_ascii()).ok())
        else {
            return;
        };
        let value = match self.kind {
            AttributeType::String => Some(Value::String(text.into())),
            AttributeType::Number => text.parse().ok().filter(|number: &f64| number.is_finite()).map(Value::Number),
            AttributeType::Boolean => text.parse().ok().map(Value::Bool),
            AttributeType::Json => document(text.as_bytes()).ok(),
        };
        let scope = match self.scope {
            AttributeScope::Profile => Scope::Profile,
            AttributeScope::Custom => Scope::Custom,
            AttributeScope::Private => Scope::Private,
        };
        if let Some(value) = value
            && context.get(scope, &self.name).is_none()
        {
            // Refused only past the limit on a user's attributes, where a trusted context holds that many already.
            context.set(scope, self.name.as_str(), value);
        }
    }

    pub(crate) fn check(&self, path: &str, errors: &mut Vec<ConfigError>) {
        if self.name.is_empty() {
            errors.push(ConfigError::new(format!("{path}.name"), "is empty", "name the attribute as rules know it"));
        }
        if self.scope == AttributeScope::Profile && self.kind != AttributeType::String {
            errors.push(ConfigError::new(
                format!("{path}.type"),
                "the user's own fields are all strings",
                "leave `type` out, or use the scope `custom`",
            ));
        }
    }
}
