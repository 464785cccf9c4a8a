//! Answers are UTF-8, whatever has happened to the snapshot.

use jackstaff_core::{CompileOptions, Context, Ruleset, Timestamp, compile};
use jackstaff_service::api::devcycle::answer::{bucketed, variable};

/// Each of its texts, told by its first letters, is one that an answer quotes.
const CONFIG: &str = r#"{
    "project": { "_id": "PROJ", "key": "p", "settings": {} },
    "environment": { "_id": "ENVI", "key": "e" },
    "audiences": {},
    "variables": [
        { "_id": "VIDS", "key": "VKEY", "type": "String", "EXTR": 1 },
        { "_id": "VIDJ", "key": "json", "type": "JSON" },
        { "_id": "VIDN", "key": "number", "type": "Number" }
    ],
    "features": [{
        "_id": "FIDS", "key": "FKEY", "type": "FTYP", "settings": { "a": "SETT" },
        "variations": [{ "_id": "XIDS", "key": "XKEY", "name": "XNAM", "variables": [
            { "_var": "VIDS", "value": "TEXT" }, { "_var": "VIDJ", "value": { "a": "JSON" } }, { "_var": "VIDN", "value": 1234.5 }
        ] }],
        "configuration": { "_id": "c", "targets": [{
            "_id": "TIDS", "distribution": [{ "_variation": "XIDS", "percentage": 1 }],
            "_audience": { "filters": { "operator": "and", "filters": [
                { "type": "user", "subType": "customData", "dataKey": "DATA", "dataKeyType": "String", "comparator": "!=", "values": ["x"] }
            ] } }
        }] }
    }]
}"#;

const QUOTED: [&str; 16] = [
    "PROJ", "ENVI", "VIDS", "VKEY", "VIDJ", "EXTR", "FIDS", "FKEY", "FTYP", "SETT", "XIDS", "XKEY", "XNAM", "TEXT",
    "JSON", "TIDS",
];

#[test]
fn answers_about_damaged_snapshots_are_utf8() {
    let compiled = compile(CONFIG.as_bytes(), &CompileOptions::default()).unwrap();
    assert!(compiled.diagnostics.is_empty(), "{:?}", compiled.diagnostics);
    let snapshot = compiled.snapshot;
    let answers = |snapshot: &[u8]| {
        let ruleset = Ruleset::open(snapshot).unwrap();
        let context = Context::new("u");
        let all = bucketed(&ruleset, &context, Timestamp(0), &[]).to_json().unwrap();
        let one = variable(&ruleset, "json", &context, Timestamp(0), &[]).json.unwrap().unwrap_or_default();
        [all, one].map(|answer| String::from_utf8(answer).expect("answers are UTF-8"))
    };
    let [whole, _] = answers(&snapshot);
    for text in QUOTED.into_iter().chain(["1234.5"]) {
        assert!(whole.contains(text), "{text} is not in {whole}");
        let mut damaged = snapshot.clone();
        let places: Vec<usize> =
            (0..snapshot.len()).filter(|&at| snapshot[at..].starts_with(text.as_bytes())).collect();
        assert!(!places.is_empty());
        for at in places {
            damaged[at] = 0xff;
        }
        let [answer, _] = answers(&damaged);
        assert!(!answer.contains(text), "{text} is still in {answer}");
    }
    // All at once, one after the other.
    for at in 0..snapshot.len() {
        let mut damaged = snapshot.clone();
        for byte in damaged.iter_mut().skip(at).take(3) {
            *byte = 0xff;
        }
        if Ruleset::open(&damaged).is_ok() {
            answers(&damaged);
        }
    }
}
