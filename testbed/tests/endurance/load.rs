//! Half an hour of a busy service, and no byte kept of it.

use std::thread;

use jackstaff_testbed::deploy::Host;
use jackstaff_testbed::hosts::envoy::{Envoy, EnvoyOptions};
use jackstaff_testbed::http_client::{Client, Request};
use jackstaff_testbed::modules::Module;
use jackstaff_testbed::upstream::{Reply, Upstream};

use crate::common::hosts::ready;
use crate::lab::{WORKERS, config, flat, long, resident, unharmed};

const CLIENTS: usize = 4;

/// Requests of every kind of user, so that all paths through the filter are taken.
fn requests(envoy: &Envoy, count: usize) {
    let address = envoy.addr("shop").unwrap();
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            scope.spawn(move || {
                let mut connection = Client::new(address);
                for nth in 0..count / CLIENTS {
                    let request = Request::get("/").header("host", "shop.test").header("x-flags", "forged");
                    let request = match nth % 4 {
                        0 => request.header("x-user-id", format!("user-{client}-{nth}")),
                        1 => request.header("cookie", format!("uid=user-{client}-{nth}")).header("x-country", "NL"),
                        2 => request.header("x-user-id", b"\xff").header("x-n", nth.to_string()),
                        _ => request,
                    };
                    assert_eq!(connection.send(&request).unwrap().status, 200);
                }
            });
        }
    });
}

#[test]
fn memory_stays_flat_under_load() {
    if !ready(Host::Envoy) {
        return;
    }
    // 100 requests a second for half an hour.
    let count = if long() { 180_000 } else { 12_000 };
    for workers in WORKERS {
        let answer = Reply { status: 200, headers: Vec::new(), body: b"ok".to_vec() };
        let upstream = Upstream::start_with(0, move |_| Some(answer.clone())).unwrap();
        let mut options =
            EnvoyOptions::new(Module::Filter.path().unwrap(), upstream.address()).plugin("shop", config(1).to_string());
        options.concurrency = workers;
        let envoy = Envoy::start(&options).unwrap();
        requests(&envoy, count / 4);
        let before = resident(&envoy);
        requests(&envoy, count - count / 4);
        flat(&format!("{workers} workers, {count} requests"), before, resident(&envoy));
        assert!(upstream.requests() >= (count - CLIENTS) as u64);
        unharmed(&envoy, 0);
    }
}
