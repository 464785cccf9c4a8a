use super::*;
use crate::memory::MemoryPlatform;
use std::task::Poll;

/// Of the key `server`.
const DIGEST: &str = "b3eacd33433b31b5252351032c9b3e7a2e7aa7738d5decdf0dd6c62680853c06";

const RULESET: &str = r#"{"project":{"_id":"p","key":"p","settings":{}},"environment":{"_id":"e","key":"e"},
  "variables":[{"_id":"v1","key":"nav","type":"Boolean"}],
  "features":[{"_id":"f1","key":"nav","type":"release","variations":[{"_id":"on","key":"on","name":"On","variables":[{"_var":"v1","value":true}]}],
    "configuration":{"_id":"c1","targets":[{"_id":"t1","_audience":{"_id":"a1","filters":{"operator":"and","filters":[{"type":"all"}]}},"distribution":[{"_variation":"on","percentage":1}]}]}}]}"#;

fn plugin(environment: &str) -> String {
    format!(
        r#"{{"ruleset":{RULESET},"environment":"production","api":{{"prefix":"/flags","keys":[
            {{"sha256":"{DIGEST}","kind":"server","environment":"{environment}"}}]}}}}"#
    )
}

fn api(json: &str) -> Result<Option<FilterApi<MemoryPlatform>>, Vec<ConfigError>> {
    let config = FilterConfig::parse(json.as_bytes())?;
    let compiled = jackstaff_core::compile(RULESET.as_bytes(), &jackstaff_core::CompileOptions::default()).unwrap();
    let ruleset = jackstaff_core::SharedRuleset::open(compiled.snapshot).unwrap();
    let platform = MemoryPlatform::default();
    config.settings().into_iter().for_each(|(name, text)| platform.set(name, text));
    FilterApi::new(&config, Arc::new(Supply::given(Arc::new(ruleset))), platform)
}

fn ask(api: &FilterApi<MemoryPlatform>, path: &str, body: &'static str) -> Option<(StatusCode, String)> {
    let headers: [(&[u8], &[u8]); 4] = [
        (b":method", if body.is_empty() { b"GET" } else { b"POST" }),
        (b":path", path.as_bytes()),
        (b"authorization", b"server"),
        (b"x-odd", b"\xff"),
    ];
    let response = match api.request(&headers)? {
        Ok(request) => match api.answer(request, Bytes::from_static(body.as_bytes())).poll() {
            Poll::Ready(response) => response,
            Poll::Pending => panic!("nothing to wait for"),
        },
        Err(response) => response,
    };
    Some((response.status(), String::from_utf8(response.body().to_vec()).unwrap()))
}

#[test]
fn what_is_below_the_prefix_is_answered_and_nothing_else() {
    let api = api(&plugin("production")).unwrap().unwrap();
    let (status, body) = ask(&api, "/flags/v1/variables/nav", r#"{"user_id":"u"}"#).unwrap();
    assert_eq!(status, 200, "{body}");
    assert!(body.contains(r#""value":true"#), "{body}");
    assert_eq!(ask(&api, "/flags/healthz", "").unwrap().0, 200);
    for nothing in ["/flags", "/flags/", "/flags?a=b", "/flags/v2"] {
        assert_eq!(ask(&api, nothing, "").unwrap().0, 404, "{nothing}");
    }
    for other in ["/", "/flagsx/healthz", "/Flags/healthz", "/a/flags/healthz", "//flags/healthz", "*", ""] {
        assert_eq!(ask(&api, other, ""), None, "{other}");
    }
    assert_eq!(ask(&api, "/flags/\u{1}", "").unwrap().0, 400);
}

#[test]
fn only_the_configured_environment_has_a_ruleset() {
    let api = api(&plugin("other")).unwrap().unwrap();
    let (status, body) = ask(&api, "/flags/v1/variables", r#"{"user_id":"u"}"#).unwrap();
    assert_eq!(status, 503);
    assert!(body.contains("only the one of `production`"), "{body}");
}

#[test]
fn settings_are_checked_when_they_are_given() {
    assert!(api("{}").unwrap().is_none());
    let refused = |json: &str| api(json).map(drop).unwrap_err();
    for (json, path) in [
        (r#"{"environment":"e","api":{"prefix":"/f","keys":[{}]}}"#, "$.api.keys"),
        (r#"{"environment":"e","api":{"prefix":"/f","keys":7}}"#, "$.api.keys"),
        (r#"{"environment":"e","api":{"prefix":"/f","key":[]}}"#, "$.api"),
        (r#"{"environment":"e","api":{"prefix":"f"}}"#, "$.api.prefix"),
        (r#"{"environment":"e","api":{"prefix":"/"}}"#, "$.api.prefix"),
        (r#"{"environment":"e","api":{"prefix":"/f/"}}"#, "$.api.prefix"),
        (r#"{"environment":"e","api":{"prefix":"/f?x"}}"#, "$.api.prefix"),
        (r#"{"api":{"prefix":"/f"}}"#, "$.environment"),
        (r#"{"environment":"e","api":{}}"#, "$.api"),
    ] {
        let errors = refused(json);
        assert!(errors.iter().any(|error| error.path.starts_with(path)), "{json}: {errors:?}");
    }
}
