//! A filter that traps, which a test-only build does on request: how much is lost, and for how long.

use std::thread;
use std::time::{Duration, Instant};

use jackstaff_testbed::deploy::Host;
use jackstaff_testbed::hosts::envoy::{Envoy, EnvoyOptions, FailurePolicy};
use jackstaff_testbed::http_client::{Client, Request, send};
use jackstaff_testbed::modules::Module;

use crate::common::hosts::ready;
use crate::lab::{WORKERS, application, config, decided};

/// What Envoy needs at most between the trap and the next good answer: the interval of its reloads (1 s, which it jitters upwards by half) and
/// the load of a compiled module, on a busy machine.
const RECOVERY: Duration = Duration::from_secs(5);

#[test]
fn after_a_trap_the_filter_is_loaded_again() {
    if !ready(Host::Envoy) {
        return;
    }
    for workers in WORKERS {
        let (upstream, _) = application();
        let mut options = EnvoyOptions::new(Module::FaultyFilter.path().unwrap(), upstream.address())
            .plugin("shop", config(1).to_string());
        options.concurrency = workers;
        options.failure_policy = FailurePolicy::FailReload { interval_millis: 1_000 };
        let envoy = Envoy::start(&options).unwrap();
        let address = envoy.addr("shop").unwrap();
        for trap in 1..=3 {
            // One connection stays with one worker.
            let mut client = Client::new(address);
            let get = Request::get("/").header("x-user-id", "u-1");
            decided(&client.send(&get).unwrap(), 1);
            let trapped = client.send(&get.clone().header("x-jackstaff-trap", "1")).unwrap();
            assert_eq!(trapped.status, 503, "the request that trapped is lost");
            let start = Instant::now();
            let mut lost = 0;
            let recovered = loop {
                // Other connections may be other workers', which lose nothing.
                let response = client.send(&get).unwrap();
                if response.status == 200 {
                    break decided(&response, 1);
                }
                assert_eq!(response.status, 503);
                lost += 1;
                assert!(start.elapsed() < RECOVERY, "no recovery:\n{}", envoy.log());
                thread::sleep(Duration::from_millis(5));
            };
            println!(
                "{workers} workers, trap {trap}: recovered in {:?}, {lost} further requests of that worker were answered 503",
                start.elapsed()
            );
            assert!(recovered.header_all("x-flags-status")[0].starts_with(b"fresh;"));
        }
        // All workers serve.
        for _ in 0..20 {
            decided(&send(address, &Request::get("/").header("x-user-id", "u-1")).unwrap(), 1);
        }
    }
}
