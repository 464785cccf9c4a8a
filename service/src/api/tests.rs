use http::Request;
use jackstaff_core::Timestamp;

use super::*;
use crate::executor::poll_once;
use crate::identity::MAX_ID_BYTES;
use crate::memory::{MemoryPlatform, StoreFault};

/// `s` and `c`: SHA-256 of the letters.
const KEYS: &str = r#"[
    {"sha256":"043a718774c572bd8a25adbeb1bfcd5c0256ae11cecf9f9c3f925d0e52beaf89","kind":"server","environment":"test"},
    {"sha256":"2e7d2c03a9507ae265ecf5b5356885a53393a2029d241394997265a1a25aefc6","kind":"client","environment":"test"}]"#;

/// `on` sets `a` for everybody, twice; `split` has a rollout, and cannot decide for anybody after 1970.
const RULESET: &str = r#"{
    "project":{"_id":"p","key":"p","a0_organization":"o","settings":{}},"environment":{"_id":"e","key":"e"},
    "variables":[{"_id":"va","key":"a","type":"Number"},{"_id":"vb","key":"b/c d","type":"JSON"},{"_id":"vc","key":"c","type":"String"}],
    "features":[
        {"_id":"f1","key":"on","type":"release","settings":{"optInEnabled":false},"variations":[
            {"_id":"x","key":"kx","name":"X","variables":[{"_var":"va","value":1},{"_var":"vb","value":{"k":[1,2.50]}}]}],
            "configuration":{"_id":"c","targets":[{"_id":"t1","_audience":{"_id":"","filters":{"operator":"and","filters":[{"type":"all"}]}},
            "distribution":[{"_variation":"x","percentage":1}]}]}},
        {"_id":"f2","key":"again","type":"ops","variations":[
            {"_id":"y","key":"ky","name":"Y","variables":[{"_var":"va","value":7.0}]}],
            "configuration":{"_id":"c","targets":[{"_id":"t2","_audience":{"_id":"","filters":{"operator":"and","filters":[
                {"type":"user","subType":"email","comparator":"=","values":["m"]}]}},
            "distribution":[{"_variation":"y","percentage":1}]}]}},
        {"_id":"f3","key":"bad","type":"ops","variations":[
            {"_id":"z","key":"kz","name":"Z","variables":[{"_var":"vc","value":"s"}]}],
            "configuration":{"_id":"c","targets":[{"_id":"t3","_audience":{"_id":"","filters":{"operator":"and","filters":[{"type":"all"}]}},
            "distribution":[{"_variation":"nowhere","percentage":1}]}]}}]}"#;

fn service() -> Service<MemoryPlatform> {
    let platform = MemoryPlatform::default();
    platform.set("keys", KEYS);
    platform.put("ruleset:test", RULESET);
    Service::new(platform)
}

fn send(service: &Service<MemoryPlatform>, request: http::request::Builder, body: &str) -> Response<Bytes> {
    let request = request.body(Bytes::copy_from_slice(body.as_bytes())).unwrap();
    poll_once(handle(service, request)).unwrap()
}

fn post(service: &Service<MemoryPlatform>, target: &str, body: &str) -> Response<Bytes> {
    send(service, Request::post(target).header("authorization", "s"), body)
}

fn body(response: &Response<Bytes>) -> &str {
    let body = std::str::from_utf8(response.body()).unwrap();
    assert_eq!(header(response, "content-length"), body.len().to_string());
    assert_eq!(header(response, "content-type"), "application/json");
    body
}

fn header<'r>(response: &'r Response<Bytes>, name: &str) -> &'r str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

fn refusal(response: &Response<Bytes>) -> (u16, String) {
    let json: serde_json::Value = serde_json::from_str(body(response)).unwrap();
    assert_eq!(json["statusCode"], response.status().as_u16());
    (response.status().as_u16(), json["message"].as_str().unwrap().to_owned())
}

const ON: &str = r#""eval":{"reason":"TARGETING_MATCH","details":"All Users","target_id":"t1"}"#;
const AGAIN: &str = r#""eval":{"reason":"TARGETING_MATCH","details":"Email","target_id":"t2"}"#;

