//! What the filter adds to a request in a real Envoy, beside what people use instead of it: one worker, in turns, in one run.
//!
//!     cargo bench -p jackstaff-testbed --features peers --bench envoy [-- --quick]
//!
//! Every variant must set the header that it is there for before it is timed. CPU time is counted, not time on the clock: that of all of Envoy's
//! threads, and that of the service that a variant asks. A missed budget is marked and does not fail the run: machines differ.

mod bootstrap;
mod cpu;
mod decider;
// The configuration generator of the core's own benchmarks.
#[allow(dead_code, reason = "each benchmark uses a part")]
#[path = "../../../core/benches/generate/mod.rs"]
mod generate;
mod load;
mod table;

use std::env;

use anyhow::{Context as _, Result, anyhow, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jackstaff_core::{CompileOptions, compile};
use jackstaff_testbed::hosts::envoy::Envoy;
use serde_json::{Value, json};

use bootstrap::Variant;
use cpu::Clock;
use decider::{Decider, Make};
use load::Load;
use table::{Row, Table};

/// How many flags the ruleset has, and how many of them a request carries: what the design's budget names.
const FLAGS: usize = 1_000;
const SENT: usize = 10;

struct Effort {
    /// One Envoy differs from the next in where its code and data lie, which is worth a third of what wasm adds.
    envoys: usize,
    rounds: usize,
    requests: usize,
}

fn main() -> Result<()> {
    let quick = env::args().any(|argument| argument == "--quick" || argument == "--test");
    let effort = if quick {
        Effort { envoys: 2, rounds: 3, requests: 200 }
    } else {
        Effort { envoys: 7, rounds: 9, requests: 4_000 }
    };

    let config = plugin_config()?;
    let deciders = Make::ALL.map(|make| Decider::start(make, &config)).into_iter().collect::<Result<Vec<_>>>()?;
    let mut runs = Vec::new();
    for nth in 1..=effort.envoys {
        eprintln!("Envoy {nth} of {} …", effort.envoys);
        runs.push(run(&effort, &config, &deciders, nth == 1)?);
    }
    let table = Table::of(&runs);
    println!(
        "{SENT} flags of a ruleset of {FLAGS}; a request with {} headers; the mean of {} Envoys\n\n{table}",
        load::HEADERS,
        effort.envoys
    );
    if quick {
        println!("A quick run shows that everything runs and agrees. Its figures mean nothing.");
    }
    Ok(())
}

/// One Envoy: the median of its rounds.
fn run(effort: &Effort, config: &Value, deciders: &[Decider], tells: bool) -> Result<Vec<Row>> {
    let envoy = Envoy::start_bootstrap(&bootstrap::bootstrap(config, deciders)?, 1, &[])?;
    let mut loads = Vec::new();
    for variant in Variant::ALL {
        let address = envoy.addr(variant.name())?;
        let header = load::header_set(address).with_context(|| format!("{}: {}", variant.name(), envoy.log()))?;
        check(variant, &header)?;
        if tells {
            println!("{}: {}", variant.name(), if header.contains("flag-") { &header } else { "no flags" });
        }
        loads.push(Load::new(address)?);
    }

    let envoys = Clock::process(envoy.process_id());
    let mut samples = vec![Vec::new(); Variant::ALL.len()];
    for load in &mut loads {
        load.run(effort.requests)?;
    }
    let asked = Variant::ALL.map(|variant| deciders.iter().find(|decider| variant.service() == Some(decider.make())));
    for _ in 0..effort.rounds {
        for ((load, samples), service) in loads.iter_mut().zip(&mut samples).zip(asked) {
            let services = || service.map_or(Ok(0), Decider::cpu);
            let (envoy, service) = (envoys.read()?, services()?);
            load.run(effort.requests)?;
            let each = |nanoseconds: u64| nanoseconds as f64 / effort.requests as f64;
            samples.push((each(envoys.read()? - envoy), each(services()? - service)));
        }
    }
    let rows = Variant::ALL.into_iter().zip(samples).map(|(variant, samples)| Row {
        variant,
        envoy: median(samples.iter().map(|sample| sample.0)),
        service: median(samples.iter().map(|sample| sample.1)),
    });
    Ok(rows.collect())
}

fn median(samples: impl Iterator<Item = f64>) -> f64 {
    let mut samples: Vec<_> = samples.collect();
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}

/// The filter's configuration, which the service that ext_authz and ext_proc ask has too.
fn plugin_config() -> Result<Value> {
    let compiled = compile(generate::config(FLAGS).as_bytes(), &CompileOptions::default());
    let snapshot = compiled.map_err(|errors| anyhow!("the configuration does not compile: {errors:?}"))?.snapshot;
    Ok(json!({
        "ruleset": STANDARD.encode(snapshot),
        "flags": (0..SENT).map(|nth| format!("flag-{}", nth * FLAGS / SENT)).collect::<Vec<_>>(),
        "identity": [{ "header": "x-user-id" }],
        "attributes": [{ "header": "x-country", "name": "country", "scope": "profile" }],
    }))
}

/// The variants that decide send the same flags; the others send something, or nothing.
fn check(variant: Variant, header: &str) -> Result<()> {
    let flags = header.matches("flag-").count();
    let right = match variant {
        Variant::Nothing | Variant::NoOp => header == "-",
        Variant::AllHeaders | Variant::Lua => header != "-",
        Variant::Jackstaff | Variant::ExtAuthz(_) | Variant::ExtProc(_) => flags == SENT,
    };
    ensure!(right, "{} sets `x-flags: {header}`", variant.name());
    Ok(())
}
