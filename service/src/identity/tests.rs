//! Who is found in which headers.

use jackstaff_core::{Context, Scope, Value};
use proptest::prelude::*;

use super::*;

fn sources() -> Vec<Source> {
    vec![Source::Header("x-user".into()), Source::Cookie("uid".into()), Source::Anonymous(Anonymous::default())]
}

fn who(headers: &[(&str, &[u8])]) -> (String, bool) {
    let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_bytes(), *value)).collect();
    let found = identify(&sources(), &headers, || Some([1; 16])).unwrap();
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
    assert_eq!(identify(&sources(), &[], || None), None);
}

#[test]
fn attributes_are_read_by_their_type() {
    let attribute = |kind| Attribute { header: "x-a".into(), name: "a".into(), scope: AttributeScope::Custom, kind };
    let read = |kind, value: &[u8]| {
        let attribute = attribute(kind);
        let mut context = Context::new("u");
        attribute.apply(&[(b"X-A", value)], &mut context);
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
    attribute.apply(&[(b"x-a", b"new")], &mut known);
    assert_eq!(known.get(Scope::Custom, "a"), Some(&Value::Null), "the context knows better");
}

proptest! {
    #[test]
    fn any_bytes_are_safe(name in any::<Vec<u8>>(), value in any::<Vec<u8>>(), cookie in "[a-z=; \"\u{e9}]{0,60}") {
        let headers: [(&[u8], &[u8]); 3] = [(&name, &value), (b"cookie", cookie.as_bytes()), (b"x-user", &value)];
        let found = identify(&sources(), &headers, || Some([2; 16])).unwrap();
        prop_assert!(!found.id.is_empty() && found.id.len() <= MAX_ID_BYTES);
        let _ = context_json(&value);
    }
}
