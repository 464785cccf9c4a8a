//! Checking an answer.

use regex::bytes::Regex;

use super::case::{Expectation, Match};
use crate::http_client::Response;

/// Where the answer differs from what is expected, a line each.
pub(super) fn check(expect: &Expectation, upstream: Option<&[(String, Vec<u8>)]>, response: &Response) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(status) = expect.status
        && status != response.status
    {
        found.push(format!("status: expected {status}, got {}", response.status));
    }
    if upstream.is_none() && !expect.upstream.is_empty() {
        found.push("the request did not reach the application".to_owned());
    }
    for (name, wanted) in &expect.upstream {
        check_values(&format!("upstream {name}"), wanted, &values(upstream.unwrap_or_default(), name), &mut found);
    }
    for (name, wanted) in &expect.headers {
        check_values(&format!("response {name}"), wanted, &values(&response.headers, name), &mut found);
    }
    if let Some(json) = &expect.json {
        match response.json() {
            Ok(got) => found.extend(crate::vectors::differences("body", json, &got)),
            Err(_) => found.push(format!("body: expected JSON, got {:?}", String::from_utf8_lossy(&response.body))),
        }
    }
    if let Some(body) = &expect.body {
        check_values("body", body, &[&response.body], &mut found);
    }
    found
}

fn values<'h>(headers: &'h [(String, Vec<u8>)], name: &str) -> Vec<&'h [u8]> {
    headers.iter().filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| &**value).collect()
}

fn check_values(what: &str, wanted: &Match, got: &[&[u8]], found: &mut Vec<String>) {
    let shown: Vec<_> = got.iter().map(|value| String::from_utf8_lossy(value)).collect();
    match wanted {
        Match::Absent if got.is_empty() => {}
        Match::Absent => found.push(format!("{what}: expected none, got {shown:?}")),
        Match::Exactly(text) if got == [text.as_bytes()] => {}
        Match::Exactly(text) => found.push(format!("{what}: expected {text:?}, got {shown:?}")),
        Match::Each(texts) => {
            let (mut a, mut b): (Vec<&[u8]>, Vec<&[u8]>) = (texts.iter().map(|t| t.as_bytes()).collect(), got.to_vec());
            a.sort_unstable();
            b.sort_unstable();
            if a != b {
                found.push(format!("{what}: expected {texts:?}, got {shown:?}"));
            }
        }
        Match::Pattern { pattern } => match Regex::new(&format!("^(?:{pattern})$")) {
            Ok(regex) if got.len() == 1 && got.iter().all(|value| regex.is_match(value)) => {}
            Ok(_) => found.push(format!("{what}: expected one that fits {pattern:?}, got {shown:?}")),
            Err(error) => found.push(format!("{what}: {error}")),
        },
    }
}
