//! The manifests of the Spin app and the Fastly service name every setting that the service reads. One that Spin's leaves out cannot be set.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use jackstaff_service::config::SETTINGS;
use regex::Regex;
use toml::{Table, Value};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn manifest(path: &str) -> Value {
    let text = fs::read_to_string(root().join(path)).unwrap();
    Value::Table(text.parse::<Table>().unwrap_or_else(|error| panic!("{path}: {error}")))
}

/// The settings that the service asks its platform for.
fn settings() -> BTreeSet<String> {
    SETTINGS.map(str::to_owned).into()
}

/// The names of a table's members, down a path.
fn keys(value: &Value, path: &[&str]) -> BTreeSet<String> {
    let table =
        path.iter().fold(value, |value, name| value.get(name).unwrap_or_else(|| panic!("there is no {path:?}")));
    table.as_table().unwrap().keys().cloned().collect()
}

#[test]
fn spin_declares_every_setting_and_hands_it_to_the_component() {
    let spin = manifest("spin-app/spin.toml");
    assert_eq!(keys(&spin, &["variables"]), settings());
    let handed = keys(&spin, &["component", "jackstaff", "variables"]);
    assert_eq!(handed, settings());
    for name in handed {
        let template = format!("{{{{ {name} }}}}");
        assert_eq!(spin["component"]["jackstaff"]["variables"][&name].as_str(), Some(template.as_str()));
        // Only the keys must be given.
        let required = spin["variables"][&name].get("required").is_some();
        assert_eq!((required, spin["variables"][&name].get("default").is_none()), (name == "keys", name == "keys"));
    }
}

#[test]
fn fastly_declares_or_describes_every_setting() {
    let fastly = manifest("fastly-app/fastly.toml");
    let secret = keys(&fastly, &["setup", "secret_stores", "jackstaff", "entries"]);
    let plain = keys(&fastly, &["setup", "config_stores", "jackstaff", "items"]);
    assert_eq!(secret, ["keys", "sources"].map(str::to_owned).into());
    // The others are described: what is declared is asked for by each `fastly compute publish`.
    let text = fs::read_to_string(root().join("fastly-app/fastly.toml")).unwrap();
    let described = Regex::new(r"(?m)^# - (?:config|secret) store, `(\w+)`: .").unwrap();
    let described: BTreeSet<String> = described.captures_iter(&text).map(|found| found[1].to_owned()).collect();
    let all: Vec<String> = [&secret, &plain, &described].into_iter().flatten().cloned().collect();
    assert_eq!(all.len(), settings().len(), "each in one place: {all:?}");
    assert_eq!(all.into_iter().collect::<BTreeSet<_>>(), settings());
    for (kind, members, names) in [("secret_stores", "entries", &secret), ("config_stores", "items", &plain)] {
        for name in names {
            let about = fastly["setup"][kind]["jackstaff"][members][name]["description"].as_str();
            assert!(about.is_some_and(|about| !about.is_empty()), "{name}");
        }
    }
}

#[test]
fn what_runs_locally_is_there_and_is_declared() {
    let fastly = manifest("fastly-app/fastly.toml");
    let local = &fastly["local_server"];
    let mut files = 0;
    for kind in ["kv_stores", "secret_stores"] {
        for entry in local[kind]["jackstaff"].as_array().unwrap() {
            let file = entry["file"].as_str().unwrap();
            assert!(root().join("fastly-app").join(file).is_file(), "{file}");
            files += 1;
        }
    }
    assert_eq!(files, 2);
    let set = keys(local, &["config_stores", "jackstaff", "contents"]);
    assert!(set.is_subset(&settings()), "{set:?}");
    for store in ["kv_stores", "secret_stores", "config_stores"] {
        assert_eq!(keys(local, &[store]), keys(&fastly, &["setup", store]));
    }
}
