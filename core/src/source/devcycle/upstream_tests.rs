//! Plays DevCycle's own test inputs, function by function, where `../shared/vectors` has them: they are not ours to publish.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "a test reads its data, and says where it has none"
)]

use std::path::Path;

use super::*;
use crate::context::{Context, Scope};
use crate::evaluate::{Choice, Reason};
use crate::hash::murmur3;
use crate::snapshot::Ruleset;
use crate::source::{CompileOptions, compile};
use crate::timestamp::Timestamp;

type Case<'a> = Vec<(std::borrow::Cow<'a, str>, Value<'a>)>;

fn get<'v>(case: &'v Case<'_>, name: &str) -> &'v Value<'v> {
    case.iter().find(|(n, _)| n == name).map_or(&Value::Null, |(_, v)| v)
}

fn number(value: &Value<'_>) -> f64 {
    if let Value::Number(n) = value { *n } else { panic!("{value:?} is no number") }
}

fn now(case: &Case<'_>) -> Timestamp {
    Timestamp::parse(get(case, "now").as_str().unwrap()).unwrap()
}

/// A ruleset of one feature with one target.
fn snapshot(feature: &str, target: &str, audiences: &str, opt_in: bool, variations: &[String]) -> Vec<u8> {
    let variations: Vec<String> =
        variations.iter().map(|id| format!(r#"{{"_id":{id},"key":"k","name":"n","variables":[]}}"#)).collect();
    let json = format!(
        r#"{{"project":{{"_id":"p","key":"p","settings":{{"optIn":{{"enabled":{opt_in}}}}}}},"environment":{{}},"variables":[],
        "audiences":{audiences},"features":[{{"_id":"{feature}","key":"f","type":"release","settings":{{"optInEnabled":{opt_in}}},
        "variations":[{}],"configuration":{{"_id":"c","targets":[{target}]}}}}]}}"#,
        variations.join(",")
    );
    let compiled = compile(json.as_bytes(), &CompileOptions::default()).unwrap();
    for diagnostic in &compiled.diagnostics {
        assert!(!diagnostic.message.starts_with("this feature cannot be used"), "{diagnostic}\n{json}");
    }
    compiled.snapshot
}

fn with_filters(feature: &str, filters: &str, audiences: &str, opt_in: bool) -> Vec<u8> {
    let target = format!(
        r#"{{"_id":"t","_audience":{{"_id":"","filters":{filters}}},"distribution":[{{"_variation":"v","percentage":1}}]}}"#
    );
    snapshot(feature, &target, audiences, opt_in, &["\"v\"".to_owned()])
}

/// Whether the filter holds for the context.
fn holds(filter: &str, context: &Context<'_>) -> bool {
    let bytes = with_filters("f", &format!(r#"{{"operator":"and","filters":[{filter}]}}"#), "{}", false);
    let ruleset = Ruleset::open(&bytes).unwrap();
    ruleset.session(context, Timestamp(0)).decide(0, &mut crate::NoVisitor).unwrap().is_some()
}

/// The filter's JSON with members replaced or added.
fn filter_with(filter: &Value<'_>, members: &[(&str, &str)]) -> String {
    let Value::Map(mut all) = filter.clone() else { panic!() };
    for (name, value) in members {
        all.retain(|(n, _)| n != name);
        all.push(((*name).into(), Value::String((*value).into())));
    }
    Value::Map(all).to_json()
}

fn user<'a>(data: &Value<'a>) -> Context<'a> {
    let mut context = Context::anonymous();
    let Value::Map(members) = data.clone() else { return context };
    for (name, value) in members {
        let scope = match &*name {
            "user_id" => {
                context.set_targeting_key(value.as_str().unwrap().to_owned());
                continue;
            }
            "customData" => Scope::Custom,
            "privateCustomData" => Scope::Private,
            "optIns" => Scope::OptIn,
            _ => {
                context.set(Scope::Profile, name, value);
                continue;
            }
        };
        let Value::Map(members) = value else { continue };
        for (name, value) in members {
            context.set(scope, name, value);
        }
    }
    context
}

fn expect_bool(case: &Case<'_>, got: bool) -> Result<(), String> {
    let expect = get(case, "expect");
    if *expect == Value::Bool(got) { Ok(()) } else { Err(format!("got {got}, expected {}", expect.to_json())) }
}

