//! Recorded answers to flagd flag definitions, in both generations of `fractional`.

#![allow(clippy::disallowed_methods, clippy::disallowed_macros, reason = "the recorded rows lie in files")]

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use jackstaff_core::source::flagd::{Fractional, parse_context};
use jackstaff_core::{
    CompileOptions, Context, Dialect, ExpressionView, ExpressionVisitor, Reason, Ruleset, Timestamp, Value, Visitor,
    compile,
};
use serde_json::{Value as Json, json};

fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../testbed/vectors/flagd")
}

/// What other projects recorded: beside the checkout, or where the variable says.
fn shared(name: &str) -> Option<Vec<u8>> {
    let root = std::env::var_os("JACKSTAFF_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from);
    let path = root.join("vectors/flagd").join(name);
    let bytes = fs::read(&path).ok();
    if bytes.is_none() {
        eprintln!("SKIPPED: {} is not there; set JACKSTAFF_SHARED to the directory with `vectors`", path.display());
    }
    bytes
}

fn compiled(document: &Json, fractional: Fractional) -> Vec<u8> {
    let options = CompileOptions { fractional: Some(fractional), ..CompileOptions::default() };
    compile(document.to_string().as_bytes(), &options).expect("every recorded set compiles").snapshot
}

/// The context of a case; members of the second object are laid over it.
fn context(of: &Json, over: &Json) -> Context<'static> {
    let mut members = of.as_object().cloned().unwrap_or_default();
    members.extend(over.as_object().cloned().unwrap_or_default());
    let text = Json::Object(members).to_string();
    match serde_json::from_str::<Value<'_>>(&text).unwrap().into_owned() {
        Value::Map(members) => parse_context(members, Dialect::Flagd).unwrap(),
        _ => unreachable!("written as an object"),
    }
}

/// Value, variant, reason and error code in the form of the vectors, and the metadata.
fn answer(ruleset: &Ruleset<'_>, flag: &str, context: &Context<'_>) -> (Json, Json) {
    let Some(index) = ruleset.find(flag) else {
        return (json!({"value": null, "variant": null, "reason": "ERROR", "errorCode": "FLAG_NOT_FOUND"}), Json::Null);
    };
    let decision = ruleset.evaluate(index, context, Timestamp(1_760_000_000_000));
    let value = decision.value.map_or(Json::Null, |value| {
        let mut text = String::new();
        value.write_json(&mut text);
        serde_json::from_str(&text).unwrap()
    });
    let variant = decision.choice.and_then(|choice| ruleset.variant(choice.variant)).map(|variant| variant.name);
    let answer = json!({
        "value": value,
        "variant": variant,
        "reason": decision.reason.as_str(),
        "errorCode": decision.fault.map(|fault| fault.error_code().as_str()),
    });
    (answer, serde_json::from_str(ruleset.flag(index).unwrap().metadata).unwrap())
}

/// Equal, numbers by their value.
fn same(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(a), Json::Number(b)) => a.as_f64() == b.as_f64(),
        (Json::Array(a), Json::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| same(a, b)))
        }
        (a, b) => a == b,
    }
}

fn generated(fractional: Fractional) {
    let sets: HashMap<String, Json> =
        serde_json::from_slice(&fs::read(vectors().join("open.sets.json")).unwrap()).unwrap();
    let sets: HashMap<_, _> = sets.into_iter().map(|(id, set)| (id, compiled(&set, fractional))).collect();
    let rows = fs::read_to_string(vectors().join("open.jsonl")).unwrap();
    let mut failures = Vec::new();
    let mut played = 0;
    for (line, row) in rows.lines().enumerate() {
        let row: Json = serde_json::from_str(row).unwrap();
        let ruleset = Ruleset::verify(&sets[row["set_id"].as_str().unwrap()]).unwrap();
        let (answer, metadata) =
            answer(&ruleset, row["flag"].as_str().unwrap(), &context(&row["context"], &Json::Null));
        let answer = typed(answer, row["type"].as_str().unwrap());
        let expected = match fractional {
            Fractional::V3 if !row["expect_v3"].is_null() => &row["expect_v3"],
            _ => &row["expect"],
        };
        let metadata_agrees = row["metadata"].is_null() || same(&row["metadata"], &metadata);
        played += 1;
        if !same(&answer, expected) || !metadata_agrees {
            failures.push(format!("line {}: {answer} is not {expected}; metadata {metadata}", line + 1));
        }
    }
    assert_eq!(played, 2_000);
    assert!(failures.is_empty(), "{} failed:\n{}", failures.len(), failures[..failures.len().min(10)].join("\n"));
}

