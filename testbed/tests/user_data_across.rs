//! What is told through one host's module is known to every other's that has it kept by the same Jackstaff: by the Spin component and by
//! Fastly's service in turn.

mod common;

use std::net::SocketAddr;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use common::{hosts, text};
use jackstaff_testbed::deploy::{ApiDeployment, ApiHost, Host, KEEPER_KEY, Keeper, Key, Served};
use jackstaff_testbed::http_client::{Request, Response, send};
use serde_json::{Value, json};

/// Of those in front.
const KEY: &str = "dvc_server_front";

/// Seconds for which they remember what the keeper said.
const CACHE_S: u64 = 1;

/// Within this time after a change elsewhere every one of them decides with it.
const SHOWS: Duration = Duration::from_millis(CACHE_S * 1_000 + 700);

fn stars() -> Vec<u8> {
    std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/cases/stars.json")).unwrap()
}

fn deployment(key: &str) -> ApiDeployment {
    ApiDeployment {
        rulesets: [("test".to_owned(), stars())].into(),
        keys: vec![Key { key: key.to_owned(), kind: "server".to_owned(), environment: "test".to_owned() }],
        user_data: r#"{"read_limit_ms":5000}"#.to_owned(),
        ..ApiDeployment::default()
    }
}

/// A host, and the key by which it is asked.
struct Place {
    name: String,
    host: ApiHost,
    key: &'static str,
}

impl Place {
    fn ask(&mut self, method: &str, target: &str, body: &Value) -> Response {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = Request::with_body(method, target, body.as_bytes()).header("authorization", self.key);
        self.host.send(&request).unwrap_or_else(|error| panic!("{}: {error:#}", self.name))
    }

    fn tell(&mut self, stars: u64) {
        let name = format!("by-{}", self.name);
        let user = json!({"customData": {"stars": stars, name: stars}, "privateCustomData": {"secret": 1}});
        let response = self.ask("PATCH", "/v1/edgedb/ada", &user);
        assert_eq!(response.status, 200, "{}: {}", self.name, text(&response));
    }

    /// What is stored; nothing where nothing is.
    fn read(&mut self) -> Option<Value> {
        let response = self.ask("GET", "/v1/edgedb/ada", &Value::Null);
        match response.status {
            404 => None,
            200 => Some(response.json().unwrap()["customData"].clone()),
            other => panic!("{}: {other} {}", self.name, text(&response)),
        }
    }

    /// What became of the stored attributes in a decision, and the decision.
    fn decide(&mut self) -> (String, bool) {
        let response = self.ask("POST", "/v1/variables/platinum?enableEdgeDB=true", &json!({"user_id": "ada"}));
        assert_eq!(response.status, 200, "{}: {}", self.name, text(&response));
        let status = String::from_utf8_lossy(response.header("x-flags-status").unwrap_or_default()).into_owned();
        let outcome = status.rsplit_once(";user-data=").map(|(_, outcome)| outcome.to_owned()).unwrap_or(status);
        (outcome, response.json().unwrap()["value"].as_bool().unwrap())
    }

