//! The service that a program asks for, always at the same address.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::root;
use crate::deploy::{ApiDeployment, Host, Key, Served};

/// The environment of the ruleset and the key.
const ENVIRONMENT: &str = "clients";

/// The key that servers call with.
const KEY: &str = "dvc_server_clients";

/// The key that browsers call with.
const CLIENT_KEY: &str = "dvc_client_clients";

/// Ports below those that the system gives out by itself (from 32768 on Linux): while the service is down, nobody takes its port.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// What a program asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Wanted {
    auth: Auth,
    /// The setting `rate_limit`.
    limit: Option<Value>,
    /// Other default variants, by flag.
    defaults: BTreeMap<String, String>,
    ruleset: Ruleset,
    /// Whether users' attributes are stored.
    user_data: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Auth {
    /// Whoever asks must show a key.
    #[default]
    Key,
    /// There is no key, and OFREP is open.
    Open,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Ruleset {
    /// `testbed/clients/flags.json`, flagd's.
    #[default]
    Flags,
    /// `configs/flags/coffee-shop.json`, DevCycle's.
    CoffeeShop,
    /// There is none: the service cannot decide.
    None,
}

/// Where it runs.
#[derive(Debug, Serialize)]
pub(super) struct Running {
    url: String,
    key: &'static str,
    client_key: &'static str,
}

/// A host and what runs on it.
pub(super) struct Lab {
    host: Host,
    listen: SocketAddr,
    running: Option<(Wanted, Served)>,
}

impl Lab {
    pub(super) fn new(host: Host) -> Result<Self> {
        Ok(Self { host, listen: SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?)), running: None })
    }

    pub(super) fn deploy(&mut self, wanted: Wanted) -> Result<Running> {
        let served = match self.running.take() {
            Some((running, served)) if running == wanted => served,
            earlier => {
                drop(earlier);
                Served::start(self.host, &self.deployment(&wanted)?)?
            }
        };
        let running = Running { url: served.base_url().to_owned(), key: KEY, client_key: CLIENT_KEY };
        self.running = Some((wanted, served));
        Ok(running)
    }

    pub(super) fn take_down(&mut self) {
        self.running = None;
    }

    fn deployment(&self, wanted: &Wanted) -> Result<ApiDeployment> {
        let mut deployment = ApiDeployment { listen: Some(self.listen), ..ApiDeployment::default() };
        deployment.rulesets.extend(wanted.ruleset()?.map(|ruleset| (ENVIRONMENT.to_owned(), ruleset)));
        match wanted.auth {
            Auth::Key => deployment.keys = vec![key(KEY, "server"), key(CLIENT_KEY, "client")],
            Auth::Open => ENVIRONMENT.clone_into(&mut deployment.open_environment),
        }
        deployment.rate_limit = wanted.limit.as_ref().map(Value::to_string).unwrap_or_default();
        if wanted.user_data {
            r#"{"enabled":true}"#.clone_into(&mut deployment.user_data);
        }
        Ok(deployment)
    }
}

fn key(key: &str, kind: &str) -> Key {
    Key { key: key.to_owned(), kind: kind.to_owned(), environment: ENVIRONMENT.to_owned() }
}

impl Wanted {
    fn ruleset(&self) -> Result<Option<Vec<u8>>> {
        let path = match self.ruleset {
            Ruleset::Flags => root().join("flags.json"),
            Ruleset::CoffeeShop => root().join("../../configs/flags/coffee-shop.json"),
            Ruleset::None => return Ok(None),
        };
        let mut text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        for (flag, variant) in &self.defaults {
            text = with_default(&text, flag, variant)
                .with_context(|| format!("{} has no flag `{flag}` with a default variant", path.display()))?;
        }
        Ok(Some(text.into_bytes()))
    }
}

/// The ruleset with another default variant of a flag. Everything else stays as it is written: members in another order would be a change.
fn with_default(ruleset: &str, flag: &str, variant: &str) -> Option<String> {
    let member = "\"defaultVariant\": \"";
    let at_flag = ruleset.find(&format!("\n    \"{flag}\": {{"))?;
    let start = at_flag + ruleset.get(at_flag..)?.find(member)? + member.len();
    let (before, after) = ruleset.split_at_checked(start)?;
    let (_, rest) = after.split_once('"')?;
    Some(format!("{before}{variant}\"{rest}"))
}

/// A port of [`PORTS`] that is free. Test processes side by side begin at different ones.
fn free_port() -> Result<u16> {
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let count = u32::from(PORTS.end - PORTS.start);
    for _ in 0..count {
        let nth = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let offset = std::process::id().wrapping_mul(16).wrapping_add(nth) % count;
        let port = PORTS.start + u16::try_from(offset)?;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    anyhow::bail!("no port of {PORTS:?} is free on 127.0.0.1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_default_variant_changes_nothing_else() {
        let flags = Wanted::default().ruleset().unwrap().unwrap();
        let wanted = Wanted { defaults: [("float".to_owned(), "whole".to_owned())].into(), ..Wanted::default() };
        let flags = String::from_utf8(flags).unwrap();
        let expected = flags.replace("\"defaultVariant\": \"half\"", "\"defaultVariant\": \"whole\"");
        assert!(expected != flags && wanted.ruleset().unwrap() == Some(expected.into_bytes()));
        let unknown = Wanted { defaults: [("no-such".to_owned(), "on".to_owned())].into(), ..Wanted::default() };
        assert!(unknown.ruleset().is_err());
    }
}