#[test]
fn generated_rows_v2() {
    generated(Fractional::V2);
}

#[test]
fn generated_rows_v3() {
    generated(Fractional::V3);
}

fn upstream(fractional: Fractional) {
    let Some(bytes) = shared("testbed.json") else { return };
    let document: Json = serde_json::from_slice(&bytes).unwrap();
    let sets: HashMap<&String, Vec<u8>> =
        document["sets"].as_object().unwrap().iter().map(|(id, set)| (id, compiled(set, fractional))).collect();
    let mut played = 0;
    for vector in document["vectors"].as_array().unwrap() {
        let generation = vector["fractional"].as_str().unwrap_or("any");
        if vector["deprecated"] == true || !["any", fractional.as_str()].contains(&generation) {
            continue;
        }
        let ruleset = Ruleset::verify(&sets[&vector["set_id"].as_str().unwrap().to_owned()]).unwrap();
        let context = context(&vector["context"], &vector["staticContext"]);
        let (answer, metadata) = answer(&ruleset, vector["flag"].as_str().unwrap(), &context);
        check(vector, answer, &metadata);
        played += 1;
    }
    eprintln!("{played} rows of flagd's testbed agree with `fractional` {}", fractional.as_str());
    assert!(played > 200, "{played}");
}

/// The caller's side of an evaluation checks the type.
fn typed(answer: Json, wanted: &str) -> Json {
    let fits = match (wanted, &answer["value"]) {
        (_, Json::Null) => true,
        ("boolean", value) => value.is_boolean(),
        ("string", value) => value.is_string(),
        ("integer", value) => value.as_f64().is_some_and(|n| n.fract() == 0.0),
        ("float" | "number", value) => value.is_number(),
        (_, value) => value.is_object(),
    };
    if fits {
        return answer;
    }
    json!({"value": null, "variant": null, "reason": "ERROR", "errorCode": "TYPE_MISMATCH"})
}

/// It also applies defaults.
fn check(vector: &Json, answer: Json, metadata: &Json) {
    let mut answer = typed(answer, vector["type"].as_str().unwrap());
    if answer["value"].is_null() {
        answer["value"] = vector["default"].clone();
    }
    let expect = vector["expect"].as_object().unwrap();
    for (name, expected) in expect {
        match name.as_str() {
            "metadata" => {
                let exact = expect.get("metadataExact") == Some(&Json::Bool(true));
                let all = expected.as_object().unwrap().iter().all(|(name, value)| same(value, &metadata[name]));
                assert!(if exact { same(expected, metadata) } else { all }, "{vector}: {metadata}");
            }
            "metadataExact" => {}
            name => assert!(same(expected, &answer[name]), "{vector}: {answer}"),
        }
    }
}

#[test]
fn rows_of_flagds_testbed_v2() {
    upstream(Fractional::V2);
}

#[test]
fn rows_of_flagds_testbed_v3() {
    upstream(Fractional::V3);
}

