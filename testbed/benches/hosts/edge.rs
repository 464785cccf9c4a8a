//! Spin and Fastly, each beside an empty app of the same SDK on the same host, over HTTP on one connection.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use jackstaff_testbed::deploy::{ApiDeployment, ApiHost, Host, Key};
use jackstaff_testbed::hosts::fastly::{self, FastlyHost, FastlyOptions};
use jackstaff_testbed::hosts::spin::{Component, Reuse, SpinHost, SpinOptions};
use jackstaff_testbed::http_client::{Client, Request};
use jackstaff_testbed::modules::Module;

use crate::measure::Effort;

/// At most so many times what the empty app takes: where the snapshot is in the instance, and where the instance is fresh.
const KEPT: f64 = 1.3;
const FRESH: f64 = 2.5;

/// After so many requests Viceroy 0.22 ends a sandbox.
const REQUESTS_PER_SANDBOX: usize = 6;

/// Each app is asked so often for each of the effort's rounds.
const REQUESTS_PER_ROUND: usize = 120;

const KEY: &str = "dvc_server_test";

/// The same to all apps: a user, and a flag of the ruleset.
fn request(target: &str) -> Request {
    let user = br#"{"user_id":"user-4711","email":"ada@example.com","country":"CA","customData":{"plan":"gold","team":"edge"}}"#;
    Request::with_body("POST", target, user).header("authorization", KEY).header("content-type", "application/json")
}

fn deployment(snapshot: &[u8], fresh_instances: bool) -> ApiDeployment {
    ApiDeployment {
        rulesets: BTreeMap::from([("test".to_owned(), snapshot.to_vec())]),
        keys: vec![Key { key: KEY.to_owned(), kind: "server".to_owned(), environment: "test".to_owned() }],
        fresh_instances,
        ..ApiDeployment::default()
    }
}

/// A client that has had its answer once.
fn client(address: SocketAddr, request: &Request) -> Result<RefCell<Client>> {
    let mut client = Client::new(address);
    let answer = client.send(request)?;
    ensure!(answer.status == 200, "status {}: {}", answer.status, String::from_utf8_lossy(&answer.body));
    Ok(RefCell::new(client))
}

/// Nanoseconds of a request.
fn timed(client: &RefCell<Client>, request: &Request) -> f64 {
    let start = Instant::now();
    let answer = client.borrow_mut().send(request).expect("the host has stopped");
    let took = start.elapsed().as_nanos() as f64;
    // An answer that failed would be a quick one.
    assert_eq!(answer.status, 200);
    took
}

/// What is timed in turns: Jackstaff, an app that does nothing, and one that reads the body and answers with as much.
const APPS: usize = 3;

/// Prints the rows of the hosts that are installed.
pub fn print(snapshot: &[u8], effort: Effort) -> Result<()> {
    println!("| host | Jackstaff | an empty app | ratio | at most | ok | an app that reads and answers as much |");
    println!("|---|---:|---:|---:|---:|---|---:|");
    for (name, reuse, most) in
        [("Spin, instances kept", Reuse::SPIN, KEPT), ("Spin, an instance a request", Reuse::NONE, FRESH)]
    {
        row(name, spin(snapshot, reuse, effort)?, most);
    }
    if fastly::viceroy_is_installed() {
        let [kept, fresh] = fastly(snapshot, effort)?;
        row("Fastly, sandbox kept", kept, KEPT);
        row("Fastly, a fresh sandbox", fresh, FRESH);
    } else {
        println!("| Fastly | Viceroy is not installed | | | | | |");
    }
    println!();
    Ok(())
}

fn row(name: &str, [ours, empty, as_much]: [f64; APPS], most: f64) {
    let ratio = ours / empty;
    let ok = if ratio <= most { "yes" } else { "**MISSED**" };
    let [ours, empty, as_much] = [ours, empty, as_much].map(|time| time / 1e3);
    println!("| {name} | {ours:.0} µs | {empty:.0} µs | {ratio:.2}× | {most}× | {ok} | {as_much:.0} µs |");
}

fn spin(snapshot: &[u8], reuse: Reuse, effort: Effort) -> Result<[f64; APPS]> {
    let ours = ApiHost::start(Host::Spin, &deployment(snapshot, reuse == Reuse::NONE))?;
    let probe = Component::load(Module::ProbeSpin.path()?)?;
    let theirs = SpinHost::start(&probe, SpinOptions { reuse, ..SpinOptions::default() })?;
    let apps = apps(ours.address().context("the Spin host has no address")?, theirs.address())?;
    let mut samples = [const { Vec::new() }; APPS];
    for _ in 0..effort.rounds * REQUESTS_PER_ROUND {
        for ((client, request), samples) in apps.iter().zip(&mut samples) {
            samples.push(timed(client, request));
        }
    }
    Ok(samples.map(quartile))
}

/// In a kept sandbox, and in a fresh one: every sixth request, which takes longest.
fn fastly(snapshot: &[u8], effort: Effort) -> Result<[[f64; APPS]; 2]> {
    let ours = ApiHost::start(Host::Fastly, &deployment(snapshot, false))?;
    let probe = || FastlyHost::start(FastlyOptions::new(Module::ProbeFastly.path()?));
    // One for each: a sandbox of one app would serve the other, and count its requests.
    let (empty, as_much) = (probe()?, probe()?);
    let mut apps = apps(ours.address().context("Viceroy has no address")?, empty.address())?;
    apps[2] = app(as_much.address(), request("/answer"))?;
    let mut samples = [const { [const { Vec::new() }; REQUESTS_PER_SANDBOX] }; APPS];
    for _ in 0..effort.rounds * REQUESTS_PER_ROUND / REQUESTS_PER_SANDBOX {
        for ((client, request), samples) in apps.iter().zip(&mut samples) {
            for sample in samples {
                sample.push(timed(client, request));
            }
        }
    }
    let sorted = samples.map(|samples| {
        let mut times = samples.map(quartile);
        times.sort_by(f64::total_cmp);
        times
    });
    // The middle of the others, and the longest.
    let (kept, fresh) = ((REQUESTS_PER_SANDBOX - 1) / 2, REQUESTS_PER_SANDBOX - 1);
    Ok([sorted.map(|times| times[kept]), sorted.map(|times| times[fresh])])
}

type App = (RefCell<Client>, Request);

fn app(address: SocketAddr, request: Request) -> Result<App> {
    Ok((client(address, &request)?, request))
}

fn apps(ours: SocketAddr, probe: SocketAddr) -> Result<[App; APPS]> {
    Ok([app(ours, request("/v1/variables/flag-500"))?, app(probe, request("/empty"))?, app(probe, request("/answer"))?])
}

/// The lower quartile: a request takes a fraction of a millisecond, and other work on the machine only makes it longer.
fn quartile(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 4]
}
