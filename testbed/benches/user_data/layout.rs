//! One document per user beside one key per group of attributes, swapped by comparison or written blindly: the reads of a decision, and what
//! becomes of a hundred changes at once. Figures and choice are in `docs/decisions/0003-one-document-per-user.md`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use jackstaff_testbed::deploy::{ApiDeployment, ApiHost, Host, Key};
use jackstaff_testbed::hosts::spin::{Component, Faults, SpinHost, SpinOptions, StoreFault};
use jackstaff_testbed::http_client::{Client, Request, send};
use jackstaff_testbed::modules::Module;

use crate::measure::{Effort, medians, simple};

const WRITERS: usize = 100;
const GROUPS: usize = 4;
const KEY: &str = "dvc_server_test";

/// How long a call of the store takes. Spin's own is a SQLite file, whose writes take 2.1 ms; stores across a network take as long to read.
const DELAY: Duration = Duration::from_millis(2);

/// Changes a user a hundred times at once: how many of the changes are kept, and how long it took.
type Way = fn() -> Result<(usize, Duration)>;

fn probe(faults: &Faults) -> Result<SpinHost> {
    let stored = (0..8).map(|group| (format!("g{group}"), vec![b'x'; 200])).collect();
    let stores = BTreeMap::from([("default".to_owned(), stored)]);
    let component = Component::load(Module::ProbeSpin.path()?)?;
    SpinHost::start(&component, SpinOptions { stores, faults: faults.clone(), ..SpinOptions::default() })
}

/// Prints both tables.
pub fn print(effort: Effort, rounds: usize) -> Result<()> {
    println!("| keys read | store in memory | 2 ms a call |\n|---:|---:|---:|");
    let faults = Faults::default();
    let host = probe(&faults)?;
    let at_once = reads(host.address(), effort);
    faults.set("default", StoreFault::Slow(DELAY));
    let delayed = reads(host.address(), effort);
    for (keys, (at_once, delayed)) in [1, 2, 4, 8].into_iter().zip(at_once.into_iter().zip(delayed)) {
        println!("| {keys} | {:.0} µs | {:.1} ms |", at_once / 1e3, delayed / 1e6);
    }
    println!(
        "\n| 100 changes of one user at once, 2 ms a call | kept, of {rounds} runs the worst | time, the longest |\n|---|---:|---:|"
    );
    let ways: [(&str, Way); 4] = [
        ("one document, swapped by comparison (as shipped; the user is new)", || swapped(1)),
        ("four keys, one for each group of attributes, swapped by comparison", || swapped(GROUPS)),
        ("one key, read and written", || blind(1)),
        ("four keys, read and written", || blind(GROUPS)),
    ];
    for (name, way) in ways {
        let runs: Vec<_> = (0..rounds).map(|_| way()).collect::<Result<_>>()?;
        let kept = runs.iter().map(|(kept, _)| *kept).min().unwrap_or_default();
        let took = runs.iter().map(|(_, took)| *took).max().unwrap_or_default();
        println!("| {name} | {kept} of {WRITERS} | {:.1} s |", took.as_secs_f64());
    }
    println!();
    Ok(())
}

/// Median nanoseconds of a request that reads 1, 2, 4 and 8 keys, one after another.
fn reads(address: SocketAddr, effort: Effort) -> [f64; 4] {
    let read = |keys: usize| {
        let names: Vec<String> = (0..keys).map(|group| format!("g{group}")).collect();
        let (request, mut client) = (Request::get(&format!("/gets?{}", names.join(","))), Client::new(address));
        simple(move || {
            let answer = client.send(&request).expect("the probe has stopped");
            assert_eq!(answer.body.len(), keys * 200);
        })
    };
    medians(effort, [read(1), read(2), read(4), read(8)])
}

/// Lets everybody begin at once; how long all of them took.
fn together(address: SocketAddr, request: impl Fn(usize) -> Request + Sync) -> Duration {
    let (barrier, began) = (Barrier::new(WRITERS), Instant::now());
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (barrier, request) = (&barrier, &request);
            scope.spawn(move || {
                barrier.wait();
                assert_eq!(send(address, &request(writer)).expect("the host has stopped").status, 200);
            });
        }
    });
    began.elapsed()
}

/// Changes of one user, or of as many users as there would be groups: to the store that is the same.
fn swapped(keys: usize) -> Result<(usize, Duration)> {
    let key = Key { key: KEY.to_owned(), kind: "server".to_owned(), environment: "test".to_owned() };
    let deployment = ApiDeployment { keys: vec![key], ..ApiDeployment::default() };
    deployment.faults.set("default", StoreFault::Slow(DELAY));
    let host = ApiHost::start(Host::Spin, &deployment)?;
    let address = host.address().expect("the Spin host listens");
    let took = together(address, |writer| {
        let body = format!(r#"{{"customData":{{"w{writer}":1}}}}"#);
        let target = format!("/v1/edgedb/ada{}", writer % keys);
        Request::with_body("PATCH", &target, body.as_bytes()).header("authorization", KEY)
    });
    let mut kept = 0;
    for key in 0..keys {
        let stored =
            send(address, &Request::get(&format!("/v1/edgedb/ada{key}")).header("authorization", KEY))?.json()?;
        kept += stored["customData"].as_object().map_or(0, serde_json::Map::len);
    }
    Ok((kept, took))
}

fn blind(keys: usize) -> Result<(usize, Duration)> {
    let faults = Faults::default();
    let host = probe(&faults)?;
    let store = host.store("default")?;
    (0..keys).for_each(|key| store.set(&format!("g{key}"), ""));
    faults.set("default", StoreFault::Slow(DELAY));
    let took = together(host.address(), |writer| Request::get(&format!("/append?g{}=w{writer};", writer % keys)));
    let kept = (0..keys)
        .filter_map(|key| store.get(&format!("g{key}")))
        .map(|value| value.split(|byte| *byte == b';').count() - 1);
    Ok((kept.sum(), took))
}
