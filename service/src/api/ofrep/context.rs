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

/// The context for a ruleset of `dialect`.
pub(super) fn build<'b>(
    members: &'b [(Cow<'static, str>, Value<'static>)],
    dialect: Dialect,
) -> Result<Context<'b>, ContextError> {
    parse_context(members.to_vec(), dialect)
}
