use std::sync::Arc;

use jackstaff_core::{Scope, Timestamp, Value};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::executor::poll_once;
use crate::memory::{MemoryPlatform, StoreFault};

const DAY_MS: i64 = 86_400_000;

fn settings(text: &str) -> UserDataSettings {
    UserDataSettings::parse(text).unwrap()
}

fn subject(settings: &UserDataSettings) -> Subject<'_> {
    Subject { settings, environment: "test", id: "ada" }
}

fn custom(json: &str) -> Patch<'_> {
    let Value::Map(members) = serde_json::from_str(json).unwrap() else { panic!("{json}") };
    Patch { custom: Some(Custom::Merge(members)), ..Patch::default() }
}

fn put(platform: &MemoryPlatform, settings: &UserDataSettings, json: &str) -> Result<Changed, ChangeError> {
    poll_once(change(platform, &subject(settings), &custom(json))).unwrap()
}

fn get(platform: &MemoryPlatform, settings: &UserDataSettings) -> Result<Option<Json>, String> {
    let user = poll_once(fetch(platform, &subject(settings))).unwrap()?;
    Ok(user.map(|user| serde_json::from_str::<Json>(&user).unwrap()["customData"].clone()))
}

fn decide(platform: &MemoryPlatform, settings: &UserDataSettings) -> (Outcome, Option<Value<'static>>) {
    let recalled = poll_once(recall(platform, &subject(settings))).unwrap();
    let mut context = Context::new("ada").with(Scope::Custom, "own", Value::Number(1.0));
    recalled.merge_under(&mut context, Dialect::DevCycle);
    (recalled.outcome, context.get(Scope::Custom, "stars").cloned().map(Value::into_owned))
}

