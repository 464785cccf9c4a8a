//! The same decision without and with what is stored about the user, in turns.

use std::cell::RefCell;
use std::path::Path;

use anyhow::{Result, ensure};
use jackstaff_testbed::deploy::{ApiDeployment, ApiHost, Host, Key};
use jackstaff_testbed::hosts::{envoy, fastly};
use jackstaff_testbed::http_client::Request;

use crate::measure::{Effort, medians, simple};

const KEY: &str = "dvc_server_test";

fn post(target: &str) -> Request {
    Request::with_body("POST", target, br#"{"user_id":"ada"}"#).header("authorization", KEY)
}

/// Prints a row for each host that is installed.
pub fn print(effort: Effort) -> Result<()> {
    println!("| host | a decision | with the stored read | added | ratio |\n|---|---:|---:|---:|---:|");
    for host in Host::ALL {
        let installed = match host {
            Host::Envoy => envoy::is_installed(),
            Host::Fastly => fastly::viceroy_is_installed(),
            _ => true,
        };
        if !installed {
            println!("| {} | not installed | | | |", host.name());
            continue;
        }
        let [without, with] = measured(host, effort)?;
        let us = |ns: f64| format!("{:.1} µs", ns / 1e3);
        println!(
            "| {} | {} | {} | {} | {:.2}× |",
            host.name(),
            us(without),
            us(with),
            us(with - without),
            with / without
        );
    }
    println!();
    Ok(())
}

fn measured(host: Host, effort: Effort) -> Result<[f64; 2]> {
    let ruleset = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/flags/coffee-shop.json"))?;
    let key = Key { key: KEY.to_owned(), kind: "server".to_owned(), environment: "test".to_owned() };
    let deployment = ApiDeployment {
        rulesets: [("test".to_owned(), ruleset)].into(),
        keys: vec![key],
        // No read is given up: each is timed.
        user_data: r#"{"read_limit_ms":5000}"#.to_owned(),
        ..ApiDeployment::default()
    };
    let mut host = ApiHost::start(host, &deployment)?;
    let told =
        Request::with_body("PATCH", "/v1/edgedb/ada", br#"{"email":"ada@example.com","customData":{"stars":120}}"#);
    ensure!(host.send(&told.header("authorization", KEY))?.status == 200, "the user cannot be stored");
    let (without, with) = (post("/v1/variables/platinum"), post("/v1/variables/platinum?enableEdgeDB=true"));
    for (request, value) in [(&without, "\"value\":false"), (&with, "\"value\":true")] {
        let answer = host.send(request)?;
        ensure!(String::from_utf8_lossy(&answer.body).contains(value), "expected {value}");
    }
    let host = RefCell::new(host);
    let send = |request: Request| {
        let host = &host;
        simple(move || {
            // An answer that failed would be a quick one.
            assert_eq!(host.borrow_mut().send(&request).expect("the host has stopped").status, 200);
        })
    };
    Ok(medians(effort, [send(without), send(with)]))
}
