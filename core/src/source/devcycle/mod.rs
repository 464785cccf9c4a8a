//! The DevCycle dialect. Its own words — feature, variation, variable, audience, target — appear here and in its API, nowhere else.
//!
//! Behaviour follows `@devcycle/bucketing` (TypeScript). One deviation: a broken feature breaks only itself.

mod conditions;
mod features;
#[cfg(test)]
mod upstream_tests;
mod user;
mod wire;
mod words;

pub(crate) use user::scope_of;
pub use user::{UserError, parse_user};
pub use words::{Details, fault_message};

use std::borrow::Cow;

use crate::diagnostic::{Diagnostic, Diagnostics, Severity, member_path};
use crate::names::Names;
use crate::snapshot::layout::{Condition, Flag, NONE, Range};
use crate::snapshot::{Builder, Dialect, ValueKind};
use crate::source::{Misread, document, from_value};
use crate::value::Value;

/// Compiles a configuration into `builder`.
///
/// # Errors
/// Where the document as a whole is no DevCycle configuration.
pub(crate) fn lower(json: &[u8], builder: &mut Builder, diagnostics: &mut Diagnostics) -> Result<(), Vec<Diagnostic>> {
    let refuse = |misread: Misread| {
        vec![Diagnostic {
            severity: Severity::Error,
            path: misread.path,
            message: format!("not a DevCycle configuration: {}", misread.message),
            remedy: "pass the JSON that DevCycle's config CDN serves for a server key (config/v2/server/<key>.json)"
                .to_owned(),
        }]
    };
    let document = document(json).map_err(refuse)?;
    let config = from_value::<wire::Config<'_>>(&document).map_err(refuse)?;
    let audiences = config.audiences.unwrap_or_default();
    builder.meta.dialect = Dialect::DevCycle as u8;
    lower_project(&config, builder);
    let mut lowering = Lowering { builder, diagnostics, flags: Names::default(), audiences: Names::default() };
    lowering.variables(config.variables);
    lowering.audiences(audiences);
    lowering.features(config.features);
    Ok(())
}

fn lower_project(config: &wire::Config<'_>, builder: &mut Builder) {
    let member = |of: &Value<'_>, name: &str| wire::member(of, name).is_some_and(Value::is_truthy);
    let settings = wire::member(config.project, "settings");
    builder.meta.opt_in = settings.and_then(|s| wire::member(s, "optIn")).is_some_and(|o| member(o, "enabled"));
    builder.meta.rollout_is_final = settings.is_some_and(|s| member(s, "disablePassthroughRollouts"));
    let picked = |of: &Value<'_>, names: &[&str]| {
        Value::Map(names.iter().filter_map(|&name| Some((name.into(), wire::member(of, name)?.clone()))).collect())
            .to_json()
    };
    let project = builder.text(&picked(config.project, &["_id", "key", "a0_organization", "settings"]));
    let environment = builder.text(&picked(config.environment, &["_id", "key"]));
    builder.meta.project = project;
    builder.meta.environment = environment;
}

/// A configuration on its way into a snapshot.
struct Lowering<'b, 'v> {
    builder: &'b mut Builder,
    diagnostics: &'b mut Diagnostics,
    /// Variable `_id` → flag.
    flags: Names<'v>,
    /// Audience id → root condition.
    audiences: Names<'v>,
}

impl<'v> Lowering<'_, 'v> {
    fn variables(&mut self, variables: &'v [Value<'v>]) {
        let mut keys = Names::default();
        for (i, value) in variables.iter().enumerate() {
            let path = format!("$.variables[{i}]");
            let variable = match from_value::<wire::Variable<'_>>(value) {
                Ok(variable) => variable,
                Err(broken) => {
                    let message = format!("this variable cannot be used: {}", broken.message);
                    self.diagnostics.error(&wire::path(&path, &broken), message, "give it an _id, a key and a type");
                    continue;
                }
            };
            if let Some(first) = keys.get(variable.key) {
                let message = format!("the key `{}` occurs twice; the first one counts", variable.key);
                self.diagnostics.error(&path, message, "rename or remove one of them");
                if self.flags.get(variable.id).is_none() {
                    self.flags.insert(Cow::Borrowed(variable.id), first);
                }
                continue;
            }
            let kind = match variable.kind {
                "Boolean" => ValueKind::Boolean,
                "String" => ValueKind::String,
                "Number" => ValueKind::Number,
                "JSON" => ValueKind::Structure,
                other => {
                    let message = format!("unknown type `{other}`; it is treated as JSON");
                    self.diagnostics.warning(&path, message, "use one of Boolean, String, Number, JSON");
                    ValueKind::Structure
                }
            };
            let mut extra = String::new();
            for (name, value) in wire::rest(value) {
                extra.push(',');
                crate::json_text::write_json_string(name, &mut extra);
                extra.push(':');
                value.write_json(&mut extra);
            }
            let flag = Flag {
                key: self.builder.text(variable.key),
                id: self.builder.text(variable.id),
                kind: kind as u8,
                about: self.builder.text(&extra),
                setters: Range::default(),
            };
            let index = crate::snapshot::index(&self.builder.flags);
            self.builder.flags.push(flag);
            keys.insert(Cow::Borrowed(variable.key), index);
            if self.flags.insert(Cow::Borrowed(variable.id), index).is_some() {
                let message = format!("the _id `{}` occurs twice", variable.id);
                self.diagnostics.error(&path, message, "export the configuration again; ids are unique in DevCycle");
            }
        }
    }

    /// Reserves every audience's root first, so that they may refer to each other in any order.
    fn audiences(&mut self, audiences: wire::Members<'v>) {
        for (id, _) in audiences {
            let root = crate::snapshot::index(&self.builder.conditions);
            self.builder.conditions.push(Condition::default());
            self.audiences.insert(Cow::Borrowed(&**id), root);
        }
        for (id, value) in audiences {
            let root = self.audiences.get(id).unwrap_or(NONE);
            let path = member_path("$.audiences", id);
            match from_value::<wire::Audience<'_>>(value) {
                Ok(audience) => {
                    self.condition(root, audience.filters, conditions::Place::Root, &format!("{path}.filters"), 0)
                }
                Err(broken) => {
                    let message =
                        format!("this audience cannot be used, nor can what refers to it: {}", broken.message);
                    self.diagnostics.error(
                        &wire::path(&path, &broken),
                        message,
                        "give it filters: {operator, filters}",
                    );
                    self.invalid(root, &broken.message);
                }
            }
        }
        self.report_cycles(audiences);
    }
}