#[test]
fn what_flagd_refuses_breaks_one_flag() {
    let document = br#"{"flags":{
        "good":{"state":"ENABLED","variants":{"on":true},"defaultVariant":"on"},
        "bad":{"state":"ENABLED","variants":{"on":true},"defaultVariant":"off"},
        "loop":{"state":"ENABLED","variants":{"on":true},"targeting":{"$ref":"a"}}},
        "$evaluators":{"a":{"!":[{"$ref":"b"}]},"b":{"$ref":"a"}}}"#;
    let compiled = compile(document, &CompileOptions::default()).unwrap();
    let paths: Vec<&str> = compiled.diagnostics.iter().map(|d| &*d.path).collect();
    assert_eq!(paths[0], r#"$.flags["bad"].defaultVariant"#);
    assert!(paths[1].starts_with(r#"$.flags["loop"].targeting"#), "{}", paths[1]);
    let ruleset = Ruleset::verify(&compiled.snapshot).unwrap();
    let reason = |key| ruleset.evaluate(ruleset.find(key).unwrap(), &Context::new("u"), Timestamp(0)).reason;
    assert_eq!([reason("good"), reason("bad"), reason("loop")], [Reason::Static, Reason::Error, Reason::Error]);
}

/// Writes down what a whole rule gives.
#[derive(Default)]
struct Root(Option<Json>);

impl Visitor for Root {
    fn expressions(&mut self) -> Option<&mut dyn ExpressionVisitor> {
        Some(self)
    }
}

impl ExpressionVisitor for Root {
    fn expression_begins(&mut self, _expression: &ExpressionView<'_>) {}
    fn expression_ends(&mut self, expression: &ExpressionView<'_>, value: &Value<'_>) {
        if expression.depth() == 0 {
            self.0 = serde_json::from_str(&value.to_json()).ok();
        }
    }
}

#[test]
fn single_rules_on_which_engines_agree() {
    let Some(bytes) = shared("edge-matrix.json") else { return };
    let rows: Vec<Json> = serde_json::from_slice(&bytes).unwrap();
    let whole = rows.iter().find(|row| row["rule"] == json!({"var": ""})).expect("it shows the context");
    let all: Json = serde_json::from_str(whole["results"]["js"].as_str().unwrap()).unwrap();
    let mut failures = Vec::new();
    let mut played = 0;
    for row in rows.iter().filter(|row| row["agree_js_go"] == true) {
        let results = &row["results"];
        let Some(Ok(expected)) = results["js"].as_str().map(serde_json::from_str::<Json>) else { continue };
        // Not rules, and rules whose answer hangs on a subject that the rows do not tell.
        let first = &row["rule"]["fractional"][0];
        let keyless = first.is_array() || first["merge"].is_array();
        if row["rule"].is_null() || row["rule"] == json!({}) || row["group"] == "fractional-tk" || keyless {
            continue;
        }
        let document =
            json!({"flags": {"f": {"state": "ENABLED", "variants": {"on": true}, "targeting": row["rule"]}}});
        let bytes = compiled(&document, Fractional::V2);
        let ruleset = Ruleset::verify(&bytes).unwrap();
        let mut root = Root::default();
        let context = context(&all, &Json::Null);
        ruleset.session(&context, Timestamp(1_795_233_985_000)).evaluate(ruleset.find("f").unwrap(), &mut root);
        played += 1;
        if !root.0.as_ref().is_some_and(|given| same(given, &expected)) {
            failures.push(format!("{}: {:?}, but engines {results}", row["rule"], root.0));
        }
    }
    assert!(played > 700, "{played}");
    assert!(failures.is_empty(), "{} of {played} failed:\n{}", failures.len(), failures.join("\n"));
}

/// Rows on which flagd's implementations differ: what is said here is what one of them says.
#[test]
fn where_engines_differ_the_answer_is_that_of_one() {
    let Some(bytes) = shared("open.debatable.jsonl") else { return };
    let sets: HashMap<String, Json> =
        serde_json::from_slice(&fs::read(vectors().join("open.sets.json")).unwrap()).unwrap();
    let mut failures = Vec::new();
    let mut played = 0;
    for row in String::from_utf8(bytes).unwrap().lines() {
        let row: Json = serde_json::from_str(row).unwrap();
        let bytes = compiled(&sets[row["set_id"].as_str().unwrap()], Fractional::V2);
        let ruleset = Ruleset::verify(&bytes).unwrap();
        let context = context(&row["context"], &Json::Null);
        let (answer, _) = answer(&ruleset, row["flag"].as_str().unwrap(), &context);
        let answer = typed(answer, row["type"].as_str().unwrap());
        played += 1;
        // All but Python refuse `min` of null; Python counts it as 0, as here, but its `%` takes the sign of the divisor.
        let pythons_remainder = row["js"]["errorCode"] == "GENERAL" && row["targeting"].to_string().contains("\"%\"");
        let engines = ["js", "u8i", "go", "py1"];
        if !pythons_remainder && !engines.iter().any(|engine| same(&answer, &row[*engine])) {
            failures.push(format!(
                "{}: {answer}, but {} {} {} {}",
                row["targeting"], row["js"], row["u8i"], row["go"], row["py1"]
            ));
        }
    }
    assert!(played > 100, "{played}");
    assert!(failures.is_empty(), "{} of {played} failed:\n{}", failures.len(), failures.join("\n"));
}
