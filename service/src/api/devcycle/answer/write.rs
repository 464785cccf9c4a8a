//! What an answer consists of, as JSON.

use jackstaff_core::source::devcycle::Details;
use jackstaff_core::{Choice, DecisionView, Dialect, FlagValue, FlagView, Reason, Ruleset, ValueKind, VariantView};

use super::flagd;
use super::json::Json;

/// Appends one feature behind its name in the map. `eval` is what [`write_eval`] made of it.
pub(super) fn write_feature(decision: &DecisionView<&[u8]>, variant: &VariantView<&[u8]>, eval: &[u8], out: &mut Json) {
    out.text("\":{\"_id\":\"", decision.id);
    out.text("\",\"key\":\"", decision.key);
    out.raw("\",\"type\":\"");
    let before = out.len();
    out.text("", decision.kind);
    if out.len() == before {
        out.raw(flagd::PLAIN_FEATURE);
    }
    out.text("\",\"_variation\":\"", variant.id);
    out.text("\",\"variationName\":\"", variant.name);
    out.text("\",\"variationKey\":\"", variant.key);
    let settings = read(decision.settings);
    if settings.is_empty() {
        out.raw("\"");
    } else {
        out.raw("\",\"settings\":");
        out.raw(settings);
    }
    out.again(eval);
}

/// Appends one variable, which the feature with the id `feature` sets. `eval` is what [`write_eval`] made of that.
pub(super) fn write_variable(
    dialect: Dialect,
    flag: &FlagView<&[u8]>,
    feature: &[u8],
    value: &FlagValue<'_>,
    eval: &[u8],
    out: &mut Json,
) {
    out.text("{\"_id\":\"", flag.id);
    match flagd::kind(dialect, flag.kind, value) {
        ValueKind::Boolean => out.raw("\",\"type\":\"Boolean"),
        ValueKind::String => out.raw("\",\"type\":\"String"),
        ValueKind::Number => out.raw("\",\"type\":\"Number"),
        ValueKind::Structure => out.raw("\",\"type\":\"JSON"),
    }
    out.text("\",\"key\":\"", flag.key);
    if flag.extra.is_empty() {
        out.text("\",\"_feature\":\"", feature);
    } else {
        out.raw("\"");
        out.raw(read(flag.extra));
        out.text(",\"_feature\":\"", feature);
    }
    match value {
        FlagValue::Boolean(true) => out.raw("\",\"value\":true"),
        FlagValue::Boolean(false) => out.raw("\",\"value\":false"),
        FlagValue::String(text) => {
            out.text("\",\"value\":\"", text);
            out.raw("\"");
        }
        FlagValue::Number { text, .. } | FlagValue::Structure(text) => {
            out.raw("\",\"value\":");
            out.raw(text);
        }
    }
    out.again(eval);
}

/// Appends the `eval` member of a choice, whose decision `details` watched last, and the brace behind it: so ends the feature, and so end
/// its variables.
pub(super) fn write_eval(ruleset: &Ruleset<'_>, choice: &Choice, details: &Details, out: &mut Json) {
    let rule = choice.rule.and_then(|rule| ruleset.rule_unread(rule));
    let (reason, [how, details]) = if ruleset.dialect() == Dialect::Flagd && choice.reason != Reason::Override {
        let (reason, details) = flagd::reason(choice.reason);
        (reason, [details, ""])
    } else {
        (choice.reason.as_str(), details.pieces(rule))
    };
    out.text(",\"eval\":{\"reason\":\"", reason);
    out.text("\",\"details\":\"", how);
    out.text("", details);
    if let Some(rule) = rule {
        out.text("\",\"target_id\":\"", rule.id);
    }
    out.raw("\"}}");
}

/// A text of the ruleset; nothing where it is damaged.
pub(super) fn read(text: &[u8]) -> &str {
    std::str::from_utf8(text).unwrap_or_default()
}
