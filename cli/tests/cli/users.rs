//! `jackstaff users`, against a server that answers as the test says.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::host::{Answer, Host};
use crate::program::{Run, arg, jackstaff_in};

const KEY: &str = "dvc_server_secret";

fn stored() -> Answer {
    (200, "", r#"{"message":"Successfully stored the user data"}"#.to_owned())
}

fn refusal(status: u16, headers: &'static str, message: &str) -> Answer {
    (status, headers, format!(r#"{{"statusCode":{status},"message":"{message}"}}"#))
}

fn users(host: &Host, args: &[&str]) -> Run {
    let args = [&["users"][..], args, &["--host", &host.address]].concat();
    let run = jackstaff_in(&args, b"", &[("JACKSTAFF_KEY", KEY)]);
    assert!(
        !run.stdout.contains(KEY) && !run.stderr.contains(KEY),
        "the key was printed: {}{}",
        run.stdout,
        run.stderr
    );
    run
}

/// A file of so many users, each with their number.
fn file(dir: &Path, count: usize) -> PathBuf {
    let path = dir.join("users.ndjson");
    let lines = (1..=count).map(|n| format!("{{\"user_id\":\"u{n}\",\"customData\":{{\"n\":{n}}}}}\n"));
    fs::write(&path, lines.collect::<String>()).unwrap();
    path
}

fn state(input: &Path) -> PathBuf {
    let mut name = input.as_os_str().to_owned();
    name.push(".jackstaff-import");
    name.into()
}

#[test]
fn get_set_and_delete_say_what_the_host_said() {
    let host = Host::start(|asked, _| match asked.line.split_once(' ').unwrap().0 {
        "GET" => (200, "", r#"{"user_id":"ada","customData":{"stars":1.50}}"#.to_owned()),
        "DELETE" => (200, "", r#"{"message":"Nothing is stored about the user"}"#.to_owned()),
        _ => stored(),
    });
    let run = users(&host, &["get", "a/b ü"]);
    assert_eq!(
        (run.code, run.stdout.as_str()),
        (0, "{\"user_id\":\"ada\",\"customData\":{\"stars\":1.50}}\n"),
        "{}",
        run.stderr
    );
    let run = users(&host, &["set", "..", r#"{"customData":{"stars":120,"plan":null}}"#]);
    assert_eq!((run.code, run.stdout.as_str()), (0, "..: Successfully stored the user data\n"), "{}", run.stderr);
    let run = users(&host, &["delete", "ada", "bob"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(run.stdout.lines().count(), 2);
    let asked = host.asked();
    let lines: Vec<&str> = asked.iter().map(|asked| asked.line.as_str()).collect();
    assert_eq!(
        lines,
        ["GET /v1/edgedb/a%2Fb%20%C3%BC", "PATCH /v1/edgedb/%2E%2E", "DELETE /v1/edgedb/ada", "DELETE /v1/edgedb/bob"]
    );
    assert_eq!(asked[1].body, r#"{"customData":{"stars":120,"plan":null}}"#);
    assert!(asked.iter().all(|asked| asked.headers.contains(&format!("authorization: {KEY}"))), "{}", asked[0].headers);
}

#[test]
fn keys_come_from_the_variable_or_a_file() {
    let host = Host::start(|_, _| stored());
    let dir = tempfile::tempdir().unwrap();
    let key_file = dir.path().join("key");
    fs::write(&key_file, "jackstaff_admin_file\n").unwrap();
    let args = ["users", "set", "ada", "{}", "--host", &host.address];
    let run = jackstaff_in(&[&args[..], &["--key-file", arg(&key_file)]].concat(), b"", &[("JACKSTAFF_KEY", KEY)]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(host.asked()[0].headers.contains("authorization: jackstaff_admin_file"));
    let run = jackstaff_in(&args, b"", &[]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("JACKSTAFF_KEY") && run.stderr.contains("--key-file"), "{}", run.stderr);
    let run = jackstaff_in(&args, b"", &[("JACKSTAFF_KEY", "two words")]);
    assert!(run.code == 1 && !run.stderr.contains("two words"), "{}", run.stderr);
    assert_eq!(host.asked().len(), 1);
}

#[test]
fn refusals_are_explained() {
    let host = Host::start(|_, _| refusal(404, "", "nothing is stored about the user"));
    let run = users(&host, &["get", "ada"]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("404: nothing is stored about the user"), "{}", run.stderr);
    let run = users(&host, &["set", "ada", "{stars:1}"]);
    assert!(run.code == 1 && run.stderr.contains("single quotes"), "{}", run.stderr);
    let run = jackstaff_in(&["users", "get", "ada", "--host", "flags.example.com"], b"", &[("JACKSTAFF_KEY", KEY)]);
    assert!(run.code == 1 && run.stderr.contains("https://flags.example.com"), "{}", run.stderr);
    let moved = Host::start(|_, _| refusal(301, "location: http://127.0.0.1:1/\r\n", "moved"));
    assert!(users(&moved, &["get", "ada"]).stderr.contains("301"));
}

#[test]
fn a_host_in_trouble_is_asked_again() {
    let host = Host::start(|_, before| match before {
        0 => refusal(500, "", "nothing is known to be stored"),
        1 => refusal(429, "retry-after: 1\r\n", "this key has reached the limit"),
        _ => stored(),
    });
    let run = users(&host, &["set", "ada", "{}"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let asked = host.asked();
    assert_eq!(asked.len(), 3);
    assert!(asked[2].at - asked[1].at >= Duration::from_secs(1), "Retry-After was not respected");
    let host = Host::start(|_, _| refusal(429, "retry-after: 3600\r\n", "come back in an hour"));
    let run = users(&host, &["set", "ada", "{}"]);
    assert!(run.code == 1 && run.stderr.contains("429: come back in an hour"), "{}", run.stderr);
}

#[test]
fn an_import_sends_every_line_in_order_at_its_rate() {
    let host = Host::start(|_, _| stored());
    let dir = tempfile::tempdir().unwrap();
    let input = file(dir.path(), 25);
    let began = Instant::now();
    let run = users(&host, &["import", arg(&input)]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stdout.ends_with("25 users imported\n"), "{}", run.stdout);
    let asked = host.asked();
    for (n, asked) in (1..).zip(&asked) {
        assert_eq!(asked.line, format!("PATCH /v1/edgedb/u{n}"));
        assert_eq!(asked.body, format!("{{\"user_id\":\"u{n}\",\"customData\":{{\"n\":{n}}}}}"));
    }
    // 50 a second unless it is told otherwise.
    assert!(asked.len() == 25 && began.elapsed() >= Duration::from_millis(480), "{:?}", began.elapsed());
    assert!(!state(&input).exists());
    let run = users(&host, &["import", arg(&input), "--rate", "1000", "--resume"]);
    assert!(run.code == 0 && run.stderr.contains("begins at the first line"), "{}", run.stderr);
    assert_eq!(host.asked().len(), 50);
}

#[test]
fn an_import_that_stopped_is_resumed_where_it_stopped() {
    let broken = Host::start(|_, before| if before < 7 { stored() } else { refusal(401, "", "the key is unknown") });
    let dir = tempfile::tempdir().unwrap();
    let input = file(dir.path(), 20);
    let run = users(&broken, &["import", arg(&input), "--rate", "1000"]);
    assert_eq!(run.code, 1);
    for part in ["line 8", "users.ndjson:8", "401: the key is unknown", "--resume"] {
        assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
    }
    // Not by accident, not elsewhere, and not with another file.
    let run = users(&broken, &["import", arg(&input)]);
    assert!(run.code == 1 && run.stderr.contains("stopped after line 7"), "{}", run.stderr);
    let other = Host::start(|_, _| stored());
    let run = users(&other, &["import", arg(&input), "--resume"]);
    assert!(run.code == 1 && run.stderr.contains(&broken.address), "{}", run.stderr);
    assert_eq!(other.asked().len(), 0);
    let saved = fs::read_to_string(state(&input)).unwrap();
    assert!(!saved.contains(KEY));
    fs::write(state(&input), saved.replace(&broken.address, &other.address)).unwrap();
    let text = fs::read_to_string(&input).unwrap();
    fs::write(&input, text.replacen("u3", "v3", 1)).unwrap();
    let run = users(&other, &["import", arg(&input), "--resume"]);
    assert!(run.code == 1 && run.stderr.contains("has changed"), "{}", run.stderr);
    fs::write(&input, text).unwrap();
    let run = users(&other, &["import", arg(&input), "--resume", "--rate", "1000"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let lines: Vec<String> = other.asked().into_iter().map(|asked| asked.line).collect();
    let expected: Vec<String> = (8..=20).map(|n| format!("PATCH /v1/edgedb/u{n}")).collect();
    assert_eq!(lines, expected);
    assert!(!state(&input).exists());
}

#[test]
fn nothing_is_sent_of_a_file_with_mistakes() {
    let host = Host::start(|_, before| if before == 0 { refusal(413, "", "may take 16384") } else { stored() });
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("users.ndjson");
    fs::write(&input, "{\"user_id\":\"a\"}\n\n{\"id\":\"b\"}\n{\"user_id\":\"c\"}\n{\"user_id\":\"d\"\n").unwrap();
    let run = users(&host, &["import", arg(&input)]);
    assert_eq!(run.code, 1);
    for part in
        ["users.ndjson:3: has no `user_id`", "users.ndjson:5: is not JSON", "2 lines with mistakes", "--keep-going"]
    {
        assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
    }
    assert_eq!(host.asked().len(), 0);
    let run = users(&host, &["import", arg(&input), "--keep-going"]);
    assert_eq!(run.code, 1, "{}", run.stdout);
    assert!(run.stdout.ends_with("1 user imported, 3 lines passed over\n"), "{}", run.stdout);
    for part in ["users.ndjson:1: the host answered 413: may take 16384", "users.ndjson:3", "users.ndjson:5"] {
        assert!(run.stderr.contains(part), "{part}: {}", run.stderr);
    }
    let run = users(&host, &["import", arg(&input), "--check"]);
    assert_eq!(run.code, 1);
    let run = users(&host, &["import", arg(&file(dir.path(), 3)), "--check"]);
    assert!(run.code == 0 && run.stdout.ends_with("3 users, nothing was sent\n"), "{}", run.stdout);
}

#[test]
fn users_come_from_the_standard_input_too() {
    let host = Host::start(|_, _| stored());
    let input = b"{\"user_id\":\"a\"}\n{\"user_id\":\"b\"}";
    let args = ["users", "import", "-", "--host", &host.address, "--rate", "1000"];
    let run = jackstaff_in(&args, input, &[("JACKSTAFF_KEY", KEY)]);
    assert_eq!((run.code, run.stdout.as_str()), (0, "standard input: 2 users imported\n"), "{}", run.stderr);
    let run = jackstaff_in(&[&args[..], &["--resume"]].concat(), input, &[("JACKSTAFF_KEY", KEY)]);
    assert!(run.code == 1 && run.stderr.contains("only once"), "{}", run.stderr);
    let args = ["users", "set", "ada", "-", "--host", &host.address];
    let run = jackstaff_in(&args, b"{\"country\":\"DE\"}\n", &[("JACKSTAFF_KEY", KEY)]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(host.asked()[2].body.trim(), r#"{"country":"DE"}"#);
}
