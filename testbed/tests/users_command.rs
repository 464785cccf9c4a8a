//! `jackstaff users` against the real modules: import, interruption, resumption, and what is stored in the end.

mod common;

use std::path::Path;
use std::process::{Command, Output};

use common::hosts;
use jackstaff_testbed::deploy::{ApiDeployment, ApiHost, Host, Key};
use jackstaff_testbed::http_client::{Request, send};
use serde_json::json;

const KEY: &str = "jackstaff_admin_test";

/// More than a second's, so that an import is under way when it is interrupted.
const USERS: usize = 60;

fn users(address: std::net::SocketAddr, args: &[&str]) -> Output {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["run", "--quiet", "--package", "jackstaff", "--", "users"]).args(args);
    command.args(["--host", &format!("http://{address}")]).env("JACKSTAFF_KEY", KEY).env("NO_PROXY", "127.0.0.1");
    command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("..")).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn users_are_imported_into_spin_and_fastly() {
    for host in [Host::Spin, Host::Fastly].into_iter().filter(|host| hosts::ready(*host)) {
        let key =
            |key: &str, kind: &str| Key { key: key.to_owned(), kind: kind.to_owned(), environment: "test".to_owned() };
        let deployment = ApiDeployment {
            keys: vec![key(KEY, "admin")],
            // Interrupts the import: the host says when to go on.
            rate_limit: r#"{"requests":40,"seconds":2}"#.to_owned(),
            ..ApiDeployment::default()
        };
        let running = ApiHost::start(host, &deployment).unwrap();
        let address = running.address().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("users.ndjson");
        let mut text: String = (0..USERS)
            .map(|n| json!({"user_id": format!("ü/{n}"), "customData": {"n": n}}).to_string() + "\n")
            .collect();
        // One that the host refuses, in the last line but one.
        let (head, tail) = text.split_at(text[..text.len() - 1].rfind('\n').unwrap() + 1);
        text = format!("{head}{}\n{tail}", json!({"user_id": "refused", "customData": {"long": "x".repeat(20_000)}}));
        std::fs::write(&file, &text).unwrap();
        let file_argument = file.to_str().unwrap();

        let stopped = users(address, &["import", file_argument, "--rate", "1000"]);
        assert!(!stopped.status.success());
        let place = format!("users.ndjson:{USERS}: the host answered 413");
        assert!(said(&stopped).contains(&place) && said(&stopped).contains("16384"), "{}", said(&stopped));
        std::fs::write(&file, text.replace(&"x".repeat(20_000), "short")).unwrap();
        let resumed = users(address, &["import", file_argument, "--resume", "--rate", "1000"]);
        assert!(resumed.status.success() && said(&resumed).contains(": 2 users imported"), "{}", said(&resumed));

        let got = users(address, &["get", "ü/7"]);
        let got: serde_json::Value = serde_json::from_slice(&got.stdout).unwrap();
        assert_eq!(got, json!({"user_id": "ü/7", "customData": {"n": 7}}));
        let erased = users(address, &["delete", "ü/7", "ü/8"]);
        assert!(erased.status.success(), "{}", said(&erased));
        std::thread::sleep(std::time::Duration::from_secs(2));
        for n in 0..USERS {
            let target = format!("/v1/edgedb/%C3%BC%2F{n}");
            let mut response = send(address, &Request::get(&target).header("authorization", KEY)).unwrap();
            while response.status == 429 {
                std::thread::sleep(std::time::Duration::from_millis(500));
                response = send(address, &Request::get(&target).header("authorization", KEY)).unwrap();
            }
            assert_eq!(response.status, if [7, 8].contains(&n) { 404 } else { 200 }, "{n} on {}", host.name());
        }
        println!("{}: {USERS} users imported, in two runs and through a limit of 40 requests in 2 s", host.name());
    }
}
