//! Attributes of the user from headers and Envoy's properties, by an explicit list.

use std::fmt;

use jackstaff_core::source::{FromJson, Reading, document};
use jackstaff_core::{Context, Scope, Value};

use super::{Headers, Surroundings, check_property, first};
use crate::filter_config::ConfigErrors;

/// A header or a property that is an attribute: one of both is named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize), serde(deny_unknown_fields))]
pub struct Attribute {
    /// The header. Of several with this name, the first counts.
    #[cfg_attr(feature = "schema", serde(default))]
    pub header: Option<String>,
    /// A property of Envoy, by its path, such as a claim that jwt_authn has checked:
    /// `["metadata", "filter_metadata", "envoy.filters.http.jwt_authn", "<payload_in_metadata>", "plan"]`. Lists and objects are left out.
    #[cfg_attr(feature = "schema", serde(default))]
    pub property: Option<Vec<String>>,
    /// The name by which rules know the attribute.
    pub name: String,
    /// Where rules look for it.
    #[cfg_attr(feature = "schema", serde(default))]
    pub scope: AttributeScope,
    /// What it is read as. A value that is none of these is left out.
    #[cfg_attr(feature = "schema", serde(default, rename = "type"))]
    pub kind: AttributeType,
}

impl<'v> FromJson<'v> for Attribute {
    fn read(&mut self, value: &'v Value<'v>, reading: &mut Reading<'v>) {
        reading.object(value, &mut |of| {
            of.optional("header", &mut self.header);
            of.optional("property", &mut self.property);
            of.required("name", &mut self.name);
            of.optional("scope", &mut self.scope);
            of.optional("type", &mut self.kind);
        });
    }
}

/// The scopes of [`Scope`] that a header may set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize), serde(rename_all = "snake_case"))]
pub enum AttributeScope {
    /// The user's own fields: `email`, `country`, `appVersion`…
    Profile,
    /// What the application adds.
    #[default]
    Custom,
    /// The same, never to be stored or reported.
    Private,
}

impl<'v> FromJson<'v> for AttributeScope {
    fn read(&mut self, value: &'v Value<'v>, reading: &mut Reading<'v>) {
        reading.word(value, self, &[("profile", Self::Profile), ("custom", Self::Custom), ("private", Self::Private)]);
    }
}

/// How a header is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize), serde(rename_all = "snake_case"))]
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

impl<'v> FromJson<'v> for AttributeType {
    fn read(&mut self, value: &'v Value<'v>, reading: &mut Reading<'v>) {
        reading.word(
            value,
            self,
            &[("string", Self::String), ("number", Self::Number), ("boolean", Self::Boolean), ("json", Self::Json)],
        );
    }
}

impl Attribute {
    /// Sets the attribute, where the request has a value that can be read and the context does not know better.
    pub fn apply<'h>(&'h self, headers: &Headers<'h>, surroundings: &mut impl Surroundings, context: &mut Context<'h>) {
        let value = match (&self.header, &self.property) {
            (Some(header), _) => first(headers, header).and_then(|value| self.read(value)),
            (None, Some(path)) => surroundings.property(path).and_then(|value| self.read_property(&value)),
            (None, None) => None,
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

    /// Envoy hands over text as it is, a number as the 8 bytes of a double (little-endian) and a boolean as one byte, and does not say which
    /// (measured: the type is the configuration's to know).
    #[inline(never)] // as injector/seldom.rs
    fn read_property(&self, value: &[u8]) -> Option<Value<'static>> {
        match (self.kind, value) {
            (AttributeType::Number, value) if value.len() == 8 && !value.iter().all(u8::is_ascii_graphic) => {
                let bytes = value.first_chunk()?;
                Some(f64::from_le_bytes(*bytes)).filter(|number| number.is_finite()).map(Value::Number)
            }
            (AttributeType::Boolean, [byte @ (0 | 1)]) => Some(Value::Bool(*byte == 1)),
            _ => self.read(value).map(Value::into_owned),
        }
    }

    fn read<'h>(&self, value: &'h [u8]) -> Option<Value<'h>> {
        let text = std::str::from_utf8(value.trim_ascii()).ok()?;
        match self.kind {
            AttributeType::String => Some(Value::String(text.into())),
            AttributeType::Number => text.parse().ok().filter(|number: &f64| number.is_finite()).map(Value::Number),
            AttributeType::Boolean => text.parse().ok().map(Value::Bool),
            AttributeType::Json => document(text.as_bytes()).ok(),
        }
    }

    pub(crate) fn check(&self, path: &dyn fmt::Display, errors: &mut ConfigErrors) {
        if self.header.is_some() == self.property.is_some() {
            errors.add(path, &"names not exactly one of `header` and `property`", &"say which it is");
        }
        if let Some(property) = &self.property {
            check_property(property, &format_args!("{path}.property"), errors);
        }
        if self.name.is_empty() {
            errors.add(&format_args!("{path}.name"), &"is empty", &"name the attribute as rules know it");
        }
        if self.scope == AttributeScope::Profile && self.kind != AttributeType::String {
            errors.add(
                &format_args!("{path}.type"),
                &"the user's own fields are all strings",
                &"leave `type` out, or use the scope `custom`",
            );
        }
    }
}