    /// Waits until it decides so.
    fn decides(&mut self, outcome: &str, platinum: bool, told: Instant, by: &str) {
        loop {
            let seen = self.decide();
            if seen == (outcome.to_owned(), platinum) {
                return;
            }
            let late = told.elapsed();
            assert!(late < SHOWS, "{} decides {seen:?} {late:?} after {by} was told otherwise", self.name);
            thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Has the one at `keeper` keep the user data.
fn in_front_of(keeper: SocketAddr) -> ApiDeployment {
    ApiDeployment {
        keeper: Some(Keeper::at(keeper)),
        remote: json!({"cache_s": CACHE_S, "missing_cache_s": CACHE_S}),
        ..deployment(KEY)
    }
}

/// The keeper, and every host in front of it.
fn places(keeper: Host) -> Vec<Place> {
    let host = ApiHost::start(keeper, &deployment(KEEPER_KEY)).unwrap();
    let address = host.address().unwrap();
    let mut places = vec![Place { name: format!("{}-keeps", keeper.name()), host, key: KEEPER_KEY }];
    for front in Host::ALL.into_iter().filter(|front| hosts::ready(*front)) {
        let host = ApiHost::start(front, &in_front_of(address)).unwrap();
        places.push(Place { name: front.name().to_owned(), host, key: KEY });
    }
    places
}

fn play(keeper: Host) {
    if !hosts::ready(keeper) {
        return;
    }
    let mut places = places(keeper);
    let names: Vec<_> = places.iter().map(|place| place.name.clone()).collect();
    let mut told = 0_u64;
    for writer in 0..places.len() {
        // Enough stars and too few in turn, so that each decision has to change.
        for stars in [120, 5] {
            places[writer].tell(stars);
            let now = Instant::now();
            told += 1;
            for reader in &mut places {
                let stored = reader.read().unwrap_or_else(|| panic!("{} knows nothing", reader.name));
                assert_eq!(stored["stars"], stars, "{} told by {}: {stored}", reader.name, names[writer]);
                assert_eq!(stored[format!("by-{}", names[writer])], stars, "{}: {stored}", reader.name);
                assert!(!stored.to_string().contains("secret"), "{}: {stored}", reader.name);
            }
            for reader in &mut places {
                reader.decides("found", stars == 120, now, &names[writer]);
            }
        }
    }
    // Nobody overwrote what another was told.
    let stored = places[0].read().unwrap();
    assert_eq!(stored.as_object().unwrap().len(), 1 + places.len(), "{stored}");
    for eraser in 0..places.len() {
        let writer = (eraser + 1) % places.len();
        places[writer].tell(120);
        let now = Instant::now();
        places.iter_mut().for_each(|reader| reader.decides("found", true, now, &names[writer]));
        assert_eq!(places[eraser].ask("DELETE", "/v1/edgedb/ada", &Value::Null).status, 200);
        let now = Instant::now();
        for reader in &mut places {
            assert_eq!(reader.read(), None, "{} after {} erased", reader.name, names[eraser]);
        }
        places.iter_mut().for_each(|reader| reader.decides("none", false, now, &names[eraser]));
    }
    println!("{} keeps: {told} changes by {names:?}, each known to all of them", keeper.name());
}

#[test]
fn kept_by_spin() {
    play(Host::Spin);
}

#[test]
fn kept_by_fastly() {
    play(Host::Fastly);
}

#[test]
fn a_hundred_at_once_through_all_of_them_and_none_is_lost() {
    const WRITERS: usize = 100;
    let keeper = ApiHost::start(Host::Spin, &deployment(KEEPER_KEY)).unwrap();
    let keeper = keeper.address().map(|address| (address, keeper)).unwrap();
    let fronts: Vec<(Host, Served)> = Host::ALL
        .into_iter()
        .filter(|front| hosts::ready(*front))
        .map(|front| (front, Served::start(front, &in_front_of(keeper.0)).unwrap()))
        .collect();
    let together = Barrier::new(WRITERS);
    let began = Instant::now();
    let addresses: Vec<(&str, &str)> = fronts.iter().map(|(host, front)| (host.name(), front.base_url())).collect();
    let (together, addresses) = (&together, &addresses);
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            scope.spawn(move || {
                let (host, base) = addresses[writer % addresses.len()];
                let base = base.strip_prefix("http://").unwrap();
                let (authority, path) = base.split_at(base.find('/').unwrap_or(base.len()));
                let body =
                    json!({"customData": {format!("k{writer}"): writer}, "privateCustomData": {"secret": writer}});
                let target = format!("{path}/v1/edgedb/ada");
                let patch =
                    Request::with_body("PATCH", &target, body.to_string().as_bytes()).header("authorization", KEY);
                together.wait();
                let response = send(authority.parse().unwrap(), &patch).unwrap();
                assert_eq!(response.status, 200, "{host}: {}", text(&response));
            });
        }
    });
    let took = began.elapsed().as_millis();
    let get = Request::get("/v1/edgedb/ada").header("authorization", KEEPER_KEY);
    let user = send(keeper.0, &get).unwrap().json().unwrap();
    let kept = (0..WRITERS).filter(|writer| user["customData"][format!("k{writer}")] == *writer).count();
    let through: Vec<_> = addresses.iter().map(|(host, _)| host).collect();
    println!("{kept} of {WRITERS} concurrent PATCHes through {through:?} to one user that Spin keeps, in {took} ms");
    assert_eq!(kept, WRITERS);
    assert!(!user.to_string().contains("secret"), "{user}");
}
