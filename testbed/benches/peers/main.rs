//! Jackstaff beside what people use today, in one run: one table of ratios with the design's budgets.
//!
//!     cargo bench -p jackstaff-testbed --bench peers [-- --quick]
//!
//! Every pair must agree on its answers before it is timed. A missed budget is marked and does not fail the run: machines differ.

// The configuration generator of the core's own benchmarks.
#[path = "../../probes/core/src/everything.rs"]
mod everything;
#[path = "../../../core/benches/generate/mod.rs"]
mod generate;
mod measure;
mod node;
mod rust_crate;
mod table;
mod typed_json;
mod wasm;

use std::collections::BTreeMap;
use std::env;
use std::hint::black_box;
use std::path::PathBuf;

use anyhow::{Context as _, Result, anyhow, ensure};
use everything::everything;
use jackstaff_core::source::devcycle::parse_user;
use jackstaff_core::{CompileOptions, FlagValue, Ruleset, Timestamp, compile};
use jackstaff_service::api::devcycle::answer::bucketed;
use measure::{Effort, medians, simple};
use serde_json::Value;
use table::{Row, Table};

/// A user of the large configuration: it falls through to the splits for all users, as most users do.
const USER: &str = r#"{"user_id":"user-4711","email":"ada@example.com","name":"Ada","language":"en","country":"CA","appVersion":"4.2.1",
  "appBuild":"421","deviceModel":"Pixel 9","customData":{"data-key-1":"gold","data-key-2":"edge","stars":120},"privateCustomData":{"seats":7}}"#;

fn main() -> Result<()> {
    // Cargo adds `--bench`.
    let quick = env::args().any(|argument| argument == "--quick" || argument == "--test");
    let effort = if quick { Effort::QUICK } else { Effort::FULL };
    let now = jiff::Timestamp::now().as_millisecond();
    let mut table = Table::default();

    let subject = Subject::choose()?;
    println!("configuration: {} ({})\nuser: {}\nflag: {}\n", subject.name, subject.size(), subject.user, subject.flag);
    decisions(&subject, effort, now, quick, &mut table)?;
    for features in if quick { &[10, 100][..] } else { &[10, 100, 1_000, 10_000][..] } {
        first_decision(*features, effort, now, &mut table)?;
    }

    println!("{table}");
    for row in table.missed() {
        println!("MISSED: {} against {}", row.what, row.peer);
    }
    if quick {
        println!("A quick run shows that everything runs and agrees. Its figures mean nothing.");
    }
    Ok(())
}

/// What is decided.
struct Subject {
    name: String,
    config: String,
    user: &'static str,
    flag: &'static str,
}

impl Subject {
    /// DevCycle's large configuration where it is at hand: it is not ours to publish. Otherwise a generated one of about the same size.
    fn choose() -> Result<Self> {
        let shared = env::var_os("JACKSTAFF_SHARED")
            .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared")), PathBuf::from);
        let path = shared.join("vectors/devcycle/largeConfig.json");
        if path.is_file() {
            let config = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            return Ok(Self { name: "DevCycle's largeConfig.json".to_owned(), config, user: USER, flag: "v-key-25" });
        }
        eprintln!(
            "peers: DevCycle's largeConfig.json is NOT at {} (set JACKSTAFF_SHARED); a generated configuration stands in, so the figures differ from the design's",
            path.display()
        );
        let name = "generated".to_owned();
        Ok(Self { name, config: generate::config(79), user: generate::USER, flag: "flag-40" })
    }

    fn size(&self) -> String {
        let config: Value = serde_json::from_str(&self.config).unwrap_or_default();
        let count = |name: &str| config[name].as_array().map_or(0, Vec::len);
        format!("{} features, {} variables, {} KB", count("features"), count("variables"), self.config.len() / 1_000)
    }
}

