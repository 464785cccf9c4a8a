//! Who is found in which headers.

use jackstaff_core::source::read;
use jackstaff_core::{Context, Scope};
use proptest::prelude::*;

use super::*;

fn sources() -> Vec<Source> {
    vec![Source::Header("x-user".into()), Source::Cookie("uid".into()), Source::Anonymous(Anonymous::default())]
}

struct Around(Option<[u8; 16]>);

impl Surroundings for Around {
    fn random(&mut self) -> Option<[u8; 16]> {
        self.0
    }
    fn property(&mut self, path: &[String]) -> Option<Vec<u8>> {
        (path == ["connection", "uri_san_peer_certificate"]).then(|| b"spiffe://shop/cart".to_vec())
    }
}

fn who(headers: &[(&str, &[u8])]) -> (String, bool) {
    let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_bytes(), *value)).collect();
    let found = identify(&sources(), &headers, &mut Around(Some([1; 16]))).unwrap();
    (found.id.into_owned(), found.set_cookie.is_some())
}

#[test]
fn the_first_source_with_an_id_is_taken() {
    let cookies: &[u8] = b"jackstaff_id=anon; uid=cookie";
    assert_eq!(who(&[("cookie", cookies), ("X-User", b" header ")]), ("header".into(), false));
    assert_eq!(who(&[("cookie", cookies)]), ("cookie".into(), false));
    assert_eq!(who(&[("cookie", b"jackstaff_id=anon")]), ("anon".into(), false));
    assert_eq!(who(&[]), ("01".repeat(16), true));
}

#[test]
fn what_is_no_id_is_passed_over() {
    let long = [b'x'; MAX_ID_BYTES + 1];
    for bad in [&b""[..], b"  ", b"\xff", &long] {
        assert_eq!(who(&[("x-user", bad), ("cookie", b"uid=c")]).0, "c");
    }
    assert_eq!(who(&[("x-user", &long[1..]), ("cookie", b"uid=c")]).0.len(), MAX_ID_BYTES);
    assert_eq!(who(&[("cookie", b"jackstaff_id=a b")]), ("01".repeat(16), true));
}

#[test]
fn without_randomness_there_is_no_id() {
    assert_eq!(identify(&sources(), &[], &mut Around(None)), None);
}

fn found(json: &str, headers: &[(&str, &str)]) -> Option<(String, bool)> {
    let sources: Vec<Source> = read(json.as_bytes()).unwrap();
    let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
    let found = identify(&sources, &headers, &mut Around(Some([1; 16])))?;
    Some((found.id.into_owned(), found.set_cookie.is_some()))
}