#[test]
fn one_variable() {
    let service = service();
    let user = r#"{"user_id":"u"}"#;
    let response = post(&service, "/v1/variables/a", user);
    assert_eq!(response.status(), 200);
    assert_eq!(body(&response), format!(r#"{{"_id":"va","type":"Number","key":"a","_feature":"f1","value":1,{ON}}}"#));
    assert_eq!(header(&response, "x-jackstaff-faults"), "");
    assert!(header(&response, "x-flags-status").starts_with("fresh;rev=\""), "{response:?}");
    // The later feature wins; a whole number is written as one.
    let response = post(&service, "//v1//variables/a/?x=y", r#"{"user_id":"u","email":"m"}"#);
    assert_eq!(
        body(&response),
        format!(r#"{{"_id":"va","type":"Number","key":"a","_feature":"f2","value":7,{AGAIN}}}"#)
    );
    for target in ["/v1/variables/b/c%20d", "/v1/variables/b%2Fc%20d"] {
        let response = post(&service, target, user);
        assert!(body(&response).contains(r#""value":{"k":[1,2.5]}"#), "{response:?}");
    }
}

#[test]
fn a_variable_that_the_user_does_not_have_is_not_found() {
    let service = service();
    let (status, message) = refusal(&post(&service, "/v1/variables/nope", r#"{"user_id":"u"}"#));
    assert_eq!(status, 404);
    assert!(message.contains("no variable `nope`"), "{message}");
    let response = post(&service, "/v1/variables/c", r#"{"user_id":"u"}"#);
    assert_eq!(refusal(&response).0, 404);
    assert_eq!(header(&response, "x-jackstaff-faults"), r#""Config missing variation: nowhere";decision="bad""#);
}

#[test]
fn all_variables_and_features() {
    let service = service();
    let user = r#"{"user_id":"u","email":"m"}"#;
    let response = post(&service, "/v1/variables/", user);
    let expected = format!(
        r#"{{"a":{{"_id":"va","type":"Number","key":"a","_feature":"f2","value":7,{AGAIN}}},"b/c d":{{"_id":"vb","type":"JSON","key":"b/c d","_feature":"f1","value":{{"k":[1,2.5]}},{ON}}}}}"#
    );
    assert_eq!(body(&response), expected);
    assert_eq!(header(&response, "x-jackstaff-faults"), r#""Config missing variation: nowhere";decision="bad""#);
    let response = post(&service, "/v1/features", user);
    let expected = format!(
        r#"{{"on":{{"_id":"f1","key":"on","type":"release","_variation":"x","variationName":"X","variationKey":"kx","settings":{{"optInEnabled":false}},{ON}}},"again":{{"_id":"f2","key":"again","type":"ops","_variation":"y","variationName":"Y","variationKey":"ky",{AGAIN}}}}}"#
    );
    assert_eq!(body(&response), expected);
}

#[test]
fn keys_are_demanded() {
    let service = service();
    let status = |request| refusal(&send(&service, request, r#"{"user_id":"u"}"#));
    let (code, message) = status(Request::post("/v1/features"));
    assert!(code == 401 && message.contains("missing sdkKey parameter or Authorization header"), "{message}");
    let (code, message) = status(Request::post("/v1/features").header("authorization", "x"));
    assert!(code == 401 && message.contains("no such key"), "{message}");
    let (code, message) = status(Request::post("/v1/features?sdkKey=c"));
    assert!(code == 401 && message.contains("this is a client key"), "{message}");
    assert_eq!(send(&service, Request::post("/v1/features?sdkKey=s"), r#"{"user_id":"u"}"#).status(), 200);
}

#[test]
fn bad_users_are_refused_with_the_place() {
    let service = service();
    for (user, path) in
        [("", "$:"), ("[]", "$:"), ("{}", "$.user_id:"), (r#"{"user_id":"u","customData":7}"#, "$.customData:")]
    {
        let (status, message) = refusal(&post(&service, "/v1/variables", user));
        assert!(status == 400 && message.starts_with(path), "{message}");
    }
    // JavaScript's JSON may hold half a character.
    assert_eq!(post(&service, "/v1/variables", r#"{"user_id":"\ud800"}"#).status(), 200);
    let user = |length| format!(r#"{{"user_id":"{}"}}"#, "u".repeat(length));
    assert_eq!(post(&service, "/v1/variables", &user(MAX_ID_BYTES)).status(), 200);
    let (status, message) = refusal(&post(&service, "/v1/variables", &user(MAX_ID_BYTES + 1)));
    assert!(status == 400 && message.starts_with("$.user_id:"), "{message}");
    let large = user(MAX_BODY_BYTES);
    assert_eq!(refusal(&post(&service, "/v1/variables", &large)).0, 413);
}

#[test]
fn paths_and_methods() {
    let service = service();
    for target in ["/", "/v1", "/v2/variables", "/v1/features/x", "/healthz/x", "/v1/variable/a"] {
        assert_eq!(refusal(&post(&service, target, "{}")).0, 404, "{target}");
    }
    let response = send(&service, Request::get("/v1/variables/a"), "");
    assert_eq!(refusal(&response).0, 405);
    assert_eq!(header(&response, "allow"), "OPTIONS, POST");
    let response = send(&service, Request::options("/v1/variables/a"), "");
    assert_eq!(response.status(), 204);
    assert_eq!(header(&response, "access-control-allow-origin"), "*");
    assert_eq!(
        header(&response, "access-control-allow-headers"),
        "authorization, content-type, x-api-key, if-none-match, flagd-selector"
    );
    assert_eq!(header(&response, "access-control-allow-methods"), "GET, POST, PATCH");
    // Without settings, without a store.
    let bare = Service::new(MemoryPlatform::default());
    assert_eq!(body(&send(&bare, Request::get("/healthz"), "")), r#"{"status":"ok"}"#);
    let response = send(&bare, Request::head("/healthz"), "");
    assert_eq!((response.status().as_u16(), response.body().len()), (200, 0));
}

#[test]
fn without_a_ruleset_the_service_says_what_to_do() {
    let service = service();
    service.platform().set_fault(StoreFault::Missing);
    let (status, message) = refusal(&post(&service, "/v1/variables", r#"{"user_id":"u"}"#));
    assert_eq!(status, 503);
    assert!(message.contains("`ruleset:test`") && message.contains("publish"), "{message}");
    service.platform().set_fault(StoreFault::None);
    assert_eq!(post(&service, "/v1/variables", r#"{"user_id":"u"}"#).status(), 200);
    service.platform().set_fault(StoreFault::Failing);
    service.platform().set_now(Timestamp(12_000));
    let response = post(&service, "/v1/variables", r#"{"user_id":"u"}"#);
    assert!(header(&response, "x-flags-status").starts_with("stale;"), "{response:?}");
    assert!(header(&response, "x-flags-status").ends_with(";age=12"), "{response:?}");
}

#[test]
fn an_answer_that_is_too_large_is_not_given() {
    // Each half of the text fits, both together do not.
    let text = "x".repeat(devcycle::answer::MAX_ANSWER_BYTES / 2);
    let ruleset = RULESET
        .replace(r#""value":{"k":[1,2.50]}"#, &format!(r#""value":["{text}"]"#))
        .replace(r#""name":"X""#, &format!(r#""name":"{text}""#))
        .replace(r#""name":"Y""#, &format!(r#""name":"{text}""#))
        .replace(r#""value":"s""#, &format!(r#""value":"{text}""#))
        .replace("nowhere", "z");
    let service = service();
    service.platform().put("ruleset:test", ruleset);
    let user = r#"{"user_id":"u","email":"m"}"#;
    assert_eq!(post(&service, "/v1/variables/c", user).status(), 200);
    for target in ["/v1/variables", "/v1/features"] {
        let (status, message) = refusal(&post(&service, target, user));
        assert_eq!(status, 500);
        assert!(message.contains("ask for one flag at a time"), "{message}");
    }
}

#[test]
fn a_variant_chosen_by_hand_that_cannot_be_is_reported() {
    let service = service();
    service.platform().put("ruleset:test", RULESET.replace(r#""_var":"vc""#, r#""_var":"gone""#));
    service.platform().set("test", r#"{"header":"x-test"}"#);
    for (target, status) in [("/v1/variables/c", 404), ("/v1/variables/a", 200), ("/v1/variables", 200)] {
        let request =
            Request::post(target).header("authorization", "s").header("x-test", r#"{"overrides":{"f3":"z"}}"#);
        let response = send(&service, request, r#"{"user_id":"u"}"#);
        assert_eq!(response.status(), status);
        let faults = header(&response, "x-jackstaff-faults");
        assert!(faults.contains(r#""Config missing variable: gone";decision="bad""#), "{target} {faults:?}");
    }
}

#[test]
fn the_test_header_sets_clock_and_variants_where_it_is_switched_on() {
    let ask = |service: &Service<MemoryPlatform>, control: &str| {
        let request = Request::post("/v1/variables/c").header("authorization", "s").header("x-test", control);
        send(service, request, r#"{"user_id":"u"}"#)
    };
    let control = r#"{"overrides":{"f3":"z"}}"#;
    assert_eq!(ask(&service(), control).status(), 404);
    let service = service();
    service.platform().set("test", r#"{"header":"x-test"}"#);
    let response = ask(&service, control);
    assert!(
        body(&response).ends_with(r#""value":"s","eval":{"reason":"OVERRIDE","details":"Override"}}"#),
        "{response:?}"
    );
    assert_eq!(refusal(&ask(&service, "noon")).0, 400);
    let service = self::service();
    service.platform().set("test", r#"{"header":"x-test"}"#);
    service.platform().set("keys", KEYS.replace("\"test\"", "\"production\""));
    let (status, message) = refusal(&ask(&service, control));
    assert_eq!(status, 500);
    assert!(message.contains("the setting `test` is refused"), "{message}");
    assert!(!service.platform().lines().is_empty());
}

fn request(service: &Service<MemoryPlatform>, method: &str, target: &str, key: &str, body: &str) -> Response<Bytes> {
    send(service, Request::builder().method(method).uri(target).header("authorization", key), body)
}

fn edgedb(service: &Service<MemoryPlatform>, method: &str, key: &str, body: &str) -> Response<Bytes> {
    request(service, method, "/v1/edgedb/u%2F%C3%A9", key, body)
}

#[test]
fn what_is_stored_decides_later_calls() {
    let service = service();
    let ask = |body: &str| {
        let response = post(&service, "/v1/variables/a?enableEdgeDB=true", body);
        let found = self::body(&response).contains("\"value\":7");
        let (_, status) = header(&response, "x-flags-status").split_once(";user-data=").unwrap();
        (found, status.to_owned())
    };
    let user = r#"{"user_id":"u/é"}"#;
    assert_eq!(ask(user), (false, "none".to_owned()));
    let response = edgedb(
        &service,
        "PATCH",
        "s",
        r#"{"user_id":"u/é","email":"m","privateCustomData":{"secret":1},"appVersion":"1"}"#,
    );
    assert_eq!(body(&response), r#"{"message":"Successfully stored the user data"}"#);
    assert_eq!(ask(user), (true, "found".to_owned()));
    // Not asked for, not used.
    assert!(body(&post(&service, "/v1/variables/a", user)).contains("\"value\":1"));
    // The request's own wins, and is stored.
    assert_eq!(
        ask(r#"{"user_id":"u/é","email":"other","customData":{"n":1,"gone":null}}"#),
        (false, "found".to_owned())
    );
    let response = edgedb(&service, "GET", "s", "");
    assert_eq!(body(&response), r#"{"user_id":"u/é","email":"other","customData":{"n":1}}"#);
    assert_eq!(body(&edgedb(&service, "DELETE", "s", "")), r#"{"message":"Nothing is stored about the user"}"#);
    assert_eq!(refusal(&edgedb(&service, "GET", "s", "")).0, 404);
    assert_eq!(ask(user), (false, "none".to_owned()));
    assert_eq!(service.platform().keys(), ["ruleset:test"]);
}

#[test]
fn a_decision_reads_once_and_goes_on_without() {
    let service = service();
    post(&service, "/v1/variables/a", r#"{"user_id":"u"}"#);
    let reads = service.platform().reads();
    for fault in [StoreFault::None, StoreFault::Slow, StoreFault::Failing] {
        service.platform().set_fault(fault);
        let response = post(&service, "/v1/variables/a?enableEdgeDB=true", r#"{"user_id":"u","email":"m"}"#);
        assert_eq!(response.status(), 200);
        let status = header(&response, "x-flags-status");
        let expected = match fault {
            StoreFault::None => ";user-data=none",
            StoreFault::Slow => ";user-data=late;unsaved",
            _ => ";user-data=failed;unsaved",
        };
        assert!(status.ends_with(expected), "{status}");
    }
    assert_eq!(service.platform().reads(), reads + 3);
    service.platform().set_fault(StoreFault::FailingWrites);
    let (status, message) = refusal(&edgedb(&service, "PATCH", "s", r#"{"email":"n"}"#));
    assert!(status == 500 && message.contains("told to fail"), "{message}");
}

#[test]
fn clients_write_what_the_settings_list() {
    let service = service();
    let (status, message) = refusal(&edgedb(&service, "PATCH", "c", r#"{"email":"m","customData":{"stars":1}}"#));
    assert!(
        status == 403 && message.contains("email, customData.stars") && message.contains("`user_data`"),
        "{message}"
    );
    for method in ["GET", "DELETE"] {
        assert_eq!(refusal(&edgedb(&service, method, "c", "")).0, 401);
    }
    let service = self::service();
    service.platform().set("user_data", r#"{"client_writes":["customData.stars"]}"#);
    assert_eq!(edgedb(&service, "PATCH", "c", r#"{"lastSeenDate":"x","customData":{"stars":1}}"#).status(), 200);
    assert_eq!(refusal(&edgedb(&service, "PATCH", "c", r#"{"customData":{"stars":1,"plan":"x"}}"#)).0, 403);
    assert_eq!(refusal(&edgedb(&service, "PATCH", "c", r#"{"customData":null}"#)).0, 403);
    let service = self::service();
    service.platform().set("user_data", r#"{"enabled":false}"#);
    assert_eq!(refusal(&edgedb(&service, "PATCH", "s", "{}")).0, 403);
}

#[test]
fn user_data_is_refused_with_the_reason() {
    let service = service();
    let long = format!(r#"{{"customData":{{"a":"{}"}}}}"#, "x".repeat(20_000));
    for (body, status, part) in [
        ("", 400, "not JSON"),
        (r#"{"user_id":"other"}"#, 400, "$.user_id"),
        (r#"{"nickname":"x"}"#, 400, "$.nickname"),
        (&long, 413, "16384"),
    ] {
        let (got, message) = refusal(&edgedb(&service, "PATCH", "s", body));
        assert!(got == status && message.contains(part), "{got} {message}");
    }
    for target in ["/v1/edgedb/%20", "/v1/edgedb/%ff"] {
        assert_eq!(refusal(&request(&service, "PATCH", target, "s", "{}")).0, 400, "{target}");
    }
    for target in ["/v1/edgedb", "/v1/edgedb/", "/v1/edgedb/a/b"] {
        assert_eq!(refusal(&request(&service, "PATCH", target, "s", "{}")).0, 404, "{target}");
    }
    assert_eq!(refusal(&edgedb(&service, "POST", "s", "{}")).0, 405);
    assert_eq!(refusal(&edgedb(&service, "PATCH", "nobody", "{}")).0, 401);
}

#[test]
fn ofrep_uses_what_is_stored_where_it_is_asked_to() {
    let service = service();
    request(&service, "PATCH", "/v1/edgedb/u", "s", r#"{"email":"m"}"#);
    let ask = |target: &str, body: &str| {
        let response = request(&service, "POST", target, "c", body);
        serde_json::from_slice::<serde_json::Value>(response.body()).unwrap()
    };
    let one = "/ofrep/v1/evaluate/flags/a";
    assert_eq!(ask(one, r#"{"context":{"targetingKey":"u"}}"#)["value"], 1);
    let asking = r#"{"context":{"targetingKey":"u","$jackstaff":{"userData":true}}}"#;
    let found = ask(one, asking);
    assert_eq!((&found["value"], &found["metadata"]["jackstaff.userData"]), (&7.into(), &"found".into()));
    assert_eq!(
        ask("/ofrep/v1/evaluate/flags?enableEdgeDB=true", r#"{"context":{"targetingKey":"u"}}"#)["metadata"]["jackstaff.userData"],
        "found"
    );
    let own = r#"{"context":{"targetingKey":"u","email":"x","$jackstaff":{"userData":true}}}"#;
    assert_eq!(ask(one, own)["value"], 1);
    // Nothing was stored by these.
    assert_eq!(ask(one, asking)["value"], 7);
    service.platform().set_fault(StoreFault::Failing);
    let failed = ask(one, asking);
    assert_eq!((&failed["value"], &failed["metadata"]["jackstaff.userData"]), (&1.into(), &"failed".into()));
}

#[test]
fn other_jackstaffs_take_the_ruleset() {
    let service = service();
    let get = |key: &str, known: &str| {
        let request = http::Request::get("/v1/ruleset").header("authorization", key).header("if-none-match", known);
        send(&service, request, "")
    };
    let response = get("s", "");
    assert_eq!(response.status(), 200);
    let ruleset = jackstaff_core::SharedRuleset::verify(response.body().to_vec()).unwrap();
    assert!(!ruleset.get().is_empty());
    let tag = header(&response, "etag").to_owned();
    let known = get("s", &tag);
    assert_eq!((known.status(), known.body().len()), (StatusCode::NOT_MODIFIED, 0));
    assert_eq!(get("c", "").status(), 401, "rules tell of users");
}