/// One flag and everything, natively and in WebAssembly.
fn decisions(subject: &Subject, effort: Effort, now: i64, quick: bool, table: &mut Table) -> Result<()> {
    let compiled = compile(subject.config.as_bytes(), &CompileOptions::default())
        .map_err(|errors| anyhow!("the configuration does not compile: {errors:?}"))?;
    let ruleset = Ruleset::open(&compiled.snapshot).map_err(anyhow::Error::msg)?;
    let user = parse_user(subject.user.as_bytes()).map_err(anyhow::Error::msg)?;
    let (moment, key) = (Timestamp(now), subject.flag);

    let flag = ruleset.find(key).with_context(|| format!("the configuration has no flag `{key}`"))?;
    let value =
        ruleset.evaluate(flag, &user, moment).value.with_context(|| format!("the user does not get `{key}`"))?;
    let whole = bucketed(&ruleset, &user, moment, &[]).to_json();
    let ours = values(&whole)?;
    ensure!(ours.get(key) == Some(&json(&value)?), "one flag and everything disagree on `{key}`");
    let in_memory = everything(&ruleset, &user, moment);
    ensure!(in_memory.variables.iter().flatten().count() == ours.len(), "the answer in memory has other flags");

    let peer = rust_crate::Peer::load(&subject.config, subject.user)?;
    ensure!(peer.value(key)? == json(&value)?, "devcycle-bucketing-rs gives another value for `{key}`");
    let theirs = peer.values()?;
    let agreed = ours.iter().filter(|(key, value)| theirs.get(*key) == Some(value)).count();
    println!(
        "devcycle-bucketing-rs gives the user {} flags, Jackstaff {}; they agree on {agreed}",
        theirs.len(),
        ours.len()
    );
    ensure!(agreed * 2 > ours.len(), "devcycle-bucketing-rs agrees on too little to compare with");

    let crate_name = "devcycle-bucketing-rs 0.2.3";
    let run_one = || {
        let flag = ruleset.find(black_box(key));
        black_box(flag.map(|flag| ruleset.evaluate(flag, black_box(&user), moment)));
    };
    let [ours, theirs] = medians(effort, [simple(run_one), peer.one(key)]);
    table.0.push(row("one flag, native", ours, crate_name, theirs, Some(20.0)));
    let [memory, written, theirs] = medians(
        effort,
        [
            simple(|| drop(black_box(everything(&ruleset, black_box(&user), moment)))),
            simple(|| drop(black_box(bucketed(&ruleset, black_box(&user), moment, &[]).to_json()))),
            peer.all(),
        ],
    );
    table.0.push(row("everything for a user, native", memory, crate_name, theirs, Some(10.0)));
    table.0.push(row("… and written as JSON (the crate's stays structs)", written, crate_name, theirs, None));

    let probe = wasm::Probe::load(&compiled.snapshot, subject.user, key, now)?;
    ensure!(probe.value()? == told(&value), "the module decides `{key}` otherwise");
    ensure!(probe.answer_length()? as usize == whole.len(), "the module's whole answer has another length");
    ensure!(probe.flags()? as usize == in_memory.variables.iter().flatten().count(), "the module gives other flags");

    let files = tempfile::tempdir()?;
    let (config, user) = (files.path().join("config.json"), files.path().join("user.json"));
    std::fs::write(&config, &subject.config)?;
    std::fs::write(&user, subject.user)?;
    // Before and after the module's turn: other work on the machine then weighs on both.
    let [one, one_a_call, all, decide_all] =
        medians(effort, [probe.one(), probe.one_a_call(), probe.all(), probe.decide_all()]);
    let node = match node::measure(&config, &user, key, if quick { 0.3 } else { 9.0 }) {
        Ok(figures) => figures,
        Err(error) => {
            eprintln!("peers: NO COMPARISON with DevCycle's libraries in Node: {error:#}");
            return Ok(());
        }
    };
    let [one2, one_a_call2, all2, decide_all2] =
        medians(effort, [probe.one(), probe.one_a_call(), probe.all(), probe.decide_all()]);
    let mean = |a: f64, b: f64| f64::midpoint(a, b);
    println!("WebAssembly: Jackstaff in wasmtime 48, the others in Node {}\n", node.node);
    let (assembly, typescript) =
        ("@devcycle/bucketing-assembly-script 1.42.8", "@devcycle/bucketing 1.38.7 (TypeScript)");
    table.0.push(row(
        "one flag, WebAssembly, a loop inside",
        mean(one, one2),
        assembly,
        node.as_one_flag_ns,
        Some(30.0),
    ));
    let a_call = mean(one_a_call, one_a_call2);
    table.0.push(row("one flag, WebAssembly, a call each", a_call, assembly, node.as_one_flag_ns, None));
    let decided = mean(decide_all, decide_all2);
    table.0.push(row("everything, WebAssembly, in memory", decided, typescript, node.ts_all_ns, Some(10.0)));
    let written = mean(all, all2);
    table.0.push(row(
        "everything, WebAssembly, user JSON to answer JSON",
        written,
        assembly,
        node.as_all_ns,
        Some(100.0),
    ));
    Ok(())
}

