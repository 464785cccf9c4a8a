//! What is stored about users, in the filter: in the memory that Envoy's workers share, and in a Jackstaff behind it.

mod common;

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

use jackstaff_testbed::deploy::Host;
use jackstaff_testbed::hosts::envoy::{Envoy, EnvoyOptions, FailurePolicy};
use jackstaff_testbed::hosts::proxy_wasm::{
    CalloutReply, Module as Wasm, Outcome, RequestIn, ResponseIn, SharedData, Vm, VmOptions, first,
};
use jackstaff_testbed::http_client::Request;
use jackstaff_testbed::modules::Module;
use jackstaff_testbed::upstream::{Seen, Upstream};
use serde_json::{Value, json};

use common::hosts::ready;

/// `platinum` for whoever has 100 stars.
fn ruleset() -> Value {
    let stars = json!({"operator": "and", "filters": [{
        "type": "user", "subType": "customData", "dataKey": "stars", "dataKeyType": "Number", "comparator": ">=", "values": [100]}]});
    json!({
        "project": {"_id": "p", "key": "p", "settings": {}}, "environment": {"_id": "e", "key": "e"},
        "variables": [{"_id": "v1", "key": "platinum", "type": "Boolean"}],
        "features": [{
            "_id": "f1", "key": "platinum", "type": "release",
            "variations": [{"_id": "x1", "key": "on", "name": "On", "variables": [{"_var": "v1", "value": true}]}],
            "configuration": {"_id": "c1", "targets": [{
                "_id": "t1", "_audience": {"_id": "a1", "filters": stars}, "distribution": [{"_variation": "x1", "percentage": 1}],
            }]},
        }],
    })
}

const KEY: &str = "dvc_server_key";

fn config(user_data: Value) -> Value {
    json!({
        "ruleset": ruleset(),
        "environment": "shop",
        "identity": [{"header": "x-user-id"}],
        "api": {"prefix": "/flags", "keys": [{"sha256": digest(), "kind": "server", "environment": "shop"}]},
        "user_data": user_data,
    })
}

