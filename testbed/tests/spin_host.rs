//! The Spin host behaves as Spin does, tried with the probe component.

mod common;

use std::{
    collections::BTreeMap,
    thread,
    time::{Duration, Instant},
};

use common::{ask, body, get, text};
use jackstaff_testbed::{
    clock::Clock,
    hosts::spin::{Component, Faults, KvUse, Reuse, SpinHost, SpinOptions, StoreFault},
    http_client::Request,
    modules::Module,
};

fn start(options: SpinOptions) -> SpinHost {
    let component = Component::load(Module::ProbeSpin.path().unwrap()).unwrap();
    SpinHost::start(&component, options).unwrap()
}

#[test]
fn a_request_reaches_the_component_with_spins_headers() {
    let host = start(SpinOptions::default());
    let request = Request::with_body("POST", "/a/b?c=d", b"hello").header("X-Own", "1").header("connection", "close");
    let response = ask(host.address(), request.header("spin-client-addr", "forged"));
    assert_eq!(response.status, 200);
    let echo = text(&response);
    let lines: Vec<&str> = echo.lines().collect();
    assert_eq!(lines[0], "POST http://flags.test/a/b?c=d");
    for expected in [
        "host: flags.test",
        "x-own: 1",
        "spin-full-url: http://flags.test/a/b?c=d",
        "spin-path-info: /a/b",
        "spin-matched-route: /...",
        "spin-raw-component-route: /...",
        "spin-component-route: ",
        "spin-base-path: /",
        "body of 5",
    ] {
        assert!(lines.contains(&expected), "{expected:?} is not in {lines:#?}");
    }
    let clients: Vec<&&str> = lines.iter().filter(|line| line.starts_with("spin-client-addr: ")).collect();
    assert_eq!(*clients[0], "spin-client-addr: forged");
    assert!(clients[1].starts_with("spin-client-addr: 127.0.0.1:"), "{clients:?}");
    assert!(!lines.iter().any(|line| line.starts_with("connection")), "{lines:#?}");
    assert_eq!(response.header("content-length"), Some(echo.len().to_string().as_bytes()));
}

