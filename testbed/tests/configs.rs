//! What users copy: every file in configs/ that a mesh reads is accepted by what reads it.

mod common;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::hosts::ready;
use jackstaff_service::filter_config::FilterConfig;
use jackstaff_service::injector::Injector;
use jackstaff_testbed::deploy::Host;
use jackstaff_testbed::hosts::envoy;
use jackstaff_testbed::modules::Module;
use saphyr::{LoadableYamlNode as _, Scalar, Yaml};
use serde_json::{Value, json};

/// Istio's CRDs and a script that checks manifests against them are not ours to publish.
const SHARED: &str = "JACKSTAFF_SHARED";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// The YAML files of a directory below configs/.
fn files(directory: &str) -> Vec<PathBuf> {
    let directory = root().join("configs").join(directory);
    let entries = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|extension| extension == "yaml")).collect();
    files.sort();
    assert!(!files.is_empty(), "{}", directory.display());
    files
}

fn documents(file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).unwrap();
    let documents = Yaml::load_from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    documents.iter().map(json_of).collect()
}

/// Kubernetes reads YAML as another way of writing JSON.
fn json_of(yaml: &Yaml<'_>) -> Value {
    match yaml {
        Yaml::Value(Scalar::Null) => Value::Null,
        Yaml::Value(Scalar::Boolean(value)) => json!(value),
        Yaml::Value(Scalar::Integer(value)) => json!(value),
        Yaml::Value(Scalar::FloatingPoint(value)) => json!(value.into_inner()),
        Yaml::Value(Scalar::String(value)) => json!(value),
        Yaml::Sequence(items) => items.iter().map(json_of).collect(),
        Yaml::Mapping(members) => {
            members.iter().map(|(name, value)| (name.as_str().unwrap().to_owned(), json_of(value))).collect()
        }
        other => panic!("{other:?}"),
    }
}

fn manifests() -> Vec<(PathBuf, Value)> {
    let files = [files("istio"), files("envoy-gateway")].concat();
    files
        .into_iter()
        .flat_map(|file| documents(&file).into_iter().map(move |document| (file.clone(), document)))
        .collect()
}

/// The plugin configurations in a manifest.
fn plugin_configs(manifest: &Value) -> Vec<Value> {
    let spec = &manifest["spec"];
    let in_patches = spec["configPatches"].as_array().into_iter().flatten();
    let in_patches = in_patches.filter_map(|patch| {
        let text = patch.pointer("/patch/value/typed_config/config/configuration/value")?.as_str()?;
        Some(serde_json::from_str(text).unwrap())
    });
    let in_policies = spec["wasm"].as_array().into_iter().flatten().map(|wasm| wasm["config"].clone());
    let plain = [&spec["pluginConfig"], &spec["wasm"]["pluginConfig"]].into_iter().cloned();
    plain.chain(in_policies).chain(in_patches).filter(|config| !config.is_null()).collect()
}

#[test]
fn every_plugin_configuration_is_one_the_filter_takes() {
    let mut kinds = Vec::new();
    for (file, manifest) in manifests() {
        for config in plugin_configs(&manifest) {
            let (_, notices) = Injector::new(&FilterConfig::parse(config.to_string().as_bytes()).unwrap())
                .unwrap_or_else(|errors| panic!("{}: {errors:?}", file.display()));
            let unexpected: Vec<_> = notices.iter().filter(|notice| !notice.contains("$.ruleset: absent")).collect();
            assert!(unexpected.is_empty(), "{}: {unexpected:?}", file.display());
            kinds.push(manifest["kind"].as_str().unwrap().to_owned());
        }
    }
    kinds.sort();
    assert_eq!(kinds, ["EnvoyExtensionPolicy", "EnvoyFilter", "TrafficExtension", "WasmPlugin"]);
}

#[test]
fn whoever_strips_headers_strips_all_that_the_filter_sends() {
    for (file, manifest) in manifests() {
        let stripped: Vec<Value> = match manifest["kind"].as_str().unwrap() {
            "ClientTrafficPolicy" => {
                manifest["spec"]["headers"]["earlyRequestHeaders"]["remove"].as_array().unwrap().clone()
            }
            "EnvoyFilter" if manifest["metadata"]["name"] == "jackstaff-guard" => {
                let extension = "/spec/configPatches/0/patch/value/typed_config/early_header_mutation_extensions/0/typed_config/mutations";
                let mutations = manifest.pointer(extension).unwrap().as_array().unwrap();
                mutations.iter().map(|mutation| mutation["remove"].clone()).collect()
            }
            _ => continue,
        };
        let expected = ["x-flags", "x-flags-key", "x-flags-status", "x-flag-new-shop"];
        assert_eq!(stripped, expected.map(Value::from), "{}", file.display());
    }
}