fn digest() -> String {
    use sha2::{Digest as _, Sha256};
    Sha256::digest(KEY).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn vm(shared_data: &SharedData) -> Vm {
    let module = Wasm::load(Module::Filter.path().unwrap()).unwrap();
    Vm::new(&module, VmOptions { shared_data: shared_data.clone(), ..VmOptions::default() }).unwrap()
}

/// The status of the API's answer, and its body.
fn ask(vm: &mut Vm, config: &Value, method: &str, id: &str, body: &str) -> (u16, String) {
    let plugin = vm.configure(config.to_string().as_bytes()).unwrap();
    let mut request = RequestIn::get(&format!("/flags/v1/edgedb/{id}")).header("authorization", KEY);
    request.headers.iter_mut().filter(|(name, _)| name == b":method").for_each(|(_, value)| *value = method.into());
    request.body = body.as_bytes().to_vec();
    let (_, outcome) = vm.request(plugin, request).unwrap();
    let Outcome::LocalReply(reply) = outcome else { panic!("{outcome:?}") };
    (reply.status, String::from_utf8(reply.body).unwrap())
}

/// The flags and the status that the application sees.
fn seen(vm: &mut Vm, config: &Value, id: &str) -> (String, String) {
    let plugin = vm.configure(config.to_string().as_bytes()).unwrap();
    let (stream, outcome) = vm.request(plugin, RequestIn::get("/").header("x-user-id", id)).unwrap();
    let Outcome::Forwarded { headers, .. } = outcome else { panic!("{outcome:?}") };
    vm.response(stream, ResponseIn { status: 200, ..ResponseIn::default() }).unwrap();
    let text = |name| first(&headers, name).map(|value| String::from_utf8(value.to_vec()).unwrap()).unwrap_or_default();
    (text("x-flags"), text("x-flags-status"))
}

#[test]
fn what_one_worker_is_told_all_know() {
    let shared = SharedData::default();
    let (mut one, mut other) = (vm(&shared), vm(&shared));
    let config = config(json!({}));
    assert!(seen(&mut other, &config, "ada").1.ends_with(";user-data=none"));
    assert_eq!(ask(&mut one, &config, "PATCH", "ada", r#"{"customData":{"stars":120}}"#).0, 200);
    let (flags, status) = seen(&mut other, &config, "ada");
    assert_eq!(flags, "platinum");
    assert!(status.ends_with(";user-data=found"), "{status}");
    assert_eq!(seen(&mut other, &config, "bob").0, "");
    let (status, body) = ask(&mut other, &config, "GET", "ada", "");
    assert_eq!((status, body.as_str()), (200, r#"{"user_id":"ada","customData":{"stars":120}}"#));
    assert_eq!(ask(&mut other, &config, "DELETE", "ada", "").0, 200);
    assert_eq!(ask(&mut one, &config, "GET", "ada", "").0, 404);
    assert_eq!(seen(&mut one, &config, "ada").0, "");
}

#[test]
fn the_number_of_users_is_bounded_and_who_was_written_last_stays() {
    let shared = SharedData::default();
    let mut vm = vm(&shared);
    let config = config(json!({"users": 16}));
    let plugin = vm.configure(config.to_string().as_bytes()).unwrap();
    for nth in 0..100 {
        let mut request = RequestIn::get(&format!("/flags/v1/edgedb/u{nth}")).header("authorization", KEY);
        request
            .headers
            .iter_mut()
            .filter(|(name, _)| name == b":method")
            .for_each(|(_, value)| *value = b"PATCH".to_vec());
        request.body = br#"{"customData":{"stars":120}}"#.to_vec();
        let (_, outcome) = vm.request(plugin, request).unwrap();
        assert!(matches!(outcome, Outcome::LocalReply(reply) if reply.status == 200));
    }
    let bytes: usize = shared.keys().iter().map(|key| shared.get(key).unwrap().0.len()).sum();
    assert!(shared.keys().len() <= 2 && bytes < 2_000, "{} values of {bytes} bytes", shared.keys().len());
    vm.tick(plugin).unwrap();
    let evicted = vm.metrics().iter().find(|metric| metric.name == "jackstaff.user_data_evicted").unwrap();
    assert_eq!(evicted.value, 84);
    let kept: Vec<u32> = (0..100).filter(|nth| seen(&mut vm, &config, &format!("u{nth}")).0 == "platinum").collect();
    assert_eq!(kept.len(), 16, "{kept:?}");
    assert!(kept.contains(&99) && kept.contains(&98) && !kept.contains(&0), "{kept:?}");
}

#[test]
fn without_the_setting_nothing_is_stored() {
    let shared = SharedData::default();
    let mut vm = vm(&shared);
    let mut config = config(json!({}));
    config.as_object_mut().unwrap().remove("user_data");
    let (status, body) = ask(&mut vm, &config, "PATCH", "ada", r#"{"customData":{"stars":120}}"#);
    assert_eq!(status, 403, "{body}");
    let (_, status) = seen(&mut vm, &config, "ada");
    assert!(!status.contains("user-data"), "{status}");
    assert_eq!(shared.keys().len(), 0);
}

fn remote(extra: Value) -> Value {
    let mut remote = json!({"origin": "jackstaff", "authority": "flags.example.com", "key": KEY});
    remote.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
    config(json!({"settings": {"remote": remote}}))
}

#[test]
fn a_remote_is_read_through_and_remembered() {
    let mut vm = vm(&SharedData::default());
    let asked = std::sync::Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    vm.answer_with(move |callout| {
        count.fetch_add(1, Relaxed);
        assert_eq!(first(&callout.headers, ":authority"), Some(&b"flags.example.com"[..]));
        assert_eq!(first(&callout.headers, "authorization"), Some(KEY.as_bytes()));
        match (first(&callout.headers, ":method").unwrap(), first(&callout.headers, ":path").unwrap()) {
            (b"GET", b"/v1/edgedb/ada") => CalloutReply::new(200, r#"{"user_id":"ada","customData":{"stars":120}}"#),
            (b"GET", _) => CalloutReply::new(404, "{}"),
            (b"PATCH", _) => CalloutReply::new(200, "{}"),
            other => panic!("{other:?}"),
        }
    });
    let config = remote(json!({}));
    for _ in 0..3 {
        assert_eq!(seen(&mut vm, &config, "ada").0, "platinum");
        assert!(seen(&mut vm, &config, "bob").1.ends_with(";user-data=none"));
    }
    assert_eq!(asked.load(Relaxed), 2, "one call for each user; that there is nothing is remembered too");
    assert_eq!(ask(&mut vm, &config, "PATCH", "ada", r#"{"customData":{"stars":1}}"#).0, 200);
    assert_eq!(seen(&mut vm, &config, "ada").0, "platinum");
    assert_eq!(asked.load(Relaxed), 4, "a change forgets what was remembered");
}

#[test]
fn a_remote_that_is_late_or_down_costs_a_decision_nothing_but_the_data() {
    for (answer, outcome, status) in [
        (CalloutReply::timed_out as fn() -> CalloutReply, "late", 500),
        (CalloutReply::unreachable, "failed", 500),
        (|| CalloutReply::new(200, "<html>"), "failed", 500),
        (|| CalloutReply::new(413, "too large"), "failed", 413),
    ] {
        let mut vm = vm(&SharedData::default());
        vm.answer_with(move |_| answer());
        let config = remote(json!({}));
        assert!(seen(&mut vm, &config, "ada").1.ends_with(&format!(";user-data={outcome}")));
        // Then it is left alone for a moment.
        vm.answer_with(|_| panic!("nobody asks"));
        assert!(seen(&mut vm, &config, "ada").1.ends_with(";user-data=failed"));
        vm.answer_with(move |_| answer());
        let (answered, body) = ask(&mut vm, &config, "PATCH", "ada", r#"{"customData":{"stars":1}}"#);
        assert_eq!(answered, status, "{body}");
        assert!(!body.contains(KEY), "{body}");
    }
}

#[test]
fn a_client_that_leaves_while_the_remote_is_asked_leaves_nothing_behind() {
    let mut vm = vm(&SharedData::default());
    let plugin = vm.configure(remote(json!({})).to_string().as_bytes()).unwrap();
    for _ in 0..10 {
        let stream = vm.begin(plugin, RequestIn::get("/").header("x-user-id", "ada")).unwrap();
        assert!(matches!(vm.outcome(stream).unwrap(), Outcome::Paused));
        vm.cancel(stream).unwrap();
    }
    vm.answer_with(|_| CalloutReply::new(404, ""));
    vm.settle().unwrap();
    let (stream, outcome) = vm.request(plugin, RequestIn::get("/").header("x-user-id", "ada")).unwrap();
    assert!(matches!(outcome, Outcome::Forwarded { .. }));
    vm.cancel(stream).unwrap();
}

#[test]
fn a_worker_that_failed_and_was_loaded_again_knows_what_was_stored() {
    if !ready(Host::Envoy) {
        return;
    }
    let upstream = Upstream::start(0).unwrap();
    let mut options = EnvoyOptions::new(Module::FaultyFilter.path().unwrap(), upstream.address())
        .plugin("flags", config(json!({})).to_string());
    options.failure_policy = FailurePolicy::FailReload { interval_millis: 1_000 };
    let envoy = Envoy::start(&options).unwrap();
    let address = envoy.addr("flags").unwrap();
    let send = |request: Request| jackstaff_testbed::http_client::send(address, &request).unwrap();
    let body = br#"{"customData":{"stars":120}}"#;
    let patch = Request::with_body("PATCH", "/flags/v1/edgedb/ada", body).header("authorization", KEY);
    assert_eq!(send(patch).status, 200);
    assert_eq!(send(Request::get("/").header("x-jackstaff-trap", "now")).status, 503);
    let begun = std::time::Instant::now();
    let seen = loop {
        let response = send(Request::get("/").header("x-user-id", "ada"));
        if response.status == 200 {
            break Seen::from_json(&response.body).unwrap();
        }
        assert!(begun.elapsed().as_secs() < 20, "it is not loaded again");
        thread::sleep(std::time::Duration::from_millis(50));
    };
    assert_eq!(seen.header_all("x-flags"), [b"platinum"]);
}
