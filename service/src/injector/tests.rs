//! Requests through the filter's logic, without a host.

use std::collections::BTreeMap;

use super::*;
use crate::executor::poll_once;
use crate::memory::MemoryPlatform;
use crate::user_data::{Subject, UserDataSettings, recall};

/// A flag `nav` that is on for everyone, and `who` that is on for the user `u-1` and for Canada.
const RULESET: &str = r#"{"project":{"_id":"p","key":"p","settings":{}},"environment":{"_id":"e","key":"e"},
  "variables":[{"_id":"v1","key":"nav","type":"Boolean"},{"_id":"v2","key":"who","type":"String"}],
  "features":[
    {"_id":"f1","key":"nav","type":"release","variations":[{"_id":"on","key":"on","name":"On","variables":[{"_var":"v1","value":true}]},{"_id":"off","key":"off","name":"Off","variables":[{"_var":"v1","value":false}]}],
      "configuration":{"_id":"c1","targets":[{"_id":"t1","_audience":{"_id":"a1","filters":{"operator":"and","filters":[{"type":"all"}]}},"distribution":[{"_variation":"on","percentage":1}]}]}},
    {"_id":"f2","key":"who","type":"release","variations":[{"_id":"id","key":"id","name":"Id","variables":[{"_var":"v2","value":"é"}]}],
      "configuration":{"_id":"c2","targets":[{"_id":"t2","_audience":{"_id":"a2","filters":{"operator":"or","filters":[
        {"type":"user","subType":"user_id","comparator":"=","values":["u-1"]},{"type":"user","subType":"country","comparator":"=","values":["CA"]}]}},"distribution":[{"_variation":"id","percentage":1}]}]}}]}"#;

fn parse(config: &[u8]) -> Result<(Injector, Vec<String>), Vec<ConfigError>> {
    Injector::new(&FilterConfig::parse(config)?)
}

#[derive(Default)]
struct Request {
    /// By id.
    stored: BTreeMap<&'static str, &'static str>,
    waits: bool,
    /// What the route's metadata says, and how often that was asked.
    route: Option<&'static str>,
    routes_asked: usize,
    /// Milliseconds since 1970, and how often they were asked.
    now: i64,
    times_asked: usize,
    noted: Option<String>,
    headers: Vec<(String, Vec<u8>)>,
    removals: usize,
}

impl Surroundings for Request {
    fn random(&mut self) -> Option<[u8; 16]> {
        Some([0xab; 16])
    }
    fn property(&mut self, _path: &[String]) -> Option<Vec<u8>> {
        None
    }
}

impl Exchange for Request {
    fn now(&mut self) -> Timestamp {
        self.times_asked += 1;
        Timestamp(self.now)
    }
    fn recall(&mut self, id: &str) -> Poll<Option<Recalled<()>>> {
        if std::mem::take(&mut self.waits) {
            return Poll::Pending;
        }
        let Some(json) = self.stored.get(id) else { return Poll::Ready(None) };
        let platform = MemoryPlatform::default();
        platform.put(format!("user:e:{id}"), *json);
        let settings = UserDataSettings::parse("").unwrap();
        let subject = Subject { settings: &settings, environment: "e", id };
        Poll::Ready(Some(poll_once(recall(&platform, &subject)).unwrap().for_reading()))
    }
    fn remove(&mut self, name: &[u8]) {
        self.removals += 1;
        self.headers.retain(|(given, _)| given.as_bytes() != name);
    }
    fn route(&mut self) -> Option<Vec<u8>> {
        self.routes_asked += 1;
        self.route.map(|name| name.as_bytes().to_vec())
    }
    fn note(&mut self, flags: &str) {
        self.noted = Some(flags.to_owned());
    }
    fn set(&mut self, name: &str, value: &[u8]) {
        assert!(!self.headers.iter().any(|(given, _)| given == name), "a copy of {name} has not been removed");
        self.headers.push((name.to_owned(), value.to_vec()));
    }
}

impl Request {
    fn get(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(given, _)| given == name).map(|(_, value)| std::str::from_utf8(value).unwrap())
    }
}