/// From bytes to the first decision, beside parsing the same ruleset's JSON.
fn first_decision(features: usize, effort: Effort, now: i64, table: &mut Table) -> Result<()> {
    let config = generate::config(features);
    let compiled = compile(config.as_bytes(), &CompileOptions::default()).map_err(|errors| anyhow!("{errors:?}"))?;
    ensure!(compiled.diagnostics.is_empty(), "the generated configuration is faulty: {:?}", compiled.diagnostics);
    let user = parse_user(generate::USER.as_bytes()).map_err(anyhow::Error::msg)?;
    let key = format!("flag-{}", features / 2);
    let open = || {
        let ruleset = Ruleset::open(black_box(&compiled.snapshot)).ok()?;
        let decision = ruleset.evaluate(ruleset.find(black_box(&key))?, &user, Timestamp(now));
        Some(told(&decision.value?))
    };
    let parse = || typed_json::first_decision(black_box(config.as_bytes()), black_box(&key), &user, now);

    let ruleset = Ruleset::open(&compiled.snapshot).map_err(anyhow::Error::msg)?;
    let flag = ruleset.find(&key).context("the generated flag is there")?;
    let value = ruleset.evaluate(flag, &user, Timestamp(now)).value.context("the user gets the generated flag")?;
    let parsed = parse()?.context("the parsed ruleset gives the user no value")?;
    ensure!(serde_json::from_str::<Value>(&parsed.to_json())? == json(&value)?, "the parsed ruleset decides otherwise");

    let [ours, theirs] = medians(effort, [simple(|| drop(black_box(open()))), simple(|| drop(black_box(parse())))]);
    let budget = (features == 1_000).then_some(100.0);
    let what = format!("first decision from bytes, {features} flags ({} KB of JSON)", config.len() / 1_000);
    table.0.push(row(&what, ours, "serde_json into borrowing structs", theirs, budget));
    Ok(())
}

fn row(what: &str, ours: f64, peer: &'static str, theirs: f64, budget: Option<f64>) -> Row {
    Row { what: what.to_owned(), ours, peer, theirs, budget }
}

fn json(value: &FlagValue<'_>) -> Result<Value> {
    let mut text = String::new();
    value.write_json(&mut text);
    Ok(serde_json::from_str(&text)?)
}

/// The value as the probe tells it.
fn told(value: &FlagValue<'_>) -> f64 {
    match value {
        FlagValue::Boolean(value) => f64::from(u8::from(*value)),
        FlagValue::Number { number, .. } => *number,
        FlagValue::String(text) | FlagValue::Structure(text) => text.len() as f64,
    }
}

/// The values in a whole answer.
fn values(answer: &str) -> Result<BTreeMap<String, Value>> {
    let answer: Value = serde_json::from_str(answer)?;
    let variables = answer["variables"].as_object().context("the answer has no variables")?;
    Ok(variables.iter().map(|(key, variable)| (key.clone(), variable["value"].clone())).collect())
}
