//! Flag headers of a small ruleset.

use jackstaff_core::{CompileOptions, Context, SharedRuleset, Timestamp, Value, compile};
use proptest::prelude::*;
use sfv::{BareItem, Dictionary, ListEntry, Parser};

use super::*;

/// One decision that sets all of these flags for everyone, in a variant with the key `on`.
fn ruleset(flags: &[(&str, &str, Value<'_>)]) -> SharedRuleset {
    let text = |text: &str| Value::String(text.to_owned().into()).to_json();
    let join = |parts: Vec<String>| parts.join(",");
    let variables = flags
        .iter()
        .enumerate()
        .map(|(at, (key, kind, _))| format!(r#"{{"_id":"v{at}","key":{},"type":"{kind}"}}"#, text(key)));
    let values = flags
        .iter()
        .enumerate()
        .map(|(at, (_, _, value))| format!(r#"{{"_var":"v{at}","value":{}}}"#, value.to_json()));
    let source = format!(
        r#"{{"project":{{"_id":"p","key":"p","settings":{{}}}},"environment":{{"_id":"e","key":"e"}},"variables":[{}],
        "features":[{{"_id":"f","key":"f","type":"release","variations":[{{"_id":"i","key":"on","name":"On","variables":[{}]}}],
        "configuration":{{"_id":"c","targets":[{{"_id":"t","_audience":{{"_id":"a","filters":{{"operator":"and","filters":[{{"type":"all"}}]}}}},
        "distribution":[{{"_variation":"i","percentage":1}}]}}]}}}}]}}"#,
        join(variables.collect()),
        join(values.collect()),
    );
    let compiled = compile(source.as_bytes(), &CompileOptions::default()).unwrap();
    SharedRuleset::open(compiled.snapshot).unwrap()
}

fn everything(ruleset: &Ruleset<'_>, options: Options) -> FlagHeader {
    FlagHeader::new(ruleset, ruleset.flags(), [], options)
}

const ROOMY: Options = Options { variants: false, max_bytes: 4_096 };

fn written(header: &mut FlagHeader, ruleset: &Ruleset<'_>) -> (String, Counts) {
    let context = Context::new("u");
    let counts = header.write(ruleset, &mut ruleset.session(&context, Timestamp(0)), |_, _| {});
    (header.text().to_owned(), counts)
}

fn string(text: &str) -> Value<'_> {
    Value::String(text.into())
}

#[test]
fn members_stand_in_the_order_of_their_keys_and_stay_the_same() {
    let shared = ruleset(&[
        ("new-nav", "Boolean", Value::Bool(true)),
        ("Max Items", "Number", Value::Number(40.0)),
        ("checkout", "String", string("treatment")),
    ]);
    let mut header = everything(shared.get(), ROOMY);
    let expected = r#"checkout="treatment", max_items=40, new-nav"#;
    assert_eq!(written(&mut header, shared.get()), (expected.to_owned(), Counts::default()));
    let key = header.key();
    assert_eq!(written(&mut header, shared.get()).0, expected, "from memory");
    assert_eq!(header.key(), key);
    let mut header = everything(shared.get(), Options { variants: true, ..ROOMY });
    assert_eq!(
        written(&mut header, shared.get()).0,
        r#"checkout="treatment";v="on", max_items=40;v="on", new-nav;v="on""#
    );
    assert_ne!(header.key(), key);
}

#[test]
fn the_key_is_a_digest_of_exactly_the_members_sent() {
    // SipHash 1-3 of no bytes with a key of zeros, as the siphasher crate's own users know it.
    let shared = ruleset(&[]);
    let mut header = everything(shared.get(), ROOMY);
    assert_eq!(written(&mut header, shared.get()).0, "");
    let hash = SipHasher13::new().hash(b"");
    assert_eq!(header.key(), *format!("{hash:016x}").as_bytes());
}

#[test]
fn what_does_not_fit_is_left_out_and_counted_and_smaller_members_after_it_still_fit() {
    let long = "x".repeat(50);
    let shared = ruleset(&[
        ("a", "Boolean", Value::Bool(true)),
        ("b", "String", string(&long)),
        ("c", "Number", Value::Number(7.0)),
        ("d", "Boolean", Value::Bool(false)),
    ]);
    let with = |max_bytes| written(&mut everything(shared.get(), Options { variants: false, max_bytes }), shared.get());
    assert_eq!(with(12), ("a, c=7, d=?0".to_owned(), Counts { errors: 0, omitted: 1 }));
    assert_eq!(with(11), ("a, c=7".to_owned(), Counts { errors: 0, omitted: 2 }));
    assert_eq!(with(1), ("a".to_owned(), Counts { errors: 0, omitted: 3 }));
    assert_eq!(with(4_096).1, Counts::default());
}

#[test]
fn of_flags_that_collide_the_first_is_sent() {
    let shared = ruleset(&[
        ("new_nav", "String", string("second")),
        ("new nav", "String", string("first")),
        ("z", "Boolean", Value::Bool(true)),
    ]);
    assert_eq!(written(&mut everything(shared.get(), ROOMY), shared.get()).0, r#"new_nav="first", z"#);
}

#[test]
fn flags_get_headers_of_their_own() {
    let shared =
        ruleset(&[("a", "Boolean", Value::Bool(true)), ("b", "String", string("é")), ("c", "String", string(""))]);
    let ruleset = shared.get();
    let flag = |key: &str| ruleset.find(key).unwrap();
    let own = [(flag("a"), "x-a".to_owned()), (flag("b"), "x-b".to_owned()), (flag("b"), "x-b2".to_owned())];
    let mut header = FlagHeader::new(ruleset, [flag("a")], own, Options { variants: false, max_bytes: 10 });
    let context = Context::new("u");
    let mut sent = Vec::new();
    header.write(ruleset, &mut ruleset.session(&context, Timestamp(0)), |name, value| {
        sent.push(format!("{name}: {value}"));
    });
    assert_eq!(header.text(), "a");
    assert_eq!(sent, ["x-a: true", "x-b: %C3%A9", "x-b2: %C3%A9"]);
}

#[test]
fn the_status_names_the_ruleset_and_counts() {
    let shared = ruleset(&[]);
    let rev = format!("{:016x}", shared.get().digest());
    let mut out = status(Freshness::Stale, shared.get(), 7);
    assert_eq!(out, format!("stale;rev=\"{rev}\";age=7"));
    write_counts(&mut out, 0, 3);
    write_counts(&mut out, 2, 0);
    assert!(out.ends_with(";age=7;omitted=3;errors=2"), "{out}");
}

fn value() -> impl Strategy<Value = (&'static str, Value<'static>)> {
    prop_oneof![
        any::<bool>().prop_map(|value| ("Boolean", Value::Bool(value))),
        any::<String>().prop_map(|value| ("String", Value::String(value.into()))),
        (-1e15..1e15f64).prop_map(|value| ("Number", Value::Number((value * 1000.0).trunc() / 1000.0))),
        any::<String>().prop_map(|name| ("JSON", Value::Map(vec![(name.into(), Value::Null)]))),
    ]
}

proptest! {
    /// Whatever flags are called and hold, the header is a dictionary that says the same, in visible bytes, within its budget.
    #[test]
    fn the_header_can_be_read_back(
        flags in proptest::collection::btree_map(any::<String>(), value(), 0..8),
        max_bytes in 1_usize..400,
    ) {
        let flags: Vec<_> = flags.iter().map(|(key, (kind, value))| (key.as_str(), *kind, value.clone())).collect();
        let shared = ruleset(&flags);
        let mut header = everything(shared.get(), Options { variants: true, max_bytes });
        let (text, counts) = written(&mut header, shared.get());
        prop_assert!(text.len() <= max_bytes);
        prop_assert!(text.bytes().all(|byte| (0x20..0x7f).contains(&byte)), "{:?}", text);
        let dictionary: Dictionary = if text.is_empty() { Dictionary::new() } else { Parser::new(&text).parse().unwrap() };
        let lost: usize = collisions(flags.iter().map(|flag| flag.0)).iter().map(|found| found.flags.len() - 1).sum();
        let decided = shared.get().flags().filter(|&flag| shared.get().evaluate(flag, &Context::new("u"), Timestamp(0)).value.is_some());
        prop_assert_eq!(dictionary.len() + counts.omitted as usize + lost, decided.count());
        for (key, value) in flags.iter().map(|(key, _, value)| (member_key(key), value)) {
            let Some(ListEntry::Item(item)) = dictionary.get(sfv::KeyRef::from_str(&key).unwrap()) else { continue };
            if collisions(flags.iter().map(|flag| flag.0)).iter().any(|found| *found.member == *key) { continue }
            match (&item.bare_item, value) {
                (BareItem::Boolean(sent), Value::Bool(value)) => prop_assert_eq!(sent, value),
                (BareItem::Integer(sent), Value::Number(value)) => prop_assert_eq!(i64::from(*sent) as f64, *value),
                (BareItem::Decimal(sent), Value::Number(value)) => prop_assert_eq!(f64::from(*sent), *value),
                (BareItem::String(sent), Value::String(value)) => prop_assert_eq!(sent.as_str(), &**value),
                (BareItem::DisplayString(sent), Value::String(value)) => prop_assert_eq!(sent.as_str(), &**value),
                (BareItem::String(sent), value) => prop_assert_eq!(sent.as_str(), value.to_json()),
                (BareItem::DisplayString(sent), value) => prop_assert_eq!(sent.as_str(), value.to_json()),
                (sent, value) => prop_assert!(false, "{:?} for {:?}", sent, value),
            }
        }
    }
}

#[test]
fn what_was_decided_is_counted_once() {
    for (place, reason) in REASONS.into_iter().enumerate() {
        assert_eq!(reason as usize, place);
    }
    let compiled = jackstaff_core::compile(
        br#"{"flags":{"a":{"state":"ENABLED","variants":{"on":true,"off":false},"defaultVariant":"off",
             "targeting":{"if":[{"==":[{"var":"targetingKey"},"u"]},"on"]}},
            "b":{"state":"DISABLED","variants":{"on":true},"defaultVariant":"on"}}}"#,
        &jackstaff_core::CompileOptions::default(),
    )
    .unwrap();
    let ruleset = Ruleset::open(&compiled.snapshot).unwrap();
    let mut header = FlagHeader::new(&ruleset, ruleset.flags(), [], Options { variants: false, max_bytes: 1_000 });
    for user in ["u", "v", "u"] {
        let context = jackstaff_core::Context::new(user);
        header.write(&ruleset, &mut ruleset.session(&context, jackstaff_core::Timestamp(0)), |_, _| {});
    }
    let mut counted = Vec::new();
    header.count(&ruleset, &mut |flag: &str, variant: &str, count| counted.push(format!("{flag}={variant}:{count}")));
    assert_eq!(counted, ["a=on:2", "a=off:1", "b=:3"]);
    header.count(&ruleset, &mut |_: &str, _: &str, _| panic!("counted already"));
    let reasons: Vec<_> = header.count_reasons().iter().map(|(reason, count)| (reason.as_str(), count)).collect();
    assert_eq!(reasons, [("TARGETING_MATCH", 2), ("DEFAULT", 1), ("DISABLED", 3)]);
    assert_eq!(header.count_reasons().iter().count(), 0);
}
