//! Configurations and users: mostly plausible, from pools small enough for things to refer to each other, and then damaged.

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

/// Milliseconds around the dates in [`text`], and far from them.
pub fn moment() -> impl Strategy<Value = i64> {
    prop_oneof![select(&[1_767_225_600_000, 1_767_225_600_001, 1_767_312_000_000][..]), any::<i64>()]
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => select(&["", "a", "ab", "usér", "CA", "DE", "1.2", "1.2.3", "v1.2.3-rc", "..", "true", "5", "\u{1F980}",
            "2026-01-01T00:00:00.000Z", "2026-01-02T00:00:00Z", "2026-01-02"][..]).prop_map(str::to_owned),
        1 => any::<String>(),
    ]
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        select(&[0.0, -0.0, 1.0, 5.0, 5.5, 100.0, 1e21, 1e-7, 9_007_199_254_740_993.0, f64::MAX][..])
            .prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        text().prop_map(Value::from),
    ]
}

/// Any JSON at all.
pub fn any_json() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((name(), inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn name() -> impl Strategy<Value = String> {
    select(&["_id", "key", "type", "filters", "operator", "values", "user_id", "customData", "k0", "k1", "x"][..])
        .prop_map(str::to_owned)
}

fn id(kind: &'static str) -> impl Strategy<Value = String> {
    (0..4u8).prop_map(move |n| format!("{kind}{n}"))
}

fn leaf() -> impl Strategy<Value = Value> {
    let comparator = select(
        &[
            "=",
            "!=",
            ">",
            ">=",
            "<",
            "<=",
            "exist",
            "!exist",
            "contain",
            "!contain",
            "startWith",
            "!startWith",
            "endWith",
            "!endWith",
            "odd",
        ][..],
    );
    let sub_type = select(
        &[
            "user_id",
            "email",
            "country",
            "platform",
            "platformVersion",
            "appVersion",
            "deviceModel",
            "customData",
            "ip",
        ][..],
    );
    let values = prop::collection::vec(scalar(), 0..12);
    prop_oneof![
        1 => Just(json!({"type": "all"})),
        1 => Just(json!({"type": "optIn"})),
        1 => (comparator.clone(), prop::collection::vec(id("a"), 0..3))
            .prop_map(|(c, ids)| json!({"type": "audienceMatch", "comparator": c, "_audiences": ids})),
        6 => (comparator, sub_type, id("k"), values).prop_map(|(c, s, k, v)| {
            json!({"type": "user", "subType": s, "comparator": c, "dataKey": k, "dataKeyType": "String", "values": v})
        }),
    ]
}

fn filters() -> impl Strategy<Value = Value> {
    let group = |inner: BoxedStrategy<Value>| {
        (select(&["and", "or", "xor"][..]), prop::collection::vec(inner, 0..4))
            .prop_map(|(operator, filters)| json!({"operator": operator, "filters": filters}))
    };
    let inner = leaf().prop_recursive(3, 16, 4, move |inner| group(inner.boxed()));
    group(inner.boxed())
}

fn share() -> impl Strategy<Value = f64> {
    select(&[0.0, 0.25, 0.5, 1.0, 1.0, 1.0, -1.0][..])
}

fn rollout() -> impl Strategy<Value = Value> {
    let stage = (select(&["linear", "discrete"][..]), text(), share())
        .prop_map(|(kind, date, percentage)| json!({"type": kind, "date": date, "percentage": percentage}));
    prop_oneof![
        Just(Value::Null),
        (select(&["schedule", "gradual", "stepped"][..]), text(), share(), prop::collection::vec(stage, 0..3)).prop_map(
            |(kind, date, start, stages)| json!({"type": kind, "startDate": date, "startPercentage": start, "stages": stages})
        ),
    ]
}

fn target() -> impl Strategy<Value = Value> {
    let distribution = prop::collection::vec((id("v"), share()), 0..4).prop_map(|shares| {
        Value::from_iter(shares.into_iter().map(|(v, p)| json!({"_variation": v, "percentage": p})))
    });
    let extras = (prop::option::of(rollout()), prop::option::of(prop_oneof![id("k"), Just("user_id".to_owned())]));
    (id("t"), filters(), distribution, extras).prop_map(|(id, filters, distribution, (rollout, key))| {
        let mut target = json!({"_id": id, "_audience": {"_id": "", "filters": filters}, "distribution": distribution});
        if let Some(rollout) = rollout {
            target["rollout"] = rollout;
        }
        if let Some(key) = key {
            target["bucketingKey"] = key.into();
        }
        target
    })
}

fn feature() -> impl Strategy<Value = Value> {
    let value = (id("x"), any_json()).prop_map(|(var, value)| json!({"_var": var, "value": value}));
    let variation = (id("v"), prop::collection::vec(value, 0..3))
        .prop_map(|(id, values)| json!({"_id": id, "key": id, "name": id, "variables": values}));
    (id("f"), prop::collection::vec(variation, 0..4), prop::collection::vec(target(), 0..3), any::<bool>()).prop_map(
        |(id, variations, targets, opt_in)| {
            json!({
                "_id": id, "key": id, "type": "release", "variations": variations,
                "settings": {"optInEnabled": opt_in}, "configuration": {"_id": "c", "targets": targets},
            })
        },
    )
}

/// A configuration of the right shape, whose ids may be missing or occur twice.
pub fn config() -> impl Strategy<Value = Value> {
    let variable = (id("x"), text(), select(&["String", "Boolean", "Number", "JSON"][..]))
        .prop_map(|(id, key, kind)| json!({"_id": id, "key": key, "type": kind}));
    let audiences = prop::collection::btree_map(id("a"), filters().prop_map(|f| json!({"filters": f})), 0..4);
    let settings = (any::<bool>(), any::<bool>());
    (prop::collection::vec(variable, 0..6), audiences, prop::collection::vec(feature(), 0..4), settings).prop_map(
        |(variables, audiences, features, (opt_in, is_final))| {
            json!({
                "project": {"_id": "p", "key": "p", "a0_organization": "o",
                    "settings": {"optIn": {"enabled": opt_in}, "disablePassthroughRollouts": is_final}},
                "environment": {"_id": "e", "key": "e"},
                "variables": variables, "audiences": audiences, "features": features,
            })
        },
    )
}

/// A configuration with some of its parts replaced by others.
pub fn damaged_config() -> impl Strategy<Value = Value> {
    (config(), prop::collection::vec((any::<prop::sample::Index>(), any_json()), 1..5)).prop_map(
        |(mut config, damage)| {
            for (place, with) in damage {
                let mut left = place.index(count(&config));
                if let Some(node) = nth(&mut config, &mut left) {
                    *node = with;
                }
            }
            config
        },
    )
}

fn count(node: &Value) -> usize {
    1 + match node {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(members) => members.values().map(count).sum::<usize>(),
        _ => 0,
    }
}

fn nth<'v>(node: &'v mut Value, left: &mut usize) -> Option<&'v mut Value> {
    if *left == 0 {
        return Some(node);
    }
    *left -= 1;
    match node {
        Value::Array(items) => items.iter_mut().find_map(|item| nth(item, left)),
        Value::Object(members) => members.values_mut().find_map(|member| nth(member, left)),
        _ => None,
    }
}

