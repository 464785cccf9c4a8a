//! Playing a case on a host.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use regex::Regex;
use serde_json::Value;

use super::case::{ApiCase, Case, Exchange, FilterCase};
use super::expect::check;
use crate::clock::Clock;
use crate::deploy::{ApiDeployment, ApiHost, FilterDeployment, FilterHost, Host, KEEPER_KEY, Keeper, Key, Passed};
use crate::http_client::Request;
use crate::upstream::from_text;

/// The one plugin of a case.
const PLUGIN: &str = "case";

/// Plays the case on `host`; `None` where it is not for that kind of host, else what differs.
///
/// # Errors
/// When the case cannot be deployed or a request gets no answer.
pub fn play(case: &Case, host: Host) -> Result<Option<Vec<String>>> {
    if case.not_played_on(host).is_some() {
        return Ok(None);
    }
    let clock = match &case.now {
        Some(now) => {
            let now = jackstaff_core::Timestamp::parse(now).with_context(|| format!("`now` is no date: {now}"))?;
            Clock::fixed(u64::try_from(now.0)?)
        }
        None => Clock::system(),
    };
    let mut played = None;
    if let Some(api) = &case.api {
        played = Some(play_api(case, api, host, clock.clone())?);
    }
    if let Some(filter) = case.filter.as_ref().filter(|_| host.injects()) {
        played.get_or_insert_default().extend(play_filter(case, filter, host, clock)?);
    }
    Ok(played)
}

fn play_api(case: &Case, api: &ApiCase, host: Host, clock: Clock) -> Result<Vec<String>> {
    let mut deployment = ApiDeployment {
        test: api.test.as_ref().map(Value::to_string).unwrap_or_default(),
        open_environment: api.open_environment.clone(),
        rate_limit: api.rate_limit.as_ref().map(Value::to_string).unwrap_or_default(),
        user_data: api.user_data.as_ref().map(Value::to_string).unwrap_or_default(),
        stored: api.stored.iter().map(|(key, text)| (key.clone(), repeat(text).into_bytes())).collect(),
        no_store: api.no_store,
        keeper: api.remote.as_ref().map(|_| Keeper::start()),
        remote: api.remote.clone().unwrap_or_default(),
        clock,
        ..ApiDeployment::default()
    };
    for (environment, reference) in &api.rulesets {
        deployment.rulesets.insert(environment.clone(), case.file(reference)?);
    }
    for entry in &api.keys {
        deployment.keys.push(Key {
            key: entry.key.clone(),
            kind: entry.kind.clone(),
            environment: entry.environment.clone(),
        });
    }
    let started = ApiHost::start(host, &deployment);
    if let Some(words) = api.refused.as_ref().filter(|_| host.injects()) {
        return Ok(refused(words, started.err()));
    }
    let mut service = started?;
    let played = exchanges(case, |exchange, request| {
        if let Some(state) = exchange.store {
            service.set_store(state)?;
        }
        if exchange.advance_s > 0 {
            ensure!(host.clock_is_set(), "the clock of {} cannot be set: say so in not-played.json", host.name());
            deployment.clock.advance(Duration::from_secs(exchange.advance_s));
        }
        if let Some(key) = &exchange.damage {
            service.damage(key).with_context(|| format!("damaging {key}"))?;
        }
        let asked = asked_before(&deployment, exchange)?;
        let passed = Passed { upstream: None, response: service.send(request)? };
        let found = exchange.expect.stored.iter().filter_map(|(key, wanted)| stored(key, wanted, service.stored(key)?));
        let mut found: Vec<String> = found.collect();
        if let (Some(keeper), Some(wanted)) = (&deployment.keeper, exchange.expect.asked) {
            let asked = keeper.asked() - asked;
            found.extend(
                (asked != wanted).then(|| format!("the keeper was to be asked {wanted} times, was {asked} times")),
            );
        }
        Ok((passed, found))
    });
    let log = service.log();
    let mut found = played.with_context(|| log.clone())?;
    let keys = api.keys.iter().map(|entry| entry.key.as_str()).chain([KEEPER_KEY]);
    // No server of a case has an address like this: it would be a user's.
    found.extend(
        keys.chain(["@example.com"])
            .filter(|secret| log.contains(secret))
            .map(|secret| format!("{secret} is in the log:\n{log}")),
    );
    Ok(found)
}

/// Makes the keeper behave as the exchange says. How often it has been asked until now.
fn asked_before(deployment: &ApiDeployment, exchange: &Exchange) -> Result<u64> {
    let Some(keeper) = &deployment.keeper else { return Ok(0) };
    if let Some(state) = exchange.keeper {
        keeper.set(state)?;
    }
    if let Some(key) = &exchange.damage_keeper {
        keeper.damage(key)?;
    }
    Ok(keeper.asked())
}

