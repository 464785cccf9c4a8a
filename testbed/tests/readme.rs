//! The README's programs that read `X-Flags`, as they stand there, read what the filter writes.

mod common;

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::hosts::libraries_ready;
use jackstaff_testbed::clients::Language;
use jackstaff_testbed::deploy::{FilterDeployment, FilterHost, Host};
use jackstaff_testbed::http_client::Request;
use serde_json::{Value, json};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The README's only program in this language that reads the header.
fn program(language: &str) -> String {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let (_, section) = readme.split_once("## Reading `X-Flags`").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let fence = format!("```{language}\n");
    let mut programs = section.split(&fence).skip(1);
    let program = programs.next().unwrap().split("```").next().unwrap();
    assert!(programs.next().is_none(), "there are two programs in {language}");
    program.to_owned()
}

/// What the filter sends the application of a platinum guest in Germany, who is not in the experiment's treatment.
fn header() -> String {
    let ruleset: Value =
        serde_json::from_slice(&fs::read(root().join("configs/flags/coffee-shop.json")).unwrap()).unwrap();
    let plugin = json!({
        "ruleset": ruleset,
        "identity": [{"header": "x-user-id"}],
        "attributes": [
            {"header": "x-stars", "name": "stars", "type": "number"},
            {"header": "x-country", "name": "country", "scope": "profile"},
        ],
    });
    let plugins = [("shop".to_owned(), plugin.to_string())].into();
    let mut filter =
        FilterHost::start(Host::Filter, &FilterDeployment { plugins, ..FilterDeployment::default() }).unwrap();
    for nth in 0..100 {
        let user = format!("user-{nth}");
        let request = Request::get("/").header("x-user-id", user).header("x-stars", "120").header("x-country", "DE");
        let headers = filter.send("shop", &request).unwrap().upstream.unwrap();
        let (_, value) = headers.into_iter().find(|(name, _)| name == "x-flags").unwrap();
        let value = String::from_utf8(value).unwrap();
        if value.contains("checkout=\"control\"") {
            return value;
        }
    }
    panic!("of a hundred users none is in the control group");
}

/// Runs a program and reads the line that it prints.
fn run(command: &mut Command) -> Value {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn python() {
    if !libraries_ready(Language::Python) {
        return;
    }
    let before = "import json, sys\n\nclass request:\n    headers = {\"x-flags\": sys.argv[1]}\n\n";
    let code = format!("{before}{}\nprint(json.dumps([value, parameters]))\n", program("python"));
    let python = Language::Python.libraries().unwrap().join("bin/python3");
    assert_eq!(run(Command::new(python).args(["-c", &code, &header()])), json!(["control", {}]));
}

#[test]
fn javascript() {
    if !libraries_ready(Language::Node) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let modules = Language::Node.libraries().unwrap().join("node_modules");
    std::os::unix::fs::symlink(modules, directory.path().join("node_modules")).unwrap();
    let before = "const request = { headers: { 'x-flags': process.argv[2] } };\n";
    let code = format!("{before}{}\nconsole.log(JSON.stringify(pricing));\n", program("js"));
    let file = directory.path().join("read.mjs");
    fs::write(&file, code).unwrap();
    let pricing = run(Command::new("node").arg(&file).arg(header()));
    assert_eq!(pricing, json!({"currency": "EUR", "espresso": 2.5, "filter": 3, "cappuccino": 3.8}));
}

#[rustfmt::skip]
fn platinum(header: &str) -> Result<bool, Box<dyn Error>> {
    let flags: sfv::Dictionary = sfv::Parser::new(header).parse()?;
    let platinum = matches!(flags.get("platinum"), Some(sfv::ListEntry::Item(item)) if item.bare_item == sfv::BareItem::Boolean(true));
    Ok(platinum)
}

#[test]
fn rust() {
    let indented: String = program("rust").lines().map(|line| format!("    {line}\n")).collect();
    assert!(include_str!("readme.rs").contains(&format!("Box<dyn Error>> {{\n{indented}    Ok(")), "{indented}");
    assert!(platinum(&header()).unwrap());
}