/// A user that the API takes.
pub fn user() -> impl Strategy<Value = Value> {
    let data = || prop::collection::btree_map(id("k"), any_json(), 0..4);
    let texts = prop::collection::btree_map(
        select(&["email", "country", "appVersion", "platform", "platformVersion", "deviceModel"][..]),
        text(),
        0..6,
    );
    let opt_ins = prop::collection::btree_map(id("f"), any::<bool>(), 0..3);
    ("[a-zé]{1,8}", texts, data(), data(), opt_ins).prop_map(|(id, texts, custom, private, opt_ins)| {
        let mut user = Map::from_iter(texts.into_iter().map(|(name, text)| (name.to_owned(), Value::from(text))));
        user.insert("user_id".to_owned(), id.into());
        user.insert("customData".to_owned(), json!(custom));
        user.insert("privateCustomData".to_owned(), json!(private));
        user.insert("optIns".to_owned(), json!(opt_ins));
        Value::Object(user)
    })
}

/// What may happen to bytes on their way.
#[derive(Clone, Debug)]
pub enum Damage {
    Flip(prop::sample::Index, u8),
    Truncate(prop::sample::Index),
    Overwrite(prop::sample::Index, Vec<u8>),
    Insert(prop::sample::Index, Vec<u8>),
}

impl Damage {
    pub fn apply(&self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        match self {
            Self::Flip(at, bit) => {
                let at = at.index(bytes.len());
                bytes[at] ^= 1 << (bit % 8);
            }
            Self::Truncate(at) => bytes.truncate(at.index(bytes.len())),
            Self::Overwrite(at, with) => {
                let at = at.index(bytes.len());
                for (byte, with) in bytes[at..].iter_mut().zip(with) {
                    *byte = *with;
                }
            }
            Self::Insert(at, what) => {
                let at = at.index(bytes.len());
                bytes.splice(at..at, what.iter().copied());
            }
        }
    }
}

pub fn damage() -> impl Strategy<Value = Damage> {
    let at = any::<prop::sample::Index>;
    let some = || prop::collection::vec(prop_oneof![Just(0), Just(1), Just(0xff), any::<u8>()], 1..16);
    prop_oneof![
        4 => (at(), any::<u8>()).prop_map(|(at, bit)| Damage::Flip(at, bit)),
        1 => at().prop_map(Damage::Truncate),
        4 => (at(), some()).prop_map(|(at, with)| Damage::Overwrite(at, with)),
        1 => (at(), some()).prop_map(|(at, with)| Damage::Insert(at, with)),
    ]
}
