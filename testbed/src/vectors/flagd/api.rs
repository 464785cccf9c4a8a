//! Over OFREP: each row alone, and again among all flags of its document.

use anyhow::{Context as _, Result, ensure};
use jackstaff_core::source::flagd::Fractional;
use serde_json::Value;

use super::row::{Answer, NOW_MS, Row, Vectors};
use super::snapshot;
use crate::clock::Clock;
use crate::deploy::{ApiDeployment, ApiHost, Host, Key};
use crate::http_client::{Request, Response};
use crate::vectors::Failure;
use crate::vectors::compare::differences;

pub(super) fn play(host: Host, vectors: &Vectors) -> Result<Vec<Failure>> {
    let mut deployment = ApiDeployment { clock: Clock::fixed(NOW_MS), ..ApiDeployment::default() };
    for (nth, (id, set)) in vectors.sets.iter().enumerate() {
        // Every second document goes in as the source it is, the others compiled: hosts take both. A source says nothing of v3.
        let ruleset = if nth % 2 == 0 && vectors.fractional == Fractional::default() {
            set.clone().into_bytes()
        } else {
            snapshot(set, vectors.fractional).with_context(|| id.clone())?
        };
        deployment.rulesets.insert(id.clone(), ruleset);
        deployment.keys.push(Key { key: key(id), kind: "server".to_owned(), environment: id.clone() });
    }
    let mut api = ApiHost::start(host, &deployment)?;
    let mut failures = Vec::new();
    for row in &vectors.rows {
        let differences = play_row(&mut api, row).with_context(|| format!("{}\n{}", row.label, api.log()))?;
        if !differences.is_empty() {
            failures.push(Failure { row: row.label.clone(), differences });
        }
    }
    Ok(failures)
}

fn key(set: &str) -> String {
    format!("ofrep-{set}")
}

fn play_row(api: &mut ApiHost, row: &Row) -> Result<Vec<String>> {
    let body = format!(r#"{{"context":{}}}"#, row.context);
    let mut ask = |path: &str| -> Result<Response> {
        let request = Request::with_body("POST", &format!("/ofrep/v1/evaluate/flags{path}"), body.as_bytes())
            .header("authorization", format!("Bearer {}", key(&row.set)))
            .header("content-type", "application/json");
        api.send(&request)
    };
    // The path of no key at all is that of all flags: such a flag is looked for there only.
    let single = match row.flag.is_empty() {
        true => None,
        false => Some(ask(&format!("/{}", encoded(&row.flag)))?),
    };
    let Some(response) = single else {
        let whole: Value = ask("")?.json()?;
        let named =
            whole.get("flags").and_then(Value::as_array).is_some_and(|flags| flags.iter().any(|f| f["key"] == ""));
        return Ok(if named { vec!["a flag without a key is among all flags".to_owned()] } else { Vec::new() });
    };
    let single: Value = response.json()?;
    let mut found = row.differences(answer(response.status, &single)?);
    if single.get("key").and_then(Value::as_str) != Some(&*row.flag) {
        found.push(format!("key: expected {:?}, got {single}", row.flag));
    }
    let whole = ask("")?;
    ensure!(whole.status == 200, "all flags: {} {}", whole.status, String::from_utf8_lossy(&whole.body));
    let all: Value = whole.json()?;
    let all = all.get("flags").and_then(Value::as_array).context("all flags: there is no list `flags`")?;
    let keys: Vec<&str> = all.iter().filter_map(|flag| flag.get("key")?.as_str()).collect();
    ensure!(keys.len() == all.len() && keys.is_sorted(), "all flags: {keys:?} is not one key for each, in order");
    match keys.iter().position(|key| *key == row.flag).and_then(|at| all.get(at)) {
        Some(flag) => found.extend(differences("among all flags", &single, flag)),
        None if response.status == 404 => {}
        None => found.push("not among all flags".to_owned()),
    }
    Ok(found)
}

/// What a client reads out of the answer to one flag.
fn answer(status: u16, body: &Value) -> Result<Answer> {
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    let metadata = body.get("metadata").cloned().context("there is no `metadata`")?;
    let error_code = text("errorCode");
    let expected = match error_code.as_deref() {
        None => 200,
        Some("FLAG_NOT_FOUND") => 404,
        Some(_) => 400,
    };
    ensure!(status == expected, "expected the status {expected}, got {status}: {body}");
    if error_code.is_some() {
        ensure!(text("errorDetails").is_some(), "an error without `errorDetails`: {body}");
        return Ok(Answer { value: None, variant: None, reason: "ERROR".to_owned(), error_code, metadata });
    }
    Ok(Answer {
        value: body.get("value").cloned(),
        // Empty beside a missing value: for clients that want the member.
        variant: text("variant").filter(|variant| !variant.is_empty()),
        reason: text("reason").context("there is no `reason`")?,
        error_code,
        metadata,
    })
}

/// Only what a path must not hold is encoded: so some keys go as they are, others do not.
fn encoded(key: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"%?#\"<>^`{|}\\".contains(&byte);
    let mut out = String::new();
    for byte in key.bytes() {
        if plain(byte) { out.push(char::from(byte)) } else { out.push_str(&format!("%{byte:02X}")) }
    }
    out
}