fn injector(rest: &str) -> Injector {
    let (injector, notices) = parse(format!(r#"{{"ruleset":{RULESET}{rest}}}"#).as_bytes()).unwrap();
    assert_eq!(notices, [""; 0]);
    injector
}

fn send(injector: &mut Injector, headers: &[(&str, &[u8])]) -> (Request, Option<String>) {
    let (request, response) = exchange(injector, headers);
    (request, response.into_iter().find(|(name, _)| name == "set-cookie").map(|(_, cookie)| cookie))
}

fn exchange(injector: &mut Injector, headers: &[(&str, &[u8])]) -> (Request, ResponseHeaders) {
    let mut request = Request {
        headers: headers.iter().map(|(name, value)| ((*name).to_owned(), value.to_vec())).collect(),
        removals: 0,
        ..Request::default()
    };
    let given: Vec<_> = headers.iter().map(|(name, value)| (name.as_bytes(), *value)).collect();
    let Poll::Ready(cookie) = injector.inject(&given, &mut request) else { panic!("nothing to wait for") };
    (request, cookie)
}

#[test]
fn a_trusted_user_with_an_endless_id_is_passed_over() {
    let mut injector = injector(r#","identity":[{"header":"x-user"}],"context":{"header":"x-context","trusted":true}"#);
    for (length, by_header) in [(1_024, false), (1_025, true)] {
        let user = format!(r#"{{"user_id":"{}"}}"#, "u".repeat(length));
        let (request, _) = send(&mut injector, &[("x-user", b"u-1"), ("x-context", user.as_bytes())]);
        assert_eq!(request.get("x-flags").unwrap().contains("who="), by_header, "{length}");
    }
}

#[test]
fn the_user_decides_the_flags() {
    let mut injector = injector(r#","identity":[{"header":"x-user"}],"per_flag_headers":{"who":"x-who"}"#);
    let (request, cookie) = send(&mut injector, &[("x-user", b"u-1")]);
    assert_eq!(request.get("x-flags"), Some(r#"nav, who=%"%c3%a9""#));
    assert_eq!(request.get("x-who"), Some("%C3%A9"));
    assert_eq!(request.get("x-flags-status"), Some(injector.usual_status()));
    assert_eq!((request.removals, cookie), (0, None));
    let (other, _) = send(&mut injector, &[("x-user", b"u-2")]);
    assert_eq!((other.get("x-flags"), other.get("x-who")), (Some("nav"), None));
    assert_ne!(other.get("x-flags-key"), request.get("x-flags-key"));
}

#[test]
fn forged_headers_go_in_every_spelling_with_and_without_a_ruleset() {
    let forged: [(&str, &[u8]); 7] = [
        ("x-flags", b"a"),
        ("X-Flags", b"b"),
        ("x_flags", b"c"),
        ("x-flags", b"d"),
        ("x-flags_key", b"e"),
        ("x-flags-status", b"f"),
        ("x-other", b"stays"),
    ];
    let (request, _) = send(&mut injector(r#","flags":[]"#), &forged);
    let names: Vec<_> = request.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["x-other", "x-flags-key", "x-flags-status"]);
    assert_eq!(request.removals, 5, "one for each spelling");
    let (mut none, notices) = parse(b"").unwrap();
    assert_eq!(notices.len(), 1);
    let (request, _) = send(&mut none, &forged);
    assert_eq!(request.headers, [("x-other".into(), b"stays".to_vec()), ("x-flags-status".into(), b"none".to_vec())]);
}

#[test]
fn a_trusted_context_names_the_user_and_does_not_go_on() {
    let mut injector = injector(r#","identity":[{"header":"x-user"}],"context":{"header":"x-ctx","trusted":true}"#);
    let mut flags = |headers: &[(&str, &[u8])]| {
        let (request, _) = send(&mut injector, headers);
        assert_eq!((request.get("x-ctx"), request.get("x_ctx")), (None, None));
        request.get("x-flags").unwrap().len() > "nav".len()
    };
    let user: &[u8] = br#"{"user_id":"u-9","country":"CA"}"#;
    assert!(flags(&[("x-ctx", user)]));
    assert!(flags(&[("x-ctx", b"eyJ1c2VyX2lkIjoidS0xIn0")]), "in base64");
    assert!(!flags(&[("x_ctx", user)]), "another spelling is nobody's");
    assert!(!flags(&[("x-ctx", user), ("x-user", b"u-2"), ("x-ctx", user)]), "one of two was forged");
    assert!(flags(&[("x-ctx", b"{"), ("x-user", b"u-1")]), "else the other sources count");
}

#[test]
fn attributes_come_from_listed_headers_only() {
    let attributes = r#","attributes":[{"header":"x-country","name":"country","scope":"profile"}]"#;
    let mut injector = injector(attributes);
    assert!(send(&mut injector, &[("x-country", b"CA")]).0.get("x-flags").unwrap().contains("who"));
    assert!(!send(&mut injector, &[("x-land", b"CA")]).0.get("x-flags").unwrap().contains("who"));
}

#[test]
fn a_new_anonymous_user_gets_a_cookie() {
    let mut injector = injector(r#","identity":[{"anonymous":{}}]"#);
    let (_, cookie) = send(&mut injector, &[]);
    assert!(cookie.unwrap().starts_with(&format!("jackstaff_id={};", "ab".repeat(16))));
    assert_eq!(send(&mut injector, &[("cookie", b"jackstaff_id=u-1")]).1, None);
}

#[test]
fn the_test_header_picks_variants_where_it_is_allowed() {
    let control: (&str, &[u8]) = ("x-t", br#"{"overrides":{"f1":"off"}}"#);
    let (request, _) = send(&mut injector(r#","environment":"test","test":{"header":"x-t"}"#), &[control]);
    assert_eq!((request.get("x-flags"), request.get("x-t")), (Some("nav=?0"), None));
    let (request, _) = send(&mut injector(""), &[control]);
    assert_eq!(request.get("x-flags"), Some("nav"));
}

#[test]
fn what_does_not_fit_is_in_the_status() {
    let mut injector = injector(r#","identity":[{"header":"x-user"}],"max_header_bytes":3"#);
    let (request, _) = send(&mut injector, &[("x-user", b"u-1")]);
    assert_eq!(request.get("x-flags"), Some("nav"));
    assert_eq!(request.get("x-flags-status"), Some(format!("{};omitted=1", injector.usual_status()).as_str()));
    assert_eq!(send(&mut injector, &[]).0.get("x-flags-status"), Some(injector.usual_status()));
}

#[test]
fn a_snapshot_in_base64_is_a_ruleset_too() {
    use base64::Engine as _;
    let compiled = jackstaff_core::compile(
        RULESET.as_bytes(),
        &jackstaff_core::CompileOptions { revision: 12, ..jackstaff_core::CompileOptions::default() },
    )
    .unwrap();
    let encode = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
    let with = |text: String| parse(format!(r#"{{"ruleset":"{text}"}}"#).as_bytes());
    assert_eq!(with(encode(&compiled.snapshot)).unwrap().0.usual_status(), "fresh;rev=\"12\";age=0");
    assert_eq!(with(encode(RULESET.as_bytes())).unwrap().0.flags(), Some(2));
    let mut damaged = compiled.snapshot;
    *damaged.last_mut().unwrap() ^= 1;
    for bad in [encode(&damaged), "?".into(), encode(b"[]"), String::new()] {
        assert!(with(bad).unwrap_err()[0].path.starts_with("$.ruleset"));
    }
}

#[test]
fn what_is_odd_is_told_and_a_ruleset_of_nonsense_refused() {
    let odd = format!(r#"{{"ruleset":{RULESET},"flags":["nav","gone"],"per_flag_headers":{{"gone":"x-g"}}}}"#);
    let (injector, notices) = parse(odd.as_bytes()).unwrap();
    assert_eq!(injector.flags(), Some(2));
    assert_eq!(notices.len(), 2, "{notices:?}");
    assert!(notices[0].contains("$.flags[1]") && notices[1].contains("$.per_flag_headers.gone"), "{notices:?}");
    for bad in ["7", "[]", "{}", "{\"project\":1}"] {
        parse(format!(r#"{{"ruleset":{bad}}}"#).as_bytes()).unwrap_err();
    }
}

#[test]
fn stored_attributes_are_waited_for_and_used() {
    let mut injector = injector(r#","identity":[{"header":"x-user"}]"#);
    let headers: [(&[u8], &[u8]); 1] = [(b"x-user", b"u-2")];
    let stored = BTreeMap::from([("u-2", r#"{"profile":{"country":"CA"},"custom":{}}"#)]);
    let mut request = Request { stored, waits: true, ..Request::default() };
    assert_eq!(injector.inject(&headers, &mut request), Poll::Pending);
    assert_eq!(request.headers, []);
    assert_eq!(injector.inject(&headers, &mut request), Poll::Ready(Vec::new()));
    assert!(request.get("x-flags-status").unwrap().ends_with(";user-data=found"), "{:?}", request.headers);
    assert_eq!(request.get("x-flags").unwrap(), r#"nav, who=%"%c3%a9""#);
}

#[test]
fn a_request_carries_the_flags_of_its_route() {
    let mut injector = injector(
        r#","identity":[{"header":"x-user"}],"per_flag_headers":{"who":"x-who"},
           "routes":[{"path_prefix":"/nav","flags":["nav"]},{"path_prefix":"/none","flags":[]}]"#,
    );
    let mut seen = |path: &str| {
        let (request, _) = send(&mut injector, &[(":path", path.as_bytes()), ("x-user", b"u-1")]);
        assert_eq!(request.get("x-who"), Some("%C3%A9"));
        let key = request.get("x-flags-key").unwrap().to_owned();
        (request.get("x-flags").map(str::to_owned), key)
    };
    let (all, nav, none) = (seen("/"), seen("/nav/x?y"), seen("/none"));
    assert_eq!(all.0.as_deref(), Some(r#"nav, who=%"%c3%a9""#));
    assert_eq!(nav.0.as_deref(), Some("nav"));
    assert_eq!(none.0, None);
    assert!(all.1 != nav.1 && nav.1 != none.1);
}

#[test]
fn a_route_of_the_proxy_names_its_flags() {
    let routes = r#","identity":[{"header":"x-user"}],"routes":[{"path_prefix":"/who","flags":["who"]},
        {"name":"nav","flags":["nav"]},{"name":"none","path_prefix":"/none","flags":[]}]"#;
    let mut named = injector(routes);
    for (route, path, flags) in [
        (None, "/", Some(r#"nav, who=%"%c3%a9""#)),
        (Some("nav"), "/", Some("nav")),
        (Some("nav"), "/who", Some("nav")),
        (Some("who"), "/who", Some(r#"who=%"%c3%a9""#)),
        (Some(""), "/none", None),
        (Some("none"), "/who", None),
    ] {
        let mut request = Request { route, ..Request::default() };
        let headers: [(&[u8], &[u8]); 2] = [(b":path", path.as_bytes()), (b"x-user", b"u-1")];
        assert_eq!(named.inject(&headers, &mut request), Poll::Ready(Vec::new()));
        assert_eq!((request.get("x-flags"), request.routes_asked), (flags, 1), "{route:?} {path}");
    }
    let mut paths = injector(r#","routes":[{"path_prefix":"/who","flags":["who"]}]"#);
    assert_eq!(send(&mut paths, &[]).0.routes_asked, 0, "where nothing is named, nobody is asked");
}

#[test]
fn browsers_and_access_logs_are_told_on_request() {
    let mut quiet = injector(r#","identity":[{"header":"x-user"}]"#);
    let (request, response) = exchange(&mut quiet, &[("x-user", b"u-1")]);
    assert_eq!((request.noted, response), (None, Vec::new()));
    let mut loud = injector(
        r#","identity":[{"header":"x-user"}],"access_log":true,"response":{"header":"X-Page-Flags","server_timing":true}"#,
    );
    let (request, response) = exchange(&mut loud, &[("x-user", b"u-1")]);
    let flags = r#"nav, who=%"%c3%a9""#;
    assert_eq!(request.noted.as_deref(), Some(flags));
    let timing = r#"jackstaff;desc="nav, who=%\"%c3%a9\"""#;
    assert_eq!(
        response,
        [("X-Page-Flags".to_owned(), flags.to_owned()), ("server-timing".to_owned(), timing.to_owned())]
    );
}

#[test]
fn what_was_decided_is_counted() {
    let mut injector = injector(r#","identity":[{"header":"x-user"}],"flags":["nav"]"#);
    for _ in 0..3 {
        send(&mut injector, &[("x-user", b"u-1")]);
    }
    let mut counts = Vec::new();
    injector.count(&mut |count| counts.push(format!("{count:?}")));
    assert_eq!(
        counts,
        ["Requests(3)", "Decision { flag: \"nav\", variant: \"on\", count: 3 }", "Reason(TargetingMatch, 3)"]
    );
    injector.count(&mut |count| panic!("{count:?}"));
}

#[test]
fn a_token_forces_variants_for_whoever_shows_it() {
    let secret = "0123456789abcdef0123456789abcdef";
    let mut injector = injector(&format!(
        r#","identity":[{{"header":"x-user"}}],"flags":["nav"],"overrides":{{"secret":"{secret}","header":"x-try","cookie":"try"}}"#
    ));
    let token =
        |secret: &str, expires| crate::overrides::sign(secret.as_bytes(), expires, &vec![("f1".into(), "off".into())]);
    let (good, forged, late) = (token(secret, 1), token("fedcba9876543210fedcba9876543210", 1), token(secret, 0));
    let cookie = format!("a=b; try={good}");
    for (name, value, flags) in [
        ("x-try", &good, "nav=?0"),
        ("cookie", &cookie, "nav=?0"),
        ("x-try", &forged, "nav"),
        ("x-try", &late, "nav"),
        ("x-other", &good, "nav"),
    ] {
        let (request, _) = send(&mut injector, &[("x-user", b"u-1"), (name, value.as_bytes())]);
        assert_eq!(request.get("x-flags").unwrap(), flags, "{name}: {value}");
        assert_eq!(request.get("x-try"), None, "the application never sees it");
    }
}

#[test]
fn the_clock_is_asked_where_the_time_makes_a_difference_and_only_there() {
    let on = r#""distribution":[{"_variation":"on","percentage":1}]"#;
    let begins =
        RULESET.replace(on, &format!(r#"{on},"rollout":{{"type":"schedule","startDate":"1970-01-01T00:00:01.000Z"}}"#));
    let flagd = |targeting: &str| {
        format!(
            r#"{{"flags":{{"nav":{{"state":"ENABLED","variants":{{"on":true}},"defaultVariant":"on"{targeting}}}}}}}"#
        )
    };
    let user = r#""identity":[{"header":"x-user"}]"#;
    let later = flagd(r#","targeting":{"if":[{">":[{"var":"$flagd.timestamp"},1]},"on","nothing"]}"#);
    for (config, asked, flags) in [
        (format!(r#"{{{user},"ruleset":{RULESET}}}"#), 0, ["nav", "nav"]),
        (format!(r#"{{{user},"ruleset":{begins}}}"#), 1, ["", "nav"]),
        (format!(r#"{{{user},"ruleset":{begins},"flags":["who"]}}"#), 0, ["", ""]),
        (format!(r#"{{{user},"ruleset":{begins},"flags":["who"],"per_flag_headers":{{"nav":"x-nav"}}}}"#), 1, ["", ""]),
        (format!(r#"{{{user},"ruleset":{}}}"#, flagd("")), 0, ["nav", "nav"]),
        (format!(r#"{{{user},"ruleset":{later}}}"#), 1, ["", "nav"]),
    ] {
        let (mut injector, _) = parse(config.as_bytes()).unwrap();
        for (now, flags) in [500, 2_000].into_iter().zip(flags) {
            let mut request = Request { now, ..Request::default() };
            assert!(injector.inject(&[(b"x-user".as_slice(), b"u-9".as_slice())], &mut request).is_ready());
            assert_eq!(
                (request.get("x-flags").unwrap_or_default(), request.times_asked),
                (flags, asked),
                "{now}: {config}"
            );
        }
    }
}
