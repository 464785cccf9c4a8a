//! Answers as JSON, within a bound.

use jackstaff_core::{Dialect, FlagValue, FlagView, ValueKind, write_json_text};

use super::flagd;
use crate::api::reply::{MAX_ANSWER_BYTES, TooLarge};

/// JSON as it is written. Past the bound nothing is added any more.
#[derive(Debug, Default)]
pub(super) struct Json {
    text: String,
    too_large: bool,
}

impl Json {
    /// With room for about `bytes`.
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self { text: String::with_capacity(bytes.min(MAX_ANSWER_BYTES)), too_large: false }
    }

    /// Appends what is JSON already. Where it is written in the code and speed counts, inlining makes a store of the copy.
    #[inline]
    pub(super) fn raw(&mut self, json: &str) {
        if self.takes(json.len()) {
            self.text.push_str(json);
        }
    }

    /// Appends a string, whose quotes stand in what is appended before and behind it.
    pub(super) fn text(&mut self, text: &str) {
        if self.takes(text.len()) {
            write_json_text(text, &mut self.text);
        }
    }

    fn value(&mut self, value: &FlagValue<'_>) {
        let length = match value {
            FlagValue::Boolean(_) => 0,
            FlagValue::String(text) | FlagValue::Structure(text) | FlagValue::Number { text, .. } => text.len(),
        };
        if self.takes(length) {
            value.write_json(&mut self.text);
        }
    }

    #[inline]
    fn takes(&mut self, more: usize) -> bool {
        self.too_large |= self.text.len().saturating_add(more) > MAX_ANSWER_BYTES;
        !self.too_large
    }

    /// How long it is so far.
    pub(super) fn len(&self) -> usize {
        self.text.len()
    }

    /// Whether everything that was appended fits.
    pub(super) fn fits(&self) -> bool {
        !self.too_large
    }

    pub(super) fn finish(self) -> Result<String, TooLarge> {
        if self.too_large { Err(TooLarge) } else { Ok(self.text) }
    }
}

/// Appends one variable, which the feature with the id `feature` sets.
pub(super) fn write_variable(
    dialect: Dialect,
    flag: &FlagView<'_>,
    feature: &str,
    value: &FlagValue<'_>,
    eval: &str,
    out: &mut Json,
) {
    out.raw("{\"_id\":\"");
    out.text(flag.id);
    out.raw("\",\"type\":\"");
    out.raw(type_name(flagd::kind(dialect, flag.kind, value)));
    out.raw("\",\"key\":\"");
    out.text(flag.key);
    out.raw("\"");
    out.raw(flag.extra);
    out.raw(",\"_feature\":\"");
    out.text(feature);
    out.raw("\",\"value\":");
    out.value(value);
    out.raw(",\"eval\":");
    out.raw(eval);
    out.raw("}");
}

const fn type_name(kind: ValueKind) -> &'static str {
    match kind {
        ValueKind::Boolean => "Boolean",
        ValueKind::String => "String",
        ValueKind::Number => "Number",
        ValueKind::Structure => "JSON",
    }
}

/// The members of a JSON object as they are written.
pub(super) struct Members<'o> {
    out: &'o mut Json,
    first: bool,
}

impl<'o> Members<'o> {
    pub(super) fn begin(out: &'o mut Json) -> Self {
        out.raw("{");
        Self { out, first: true }
    }

    /// Where the value of `name` goes.
    pub(super) fn next(&mut self, name: &str) -> &mut Json {
        self.out.raw(if std::mem::take(&mut self.first) { "\"" } else { ",\"" });
        self.out.text(name);
        self.out.raw("\":");
        self.out
    }

    pub(super) fn end(self) {
        self.out.raw("}");
    }
}