#[test]
fn stores_merges_and_removes() {
    let (platform, settings) = (MemoryPlatform::default(), settings(""));
    assert_eq!(put(&platform, &settings, r#"{"stars":1,"deep":{"a":1,"b":null}}"#), Ok(Changed::Stored));
    assert_eq!(put(&platform, &settings, r#"{"stars":120,"deep":{"c":[null]}}"#), Ok(Changed::Stored));
    assert_eq!(get(&platform, &settings), Ok(Some(json!({"stars":120,"deep":{"a":1,"c":[null]}}))));
    assert_eq!(put(&platform, &settings, r#"{"deep":null}"#), Ok(Changed::Stored));
    assert_eq!(get(&platform, &settings), Ok(Some(json!({"stars":120}))));
    assert_eq!(platform.keys(), ["user:test:ada"]);
    assert_eq!(decide(&platform, &settings), (Outcome::Found, Some(Value::Number(120.0))));
    poll_once(erase(&platform, &subject(&settings))).unwrap().unwrap();
    assert_eq!(get(&platform, &settings), Ok(None));
    assert_eq!(decide(&platform, &settings), (Outcome::Nothing, None));
    assert!(platform.keys().is_empty());
}

#[test]
fn what_is_stored_already_is_not_written_again() {
    let (platform, settings) = (MemoryPlatform::default(), settings(""));
    put(&platform, &settings, r#"{"stars":1}"#).unwrap();
    let writes = platform.writes();
    assert_eq!(put(&platform, &settings, r#"{"stars":1.0,"gone":null}"#), Ok(Changed::Already));
    let seen = Patch { profile: vec![(LAST_SEEN.into(), Value::Number(5.0))], custom: None };
    assert_eq!(poll_once(change(&platform, &subject(&settings), &seen)).unwrap(), Ok(Changed::Already));
    assert_eq!(platform.writes(), writes);
}

#[test]
fn namespaces_and_environments_keep_users_apart() {
    let platform = MemoryPlatform::default();
    let (own, shared) = (settings(""), settings(r#"{"namespace":"shop"}"#));
    put(&platform, &own, r#"{"a":1}"#).unwrap();
    put(&platform, &shared, r#"{"a":2}"#).unwrap();
    assert_eq!(platform.keys(), ["user:shop:ada", "user:test:ada"]);
}

#[test]
fn a_conflict_is_tried_again_on_what_the_other_wrote() {
    let (platform, settings) = (MemoryPlatform::default(), settings(""));
    put(&platform, &settings, r#"{"a":1}"#).unwrap();
    for n in 1..=5 {
        platform.add_rival("user:test:ada", format!(r#"{{"profile":{{}},"custom":{{"a":1,"rival":{n}}}}}"#));
    }
    assert_eq!(put(&platform, &settings, r#"{"b":2}"#), Ok(Changed::Stored));
    assert_eq!(get(&platform, &settings), Ok(Some(json!({"a":1,"rival":5,"b":2}))));
    assert_eq!(platform.pauses(), 5);
}

#[test]
fn conflicts_without_end_are_an_error() {
    let (platform, settings) = (MemoryPlatform::default(), settings(""));
    for n in 0..1_000 {
        platform.add_rival("user:test:ada", format!(r#"{{"profile":{{}},"custom":{{"n":{n}}}}}"#));
    }
    assert_eq!(put(&platform, &settings, r#"{"b":2}"#), Err(ChangeError::Contended(60)));
    let recalled = poll_once(recall(&platform, &subject(&settings))).unwrap();
    let beside = poll_once(remember(&platform, &subject(&settings), &custom(r#"{"b":2}"#), &recalled)).unwrap();
    assert_eq!(beside, Err(ChangeError::Contended(4)));
}

#[test]
fn of_a_hundred_threads_none_is_lost() {
    let (platform, settings) = (Arc::new(MemoryPlatform::default()), settings(""));
    std::thread::scope(|scope| {
        for n in 0..100 {
            let (platform, settings) = (platform.clone(), &settings);
            scope.spawn(move || {
                std::thread::yield_now();
                put(&platform, settings, &format!(r#"{{"k{n}":{n}}}"#)).unwrap();
            });
        }
    });
    let stored = get(&platform, &settings).unwrap().unwrap();
    assert_eq!(stored.as_object().unwrap().len(), 100);
}

#[test]
fn a_store_in_trouble_is_said_and_decisions_go_on() {
    let (platform, settings) = (MemoryPlatform::default(), settings(""));
    put(&platform, &settings, r#"{"stars":1}"#).unwrap();
    for (fault, outcome) in [(StoreFault::Failing, Outcome::Failed), (StoreFault::Slow, Outcome::Late)] {
        platform.set_fault(fault);
        assert_eq!(decide(&platform, &settings), (outcome, None));
        let recalled = poll_once(recall(&platform, &subject(&settings))).unwrap();
        let beside = poll_once(remember(&platform, &subject(&settings), &custom(r#"{"b":2}"#), &recalled)).unwrap();
        assert!(matches!(beside, Err(ChangeError::Store(_))), "{beside:?}");
    }
    for fault in [StoreFault::Failing, StoreFault::FailingWrites] {
        platform.set_fault(fault);
        assert!(matches!(put(&platform, &settings, r#"{"b":2}"#), Err(ChangeError::Store(_))));
        poll_once(erase(&platform, &subject(&settings))).unwrap().unwrap_err();
    }
    platform.set_fault(StoreFault::None);
    assert_eq!(get(&platform, &settings), Ok(Some(json!({"stars":1}))));
}

#[test]
fn what_cannot_be_read_is_kept_aside() {
    let (platform, settings) = (MemoryPlatform::default(), settings(""));
    for corrupt in [&b""[..], b"\xff", b"[]", b"{\"profile\":[]}", b"{\"profile\":{},\"custom\":{},\"later\":1}"] {
        platform.put("user:test:ada", corrupt);
        platform.remove("user-aside:test:ada");
        assert_eq!(decide(&platform, &settings), (Outcome::Corrupt, None));
        assert!(get(&platform, &settings).unwrap_err().contains("aside"));
        assert_eq!(platform.peek("user:test:ada").unwrap(), corrupt);
        assert_eq!(put(&platform, &settings, r#"{"stars":1}"#), Ok(Changed::Stored));
        assert_eq!(platform.peek("user-aside:test:ada").unwrap(), corrupt);
        assert_eq!(get(&platform, &settings), Ok(Some(json!({"stars":1}))));
    }
    platform.put("user:test:ada", "another");
    assert_eq!(put(&platform, &settings, r#"{"stars":1}"#), Err(ChangeError::CorruptTwice));
    assert_eq!(platform.peek("user:test:ada").unwrap(), b"another");
    poll_once(erase(&platform, &subject(&settings))).unwrap().unwrap();
    assert!(platform.keys().is_empty());
    assert!(!platform.lines().iter().any(|line| line.contains("ada")), "{:?}", platform.lines());
}

#[test]
fn a_call_that_says_nothing_changes_nothing() {
    let (platform, settings) = (MemoryPlatform::default(), settings(""));
    let seen = Patch { profile: vec![(LAST_SEEN.into(), Value::Number(5.0))], custom: None };
    let beside = |patch: &Patch<'_>| {
        let recalled = poll_once(recall(&platform, &subject(&settings))).unwrap();
        poll_once(remember(&platform, &subject(&settings), patch, &recalled)).unwrap()
    };
    platform.put("user:test:ada", "[]");
    for fault in [StoreFault::None, StoreFault::Slow, StoreFault::Failing] {
        platform.set_fault(fault);
        assert_eq!(beside(&Patch::default()), Ok(Changed::Already));
        assert_eq!(beside(&seen), Ok(Changed::Already));
    }
    assert_eq!((platform.keys(), platform.writes()), (vec!["user:test:ada".to_owned()], 0));
}

#[test]
fn limits_are_named_and_nothing_is_stored_beyond_them() {
    let (platform, settings) = (MemoryPlatform::default(), settings(""));
    put(&platform, &settings, r#"{"a":1}"#).unwrap();
    let long = format!(r#"{{"b":"{}"}}"#, "x".repeat(MAX_DOCUMENT_BYTES));
    let error = put(&platform, &settings, &long).unwrap_err();
    assert!(
        matches!(error, ChangeError::TooLarge(TooLarge::Bytes(_))) && error.to_string().contains("16384"),
        "{error}"
    );
    let many: serde_json::Map<String, Json> =
        (0..MAX_STORED_ATTRIBUTES).map(|n| (format!("k{n}"), Json::from(n))).collect();
    let error = put(&platform, &settings, &Json::Object(many.clone()).to_string()).unwrap_err();
    assert_eq!(error, ChangeError::TooLarge(TooLarge::Attributes(251)));
    assert_eq!(get(&platform, &settings), Ok(Some(json!({"a":1}))));
    // One fewer fits.
    put(&platform, &settings, r#"{"a":null}"#).unwrap();
    put(&platform, &settings, &Json::Object(many).to_string()).unwrap();
}

#[test]
fn documents_expire_after_their_last_change() {
    let (platform, settings) = (MemoryPlatform::default(), settings(r#"{"expire_days":2}"#));
    put(&platform, &settings, r#"{"stars":1}"#).unwrap();
    platform.set_now(Timestamp(DAY_MS));
    put(&platform, &settings, r#"{"more":1}"#).unwrap();
    platform.set_now(Timestamp(3 * DAY_MS - 1));
    assert_eq!(decide(&platform, &settings).0, Outcome::Found);
    platform.set_now(Timestamp(3 * DAY_MS));
    assert_eq!(decide(&platform, &settings), (Outcome::Nothing, None));
    assert_eq!(get(&platform, &settings), Ok(None));
    put(&platform, &settings, r#"{"new":1}"#).unwrap();
    assert_eq!(get(&platform, &settings), Ok(Some(json!({"new":1}))));
}

#[test]
fn a_request_knows_better_than_the_store() {
    let (platform, settings) = (MemoryPlatform::default(), settings(""));
    put(&platform, &settings, r#"{"stars":1,"own":7}"#).unwrap();
    let recalled = poll_once(recall(&platform, &subject(&settings))).unwrap();
    let mut context = Context::new("ada").with(Scope::Custom, "own", Value::Null);
    recalled.merge_under(&mut context, Dialect::DevCycle);
    assert_eq!(context.get(Scope::Custom, "own"), Some(&Value::Null));
    assert_eq!(context.get(Scope::Custom, "stars"), Some(&Value::Number(1.0)));
    assert_eq!(platform.reads(), 2);
}

/// JSON Merge Patch as RFC 7396, section 2 writes it down.
fn merge_patch(target: &mut Json, patch: &Json) {
    let Some(patch) = patch.as_object() else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    let target = target.as_object_mut().unwrap();
    for (name, value) in patch {
        if value.is_null() {
            target.remove(name);
        } else {
            merge_patch(target.entry(name).or_insert(Json::Null), value);
        }
    }
}

fn any_object() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        (-9_i32..9).prop_map(Json::from),
        "[a-c\"\\\\é\u{0}]{0,3}".prop_map(Json::from),
    ];
    let value = leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Json::from),
            prop::collection::btree_map("[a-c]", inner, 0..4).prop_map(|map| Json::Object(map.into_iter().collect())),
        ]
    });
    prop::collection::btree_map("[a-cé\"]", value, 0..5).prop_map(|map| Json::Object(map.into_iter().collect()))
}

proptest! {
    #[test]
    fn patches_are_merged_as_the_rfc_has_it(patches in prop::collection::vec(any_object(), 1..6)) {
        let (platform, settings) = (MemoryPlatform::default(), settings(""));
        let mut expected = json!({});
        for patch in &patches {
            merge_patch(&mut expected, patch);
            put(&platform, &settings, &patch.to_string()).unwrap();
            let stored = get(&platform, &settings).unwrap().unwrap_or(json!({}));
            prop_assert_eq!(&stored, &expected);
        }
    }

    #[test]
    fn any_bytes_in_the_store_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let (platform, settings) = (MemoryPlatform::default(), settings(""));
        platform.put("user:test:ada", bytes);
        decide(&platform, &settings);
        put(&platform, &settings, r#"{"stars":1}"#).unwrap();
        prop_assert_eq!(decide(&platform, &settings).1, Some(Value::Number(1.0)));
    }
}

mod names;
mod remote;