fn bounded_hashes(case: &Case<'_>) -> Result<(), String> {
    let seed = murmur3(get(case, "target_id").as_str().unwrap().as_bytes(), 1);
    let input = get(case, "input").as_str().unwrap();
    let expect = get(case, "expect");
    for (suffix, name) in [("", "bucketingHash"), ("_rollout", "rolloutHash")] {
        let hash = f64::from(murmur3(format!("{input}{suffix}").as_bytes(), seed)) / f64::from(u32::MAX);
        if hash != number(wire::member(expect, name).unwrap()) {
            return Err(format!("{name} is {hash}"));
        }
    }
    Ok(())
}

fn decide_target_variation(case: &Case<'_>) -> Result<(), String> {
    let target = get(case, "target");
    let Some(Value::List(shares)) = wire::member(target, "distribution") else { panic!() };
    let ids: Vec<String> = shares.iter().map(|s| wire::member(s, "_variation").unwrap().to_json()).collect();
    let bytes = snapshot("f", &target.to_json(), "{}", false, &ids);
    let ruleset = Ruleset::open(&bytes).unwrap();
    let rule = ruleset.tables.rules.get(0).unwrap();
    let expect = get(case, "expect");
    let variant = ruleset
        .split(rule.splits, ruleset.tables.decisions.get(0).unwrap().variants, || number(get(case, "boundedHash")));
    let Ok(variant) = variant else {
        let message = fault_message(&variant.unwrap_err());
        let wanted = wire::member(expect, "error").or(case.iter().find(|(n, _)| n == "error").map(|(_, v)| v));
        return if wanted.and_then(Value::as_str) == Some(&message) { Ok(()) } else { Err(message) };
    };
    let mut details = Details::default();
    details.set_text(get(case, "reasonDetails").as_str().unwrap_or_default());
    let choice = Choice { decision: 0, rule: Some(0), variant, reason: Reason::Split };
    let split = rule.splits.len != 1 || ruleset.rule(0).unwrap().mentions_rollout;
    let got = format!(
        r#"{{"variation":"{}","eval":{{"reason":"{}","details":"{}","target_id":"{}"}}}}"#,
        ruleset.variant(variant).unwrap().id,
        if split { "SPLIT" } else { "TARGETING_MATCH" },
        details.text(&ruleset, &choice),
        ruleset.rule(0).unwrap().id
    );
    if got == expect.to_json() { Ok(()) } else { Err(got) }
}

fn does_user_pass_rollout(case: &Case<'_>) -> Result<(), String> {
    let rollout = get(case, "rollout");
    let hash = number(get(case, "boundedHash"));
    if !rollout.is_truthy() {
        return expect_bool(case, true);
    }
    let target = format!(
        r#"{{"_id":"t","_audience":{{"filters":{{"operator":"and","filters":[{{"type":"all"}}]}}}},"distribution":[],"rollout":{}}}"#,
        rollout.to_json()
    );
    let bytes = snapshot("f", &target, "{}", false, &[]);
    let ruleset = Ruleset::open(&bytes).unwrap();
    let record = ruleset.tables.terms.get(0).unwrap();
    match ruleset.fraction(&record, now(case)) {
        Ok(fraction) => expect_bool(case, fraction != 0.0 && hash <= fraction),
        Err(fault) => {
            let message = fault_message(&fault);
            if get(case, "error").as_str() == Some(&message) { Ok(()) } else { Err(message) }
        }
    }
}

fn evaluate_operator(case: &Case<'_>) -> Result<(), String> {
    let audiences = match get(case, "audiences") {
        Value::Null => "{}".to_owned(),
        audiences => audiences.to_json(),
    };
    let opt_in = *get(case, "isOptInEnabled") == Value::Bool(true);
    let bytes =
        with_filters(get(case, "featureId").as_str().unwrap(), &get(case, "operator").to_json(), &audiences, opt_in);
    let ruleset = Ruleset::open(&bytes).unwrap();
    let mut details = Details::default();
    let context = user(get(case, "data"));
    let choice = ruleset.session(&context, now(case)).decide(0, &mut details).map_err(|f| fault_message(&f))?;
    let expect = get(case, "expect");
    if wire::member(expect, "result") != Some(&Value::Bool(choice.is_some())) {
        return Err(format!("got {}, expected {}", choice.is_some(), expect.to_json()));
    }
    let Some(choice) = choice else { return Ok(()) };
    let text = details.text(&ruleset, &choice);
    let wanted = wire::member(expect, "reasonDetails").and_then(Value::as_str).unwrap_or_default();
    if text == wanted { Ok(()) } else { Err(format!("details {text:?}, expected {wanted:?}")) }
}

