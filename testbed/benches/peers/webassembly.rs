//! Jackstaff's core in WebAssembly, beside DevCycle's libraries in Node.

use anyhow::{Context as _, Result, ensure};
use jackstaff_core::source::devcycle::parse_user;
use jackstaff_core::{Ruleset, Timestamp};
use jackstaff_service::api::devcycle::answer::bucketed;

use crate::everything::everything;
use crate::measure::{Effort, medians};
use crate::native::told;
use crate::node;
use crate::probe::Probe;
use crate::subject::Subject;
use crate::table::{Row, Table};

/// One flag, and everything for a user. Node gets `seconds`.
pub fn decisions(subject: &Subject, effort: Effort, now: i64, seconds: f64, table: &mut Table) -> Result<()> {
    let (snapshot, key) = (subject.snapshot()?, subject.flag);
    let ruleset = Ruleset::open(&snapshot).map_err(anyhow::Error::msg)?;
    let user = parse_user(subject.user.as_bytes()).map_err(anyhow::Error::msg)?;
    let value = ruleset.find(key).and_then(|flag| ruleset.evaluate(flag, &user, Timestamp(now)).value);
    let value = value.with_context(|| format!("the user does not get `{key}`"))?;
    let whole = bucketed(&ruleset, &user, Timestamp(now), &[]).to_json()?;
    let flags = everything(&ruleset, &user, Timestamp(now)).variables.iter().flatten().count();

    let probe = Probe::load(&snapshot, subject.user, key, now)?;
    ensure!(probe.value()? == told(&value), "the module decides `{key}` otherwise");
    ensure!(probe.answer_length()? as usize == whole.len(), "the module's whole answer has another length");
    ensure!(probe.flags()? as usize == flags, "the module gives other flags");

    let files = tempfile::tempdir()?;
    let (config, user) = (files.path().join("config.json"), files.path().join("user.json"));
    std::fs::write(&config, &subject.config)?;
    std::fs::write(&user, subject.user)?;
    // Before and after the module's turn: other work on the machine then weighs on both.
    let [one, one_a_call, all, decide_all] =
        medians(effort, [probe.one(), probe.one_a_call(), probe.all(), probe.decide_all()]);
    let node = match node::measure(&config, &user, key, seconds) {
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
    table.0.push(Row::new(
        "one flag, WebAssembly, a loop inside",
        mean(one, one2),
        assembly,
        node.as_one_flag_ns,
        Some(30.0),
    ));
    let a_call = mean(one_a_call, one_a_call2);
    table.0.push(Row::new("one flag, WebAssembly, a call each", a_call, assembly, node.as_one_flag_ns, None));
    let decided = mean(decide_all, decide_all2);
    // Its answer is JSON, ours here is not: for whoever does not need JSON.
    table.0.push(Row::new("everything, WebAssembly, in memory", decided, assembly, node.as_all_ns, None));
    table.0.push(Row::new("everything, WebAssembly, in memory", decided, typescript, node.ts_all_ns, Some(10.0)));
    let written = mean(all, all2);
    table.0.push(Row::new(
        "everything, WebAssembly, user JSON to answer JSON",
        written,
        assembly,
        node.as_all_ns,
        Some(100.0),
    ));
    Ok(())
}
