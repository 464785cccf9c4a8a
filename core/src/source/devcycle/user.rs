//! The user object of DevCycle's API (facts 4) as an evaluation context.

use std::fmt;

use crate::context::{Context, MAX_ATTRIBUTES, Scope};
use crate::source::document;
use crate::value::Value;

/// Why a user object is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserError {
    /// Where: a JSON path.
    pub path: String,
    /// What is wrong there.
    pub message: String,
}

impl fmt::Display for UserError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

impl std::error::Error for UserError {}

fn refuse<T>(path: impl Into<String>, message: impl Into<String>) -> Result<T, UserError> {
    Err(UserError { path: path.into(), message: message.into() })
}

/// Reads a user object. Unknown members are ignored; text is borrowed from `json` where it can be.
///
/// # Errors
/// Where it is no JSON object, names no user, or a member that decides is of the wrong type.
pub fn parse_user(json: &[u8]) -> Result<Context<'_>, UserError> {
    let members = match document(json) {
        Ok(Value::Map(members)) => members,
        Ok(_) => return refuse("$", "the user must be a JSON object"),
        Err(error) => return refuse("$", format!("the user is not JSON: {}", error.message)),
    };
    let mut context = Context::anonymous();
    for (name, value) in members {
        match &*name {
            "user_id" => match value {
                Value::String(id) if !id.trim().is_empty() => context.set_targeting_key(id),
                Value::String(_) => return refuse("$.user_id", "must not be empty"),
                _ => return refuse("$.user_id", "must be a string"),
            },
            "email" | "country" | "name" | "language" | "appVersion" | "platform" | "platformVersion"
            | "deviceModel" => match value {
                Value::Null => {}
                Value::String(_) => add(&mut context, Scope::Profile, name, value)?,
                _ => return refuse(format!("$.{name}"), "must be a string"),
            },
            "customData" => add_all(&mut context, Scope::Custom, &name, value)?,
            "privateCustomData" => add_all(&mut context, Scope::Private, &name, value)?,
            "optIns" => add_all(&mut context, Scope::OptIn, &name, value)?,
            _ => {}
        }
    }
    if context.targeting_key().is_none() {
        return refuse("$.user_id", "is required: a non-empty string");
    }
    Ok(context)
}

/// The scope of a member of a DevCycle user; none where such a user has no such member, of this type.
pub(crate) fn scope_of(name: &str, value: &Value<'_>) -> Option<Scope> {
    match (name, value) {
        (
            "email" | "country" | "name" | "language" | "appVersion" | "platform" | "platformVersion" | "deviceModel",
            Value::String(_),
        ) => Some(Scope::Profile),
        ("customData", Value::Map(_)) => Some(Scope::Custom),
        ("privateCustomData", Value::Map(_)) => Some(Scope::Private),
        ("optIns", Value::Map(_)) => Some(Scope::OptIn),
        _ => None,
    }
}

fn add_all<'a>(context: &mut Context<'a>, scope: Scope, name: &str, value: Value<'a>) -> Result<(), UserError> {
    match value {
        Value::Null => Ok(()),
        Value::Map(members) => members.into_iter().try_for_each(|(name, value)| add(context, scope, name, value)),
        _ => refuse(format!("$.{name}"), "must be an object"),
    }
}

fn add<'a>(
    context: &mut Context<'a>,
    scope: Scope,
    name: std::borrow::Cow<'a, str>,
    value: Value<'a>,
) -> Result<(), UserError> {
    if context.set(scope, name, value) {
        return Ok(());
    }
    refuse("$", format!("a user may have at most {MAX_ATTRIBUTES} attributes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_decides_and_ignores_the_rest() {
        let user = br#"{"user_id":"u","email":null,"country":"CA","appBuild":"7","customData":{"n":1},"privateCustomData":null,"x":[]}"#;
        let context = parse_user(user).unwrap();
        assert_eq!(context.targeting_key(), Some("u"));
        assert_eq!(context.get(Scope::Profile, "country"), Some(&Value::String("CA".into())));
        assert_eq!(context.get(Scope::Custom, "n"), Some(&Value::Number(1.0)));
        assert_eq!(context.len(), 2);
    }

    #[test]
    fn names_the_place_of_what_it_refuses() {
        let path = |json: &str| parse_user(json.as_bytes()).unwrap_err().path;
        assert_eq!(path("[]"), "$");
        assert_eq!(path("{"), "$");
        assert_eq!(path("{}"), "$.user_id");
        assert_eq!(path(r#"{"user_id":" "}"#), "$.user_id");
        assert_eq!(path(r#"{"user_id":7}"#), "$.user_id");
        assert_eq!(path(r#"{"user_id":"u","email":1}"#), "$.email");
        assert_eq!(path(r#"{"user_id":"u","customData":[]}"#), "$.customData");
    }
}
