//! The `fastly.toml` that Viceroy reads, and the files it names.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use toml::{Table, Value};

use super::FastlyOptions;

/// Writes the manifest and the values of the key-value stores into `dir` and returns the manifest's text. Values go into files because a value in
/// the manifest itself can only be text.
pub(super) fn write(dir: &Path, options: &FastlyOptions) -> Result<String> {
    let mut kv_stores = Table::new();
    for (number, (store, contents)) in options.kv_stores.iter().enumerate() {
        let mut entries = Vec::with_capacity(contents.len());
        for (index, (key, value)) in contents.iter().enumerate() {
            let file = dir.join(format!("kv-{number}-{index}"));
            fs::write(&file, value).with_context(|| format!("cannot write {}", file.display()))?;
            let file = file.to_str().context("the temporary directory has a path that is no text")?;
            entries.push(table([("key", key.as_str().into()), ("file", file.into())]));
        }
        kv_stores.insert(store.clone(), Value::Array(entries));
    }
    let secret_stores = options.secrets.iter().map(|(store, secrets)| {
        let entries =
            secrets.iter().map(|(key, data)| table([("key", key.as_str().into()), ("data", data.as_str().into())]));
        (store.clone(), Value::Array(entries.collect()))
    });
    let config_stores = options.config_stores.iter().map(|(store, contents)| {
        let contents = contents.iter().map(|(key, value)| (key.clone(), Value::from(value.as_str())));
        (store.clone(), table([("format", "inline-toml".into()), ("contents", Value::Table(contents.collect()))]))
    });
    let backends =
        options.backends.iter().map(|(name, url)| (name.clone(), table([("url", Value::from(url.as_str()))])));
    let local_server = table([
        ("backends", Value::Table(backends.collect())),
        ("kv_stores", Value::Table(kv_stores)),
        ("secret_stores", Value::Table(secret_stores.collect())),
        ("config_stores", Value::Table(config_stores.collect())),
    ]);
    let manifest = table([
        ("manifest_version", Value::Integer(3)),
        ("name", "jackstaff-testbed".into()),
        ("language", "rust".into()),
        ("local_server", local_server),
    ]);
    let text = toml::to_string(&manifest)?;
    let file = dir.join("fastly.toml");
    fs::write(&file, &text).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(text)
}

fn table<const N: usize>(entries: [(&str, Value); N]) -> Value {
    Value::Table(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn every_store_is_in_the_manifest_and_values_are_files() {
        let dir = tempfile::tempdir().unwrap();
        let options = FastlyOptions {
            kv_stores: BTreeMap::from([("flags".to_owned(), BTreeMap::from([("a\"b".to_owned(), vec![0, 255])]))]),
            secrets: BTreeMap::from([("keys".to_owned(), BTreeMap::from([("k".to_owned(), "\u{7f}\n".to_owned())]))]),
            config_stores: BTreeMap::from([("c".to_owned(), BTreeMap::from([("a.b".to_owned(), "1".to_owned())]))]),
            backends: BTreeMap::from([("origin".to_owned(), "http://127.0.0.1:1/".to_owned())]),
            ..FastlyOptions::new("service.wasm")
        };
        let read: Table = write(dir.path(), &options).unwrap().parse().unwrap();
        let local = &read["local_server"];
        let entry = &local["kv_stores"]["flags"][0];
        assert_eq!(entry["key"].as_str(), Some("a\"b"));
        assert_eq!(fs::read(entry["file"].as_str().unwrap()).unwrap(), [0, 255]);
        assert_eq!(local["secret_stores"]["keys"][0]["data"].as_str(), Some("\u{7f}\n"));
        assert_eq!(local["config_stores"]["c"]["contents"]["a.b"].as_str(), Some("1"));
        assert_eq!(local["backends"]["origin"]["url"].as_str(), Some("http://127.0.0.1:1/"));
    }
}
