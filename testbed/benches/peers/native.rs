//! Jackstaff's core and its peers in native code.

use std::collections::BTreeMap;
use std::hint::black_box;

use anyhow::{Context as _, Result, anyhow, ensure};
use jackstaff_core::source::devcycle::parse_user;
use jackstaff_core::{CompileOptions, FlagValue, Ruleset, Timestamp, compile};
use jackstaff_service::api::devcycle::answer::bucketed;
use serde_json::Value;

use crate::everything::everything;
use crate::measure::{Effort, computing, medians};
use crate::subject::Subject;
use crate::table::{Row, Table};
use crate::{generate, rust_crate, typed_json};

/// One flag, and everything for a user, beside DevCycle's own library in Rust.
pub fn decisions(subject: &Subject, effort: Effort, now: i64, table: &mut Table) -> Result<()> {
    let snapshot = subject.snapshot()?;
    let ruleset = Ruleset::open(&snapshot).map_err(anyhow::Error::msg)?;
    let user = parse_user(subject.user.as_bytes()).map_err(anyhow::Error::msg)?;
    let (moment, key) = (Timestamp(now), subject.flag);

    let flag = ruleset.find(key).with_context(|| format!("the configuration has no flag `{key}`"))?;
    let value =
        ruleset.evaluate(flag, &user, moment).value.with_context(|| format!("the user does not get `{key}`"))?;
    let ours = values(&bucketed(&ruleset, &user, moment, &[]).to_json()?)?;
    ensure!(ours.get(key) == Some(&json(&value)?), "one flag and everything disagree on `{key}`");
    let in_memory = everything(&ruleset, &user, moment);
    ensure!(in_memory.variables.iter().flatten().count() == ours.len(), "the answer in memory has other flags");
    ensure!(in_memory.features.iter().all(|(_, details)| !details.is_empty()), "the answer in memory explains nothing");

    let peer = rust_crate::Peer::load(&subject.config, subject.user)?;
    let theirs = peer.values()?;
    let agreed = ours.iter().filter(|(key, value)| theirs.get(*key) == Some(value)).count();
    println!(
        "devcycle-bucketing-rs gives the user {} flags, Jackstaff {}; they agree on {agreed}",
        theirs.len(),
        ours.len()
    );
    ensure!(agreed * 2 > ours.len(), "devcycle-bucketing-rs agrees on too little to compare with");
    ensure!(peer.value(key)? == json(&value)?, "devcycle-bucketing-rs gives another value for `{key}`");

    let crate_name = "devcycle-bucketing-rs 0.2.3";
    let run_one = || {
        let flag = ruleset.find(black_box(key));
        black_box(flag.map(|flag| ruleset.evaluate(flag, black_box(&user), moment)));
    };
    let [ours, theirs] = medians(effort, [computing(run_one), peer.one(key)]);
    table.0.push(Row::new("one flag, native", ours, crate_name, theirs, Some(20.0)));
    let [memory, written, theirs] = medians(
        effort,
        [
            computing(|| drop(black_box(everything(&ruleset, black_box(&user), moment)))),
            computing(|| drop(black_box(bucketed(&ruleset, black_box(&user), moment, &[]).to_json()))),
            peer.all(),
        ],
    );
    table.0.push(Row::new("everything for a user, native", memory, crate_name, theirs, Some(10.0)));
    table.0.push(Row::new("… and written as JSON (the crate's stays structs)", written, crate_name, theirs, None));
    Ok(())
}

/// From bytes to the first decision, beside parsing the same ruleset's JSON.
pub fn first_decision(features: usize, effort: Effort, now: i64, table: &mut Table) -> Result<()> {
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

    let [ours, theirs] = medians(effort, [computing(|| _ = black_box(open())), computing(|| _ = black_box(parse()))]);
    let budget = (features == 1_000).then_some(100.0);
    let what = format!("first decision from bytes, {features} flags ({} KB of JSON)", config.len() / 1_000);
    table.0.push(Row::new(&what, ours, "serde_json into borrowing structs", theirs, budget));
    Ok(())
}

fn json(value: &FlagValue<'_>) -> Result<Value> {
    let mut text = String::new();
    value.write_json(&mut text);
    Ok(serde_json::from_str(&text)?)
}

/// The value as the probe of the core tells it.
pub fn told(value: &FlagValue<'_>) -> f64 {
    match value {
        FlagValue::Boolean(value) => f64::from(u8::from(*value)),
        FlagValue::Number { number, .. } => *number,
        FlagValue::String(text) | FlagValue::Structure(text) => text.len() as f64,
    }
}

/// The values in a whole answer.
fn values(answer: &[u8]) -> Result<BTreeMap<String, Value>> {
    let answer: Value = serde_json::from_slice(answer)?;
    let variables = answer["variables"].as_object().context("the answer has no variables")?;
    Ok(variables.iter().map(|(key, variable)| (key.clone(), variable["value"].clone())).collect())
}
