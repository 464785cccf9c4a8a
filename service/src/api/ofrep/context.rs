//! The request's body: `{"context": {…}}`.

use std::borrow::Cow;

use jackstaff_core::source::flagd::{ContextError, parse_context};
use jackstaff_core::source::{document, repair_surrogates};
use jackstaff_core::{Context, Dialect, Value};

/// The members of the evaluation context. No body and no context are an empty one, and so is a context that is no object: flagd and its
/// clients have it so.
pub(super) fn read(body: &[u8]) -> Result<Vec<(Cow<'static, str>, Value<'static>)>, String> {
    if body.trim_ascii().is_empty() {
        return Ok(Vec::new());
    }
    let repaired = repair_surrogates(body);
    let members = match document(&repaired) {
        Ok(Value::Map(members)) => members,
        Ok(_) => return Err("the body is no object: send {\"context\":{\"targetingKey\":…}}".to_owned()),
        Err(error) => {
            return Err(format!("the body is not JSON: {error}; send {{\"context\":{{\"targetingKey\":…}}}}"));
        }
    };
    let context = members.into_iter().find(|(name, _)| name == "context").map(|(_, context)| context);
    Ok(match context.map(Value::into_owned) {
        Some(Value::Map(members)) => members,
        _ => Vec::new(),
    })
}

/// The member that speaks to the service and is no attribute: `{"$jackstaff":{"userData":true}}`.
const RESERVED: &str = "$jackstaff";

/// Takes the member for the service out of the context: whether it asks for what is stored about the user.
pub(super) fn take_user_data(members: &mut Vec<(Cow<'static, str>, Value<'static>)>) -> bool {
    let Some(at) = members.iter().position(|(name, _)| name == RESERVED) else { return false };
    match members.remove(at) {
        (_, Value::Map(options)) => {
            options.iter().any(|(name, value)| name == "userData" && *value == Value::Bool(true))
        }
        _ => false,
    }
}

/// The context for a ruleset of `dialect`.
pub(super) fn build<'b>(
    members: &'b [(Cow<'static, str>, Value<'static>)],
    dialect: Dialect,
) -> Result<Context<'b>, ContextError> {
    parse_context(members.to_vec(), dialect)
}
