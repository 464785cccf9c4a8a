//! Where another Jackstaff keeps the user data.

use super::*;

const REMOTE: &str = r#"{"remote":{"origin":"keeper","authority":"a","key":"dvc_server_secret"}}"#;

fn answering(platform: &MemoryPlatform, status: u16, body: &'static str) {
    platform.set_servers(Box::new(move |_, _, _| {
        Ok(http::Response::builder().status(status).body(bytes::Bytes::from_static(body.as_bytes())).unwrap())
    }));
}

#[test]
fn a_copy_counts_for_its_time_in_a_store_that_forgets_nothing() {
    let (platform, settings) = (MemoryPlatform::default(), settings(REMOTE));
    platform.put("user:test:ada", r#"{"profile":{},"custom":{"stars":7}}"#);
    answering(&platform, 200, r#"{"user_id":"ada","customData":{"stars":1}}"#);
    assert_eq!(decide(&platform, &settings), (Outcome::Found, Some(Value::Number(1.0))));
    answering(&platform, 404, "{}");
    platform.set_now(Timestamp(59_999));
    assert_eq!(decide(&platform, &settings).0, Outcome::Found);
    platform.set_now(Timestamp(60_000));
    assert_eq!(decide(&platform, &settings).0, Outcome::Nothing);
    answering(&platform, 200, r#"{"user_id":"ada","customData":{"stars":2}}"#);
    platform.set_now(Timestamp(64_999));
    assert_eq!(decide(&platform, &settings).0, Outcome::Nothing);
    platform.set_now(Timestamp(65_000));
    assert_eq!(decide(&platform, &settings), (Outcome::Found, Some(Value::Number(2.0))));
    // A copy that was damaged is none.
    let copy = platform.keys().into_iter().find(|key| key.starts_with("user-cache:test:")).unwrap();
    platform.put(copy.clone(), "{");
    assert_eq!(decide(&platform, &settings), (Outcome::Found, Some(Value::Number(2.0))));
    // What was stored here before somebody else kept it is nobody's copy.
    assert_eq!(platform.peek("user:test:ada").unwrap(), br#"{"profile":{},"custom":{"stars":7}}"#);
    // One that is somebody else's is none.
    let other = String::from_utf8(platform.peek(&copy).unwrap()).unwrap().replace("user:test:ada", "user:test:eve");
    platform.put(copy, other);
    answering(&platform, 200, r#"{"user_id":"ada","customData":{"stars":3}}"#);
    assert_eq!(decide(&platform, &settings), (Outcome::Found, Some(Value::Number(3.0))));
    // Erasing leaves nothing.
    poll_once(erase(&platform, &subject(&settings))).unwrap().unwrap();
    assert_eq!(platform.keys(), Vec::<String>::new());
}

#[test]
fn a_remote_that_failed_rests_for_a_second_and_no_other_does() {
    let (platform, settings) = (MemoryPlatform::default(), settings(REMOTE));
    answering(&platform, 503, "");
    assert_eq!(decide(&platform, &settings).0, Outcome::Failed);
    answering(&platform, 404, "{}");
    platform.set_now(Timestamp(999));
    assert_eq!(decide(&platform, &settings).0, Outcome::Failed);
    let other = UserDataSettings::parse(&REMOTE.replace("keeper", "other")).unwrap();
    assert_eq!(decide(&platform, &other).0, Outcome::Nothing);
    platform.set_now(Timestamp(1_000));
    for key in platform.keys().iter().filter(|key| key.starts_with("user-cache:")) {
        platform.remove(key);
    }
    assert_eq!(decide(&platform, &settings).0, Outcome::Nothing);
    assert!(!platform.lines().concat().contains("secret"), "{:?}", platform.lines());
}

#[test]
fn a_decision_waits_for_store_and_remote_together_no_longer_than_the_limit() {
    let (platform, settings) = (Arc::new(MemoryPlatform::default()), settings(REMOTE));
    let (clock, limits) = (platform.clone(), Arc::new(std::sync::Mutex::new(Vec::new())));
    let seen = limits.clone();
    platform.set_servers(Box::new(move |_, _, limit_ms| {
        seen.lock().unwrap().push(limit_ms);
        Ok(http::Response::builder().status(404).body(bytes::Bytes::from_static(b"{}")).unwrap())
    }));
    // Each read takes seven milliseconds, then ten.
    platform.set_pace(7);
    assert_eq!(decide(&clock, &settings).0, Outcome::Nothing);
    platform.set_now(Timestamp(DAY_MS));
    platform.set_pace(10);
    assert_eq!(decide(&clock, &settings).0, Outcome::Late);
    assert_eq!(
        *limits.lock().unwrap(),
        [6],
        "of twenty milliseconds two reads took fourteen; then both, and nobody was asked"
    );
}

#[test]
fn what_a_remote_says_is_handed_on_in_short() {
    let (platform, settings) = (MemoryPlatform::default(), settings(REMOTE));
    for (body, said) in [
        (r#"{"statusCode":422,"message":"the user would have 251"}"#.to_owned(), "the user would have 251".to_owned()),
        ("é".repeat(10_000), "é".repeat(500)),
    ] {
        answering(&platform, 422, body.leak());
        let refused = ChangeError::Refused(http::StatusCode::UNPROCESSABLE_ENTITY, said);
        assert_eq!(put(&platform, &settings, r#"{"stars":1}"#), Err(refused));
    }
}

#[test]
fn made_up_users_do_not_fill_a_store_that_forgets_nothing() {
    let (platform, settings) = (MemoryPlatform::default(), settings(REMOTE));
    answering(&platform, 404, "{}");
    for nth in 0..20_000 {
        let id = format!("made-up-{nth}");
        let subject = Subject { settings: &settings, environment: "test", id: &id };
        assert_eq!(poll_once(recall(&platform, &subject)).unwrap().outcome, Outcome::Nothing);
    }
    let kept = platform.keys().len();
    assert!(kept <= 16_384, "{kept}");
}

#[test]
fn what_a_remote_cannot_say_of_one_user_keeps_nobody_from_asking_for_others() {
    let (platform, settings) = (MemoryPlatform::default(), settings(REMOTE));
    let of = |id: &str| {
        let subject = Subject { settings: &settings, environment: "test", id };
        poll_once(recall(&platform, &subject)).unwrap().outcome
    };
    for (status, body) in [(500, "{}"), (200, "<html>"), (200, r#"{"customData":7}"#), (404, "<html>")] {
        platform.set_now(Timestamp(platform.now().0 + DAY_MS));
        answering(&platform, status, body);
        assert_eq!(of("ada"), Outcome::Failed, "{status} {body}");
        answering(&platform, 404, "{}");
        assert_eq!((of("ada"), of("bob")), (Outcome::Failed, Outcome::Nothing), "{status} {body}");
        platform.set_now(Timestamp(platform.now().0 + 1_000));
        assert_eq!(of("ada"), Outcome::Nothing, "{status} {body}");
    }
    for status in [401, 403, 429, 502, 503, 504] {
        platform.set_now(Timestamp(platform.now().0 + DAY_MS));
        answering(&platform, status, "{}");
        assert_eq!(of("ada"), Outcome::Failed, "{status}");
        answering(&platform, 404, "{}");
        assert_eq!(of("bob"), Outcome::Failed, "{status}");
    }
}

#[test]
fn a_decision_that_stores_waits_less_than_a_change() {
    let (platform, settings) = (MemoryPlatform::default(), settings(REMOTE));
    let asked = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = asked.clone();
    platform.set_servers(Box::new(move |_, request, limit_ms| {
        seen.lock().unwrap().push((request.method().to_string(), limit_ms));
        let body = r#"{"user_id":"ada","customData":{}}"#;
        Ok(http::Response::builder().status(200).body(bytes::Bytes::from_static(body.as_bytes())).unwrap())
    }));
    let recalled = poll_once(recall(&platform, &subject(&settings))).unwrap();
    let beside = poll_once(remember(&platform, &subject(&settings), &custom(r#"{"b":2}"#), &recalled)).unwrap();
    assert_eq!(beside, Ok(Changed::Stored));
    assert_eq!(put(&platform, &settings, r#"{"b":2}"#), Ok(Changed::Stored));
    let asked =
        asked.lock().unwrap().iter().map(|(method, limit_ms)| format!("{method} {limit_ms}")).collect::<Vec<_>>();
    assert_eq!(asked, ["GET 20", "PATCH 1000", "PATCH 10000"]);
}
