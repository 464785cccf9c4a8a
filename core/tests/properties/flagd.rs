//! flagd's dialect: rules of all operators, mostly plausible, for contexts of all kinds.

use jackstaff_core::source::flagd::{Fractional, parse_context};
use jackstaff_core::{
    CompileOptions, Context, Decision, Dialect, ExpressionView, ExpressionVisitor, NoVisitor, Ruleset, Timestamp,
    Value, Visitor, compile,
};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value as Json, json};

use crate::generate::{Damage, any_json, damage};

/// Magic, format and checksum.
const HEADER: usize = 16;

const OPERATORS: [&str; 41] = [
    "var",
    "missing",
    "missing_some",
    "if",
    "?:",
    "==",
    "===",
    "!=",
    "!==",
    ">",
    ">=",
    "<",
    "<=",
    "!",
    "!!",
    "and",
    "or",
    "+",
    "-",
    "*",
    "/",
    "%",
    "min",
    "max",
    "merge",
    "in",
    "cat",
    "substr",
    "map",
    "filter",
    "reduce",
    "all",
    "none",
    "some",
    "$ref",
    "starts_with",
    "ends_with",
    "sem_ver",
    "fractional",
    "log",
    "and",
];

/// Names of attributes and parts of paths, texts and versions that rules compare with them.
const TEXTS: [&str; 22] = [
    "",
    "a",
    "b",
    "a.b",
    "a.0",
    "list",
    "list.1",
    "targetingKey",
    "$flagd",
    "$flagd.flagKey",
    "$flagd.timestamp",
    "current",
    "accumulator",
    "on",
    "off",
    "usér",
    "1",
    "1.2.3",
    "v2",
    ">=",
    "^",
    "shared",
];

fn scalar() -> impl Strategy<Value = Json> {
    prop_oneof![
        4 => select(&TEXTS[..]).prop_map(Json::from),
        2 => select(&[0.0, -1.0, 1.0, 2.0, 50.0, 0.5, 1e21, -0.0, 9_007_199_254_740_993.0][..]).prop_map(Json::from),
        1 => any::<bool>().prop_map(Json::from),
        1 => Just(Json::Null),
    ]
}

fn version() -> impl Strategy<Value = String> {
    "v?[0-2](\\.[0-2]{1,2}){0,3}(-a)?"
}

fn rule() -> impl Strategy<Value = Json> {
    let variable = select(&TEXTS[..]).prop_map(|name| json!({ "var": name }));
    // What is evaluated in one piece, and what is close to it.
    let plain =
        (select(&["==", "!=", "===", "!==", "<", ">=", "starts_with", "ends_with"][..]), select(&TEXTS[..]), scalar())
            .prop_map(|(operator, name, with)| json!({ operator: [{ "var": name }, with] }));
    let listed = (select(&TEXTS[..]), prop::collection::vec(scalar(), 0..4))
        .prop_map(|(name, items)| json!({ "in": [{ "var": name }, items] }));
    let versions = (
        select(&["a", "b", "list.1", "1.0", "targetingKey"][..]),
        select(&["=", "!=", "<", "<=", ">", ">=", "^", "~", "on"][..]),
        prop_oneof![3 => version().prop_map(Json::from), 1 => scalar()],
    )
        .prop_map(|(name, operator, with)| json!({ "sem_ver": [{ "var": name }, operator, with] }));
    let split = prop::collection::vec((select(&["on", "off", "1"][..]), -1..60_i64), 0..4).prop_map(
        |shares| json!({ "fractional": shares.iter().map(|(name, weight)| json!([name, weight])).collect::<Vec<_>>() }),
    );
    let leaf = prop_oneof![2 => scalar(), 2 => variable, 3 => plain, 1 => listed, 1 => versions, 1 => split];
    leaf.prop_recursive(5, 40, 4, |inner| {
        let operands = prop_oneof![
            6 => prop::collection::vec(inner.clone(), 0..5).prop_map(Json::from),
            1 => inner.clone(),
        ];
        prop_oneof![
            8 => (select(&OPERATORS[..]), operands).prop_map(|(operator, operands)| json!({ operator: operands })),
            1 => prop::collection::vec(inner, 0..3).prop_map(Json::from),
        ]
    })
}

fn definitions() -> impl Strategy<Value = Json> {
    let chooses = rule().prop_map(|rule| json!({ "if": [rule, "on", "off"] }));
    let flag = (prop_oneof![rule(), chooses], prop::option::of(select(&["on", "off", "", "none"][..])), any::<bool>()).prop_map(
        |(targeting, default, enabled)| {
            json!({
                "state": if enabled { "ENABLED" } else { "DISABLED" },
                // What rules of all kinds give, so that a difference shows.
                "variants": { "on": true, "off": false, "true": "t", "false": "f", "0": 0, "1": 1.50, "a": "a", "b": "b" },
                "defaultVariant": default,
                "targeting": targeting,
            })
        },
    );
    (prop::collection::vec(flag, 1..4), rule()).prop_map(|(flags, shared)| {
        let flags: Map<String, Json> = flags.into_iter().enumerate().map(|(i, flag)| (format!("f{i}"), flag)).collect();
        json!({ "flags": flags, "$evaluators": { "shared": shared }, "metadata": { "version": 1 } })
    })
}