/// A filter function of the library on a value that only arrives there if it has the function's type.
fn typed_filter(case: &Case<'_>, right_type: bool) -> Result<(), String> {
    let value = get(case, "value").clone();
    let comparator = wire::member(get(case, "filter"), "comparator").and_then(Value::as_str);
    if !right_type {
        // Of another type, no rule of this type is met but the one that wants nothing there.
        return expect_bool(case, comparator == Some("!exist"));
    }
    let filter = filter_with(get(case, "filter"), &[("type", "user"), ("subType", "customData"), ("dataKey", "k")]);
    expect_bool(case, holds(&filter, &Context::new("u").with(Scope::Custom, "k", value)))
}

fn run(case: &Case<'_>) -> Option<Result<(), String>> {
    let value = || get(case, "value").clone();
    let profile = |name: &'static str, comparator: Option<&str>| {
        let mut context = Context::new("u");
        if value() != Value::Null {
            context.set(Scope::Profile, name, value());
        }
        let mut members = vec![("type", "user"), ("subType", name)];
        members.extend(comparator.map(|c| ("comparator", c)));
        expect_bool(case, holds(&filter_with(get(case, "filter"), &members), &context))
    };
    Some(match get(case, "kind").as_str().unwrap() {
        "generateBoundedHashes" => bounded_hashes(case),
        "decideTargetVariation" => decide_target_variation(case),
        "doesUserPassRollout" => does_user_pass_rollout(case),
        "evaluateOperator" => evaluate_operator(case),
        "checkStringsFilter" => profile("email", None),
        "checkBooleanFilter" => typed_filter(case, matches!(value(), Value::Bool(_))),
        "checkNumbersFilter" => typed_filter(case, matches!(value(), Value::Number(_))),
        "checkVersionFilters" => profile("appVersion", None),
        "checkNumberFilter" => {
            let operator = get(case, "operator").to_json();
            let filter = format!(
                r#"{{"type":"user","subType":"customData","dataKey":"k","comparator":{operator},"values":{}}}"#,
                get(case, "values").to_json()
            );
            expect_bool(case, holds(&filter, &Context::new("u").with(Scope::Custom, "k", value())))
        }
        "checkVersionFilter" => version_filter(case),
        "checkCustomData" => {
            let context = user(&Value::Map(vec![("customData".into(), value())]));
            expect_bool(case, holds(&get(case, "filter").to_json(), &context))
        }
        // The service's tests play this one: it needs the answer's encoding.
        "generateBucketedConfig" => return None,
        kind if kind.starts_with("as.") => return None,
        kind => panic!("unknown kind {kind}"),
    })
}

/// The library's inner function knows `=` by parts, which its filters never ask it for but through `!=`.
fn version_filter(case: &Case<'_>) -> Result<(), String> {
    let operator = get(case, "operator").as_str().unwrap();
    let inverted = operator == "=";
    let filter = format!(
        r#"{{"type":"user","subType":"appVersion","comparator":"{}","values":{}}}"#,
        if inverted { "!=" } else { operator },
        get(case, "values").to_json()
    );
    let context = Context::new("u").with(Scope::Profile, "appVersion", get(case, "value").clone());
    // Without a version nothing holds, inverted or not.
    let missing = !get(case, "value").is_truthy();
    expect_bool(case, !missing && holds(&filter, &context) != inverted)
}

#[test]
fn upstream_cases() {
    let shared = std::env::var("JACKSTAFF_SHARED")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared").into());
    let path = Path::new(&shared).join("vectors/devcycle/upstream.json");
    let Ok(json) = std::fs::read(&path) else {
        eprintln!("SKIPPED: DevCycle's own test cases are not at {} (set JACKSTAFF_SHARED)", path.display());
        return;
    };
    let Value::Map(document) = serde_json::from_slice::<Value<'_>>(&json).unwrap() else { panic!() };
    let Value::List(cases) = get(&document, "cases") else { panic!() };
    let mut played = 0;
    let mut failures = Vec::new();
    for case in cases {
        let Value::Map(case) = case else { panic!() };
        match run(case) {
            None => continue,
            Some(Ok(())) => {}
            Some(Err(message)) => failures.push(format!("{}\n  {message}", Value::Map(case.clone()).to_json())),
        }
        played += 1;
    }
    assert!(failures.is_empty(), "{} of {played} failed:\n{}", failures.len(), failures.join("\n"));
    assert!(played > 500, "only {played} cases were played");
}