#[test]
fn manifests_are_those_of_istio() {
    let shared = env::var_os(SHARED).map_or_else(|| root().join("../shared"), PathBuf::from).join("istio");
    let (script, crds) = (shared.join("validate.py"), shared.join("crds.yaml"));
    let python =
        |code: &str| Command::new("python3").args(["-c", code]).output().is_ok_and(|output| output.status.success());
    let missing = match (script.is_file() && crds.is_file(), python("import yaml, jsonschema")) {
        (true, true) => None,
        (false, _) => {
            Some(format!("there are no Istio CRDs in {} ({SHARED} names another directory)", shared.display()))
        }
        (_, false) => Some("python3 lacks PyYAML or jsonschema".to_owned()),
    };
    if let Some(missing) = missing {
        eprintln!("\n*** SKIPPED: configs/istio is not checked against Istio's CRDs: {missing}. ***\n");
        return;
    }
    let check = |files: &[PathBuf]| Command::new("python3").arg(&script).arg(&crds).args(files).output().unwrap();
    let output = check(&files("istio"));
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );

    // The check itself can fail.
    let bad = tempfile::Builder::new().suffix(".yaml").tempfile().unwrap();
    let text = fs::read_to_string(root().join("configs/istio/wasmplugin.yaml")).unwrap();
    fs::write(bad.path(), text.replace("failStrategy:", "failStrategie:")).unwrap();
    assert!(!check(&[bad.path().to_owned()]).status.success());
}

/// Where the delivered files expect the module, and where it is.
const MODULE: &str = "target/modules/jackstaff_filter.wasm";

#[test]
fn envoy_accepts_every_bootstrap() {
    if !ready(Host::Envoy) {
        return;
    }
    let module = Module::Filter.path().unwrap().to_str().unwrap();
    for file in files("envoy") {
        envoy::validate(&file, &root(), &[(MODULE, module)]).unwrap_or_else(|error| panic!("{error:#}"));
    }
    let misspelt = [(MODULE, module), ("\"per_flag_headers\"", "\"per_flag_header\"")];
    let refused = envoy::validate(&root().join("configs/envoy/routing.yaml"), &root(), &misspelt).unwrap_err();
    assert!(format!("{refused:#}").contains("write `per_flag_headers`"), "{refused:#}");
}

/// The blocks of docs/filter.md in this language.
fn documented(language: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join("docs/filter.md")).unwrap();
    let fence = format!("```{language}\n");
    text.split(&fence).skip(1).map(|block| block.split("```").next().unwrap().to_owned()).collect()
}

#[test]
fn the_documentation_shows_configurations_that_the_filter_takes() {
    let mut taken = 0;
    for block in documented("json") {
        // Secrets are not shown.
        let block = block.replace('…', &"x".repeat(32));
        let value: Value = serde_json::from_str(&block).unwrap_or_else(|error| panic!("{block}: {error}"));
        let config = match value {
            event if event["kind"] == "exposure" => continue,
            source if source["origin"].is_string() => json!({ "sources": [source] }),
            config => config,
        };
        FilterConfig::parse(config.to_string().as_bytes()).unwrap_or_else(|errors| panic!("{block}: {errors:?}"));
        taken += 1;
    }
    assert!(taken >= 5, "{taken}");
}

#[test]
fn envoy_accepts_the_cluster_and_the_route_of_the_documentation() {
    let authorities = "/etc/ssl/certs/ca-certificates.crt";
    if !ready(Host::Envoy) || !Path::new(authorities).is_file() {
        return;
    }
    let [cluster, route] = &documented("yaml")[..] else { panic!("two blocks of YAML") };
    let module = Module::Filter.path().unwrap().to_str().unwrap();
    let added = format!("  clusters:\n{cluster}");
    let route: String = route.lines().map(|line| format!("            {line}\n")).collect();
    let routes = format!("              routes:\n{route}");
    let changes = [(MODULE, module), ("  clusters:\n", &*added), ("              routes:\n", &*routes)];
    let file = root().join("configs/envoy/sources.yaml");
    envoy::validate(&file, &root(), &changes).unwrap_or_else(|error| panic!("{error:#}"));
}

/// The patches of an EnvoyFilter are Envoy's configuration, which Istio does not look into.
#[test]
fn envoy_accepts_what_envoyfilter_patches_in() {
    if !ready(Host::Envoy) {
        return;
    }
    let module = Module::Filter.path().unwrap().to_str().unwrap();
    let [guard, filter] = &documents(&root().join("configs/istio/envoyfilter.yaml"))[..] else {
        panic!("two documents")
    };
    let value = |manifest: &Value| manifest["spec"]["configPatches"][0]["patch"]["value"].clone();
    let mut manager = value(guard)["typed_config"].clone();
    let router = json!({ "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" });
    manager["http_filters"] = json!([value(filter), { "name": "envoy.filters.http.router", "typed_config": router }]);
    manager["stat_prefix"] = json!("front");
    manager["route_config"] = json!({});
    let filter = json!({ "name": "envoy.filters.network.http_connection_manager", "typed_config": manager });
    let address = json!({ "socket_address": { "address": "127.0.0.1", "port_value": 0 } });
    let bootstrap = json!({ "static_resources": { "listeners": [{
        "name": "front", "address": address, "filter_chains": [{ "filters": [filter] }],
    }] } });
    let file = tempfile::Builder::new().suffix(".json").tempfile().unwrap();
    fs::write(file.path(), bootstrap.to_string()).unwrap();
    envoy::validate(file.path(), &root(), &[("/etc/jackstaff/jackstaff_filter.wasm", module)])
        .unwrap_or_else(|error| panic!("{error:#}"));
}

#[test]
fn the_image_holds_the_module() {
    let text = fs::read_to_string(root().join("configs/istio/Dockerfile")).unwrap();
    let steps: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(steps, ["FROM scratch".to_owned(), format!("COPY {} /plugin.wasm", Module::Filter.file_name())]);
}