#[test]
fn the_test_and_the_component_share_a_store() {
    let start_with = BTreeMap::from([("a".to_owned(), b"1".to_vec())]);
    let host =
        start(SpinOptions { stores: BTreeMap::from([("default".to_owned(), start_with)]), ..SpinOptions::default() });
    let store = host.store("default").unwrap();
    assert_eq!(body(host.address(), "/get?a"), r#"Ok(Some("1"))"#);
    assert_eq!(body(host.address(), "/get?b"), "Ok(None)");
    store.set("b", "2");
    assert_eq!(body(host.address(), "/get?b"), r#"Ok(Some("2"))"#);
    assert_eq!(body(host.address(), "/set?c=3"), "Ok(())");
    assert_eq!(store.get("c"), Some(b"3".to_vec()));
    assert_eq!(body(host.address(), "/delete?a"), "Ok(())");
    assert_eq!(store.get("a"), None);
    assert_eq!(body(host.address(), "/exists?a"), "Ok(false)");
    assert_eq!(body(host.address(), "/exists?b"), "Ok(true)");
    assert_eq!(body(host.address(), "/keys"), r#"Ok(["b", "c"])"#);
    assert_eq!(store.used(), KvUse { reads: 5, writes: 2, lists: 1 });
    assert!(host.store("other").is_err());
}

#[test]
fn a_store_can_be_refused_missing_failing_and_slow() {
    let faults = Faults::default();
    let host = start(SpinOptions { faults: faults.clone(), ..SpinOptions::default() });
    assert_eq!(body(host.address(), "/open?other"), "Err(Error::AccessDenied)");
    faults.set("default", StoreFault::NoSuchStore);
    assert_eq!(body(host.address(), "/open?default"), "Err(Error::NoSuchStore)");
    faults.set("default", StoreFault::AccessDenied);
    assert_eq!(body(host.address(), "/open?default"), "Err(Error::AccessDenied)");
    faults.set("default", StoreFault::Fails("disk".to_owned()));
    for path in ["/get?a", "/set?a=1", "/delete?a", "/exists?a", "/keys"] {
        assert_eq!(body(host.address(), path), r#"Err(Error::Other("disk"))"#, "{path}");
    }
    faults.set("default", StoreFault::FailsWrites("full".to_owned()));
    assert_eq!(body(host.address(), "/set?a=1"), r#"Err(Error::Other("full"))"#);
    assert_eq!(body(host.address(), "/get?a"), "Ok(None)");
    faults.set("default", StoreFault::Slow(Duration::from_millis(150)));
    let began = Instant::now();
    assert_eq!(body(host.address(), "/get?a"), "Ok(None)");
    assert!(began.elapsed() >= Duration::from_millis(300), "opening and reading are slow each");
    faults.clear("default");
    assert_eq!(body(host.address(), "/set?a=1"), "Ok(())");
}

#[test]
fn variables_are_found_undefined_or_ill_named() {
    let variables = BTreeMap::from([("colour".to_owned(), "blue".to_owned())]);
    let host = start(SpinOptions { variables, ..SpinOptions::default() });
    assert_eq!(body(host.address(), "/variable?colour"), r#"Ok("blue")"#);
    assert!(body(host.address(), "/variable?size").starts_with("Err(Error::Undefined("));
    assert!(body(host.address(), "/variable?Colour").starts_with("Err(Error::InvalidName("));
}

#[test]
fn both_wall_clocks_show_the_tests_time() {
    let clock = Clock::fixed(1_700_000_000_123);
    let host = start(SpinOptions { clock: clock.clone(), ..SpinOptions::default() });
    assert_eq!(body(host.address(), "/clock"), "1700000000123 1700000000123");
    clock.advance(Duration::from_secs(2));
    assert_eq!(body(host.address(), "/clock"), "1700000002123 1700000002123");
}

#[test]
fn an_instance_serves_as_many_requests_as_spin_lets_it() {
    let host = start(SpinOptions::default());
    let served: Vec<u64> = (0..130).map(|_| body(host.address(), "/served").parse().unwrap()).collect();
    let expected: Vec<u64> = (1..=128).chain(1..=2).collect();
    assert_eq!(served, expected);
    // Idle for more than a second: the instance is gone.
    thread::sleep(Duration::from_millis(1_500));
    assert_eq!(body(host.address(), "/served"), "1");
}

#[test]
fn sixteen_requests_share_an_instance_and_the_seventeenth_gets_another() {
    let host = start(SpinOptions::default());
    let address = host.address();
    let requests: Vec<_> = (0..17).map(|_| thread::spawn(move || body(address, "/sleep?700"))).collect();
    let mut served: Vec<u64> = requests.into_iter().map(|request| request.join().unwrap().parse().unwrap()).collect();
    served.sort_unstable();
    // Which instance takes a request is a matter of timing; that none takes more than 16 at once and that they are shared is not.
    assert!(served.contains(&1) && *served.last().unwrap() <= 16, "{served:?}");
    assert!(served.iter().filter(|count| **count == 1).count() >= 2, "{served:?}");
    assert!(served.iter().any(|count| *count > 1), "{served:?}");
}

#[test]
fn without_reuse_every_request_has_an_instance_of_its_own() {
    let host = start(SpinOptions { reuse: Reuse::NONE, ..SpinOptions::default() });
    assert!((0..5).all(|_| body(host.address(), "/served") == "1"));
}

#[test]
fn a_trap_and_an_error_are_empty_500s_and_the_next_request_works() {
    let host = start(SpinOptions::default());
    for path in ["/trap", "/error"] {
        assert_eq!(get(host.address(), path), (500, String::new()), "{path}");
        assert_eq!(get(host.address(), "/empty").0, 200);
        assert!(host.log().contains(&format!("GET {path}")), "{}", host.log());
    }
}

#[test]
fn a_trap_ends_every_request_of_its_instance_unless_one_keeps_the_others_out() {
    let host = start(SpinOptions::default());
    let address = host.address();
    for (other, status) in [("/sleep?1000", 500), ("/guarded-sleep?1000", 200)] {
        let sleeping = thread::spawn(move || get(address, other));
        thread::sleep(Duration::from_millis(300));
        assert_eq!(get(address, "/trap").0, 500);
        assert_eq!(sleeping.join().unwrap().0, status, "{other}");
    }
}

#[test]
fn a_component_that_loops_is_ended_and_others_are_served_meanwhile() {
    let host = start(SpinOptions { request_timeout: Duration::from_secs(2), ..SpinOptions::default() });
    let address = host.address();
    let began = Instant::now();
    let looping = thread::spawn(move || get(address, "/loop"));
    thread::sleep(Duration::from_millis(200));
    assert_eq!(get(address, "/empty").0, 200);
    assert!(began.elapsed() < Duration::from_secs(2), "the other request waited for the loop");
    assert_eq!(looping.join().unwrap(), (500, String::new()));
    assert!((2..10).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
}

#[test]
fn only_declared_hosts_can_be_called() {
    let origin = start(SpinOptions::default());
    let own = format!("http://{}", origin.address());
    let host = start(SpinOptions { allowed_outbound_hosts: vec![own.clone()], ..SpinOptions::default() });
    let allowed = body(host.address(), &format!("/fetch?{own}/variable?x"));
    assert!(allowed.starts_with("200 OK Ok(\"Err(Error::Undefined"), "{allowed}");
    let denied = body(host.address(), "/fetch?http://127.0.0.1:9/");
    assert!(denied.contains("HttpRequestDenied"), "{denied}");
}

#[test]
fn the_components_output_is_kept() {
    let host = start(SpinOptions::default());
    body(host.address(), "/log?words");
    let log = host.log();
    assert!(log.contains("to standard output: words") && log.contains("to standard error: words"), "{log}");
}

#[test]
fn a_dropped_host_no_longer_listens() {
    let host = start(SpinOptions::default());
    let address = host.address();
    assert_eq!(get(address, "/empty").0, 200);
    drop(host);
    assert!(std::net::TcpStream::connect(address).is_err());
    // And its address is free again.
    let again = start(SpinOptions { listen: Some(address), ..SpinOptions::default() });
    assert_eq!(again.address(), address);
    assert_eq!(get(address, "/empty").0, 200);
}

#[test]
fn what_is_no_component_is_refused() {
    assert!(Component::from_bytes(b"\0asm\x01\0\0\0").is_err());
    assert!(Component::load(std::path::Path::new("missing.wasm")).is_err());
}