fn play_filter(case: &Case, filter: &FilterCase, host: Host, clock: Clock) -> Result<Vec<String>> {
    let plugins = BTreeMap::from([(PLUGIN.to_owned(), plugin(case, filter)?)]);
    let deployment = FilterDeployment { plugins, clock, ..FilterDeployment::default() };
    let started = FilterHost::start(host, &deployment);
    if let Some(words) = &filter.refused {
        return Ok(refused(words, started.err()));
    }
    let mut running = started?;
    let played = exchanges(case, |_, request| Ok((running.send(PLUGIN, request)?, Vec::new())));
    played.with_context(|| running.log())
}

/// Where a refusal differs from what is expected.
fn refused(words: &str, error: Option<anyhow::Error>) -> Vec<String> {
    match error {
        None => vec!["the configuration was accepted".to_owned()],
        Some(error) if format!("{error:#}").contains(words) => Vec::new(),
        Some(error) => vec![format!("expected {words:?} in the refusal, got {error:#}")],
    }
}

/// The plugin configuration, with the ruleset that it names put in as it is written.
fn plugin(case: &Case, filter: &FilterCase) -> Result<String> {
    let mut plugin = filter.plugin.clone();
    let reference = plugin.get("ruleset").and_then(Value::as_str).filter(|r| r.starts_with('@')).map(str::to_owned);
    let (Some(reference), Some(members)) = (reference, plugin.as_object_mut()) else { return Ok(plugin.to_string()) };
    members.remove("ruleset");
    let ruleset = String::from_utf8(case.file(&reference)?).context("the ruleset is not UTF-8")?;
    let rest = plugin.to_string();
    let comma = if rest == "{}" { "" } else { "," };
    Ok(format!(r#"{{"ruleset":{ruleset}{comma}{}"#, rest.trim_start_matches('{')))
}

/// Where what lies under `key` differs from what is wanted.
fn stored(key: &str, wanted: &Value, got: Option<Vec<u8>>) -> Option<String> {
    let same = match (&got, wanted) {
        (None, Value::Null) => true,
        (Some(bytes), Value::String(text)) => bytes == text.as_bytes(),
        (Some(bytes), Value::Object(_)) => serde_json::from_slice::<Value>(bytes).is_ok_and(|got| got == *wanted),
        _ => false,
    };
    let shown = got.as_deref().map(String::from_utf8_lossy);
    (!same).then(|| format!("stored under {key}: expected {wanted}, got {shown:?}"))
}

/// Sends each exchange's request. `send` also says where the host is not as the exchange expects it afterwards.
fn exchanges(
    case: &Case,
    mut send: impl FnMut(&Exchange, &Request) -> Result<(Passed, Vec<String>)>,
) -> Result<Vec<String>> {
    let mut saved: BTreeMap<String, String> = BTreeMap::new();
    let mut found = Vec::new();
    for (nth, exchange) in case.requests.iter().enumerate() {
        let label = format!("request {} {}", nth + 1, exchange.about);
        let request = request(exchange, &saved).with_context(|| label.clone())?;
        thread::sleep(Duration::from_millis(exchange.wait_ms));
        let (passed, mut differences) = send(exchange, &request).with_context(|| label.clone())?;
        differences.extend(check(&exchange.expect, passed.upstream.as_deref(), &passed.response));
        found.extend(differences.into_iter().map(|difference| format!("{label}: {difference}")));
        for (name, save) in &exchange.expect.save {
            let regex = Regex::new(&save.pattern)?;
            let value = passed.response.header(&save.header).map(String::from_utf8_lossy).unwrap_or_default();
            let Some(group) = regex.captures(&value).and_then(|captures| captures.get(1)) else {
                bail!("{label}: nothing in {} {value:?} fits {:?}", save.header, save.pattern);
            };
            saved.insert(name.clone(), group.as_str().to_owned());
        }
    }
    Ok(found)
}

fn request(exchange: &Exchange, saved: &BTreeMap<String, String>) -> Result<Request> {
    let fill = |text: &str| {
        let text = repeat(text);
        saved.iter().fold(text, |text, (name, value)| text.replace(&format!("${{{name}}}"), value))
    };
    let bytes = |text: &str| from_text(text).with_context(|| format!("{text:?} has characters beyond ISO 8859-1"));
    let body = match (&exchange.body, exchange.body_bytes) {
        (_, Some(count)) => vec![b'x'; count],
        (Some(Value::String(text)), None) => repeat(text).into_bytes(),
        (Some(json), None) => repeat(&json.to_string()).into_bytes(),
        (None, None) => Vec::new(),
    };
    let mut request = Request {
        method: exchange.method.clone(),
        target: fill(&exchange.target).into_bytes(),
        headers: Vec::new(),
        body,
    };
    for (name, value) in &exchange.headers {
        request = request.header(bytes(name)?, bytes(&fill(value))?);
    }
    Ok(request)
}

/// `text` with N times TEXT in the place of each `${TEXT*N}`.
fn repeat(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        out.push_str(before);
        let repeated = after.split_once('}').and_then(|(inside, after)| {
            let (text, count) = inside.rsplit_once('*')?;
            Some((text.repeat(count.parse().ok()?), after))
        });
        match repeated {
            Some((repeated, after)) => {
                out.push_str(&repeated);
                rest = after;
            }
            None => {
                out.push_str("${");
                rest = after;
            }
        }
    }
    out + rest
}
