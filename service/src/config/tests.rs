use super::*;

const DIGEST: &str = "00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00fF";

fn keys(environment: &str) -> String {
    format!(r#"[{{"sha256":"{DIGEST}","kind":"server","environment":"{environment}","note":"x"}}]"#)
}

#[test]
fn reads_keys_and_defaults() {
    let config = Config::parse(&Settings { keys: &keys("prod"), ..Settings::default() }).unwrap();
    assert_eq!(config.keys.len(), 1);
    assert_eq!(config.keys[0].digest, [[0, 255]; 16].concat()[..]);
    assert_eq!(config.keys[0].environment, "prod");
    assert_eq!(config.ruleset_cache_ms, 10_000);
    assert_eq!(config.test_header, None);
    assert_eq!(config.open_environment, None);
    assert_eq!(config.rate_limit, None);
    let config = Config::parse(&Settings { keys: "[]", ruleset_cache_ms: "0", ..Settings::default() }).unwrap();
    assert_eq!(config.ruleset_cache_ms, 0);
}

#[test]
fn names_the_setting_that_is_wrong() {
    let good = keys("prod");
    let error = |settings: &Settings<'_>| Config::parse(settings).unwrap_err();
    let beside_keys = Settings { keys: &good, ..Settings::default() };
    for (keys, part) in [
        ("", "missing"),
        (" ", "missing"),
        ("{}", "no JSON list"),
        (r#"[{"sha256":"secret","kind":"boss","environment":"e"}]"#, "no JSON list"),
        (r#"[{"sha256":"00","kind":"server","environment":"e"}]"#, "$[0].sha256"),
        (&*self::keys("a/b"), "$[0].environment"),
        (&*self::keys(""), "$[0].environment"),
    ] {
        let error = error(&Settings { keys, ..Settings::default() });
        assert_eq!(error.setting, KEYS);
        assert!(error.message.contains(part), "{error}");
        assert!(!error.message.contains("secret") && !error.message.contains("boss"), "{error}");
    }
    for cache in ["-1", "ten", "86400001", "1.5"] {
        assert_eq!(error(&Settings { ruleset_cache_ms: cache, ..beside_keys }).setting, RULESET_CACHE_MS);
    }
    for test in ["x-test", "{}", r#"{"header":"a b"}"#] {
        assert_eq!(error(&Settings { keys: &keys("test"), test, ..Settings::default() }).setting, TEST);
    }
    for open_environment in ["a b", "é"] {
        assert_eq!(error(&Settings { open_environment, ..beside_keys }).setting, OPEN_ENVIRONMENT);
    }
    for rate_limit in ["10", r#"{"requests":1}"#, r#"{"requests":1,"seconds":0}"#, r#"{"requests":-1,"seconds":1}"#] {
        assert_eq!(error(&Settings { rate_limit, ..beside_keys }).setting, RATE_LIMIT);
    }
}

#[test]
fn an_open_environment_needs_no_keys() {
    let config = Config::parse(&Settings { open_environment: " local ", ..Settings::default() }).unwrap();
    assert_eq!(config.open_environment.as_deref(), Some("local"));
    assert!(config.keys.is_empty());
}

#[test]
fn the_test_facility_is_refused_beside_other_environments() {
    let test = r#"{"header":"X-Jackstaff-Test"}"#;
    let config = Config::parse(&Settings { keys: &keys("test-1"), test, ..Settings::default() }).unwrap();
    assert_eq!(config.test_header.unwrap(), "x-jackstaff-test");
    let error = Config::parse(&Settings { keys: &keys("production"), test, ..Settings::default() }).unwrap_err();
    assert!(error.to_string().contains("the setting `test` is refused"), "{error}");
    assert!(error.message.contains("`production`"), "{error}");
    let open = Settings { keys: &keys("test-1"), test, open_environment: "prod", ..Settings::default() };
    assert!(Config::parse(&open).unwrap_err().message.contains("`prod`"));
}
