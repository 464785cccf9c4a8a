//! OpenFeature's evaluation context, as OFREP carries it.

use std::borrow::Cow;
use std::fmt;

use crate::context::{Context, MAX_ATTRIBUTES, Scope};
use crate::snapshot::Dialect;
use crate::source::devcycle;
use crate::value::Value;

/// Why an evaluation context is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContextError {
    /// Where: a JSON path.
    pub path: String,
    /// What is wrong there.
    pub message: String,
}

impl fmt::Display for ContextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

impl std::error::Error for ContextError {}

/// The object that flagd adds itself: a request's own is not looked at.
const RESERVED: &str = "$flagd";

/// Makes a context of an OpenFeature evaluation context for rulesets of `dialect`.
///
/// For flagd every member is an attribute, `targetingKey` too where it is no string. For DevCycle the members that a DevCycle user has keep
/// their meaning where their types are right, and all others are custom attributes, as in DevCycle's OpenFeature providers.
///
/// # Errors
/// Where there are more attributes than a context takes.
pub fn parse_context<'a>(
    members: Vec<(Cow<'a, str>, Value<'a>)>,
    dialect: Dialect,
) -> Result<Context<'a>, ContextError> {
    let mut context = Context::anonymous();
    for (name, value) in members {
        if name == RESERVED {
            continue;
        }
        match (&*name, value) {
            ("targetingKey", Value::String(key)) => context.set_targeting_key(key),
            ("user_id", Value::String(key)) if dialect == Dialect::DevCycle => {
                if context.targeting_key().is_none() {
                    context.set_targeting_key(key);
                }
            }
            (_, value) => {
                let scope = match dialect {
                    Dialect::DevCycle => devcycle::scope_of(&name, &value),
                    Dialect::Flagd => None,
                };
                set(&mut context, scope, name, value)?;
            }
        }
    }
    Ok(context)
}

fn set<'a>(
    context: &mut Context<'a>,
    scope: Option<Scope>,
    name: Cow<'a, str>,
    value: Value<'a>,
) -> Result<(), ContextError> {
    match (scope, value) {
        // `customData` and its like: an object of attributes.
        (Some(scope), Value::Map(members)) => {
            members.into_iter().try_for_each(|(name, value)| add(context, scope, name, value))
        }
        (scope, value) => add(context, scope.unwrap_or(Scope::Custom), name, value),
    }
}

fn add<'a>(context: &mut Context<'a>, scope: Scope, name: Cow<'a, str>, value: Value<'a>) -> Result<(), ContextError> {
    if context.set(scope, name, value) {
        return Ok(());
    }
    Err(ContextError {
        path: "$.context".to_owned(),
        message: format!("there may be at most {MAX_ATTRIBUTES} attributes"),
    })
}
