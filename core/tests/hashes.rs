//! Recorded hashes of the reference library (generated vectors).

#![allow(clippy::disallowed_methods, reason = "a test reads its data")]

use jackstaff_core::murmur3;
use serde_json::Value;

fn bounded(input: &str, seed: u32) -> f64 {
    f64::from(murmur3(input.as_bytes(), seed)) / f64::from(u32::MAX)
}

#[test]
fn recorded_hashes() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../testbed/vectors/devcycle/hashes.json");
    let document: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let rows = |name: &str| document[name].as_array().unwrap().clone();
    let (plain, fractions) = (rows("murmur"), rows("bounded"));
    assert!(plain.len() + fractions.len() > 140);
    for row in plain {
        let input = row["input"].as_str().unwrap();
        let seed = u32::try_from(row["seed"].as_u64().unwrap()).unwrap();
        assert_eq!(u64::from(murmur3(input.as_bytes(), seed)), row["murmur3_32"].as_u64().unwrap(), "{row}");
    }
    for row in fractions {
        let input = row["input"].as_str().unwrap();
        let seed = murmur3(row["target_id"].as_str().unwrap().as_bytes(), 1);
        assert_eq!(bounded(input, seed), row["bucketingHash"].as_f64().unwrap(), "{row}");
        assert_eq!(bounded(&format!("{input}_rollout"), seed), row["rolloutHash"].as_f64().unwrap(), "{row}");
    }
}
