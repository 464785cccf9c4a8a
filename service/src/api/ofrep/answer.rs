//! Answers as JSON, members in an order that never changes: web clients compare them as text.

use bytes::Bytes;
use http::{Response, StatusCode};
use jackstaff_core::sort;
use jackstaff_core::{
    Decision, ErrorCode, FlagIndex, FlagView, NoVisitor, Reason, Ruleset, Session, write_json_string,
};

use super::selector::Selector;
use crate::api::reply::{MAX_ANSWER_BYTES, TooLarge, json};
use crate::api::stored_user::Used;

/// Evaluates one flag.
pub(super) fn one(
    ruleset: &Ruleset<'_>,
    flag: FlagIndex,
    used: Option<Used>,
    session: &mut Session<'_, '_>,
) -> Response<Bytes> {
    let decision = session.evaluate(flag, &mut NoVisitor);
    let status = if decision.fault.is_some() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let mut body = String::new();
    if let Some(mut view) = ruleset.flag(flag) {
        let metadata = used.map(|used| used.in_metadata(view.metadata));
        view.metadata = metadata.as_deref().unwrap_or(view.metadata);
        write_evaluation(ruleset, &view, &decision, &mut body);
    }
    json(status, body)
}

/// Evaluates all flags that the selector admits, in the order of their keys: switched off ones, those without a value and failed ones are
/// among them.
///
/// # Errors
/// Above [`MAX_ANSWER_BYTES`], at the end of a flag: one is as large as the ruleset makes it.
pub(super) fn all(
    ruleset: &Ruleset<'_>,
    selector: &Selector,
    used: Option<Used>,
    session: &mut Session<'_, '_>,
) -> Result<String, TooLarge> {
    let mut flags: Vec<(FlagView<&str>, FlagIndex)> = ruleset
        .flags()
        .filter(|flag| selector.admits(ruleset, *flag))
        .filter_map(|flag| Some((ruleset.flag(flag)?, flag)))
        .collect();
    sort(&mut flags, |(a, _), (b, _)| a.key.cmp(b.key));
    let mut body = "{\"flags\":[".to_owned();
    for (i, (view, flag)) in flags.iter().enumerate() {
        if i > 0 {
            body.push(',');
        }
        write_evaluation(ruleset, view, &session.evaluate(*flag, &mut NoVisitor), &mut body);
        if body.len() > MAX_ANSWER_BYTES {
            return Err(TooLarge);
        }
    }
    body.push_str("],\"metadata\":");
    match used {
        Some(used) => body.push_str(&used.in_metadata(ruleset.metadata_json())),
        None => body.push_str(ruleset.metadata_json()),
    }
    body.push('}');
    Ok(body)
}

fn write_evaluation(ruleset: &Ruleset<'_>, flag: &FlagView<&str>, decision: &Decision<'_>, out: &mut String) {
    if let Some(fault) = &decision.fault {
        let details = fault.to_string();
        write_failure(Some(flag.key), Some(fault.error_code()), &details, Some(flag.metadata), out);
        return;
    }
    out.push_str("{\"key\":");
    write_json_string(flag.key, out);
    out.push_str(",\"reason\":\"");
    // What a person chose by hand has no word in OFREP.
    out.push_str(if decision.reason == Reason::Override { "UNKNOWN" } else { decision.reason.as_str() });
    // Empty where the application's default applies: Python's provider refuses an answer that has no variant.
    out.push_str("\",\"variant\":");
    let variant = decision.choice.and_then(|choice| ruleset.variant(choice.variant));
    write_json_string(variant.map_or("", |variant| variant.key), out);
    if let Some(value) = &decision.value {
        out.push_str(",\"value\":");
        value.write_json(out);
    }
    out.push_str(",\"metadata\":");
    out.push_str(flag.metadata);
    out.push('}');
}

/// The body of a failure: of one flag where there is a key.
pub(super) fn failure(key: Option<&str>, code: Option<ErrorCode>, details: &str, metadata: Option<&str>) -> String {
    let mut body = String::new();
    write_failure(key, code, details, metadata, &mut body);
    body
}

fn write_failure(key: Option<&str>, code: Option<ErrorCode>, details: &str, metadata: Option<&str>, out: &mut String) {
    out.push('{');
    if let Some(key) = key.filter(|_| code.is_some()) {
        out.push_str("\"key\":");
        write_json_string(key, out);
        out.push(',');
    }
    if let Some(code) = code {
        out.push_str("\"errorCode\":\"");
        out.push_str(code.as_str());
        out.push_str("\",");
    }
    out.push_str("\"errorDetails\":");
    write_json_string(details, out);
    out.push_str(",\"metadata\":");
    out.push_str(metadata.unwrap_or("{}"));
    out.push('}');
}
