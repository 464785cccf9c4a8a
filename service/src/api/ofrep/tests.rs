use http::Request;

use super::*;
use crate::executor::poll_once;
use crate::memory::MemoryPlatform;

/// `s` and `c`: SHA-256 of the letters.
const KEYS: &str = r#"[
    {"sha256":"043a718774c572bd8a25adbeb1bfcd5c0256ae11cecf9f9c3f925d0e52beaf89","kind":"server","environment":"test"},
    {"sha256":"2e7d2c03a9507ae265ecf5b5356885a53393a2029d241394997265a1a25aefc6","kind":"client","environment":"test"}]"#;

const FLAGS: &str = r#"{"metadata":{"flagSetId":"shop","version":"7"},"flags":{
    "a/b c":{"state":"ENABLED","variants":{"ten":10.0,"one":1},"defaultVariant":"ten","metadata":{"owner":"x"},
        "targeting":{"if":[{"==":[{"var":"plan"},"pro"]},"one"]}},
    "off":{"state":"DISABLED","variants":{"on":true},"defaultVariant":"on"},
    "code":{"state":"ENABLED","variants":{"on":true}},
    "lost":{"state":"ENABLED","variants":{"on":true},"targeting":{"var":"where"}},
    "broken":{"state":"ENABLED","variants":{"on":true},"targeting":{"bogus":1}}}}"#;

fn service() -> Service<MemoryPlatform> {
    let platform = MemoryPlatform::default();
    platform.set("keys", KEYS);
    platform.put("ruleset:test", FLAGS);
    Service::new(platform)
}

fn send(service: &Service<MemoryPlatform>, request: http::request::Builder, body: &str) -> (u16, String, String) {
    let request = request.body(Bytes::copy_from_slice(body.as_bytes())).unwrap();
    let response = poll_once(crate::handle(service, request)).unwrap();
    let tag = response.headers().get(ETAG).map_or(String::new(), |tag| tag.to_str().unwrap().to_owned());
    (response.status().as_u16(), String::from_utf8(response.body().to_vec()).unwrap(), tag)
}

fn post(target: &str, body: &str) -> (u16, String) {
    let request = Request::post(target).header("x-api-key", "c");
    let (status, body, _) = send(&service(), request, body);
    (status, body)
}

const ALL: &str = "/ofrep/v1/evaluate/flags";