#[test]
fn the_query_and_properties_know_users_too() {
    let query = |path: &str| found(r#"[{"query": "user id"}]"#, &[(":path", path)]).map(|(id, _)| id);
    assert_eq!(query("/p?a=b&user+id=%c3%a9+1&user+id=2").unwrap(), "é 1");
    assert_eq!(query("/p?user%20id=&user+id=2").unwrap(), "2");
    for nobody in ["/p", "/p?", "/p?user+id", "/p?user+id=%ff", "/p?user+id=+", "/user+id=1"] {
        assert_eq!(query(nobody), None, "{nobody}");
    }
    let property = |json: &str| found(json, &[]).map(|(id, _)| id);
    assert_eq!(property(r#"[{"property":["connection","uri_san_peer_certificate"]}]"#).unwrap(), "spiffe://shop/cart");
    assert_eq!(property(r#"[{"property":["connection"]}]"#), None);
}

#[test]
fn without_consent_the_cookie_is_neither_read_nor_set() {
    let json = r#"[{"anonymous": {"consent": {"cookie": "consent", "value": "yes"}}}]"#;
    let with = |cookies: &str| found(json, &[("cookie", cookies)]);
    for no in ["", "jackstaff_id=a", "consent=no; jackstaff_id=a", "consent=yes!; jackstaff_id=a"] {
        assert_eq!(with(no), None, "{no}");
    }
    assert_eq!(with("consent=yes"), Some(("01".repeat(16), true)));
    assert_eq!(with("jackstaff_id=a; consent=\"yes\""), Some(("a".into(), false)));
}

#[test]
fn attributes_are_read_by_their_type() {
    let attribute = |kind| Attribute {
        header: Some("x-a".into()),
        property: None,
        name: "a".into(),
        scope: AttributeScope::Custom,
        kind,
    };
    let read = |kind, value: &[u8]| {
        let attribute = attribute(kind);
        let mut context = Context::new("u");
        attribute.apply(&[(b"X-A", value)], &mut Around(None), &mut context);
        context.into_owned().get(Scope::Custom, "a").cloned()
    };
    assert_eq!(read(AttributeType::String, b" 7 "), Some(Value::String("7".into())));
    assert_eq!(read(AttributeType::Number, b"7.5"), Some(Value::Number(7.5)));
    assert_eq!(read(AttributeType::Number, b"inf"), None);
    assert_eq!(read(AttributeType::Boolean, b"true"), Some(Value::Bool(true)));
    assert_eq!(read(AttributeType::Boolean, b"1"), None);
    assert_eq!(read(AttributeType::Json, b"[1]"), Some(Value::List(vec![Value::Number(1.0)])));
    assert_eq!(read(AttributeType::Json, b"[1"), None);
    assert_eq!(read(AttributeType::String, b"\xff"), None);
    let mut known = Context::new("u").with(Scope::Custom, "a", Value::Null);
    let attribute = attribute(AttributeType::String);
    attribute.apply(&[(b"x-a", b"new")], &mut Around(None), &mut known);
    assert_eq!(known.get(Scope::Custom, "a"), Some(&Value::Null), "the context knows better");
}

proptest! {
    #[test]
    fn any_bytes_are_safe(name in any::<Vec<u8>>(), value in any::<Vec<u8>>(), cookie in "[a-z=; \"\u{e9}]{0,60}") {
        let headers: [(&[u8], &[u8]); 3] = [(&name, &value), (b"cookie", cookie.as_bytes()), (b"x-user", &value)];
        let found = identify(&sources(), &headers, &mut Around(Some([2; 16]))).unwrap();
        prop_assert!(!found.id.is_empty() && found.id.len() <= MAX_ID_BYTES);
        let _ = context_json(&value);
    }
}

#[test]
fn properties_are_read_as_the_configuration_says() {
    struct Claim(&'static [u8]);
    impl Surroundings for Claim {
        fn random(&mut self) -> Option<[u8; 16]> {
            None
        }
        fn property(&mut self, path: &[String]) -> Option<Vec<u8>> {
            (path == ["metadata", "plan"]).then(|| self.0.to_vec())
        }
    }
    let number: &'static [u8] = &[0, 0, 0, 0, 0, 0, 0x5e, 0x40];
    for (kind, bytes, expected) in [
        (AttributeType::String, &b"gold"[..], Some(Value::String("gold".into()))),
        (AttributeType::Number, number, Some(Value::Number(120.0))),
        (AttributeType::Number, b"12345678", Some(Value::Number(12_345_678.0))),
        (AttributeType::Number, &[0xff; 8], None),
        (AttributeType::Boolean, &[1], Some(Value::Bool(true))),
        (AttributeType::Boolean, b"false", Some(Value::Bool(false))),
        (AttributeType::Boolean, &[2], None),
        (AttributeType::String, &[0xff], None),
    ] {
        let attribute = Attribute {
            header: None,
            property: Some(vec!["metadata".into(), "plan".into()]),
            name: "plan".into(),
            scope: AttributeScope::Custom,
            kind,
        };
        let mut context = Context::anonymous();
        attribute.apply(&[], &mut Claim(bytes), &mut context);
        assert_eq!(context.get(jackstaff_core::Scope::Custom, "plan").cloned(), expected, "{bytes:?}");
    }
}
