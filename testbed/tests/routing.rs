//! configs/envoy/routing.yaml in a real Envoy: a flag moves a tenth of the users to another cluster, and keeps them there.

mod common;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use common::hosts::ready;
use jackstaff_testbed::deploy::Host;
use jackstaff_testbed::hosts::envoy::Envoy;
use jackstaff_testbed::http_client::{Client, Request, Response};
use jackstaff_testbed::modules::Module;
use jackstaff_testbed::upstream::{Reply, Upstream};
use serde_json::Value;

const USERS: usize = 1_000;

struct Shops {
    envoy: Envoy,
    _old: Upstream,
    _new: Upstream,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

impl Shops {
    /// The file as it is, on free ports, with `changes`.
    fn start(changes: &[(&str, &str)]) -> Self {
        let shop = |name: &str| {
            let reply = Reply { status: 200, headers: Vec::new(), body: name.into() };
            Upstream::start_with(0, move |_| Some(reply.clone())).unwrap()
        };
        let (old, new) = (shop("old"), shop("new"));
        let [old_port, new_port] = [&old, &new].map(|shop| format!("port_value: {}", shop.address().port()));
        let ours = [
            ("target/modules/jackstaff_filter.wasm", Module::Filter.path().unwrap().to_str().unwrap()),
            ("0.0.0.0, port_value: 10000", "127.0.0.1, port_value: 0"),
            ("port_value: 9901", "port_value: 0"),
            ("port_value: 8080", &old_port),
            ("port_value: 8081", &new_port),
        ];
        let replacements = [&ours[..], changes].concat();
        let envoy = Envoy::start_file(&root().join("configs/envoy/routing.yaml"), &root(), 2, &replacements).unwrap();
        Self { envoy, _old: old, _new: new }
    }

    fn client(&self) -> Client {
        Client::new(self.envoy.addr("front").unwrap())
    }

    /// The shop that each user comes to.
    fn visit(&self) -> HashMap<usize, String> {
        let mut client = self.client();
        (0..USERS).map(|user| (user, shop(&client.send(&of(user)).unwrap()))).collect()
    }
}

fn of(user: usize) -> Request {
    Request::get("/").header("x-user-id", format!("user-{user}"))
}

fn shop(response: &Response) -> String {
    assert_eq!(response.status, 200, "{response:?}");
    String::from_utf8(response.body.clone()).unwrap()
}

#[test]
fn a_tenth_of_the_users_moves_and_stays() {
    if !ready(Host::Envoy) {
        return;
    }
    let shops = Shops::start(&[]);
    let visits = shops.visit();
    let moved = visits.values().filter(|shop| *shop == "new").count();
    println!("{moved} of {USERS} users are in the new shop");
    // Three standard deviations around a tenth (9.5 each).
    assert!((71..=129).contains(&moved), "{moved} of {USERS}");
    assert_eq!(shops.visit(), visits, "users stay where they are");
    let restarted = Shops::start(&[]);
    assert_eq!(restarted.visit(), visits, "in another process too");

    let more = "\"68f0c0ffee0000000000e101\", \"percentage\": 0.3";
    let less = "\"68f0c0ffee0000000000e102\", \"percentage\": 0.7";
    let grown = Shops::start(&[
        ("\"68f0c0ffee0000000000e101\", \"percentage\": 0.1", more),
        ("\"68f0c0ffee0000000000e102\", \"percentage\": 0.9", less),
    ]);
    let later = grown.visit();
    let kept = visits.iter().filter(|(user, shop)| *shop == "new" && later[*user] == "new").count();
    assert_eq!(kept, moved, "who has moved stays when the share grows");
}

#[test]
fn a_stranger_stays_by_the_cookie() {
    if !ready(Host::Envoy) {
        return;
    }
    let shops = Shops::start(&[]);
    let mut client = shops.client();
    for _ in 0..50 {
        let first = client.send(&Request::get("/")).unwrap();
        let cookie = String::from_utf8(first.header("set-cookie").unwrap().to_vec()).unwrap();
        let pair = cookie.split(';').next().unwrap();
        for _ in 0..3 {
            let again = client.send(&Request::get("/").header("cookie", pair)).unwrap();
            assert_eq!((shop(&again), again.header("set-cookie")), (shop(&first), None));
        }
    }
}

#[test]
fn authorization_sees_the_route_that_is_taken() {
    if !ready(Host::Envoy) {
        return;
    }
    let shops = Shops::start(&[]);
    let visits = shops.visit();
    let mut client = shops.client();
    for (user, shop) in visits.iter().take(100) {
        let mut delete = of(*user);
        delete.method = "DELETE".to_owned();
        let expected = if shop == "new" { 403 } else { 200 };
        assert_eq!(client.send(&delete).unwrap().status, expected, "user {user}");
    }
}

#[test]
fn nobody_chooses_the_route_with_a_header_of_their_own() {
    if !ready(Host::Envoy) {
        return;
    }
    let bypassed = [("          - name: jackstaff\n", "          - name: jackstaff\n            disabled: true\n")];
    for changes in [&[][..], &bypassed[..]] {
        let shops = Shops::start(changes);
        let visits = if changes.is_empty() { shops.visit() } else { HashMap::new() };
        let mut client = shops.client();
        for user in 0..20 {
            let expected = visits.get(&user).map_or("old", String::as_str);
            let forged = of(user).header("X-Flag-New-Shop", "true").header("x-flag-new-shop", "true");
            assert_eq!(shop(&client.send(&forged).unwrap()), expected, "user {user}, {changes:?}");
        }
    }
}

#[test]
fn the_access_log_tells_flags_and_no_users() {
    if !ready(Host::Envoy) {
        return;
    }
    let shops = Shops::start(&[]);
    let visits = shops.visit();
    let stdout = shops.envoy.dir().join("stdout");
    let lines = || std::fs::read_to_string(&stdout).unwrap();
    // Envoy writes its access log in the background, up to 10 s later.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while lines().lines().count() < USERS && std::time::Instant::now() < deadline {
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    let log = lines();
    let entries: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let new = |entry: &&Value| entry["new-shop"] == "true" && entry["cluster"] == "new_shop";
    assert_eq!(entries.iter().filter(new).count(), visits.values().filter(|shop| *shop == "new").count());
    assert!(entries.iter().all(|entry| entry["flags-status"].as_str().unwrap().starts_with("fresh;")), "{log}");
    assert!(!log.contains("user-"), "{log}");
}