#[test]
fn one_flag_as_written() {
    let ten = r#"{"key":"a/b c","reason":"DEFAULT","variant":"ten","value":10.0,"metadata":{"flagSetId":"shop","version":"7","owner":"x"}}"#;
    for path in ["/ofrep/v1/evaluate/flags/a/b%20c", "//ofrep/v1/evaluate/flags/a%2Fb%20c"] {
        assert_eq!(post(path, ""), (200, ten.to_owned()), "{path}");
    }
    let (_, one) = post("/ofrep/v1/evaluate/flags/a/b%20c", r#"{"context":{"plan":"pro"}}"#);
    assert!(one.contains(r#""reason":"TARGETING_MATCH","variant":"one","value":1,"#), "{one}");
    assert_eq!(
        post("/ofrep/v1/evaluate/flags/off", r#"{"context":[]}"#).1,
        r#"{"key":"off","reason":"DISABLED","variant":"","metadata":{"flagSetId":"shop","version":"7"}}"#
    );
    assert_eq!(
        post("/ofrep/v1/evaluate/flags/code", "{}").1,
        r#"{"key":"code","reason":"DEFAULT","variant":"","metadata":{"flagSetId":"shop","version":"7"}}"#
    );
}

#[test]
fn failures_say_what_and_how() {
    for (target, body, status, code) in [
        ("/ofrep/v1/evaluate/flags/none", "", 404, "FLAG_NOT_FOUND"),
        ("/ofrep/v1/evaluate/flags/broken", "", 400, "PARSE_ERROR"),
        ("/ofrep/v1/evaluate/flags/lost", r#"{"context":{"where":"nowhere"}}"#, 400, "GENERAL"),
        ("/ofrep/v1/evaluate/flags/code", "{", 400, "INVALID_CONTEXT"),
    ] {
        let (given, body) = post(target, body);
        let json: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!(given, status, "{body}");
        assert_eq!(json["errorCode"], code);
        assert_eq!(json["key"], target.rsplit('/').next().unwrap());
        assert!(!json["errorDetails"].as_str().unwrap().is_empty());
    }
    let endless = format!(r#"{{"context":{{"targetingKey":"{}"}}}}"#, "u".repeat(crate::identity::MAX_ID_BYTES + 1));
    let (status, body) = post(ALL, &endless);
    assert!(status == 400 && body.contains("the id is longer than 1024 bytes"), "{body}");
    let (status, body) = post(ALL, "[");
    assert_eq!(status, 400);
    assert!(body.starts_with(r#"{"errorCode":"INVALID_CONTEXT","errorDetails":"#), "{body}");
    let (status, ..) = send(&service(), Request::post(ALL), "");
    assert_eq!(status, 401);
    let (status, ..) = send(&service(), Request::get(ALL).header("x-api-key", "c"), "");
    assert_eq!(status, 405);
}

#[test]
fn an_answer_that_is_too_large_is_not_given() {
    let half = "x".repeat(crate::api::reply::MAX_ANSWER_BYTES / 2);
    let flag = format!(r#"{{"state":"ENABLED","variants":{{"on":"{half}"}},"defaultVariant":"on"}}"#);
    let service = service();
    service.platform().put("ruleset:test", format!(r#"{{"flags":{{"a":{flag},"b":{flag}}}}}"#));
    let ask = |target: &str| send(&service, Request::post(target).header("x-api-key", "c"), "");
    assert_eq!(ask("/ofrep/v1/evaluate/flags/a").0, 200);
    let (status, body, _) = ask(ALL);
    assert!(status == 500 && body.contains("ask for one flag at a time"), "{body}");
}

#[test]
fn all_flags_once_for_each_answer() {
    let service = service();
    let ask = |body: &str, tag: &str| {
        send(
            &service,
            Request::post(format!("{ALL}/")).header("authorization", "Bearer s").header("if-none-match", tag),
            body,
        )
    };
    let (status, body, tag) = ask(r#"{"context":{"plan":"pro"}}"#, "");
    assert_eq!(status, 200);
    let json: serde_json::Value = serde_json::from_str(&body).unwrap();
    let keys: Vec<&str> = json["flags"].as_array().unwrap().iter().map(|flag| flag["key"].as_str().unwrap()).collect();
    assert_eq!(keys, ["a/b c", "broken", "code", "lost", "off"]);
    assert_eq!(json["metadata"]["flagSetId"], "shop");
    assert_eq!(ask(r#"{"context":{"plan":"pro"}}"#, &format!("W/{tag}")), (304, String::new(), tag.clone()));
    let (status, _, other) = ask(r#"{"context":{"plan":"free"}}"#, &tag);
    assert_eq!(status, 200);
    assert_ne!(tag, other);
}

#[test]
fn selectors_choose_a_set() {
    let select = |selector: &str| {
        send(&service(), Request::post(ALL).header("x-api-key", "c").header("flagd-selector", selector), "")
    };
    assert!(select("flagSetId=shop").1.contains("a/b c"));
    assert_eq!(select("flagSetId=other").1, r#"{"flags":[],"metadata":{"flagSetId":"shop","version":"7"}}"#);
    assert_eq!(select("colour=red").0, 400);
}

#[test]
fn limits_and_open_environments() {
    let platform = MemoryPlatform::default();
    platform.set("open_environment", "test");
    platform.set("rate_limit", r#"{"requests":1,"seconds":30}"#);
    platform.put("ruleset:test", FLAGS);
    let service = Service::new(platform);
    assert_eq!(send(&service, Request::post(ALL), "").0, 200);
    let request = Request::post(ALL).body(Bytes::new()).unwrap();
    let response = poll_once(crate::handle(&service, request)).unwrap();
    assert_eq!(response.status(), 429);
    assert_eq!(response.headers()["retry-after"], "30");
}
