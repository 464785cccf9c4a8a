//! `jackstaff key`.

use crate::program::{jackstaff, jackstaff_with};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

fn sha256(key: &str) -> String {
    Sha256::digest(key.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_demo_key_is_the_one_in_the_demo_setting() {
    let setting = include_str!("../../../configs/flags/keys.json");
    let setting: Value = serde_json::from_str(setting).unwrap();
    let run = jackstaff(&["key", "--key", "dvc_server_demo", "--environment", "demo"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(setting, Value::Array(vec![serde_json::from_str(&run.stdout).unwrap()]));
}

#[test]
fn a_key_on_the_standard_input_may_end_in_a_line_break() {
    let entry = |input: &[u8]| jackstaff_with(&["key", "--environment", "demo"], input).stdout;
    assert_eq!(entry(b"dvc_client_x"), entry(b"dvc_client_x\r\n"));
    let parsed: Value = serde_json::from_str(&entry(b"dvc_client_x")).unwrap();
    assert_eq!(parsed["kind"], "client");
    assert_eq!(parsed["sha256"], sha256("dvc_client_x"));
}

#[test]
fn new_keys_have_the_prefix_of_their_kind_and_differ() {
    let new = |kind: &str| {
        let run = jackstaff(&["key", "--new", "--kind", kind, "--environment", "production"]);
        assert_eq!(run.code, 0, "{}", run.stderr);
        let (key, entry) = run.stdout.split_once('\n').unwrap();
        let entry: Value = serde_json::from_str(entry).unwrap();
        assert_eq!(entry["kind"], kind);
        assert_eq!(entry["environment"], "production");
        assert_eq!(entry["sha256"], sha256(key));
        key.to_owned()
    };
    assert!(new("server").starts_with("dvc_server_"));
    assert!(new("client").starts_with("dvc_client_"));
    assert!(new("mobile").starts_with("dvc_mobile_"));
    assert!(new("admin").starts_with("jackstaff_admin_"));
    assert_ne!(new("server"), new("server"));
}

#[test]
fn what_cannot_be_a_key_is_refused() {
    let refused = |input: &[u8], says: &str| {
        let run = jackstaff_with(&["key", "--environment", "demo"], input);
        assert_eq!(run.code, 1);
        assert_eq!(run.stdout, "");
        assert!(run.stderr.contains(says), "{}", run.stderr);
    };
    refused(b"\n", "there is no key");
    refused(b"two words", "visible ASCII");
    refused(b"s3cret", "--kind server, client, mobile or admin");
    assert_eq!(jackstaff(&["key", "--key", "dvc_server_x"]).code, 2, "the environment is required");
}
