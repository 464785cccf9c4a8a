//! Reading flagd's vectors, and comparing answers with them as a client would see them.
//!
//! Two forms are read: generated rows, a JSON object a line beside a file of documents by id (`testbed/vectors/flagd`), and flagd's own testbed
//! in one file that holds both, which is then given for both.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use jackstaff_core::source::flagd::Fractional;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::vectors::compare::differences;
use crate::vectors::file;

/// When all rows are decided: they say nothing about the time.
pub(super) const NOW_MS: u64 = 1_760_000_000_000;

/// Documents and the rows that are played on them.
pub(super) struct Vectors {
    /// JSON texts by id.
    pub sets: BTreeMap<String, String>,
    pub rows: Vec<Row>,
    pub fractional: Fractional,
}

/// One flag for one context.
pub(super) struct Row {
    /// How failures call it.
    pub label: String,
    pub set: String,
    pub flag: String,
    /// JSON text, as written down to the digits of its numbers.
    pub context: String,
    kind: String,
    /// The caller's own; null where the row tells none.
    default: Value,
    /// `value`, `variant`, `reason`, `errorCode`, `metadata`: those that count.
    expect: Map<String, Value>,
    /// Metadata may hold more than expected.
    more_metadata: bool,
}

/// What a host answers.
pub(super) struct Answer {
    /// None: the application's own default applies.
    pub value: Option<Value>,
    pub variant: Option<String>,
    pub reason: String,
    pub error_code: Option<String>,
    pub metadata: Value,
}

impl Answer {
    /// The answer for a flag that does not exist.
    pub fn not_found() -> Self {
        Self::error("FLAG_NOT_FOUND")
    }

    fn error(code: &str) -> Self {
        Self {
            value: None,
            variant: None,
            reason: "ERROR".to_owned(),
            error_code: Some(code.to_owned()),
            metadata: json!({}),
        }
    }

    /// What the caller makes of it: a value of another type than the one asked for is an error.
    fn typed(self, kind: &str) -> Self {
        let fits = self.value.as_ref().is_none_or(|value| match kind {
            "boolean" => value.is_boolean(),
            "string" => value.is_string(),
            "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
            "float" | "number" => value.is_number(),
            _ => value.is_object(),
        });
        if fits { self } else { Self { metadata: self.metadata, ..Self::error("TYPE_MISMATCH") } }
    }
}

impl Row {
    /// A line for each difference between `answer` and what is expected.
    pub fn differences(&self, answer: Answer) -> Vec<String> {
        let answer = answer.typed(&self.kind);
        let mut found = Vec::new();
        for (name, expected) in &self.expect {
            let got = match &**name {
                "value" => answer.value.clone().unwrap_or_else(|| self.default.clone()),
                "variant" => json!(answer.variant),
                "reason" => json!(answer.reason),
                "errorCode" => json!(answer.error_code),
                _ => self.expected_metadata(&answer.metadata),
            };
            found.extend(differences(name, expected, &got));
        }
        found
    }

    /// A line for each difference of a value that says nothing about how it came about.
    pub fn value_differences(&self, value: Option<Value>) -> Vec<String> {
        let answer = Answer { value, variant: None, reason: String::new(), error_code: None, metadata: json!({}) };
        let value = answer.typed(&self.kind).value.unwrap_or_else(|| self.default.clone());
        self.expect.get("value").map_or_else(Vec::new, |expected| differences("value", expected, &value))
    }

    fn expected_metadata(&self, metadata: &Value) -> Value {
        let expected = self.expect.get("metadata").and_then(Value::as_object);
        match (metadata, expected) {
            (Value::Object(members), Some(expected)) if self.more_metadata => {
                members.clone().into_iter().filter(|(name, _)| expected.contains_key(name)).collect()
            }
            _ => metadata.clone(),
        }
    }
}

/// A row as both forms write it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    #[serde(rename = "set_id")]
    set: String,
    flag: String,
    #[serde(rename = "type")]
    kind: String,
    context: Box<RawValue>,
    expect: Map<String, Value>,
    #[serde(rename = "expect_v3")]
    expect_v3: Option<Map<String, Value>>,
    metadata: Option<Value>,
    // Of the testbed only:
    #[serde(default)]
    default: Value,
    static_context: Option<Map<String, Value>>,
    fractional: Option<String>,
    #[serde(default)]
    deprecated: bool,
    id: Option<u64>,
    scenario: Option<String>,
}

pub(super) fn load(sets: &Path, cases: &Path, limit: Option<usize>, fractional: Fractional) -> Result<Vectors> {
    #[derive(Deserialize)]
    struct Testbed {
        sets: BTreeMap<String, Box<RawValue>>,
        vectors: Vec<Written>,
    }
    let (sets, rows) = if sets == cases {
        let testbed: Testbed = serde_json::from_str(&file::read(cases)?)
            .with_context(|| format!("{} does not hold `sets` and `vectors`", cases.display()))?;
        let rows: Result<Vec<_>> = testbed
            .vectors
            .into_iter()
            .filter(|written| written.applies(fractional))
            .map(|written| written.read(fractional, None))
            .collect();
        let rows = rows?;
        let step = limit.map_or(1, |limit| rows.len().div_ceil(limit.max(1)));
        (testbed.sets, rows.into_iter().step_by(step).collect())
    } else {
        let row = |line: &str, number| serde_json::from_str::<Written>(line)?.read(fractional, Some(number));
        (file::configs(sets)?, file::rows(cases, limit, row)?)
    };
    ensure!(!rows.is_empty(), "{} holds no rows for fractional {}", cases.display(), fractional.as_str());
    let sets = file::used(&sets, rows.iter().map(|row: &Row| &row.set))?;
    Ok(Vectors { sets, rows, fractional })
}

impl Written {
    /// Rows for another generation of `fractional`, and those on how flagd behaved once, are not played.
    fn applies(&self, fractional: Fractional) -> bool {
        let generation = self.fractional.as_deref().unwrap_or("any");
        !self.deprecated && (generation == "any" || generation == fractional.as_str())
    }

    fn read(self, fractional: Fractional, number: Option<usize>) -> Result<Row> {
        let context = match self.static_context {
            Some(over) => {
                let mut context: Map<String, Value> = serde_json::from_str(self.context.get())?;
                context.extend(over);
                Value::from(context).to_string()
            }
            None => self.context.get().to_owned(),
        };
        let mut expect = match self.expect_v3 {
            Some(v3) if fractional == Fractional::V3 => v3,
            _ => self.expect,
        };
        let exact = expect.remove("metadataExact").is_none_or(|exact| exact == json!(true));
        if let Some(metadata) = self.metadata {
            expect.insert("metadata".to_owned(), metadata);
        }
        let place = match (number, self.id) {
            (Some(number), _) => format!("row {number}"),
            (None, id) => format!("vector {} ({})", id.unwrap_or_default(), self.scenario.unwrap_or_default()),
        };
        Ok(Row {
            label: format!("{place}, set {}, flag {}", self.set, self.flag),
            set: self.set,
            flag: self.flag,
            context,
            kind: self.kind,
            default: self.default,
            expect,
            more_metadata: !exact,
        })
    }
}
