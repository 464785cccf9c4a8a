//! Good and bad configurations.

use super::*;
use crate::identity::{Anonymous, SameSite};

fn paths(json: &str) -> Vec<String> {
    let errors = FilterConfig::parse(json.as_bytes()).unwrap_err();
    assert!(errors.iter().all(|error| !error.message.is_empty() && !error.remedy.is_empty()), "{errors:?}");
    errors.into_iter().map(|error| error.path).collect()
}

#[test]
fn nothing_need_be_said() {
    for empty in ["", " \n", "{}"] {
        let config = FilterConfig::parse(empty.as_bytes()).unwrap();
        assert!(config.ruleset.is_none() && config.flags.is_none());
        assert_eq!(config.headers.status, "x-flags-status");
        assert_eq!(config.max_header_bytes, DEFAULT_HEADER_BYTES);
    }
}

#[test]
fn everything_can_be_said() {
    let json = r#"{"ruleset":{"a":1},"flags":["a"],
        "identity":[{"header":"X-User-Id"},{"cookie":"uid"},{"anonymous":{"cookie":"id","max_age":60,"same_site":"none","domain":"example.com"}}],
        "attributes":[{"header":"x-country","name":"country","scope":"profile"},{"header":"x-n","name":"n","type":"number"}],
        "context":{"header":"x-jackstaff-context","trusted":true},
        "headers":{"flags":"X-F"},"per_flag_headers":{"checkout":"x-flag-checkout"},
        "variants":true,"max_header_bytes":1000,"environment":"test-1","test":{"header":"x-jackstaff-test"}}"#;
    let config = FilterConfig::parse(json.as_bytes()).unwrap();
    assert_eq!(config.ruleset.unwrap(), r#"{"a":1}"#);
    assert_eq!(config.headers.flags, "x-f");
    assert_eq!(config.headers.key, "x-flags-key");
    let anonymous = Anonymous {
        cookie: "id".into(),
        max_age: 60,
        same_site: SameSite::None,
        domain: Some("example.com".into()),
        ..Anonymous::default()
    };
    let expected = [Source::Header("x-user-id".into()), Source::Cookie("uid".into()), Source::Anonymous(anonymous)];
    assert_eq!(config.identity, expected);
}

#[test]
fn what_cannot_be_read_is_named() {
    assert_eq!(paths("[]"), ["$"]);
    assert_eq!(paths("\u{a}\u{3}abc"), ["$"]);
    assert_eq!(paths("{} x"), ["$"]);
    assert_eq!(paths(r#"{"flagz":[]}"#), ["$.flagz"]);
    assert_eq!(paths(r#"{"flags":[1]}"#), ["$.flags[0]"]);
    assert_eq!(paths(r#"{"identity":[{"anonymous":{"max_age":"1"}}]}"#), ["$.identity[0].anonymous.max_age"]);
    assert_eq!(paths(r#"{"identity":[{"jwt":"sub"}]}"#), ["$.identity[0].jwt"]);
    assert_eq!(paths(r#"{"attributes":[{"header":"a"}]}"#), ["$.attributes[0]"]);
}

#[test]
fn everything_that_cannot_be_read_is_named_at_once() {
    let json =
        r#"{"flagz":[],"variants":1,"headers":{"key":null},"attributes":[{"nam":"a"},{"name":"b","scope":"c"}]}"#;
    let expected = ["$.flagz", "$.attributes[0].nam", "$.attributes[0]", "$.attributes[1].scope", "$.headers.key"];
    assert_eq!(paths(json), [&expected[..], &["$.variants"]].concat());
}

#[test]
fn a_misspelt_name_is_told_its_right_spelling() {
    let remedy = |json: &str| FilterConfig::parse(json.as_bytes()).unwrap_err().remove(0).remedy;
    assert!(remedy(r#"{"flagz":[]}"#).contains("`flags`"));
    assert!(remedy(r#"{"identity":[{"anonymus":{}}]}"#).contains("`anonymous`"));
    assert!(remedy(r#"{"headers":{"keys":"x"}}"#).contains("`key`"));
    assert!(remedy(r#"{"elephant":1}"#).starts_with("remove it"));
}

#[test]
fn what_makes_no_sense_is_named_all_at_once() {
    let json = r#"{"context":{"header":"x-c"},"max_header_bytes":0,"headers":{"flags":"cookie","key":"a b"}}"#;
    assert_eq!(paths(json), ["$.headers.key", "$.headers.flags", "$.context.trusted", "$.max_header_bytes"]);
    assert_eq!(paths(r#"{"per_flag_headers":{"a":"x_flags"}}"#), ["$.per_flag_headers.a"]);
    assert_eq!(paths(r#"{"identity":[{"header":"X-Flags"}]}"#), ["$.identity[0].header"]);
    assert_eq!(paths(r#"{"identity":[{"cookie":"a;b"}]}"#), ["$.identity[0].cookie"]);
    let cookie =
        r#"{"identity":[{"anonymous":{"max_age":0,"path":"a","domain":"a;b","same_site":"none","secure":false}}]}"#;
    let at = |name: &str| format!("$.identity[0].anonymous.{name}");
    assert_eq!(paths(cookie), [at("max_age"), at("path"), at("domain"), at("secure")]);
    assert_eq!(
        paths(r#"{"attributes":[{"header":"x-a","name":"","scope":"profile","type":"json"}]}"#),
        ["$.attributes[0].name", "$.attributes[0].type"]
    );
}

#[test]
fn an_entry_of_routes_is_for_some_requests() {
    let routes = r#"{"routes":[{"name":"a","flags":[]},{"flags":[]},{"name":"a","path_prefix":"x","flags":[]},
        {"name":"b","path_prefix":"/","flags":[]},{"path_prefix":"/","flags":[]}]}"#;
    assert_eq!(paths(routes), ["$.routes[1]", "$.routes[2].path_prefix", "$.routes[2].name"]);
}

#[test]
fn the_test_facility_stays_in_test_environments() {
    assert_eq!(paths(r#"{"test":{"header":"x-t"}}"#), ["$.environment"]);
    assert_eq!(paths(r#"{"test":{"header":"x-t"},"environment":"production"}"#), ["$.environment"]);
    FilterConfig::parse(br#"{"test":{"header":"x-t"},"environment":"testing"}"#).unwrap();
}
