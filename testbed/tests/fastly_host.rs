//! The Fastly host runs a service in Viceroy with the stores it is given, tried with the probe service.

mod common;

use std::{collections::BTreeMap, net::TcpStream, path::Path, time::Duration};

use common::{body, get};
use jackstaff_testbed::{
    deploy::Host,
    hosts::fastly::{FastlyHost, FastlyOptions},
    modules::Module,
};

/// How long a line that the service printed may take to arrive.
const LIMIT: Duration = Duration::from_secs(10);

fn options() -> FastlyOptions {
    FastlyOptions::new(Module::ProbeFastly.path().unwrap())
}

fn store<V>(key: &str, value: V) -> BTreeMap<String, BTreeMap<String, V>> {
    BTreeMap::from([("probe".to_owned(), BTreeMap::from([(key.to_owned(), value)]))])
}

#[test]
fn a_service_reads_what_it_is_given_and_writes() {
    if !common::hosts::ready(Host::Fastly) {
        return;
    }
    let host = FastlyHost::start(FastlyOptions {
        kv_stores: store("greeting", b"hello \"kv\"\n".to_vec()),
        secrets: store("key", "s3cret".to_owned()),
        config_stores: store("a.b", "configured".to_owned()),
        ..options()
    })
    .unwrap();
    let address = host.address();
    assert_eq!(body(address, "/get?greeting"), "hello \"kv\"\n");
    assert_eq!(body(address, "/get?missing"), "ItemNotFound");
    assert_eq!(body(address, "/set?new=value"), "Ok(())");
    assert_eq!(body(address, "/get?new"), "value");
    assert_eq!(body(address, "/secret?key"), "s3cret");
    assert_eq!(body(address, "/config?a.b"), "configured");
    assert_eq!(body(address, "/anything"), "GET /anything");
}

#[test]
fn empty_stores_exist_and_others_do_not() {
    if !common::hosts::ready(Host::Fastly) {
        return;
    }
    let empty = FastlyOptions { kv_stores: BTreeMap::from([("probe".to_owned(), BTreeMap::new())]), ..options() };
    let host = FastlyHost::start(empty).unwrap();
    assert_eq!(body(host.address(), "/get?a"), "ItemNotFound");
    let host = FastlyHost::start(options()).unwrap();
    assert_eq!(body(host.address(), "/get?a"), "no store");
}

#[test]
fn log_entries_and_backends_arrive() {
    if !common::hosts::ready(Host::Fastly) {
        return;
    }
    let origin = FastlyHost::start(options()).unwrap();
    let backends = BTreeMap::from([("probe".to_owned(), format!("http://{}/", origin.address()))]);
    let host = FastlyHost::start(FastlyOptions { backends, ..options() }).unwrap();
    assert_eq!(body(host.address(), "/fetch?from-origin"), "GET /from-origin");
    for entry in ["one", "two"] {
        body(host.address(), &format!("/log?{entry}"));
    }
    assert_eq!(host.wait_for_endpoint_lines("probe", 2, LIMIT).unwrap(), ["one", "two"]);
    assert!(host.wait_for_endpoint_lines("other", 1, Duration::from_millis(50)).is_err());
}

#[test]
fn a_panic_is_a_500_and_shows_in_the_log() {
    if !common::hosts::ready(Host::Fastly) {
        return;
    }
    let host = FastlyHost::start(options()).unwrap();
    assert_eq!(get(host.address(), "/panic").0, 500);
    assert_eq!(get(host.address(), "/empty").0, 200);
    host.wait_for_line("asked for", LIMIT).unwrap();
}

#[test]
fn a_dropped_host_no_longer_listens() {
    if !common::hosts::ready(Host::Fastly) {
        return;
    }
    let host = FastlyHost::start(options()).unwrap();
    let address = host.address();
    assert_eq!(get(address, "/empty").0, 200);
    drop(host);
    assert!(TcpStream::connect(address).is_err());
    let again = FastlyHost::start(FastlyOptions { listen: Some(address), ..options() }).unwrap();
    assert_eq!(again.address(), address);
}

#[test]
fn what_does_not_start_says_why() {
    if !common::hosts::ready(Host::Fastly) {
        return;
    }
    let missing = FastlyHost::start(FastlyOptions::new("missing.wasm")).err().unwrap();
    assert!(missing.to_string().contains("missing.wasm"), "{missing}");
    let text = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let refused = FastlyHost::start(FastlyOptions::new(text)).err().unwrap();
    assert!(refused.to_string().contains("valid Wasm"), "{refused}");
}