fn context() -> impl Strategy<Value = Json> {
    let list = prop::collection::vec(scalar(), 0..4).prop_map(Json::from);
    let a = prop_oneof![2 => scalar(), 1 => version().prop_map(Json::from)];
    (a, any_json(), list, prop::option::of(scalar())).prop_map(|(a, b, list, key)| {
        let mut members = json!({ "a": a, "b": b, "list": list, "on": "on", "1": { "0": [a] } });
        if let Some(key) = key {
            members["targetingKey"] = key;
        }
        members
    })
}

fn read(context: &Json) -> Context<'static> {
    match serde_json::from_str::<Value<'_>>(&context.to_string()).unwrap().into_owned() {
        Value::Map(members) => parse_context(members, Dialect::Flagd).unwrap(),
        other => unreachable!("an object was written, not {other:?}"),
    }
}

/// Watches, which evaluates every operand by itself.
#[derive(Default)]
struct Watcher {
    open: usize,
    values: usize,
}

impl Visitor for Watcher {
    fn expressions(&mut self) -> Option<&mut dyn ExpressionVisitor> {
        Some(self)
    }
}

impl ExpressionVisitor for Watcher {
    fn expression_begins(&mut self, expression: &ExpressionView<'_>) {
        let _ = (expression.operator().name(), expression.path(), expression.in_element(), expression.depth());
        self.open += 1;
    }

    fn expression_ends(&mut self, _expression: &ExpressionView<'_>, value: &Value<'_>) {
        self.open -= 1;
        self.values += value.to_json().len();
    }
}

/// The decisions of all flags; asserts that watching changes none.
fn decisions<'r>(ruleset: &'r Ruleset<'r>, context: &Context<'_>) -> Vec<Decision<'r>> {
    let now = Timestamp(1_767_225_600_000);
    ruleset
        .flags()
        .map(|flag| {
            let alone = ruleset.session(context, now).evaluate(flag, &mut NoVisitor);
            let mut watcher = Watcher::default();
            let watched = ruleset.session(context, now).evaluate(flag, &mut watcher);
            assert_eq!(alone, watched, "watching changes the decision");
            assert!(watcher.open == 0 || watched.fault.is_some());
            if let Some(value) = alone.value {
                value.write_json(&mut String::new());
            }
            alone
        })
        .collect()
}

fn survives(bytes: &[u8], context: &Context<'_>) {
    let Ok(ruleset) = Ruleset::open(bytes) else { return };
    let mut session = ruleset.session(context, Timestamp(0));
    for flag in ruleset.flags() {
        let _ = ruleset.flag(flag).map(|view| view.metadata.len());
        if let Some(value) = session.evaluate(flag, &mut Watcher::default()).value {
            value.write_json(&mut String::new());
        }
        let _ = ruleset.evaluate(flag, context, Timestamp(0));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, ..ProptestConfig::default() })]

    #[test]
    fn every_rule_decides_alike_watched_and_alone(document in definitions(), context in context(), v3 in any::<bool>()) {
        let fractional = Some(if v3 { Fractional::V3 } else { Fractional::V2 });
        let source = serde_json::to_vec(&document).unwrap();
        let options = CompileOptions { fractional, ..CompileOptions::default() };
        let compiled = compile(&source, &options).unwrap();
        prop_assert_eq!(&compile(&source, &options).unwrap().snapshot, &compiled.snapshot);
        let ruleset = Ruleset::verify(&compiled.snapshot).unwrap();
        prop_assert_eq!(ruleset.dialect(), Dialect::Flagd);
        let context = read(&context);
        for decision in decisions(&ruleset, &context) {
            prop_assert_eq!(decision.value.is_some(), decision.choice.is_some());
            prop_assert!(decision.value.is_none() || decision.fault.is_none());
        }
    }

    #[test]
    fn a_damaged_snapshot_of_rules_is_survived(
        document in definitions(), context in context(), damage in prop::collection::vec(damage(), 1..6),
    ) {
        let sound = compile(&serde_json::to_vec(&document).unwrap(), &CompileOptions::default()).unwrap().snapshot;
        let mut bytes = sound.clone();
        damage.iter().for_each(|one: &Damage| one.apply(&mut bytes));
        bytes.resize(bytes.len().max(HEADER), 0);
        bytes[..HEADER].copy_from_slice(&sound[..HEADER]);
        survives(&bytes, &read(&context));
    }

    #[test]
    fn no_rule_makes_the_compiler_panic(targeting in any_json(), flag in any_json()) {
        let document = json!({ "flags": {
            "a": { "state": "ENABLED", "variants": { "on": true }, "targeting": targeting },
            "b": flag,
        } });
        let compiled = compile(&serde_json::to_vec(&document).unwrap(), &CompileOptions::default()).unwrap();
        decisions(&Ruleset::verify(&compiled.snapshot).unwrap(), &Context::new("u"));
    }
}
