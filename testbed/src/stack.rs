//! `cargo up`: everything on this machine, with the demo ruleset.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::{fs, thread};

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use clap::Args;
use serde_json::{Value, json};

use crate::deploy::{ApiDeployment, ApiHost, FilterDeployment, FilterHost, Host, Key, backend};
use crate::hosts::envoy::{Envoy, EnvoyOptions};
use crate::modules::{self, Module};
use crate::upstream::{Reply, Seen, Upstream};

/// The environment of the demo keys in `configs/flags/keys.json`.
const ENVIRONMENT: &str = "demo";

/// The demo's server key. It opens nothing but the demo.
const SERVER_KEY: &str = "dvc_server_demo";

/// What the filter calls the Spin host.
const SPIN_CLUSTER: &str = "spin";

/// Where the filter serves the API.
const API_PREFIX: &str = "/flags";

/// Where to listen. 0 takes any free port.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Port of Envoy (or of the wasmtime host in its place)
    #[arg(long, default_value_t = 10_000)]
    envoy_port: u16,
    /// Port of the Spin host
    #[arg(long, default_value_t = 3_000)]
    spin_port: u16,
    /// Port of Viceroy
    #[arg(long, default_value_t = 7_676)]
    fastly_port: u16,
    /// Another ruleset than the demo: a source document or a snapshot
    #[arg(long, value_name = "FILE")]
    ruleset: Option<PathBuf>,
}

/// What runs in Envoy's place.
enum Proxy {
    Envoy(#[expect(dead_code, reason = "runs until it is dropped")] Box<Envoy>, SocketAddr),
    Wasmtime(Upstream),
}

impl Proxy {
    fn address(&self) -> SocketAddr {
        match self {
            Self::Envoy(_, address) => *address,
            Self::Wasmtime(front) => front.address(),
        }
    }
}

/// Starts everything, says where it is, and waits for Ctrl-C.
///
/// # Errors
/// When a module cannot be built, a port is taken, or the ruleset cannot be used.
pub fn up(options: &Options) -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let path = options.ruleset.clone().unwrap_or_else(|| root.join("configs/flags/coffee-shop.json"));
    let ruleset = fs::read(&path).with_context(|| format!("cannot read the ruleset {}", path.display()))?;
    check(&ruleset).with_context(|| format!("{} cannot be used", path.display()))?;

    step("building the three modules (minutes the first time, nothing after that)");
    for size in modules::sizes()? {
        eprintln!("    {size}");
    }
    step("starting the Spin host");
    let deployment = |port: u16| ApiDeployment {
        rulesets: [(ENVIRONMENT.to_owned(), ruleset.clone())].into(),
        keys: demo_keys(),
        user_data: user_data(None),
        listen: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port))),
        ..ApiDeployment::default()
    };
    let spin = ApiHost::start(Host::Spin, &deployment(options.spin_port))?;
    step("starting Viceroy (installed the first time: some minutes)");
    let keeper = spin.address().context("the Spin host has no address")?;
    let shared = ApiDeployment {
        user_data: user_data(Some(&backend(keeper))),
        servers: vec![keeper],
        ..deployment(options.fastly_port)
    };
    let fastly = ApiHost::start(Host::Fastly, &shared)
        .inspect_err(|error| eprintln!("    no Fastly here: {error:#}\n    the Spin host serves the same API"))
        .ok();
    step("starting Envoy (installed the first time: some seconds)");
    let upstream = Upstream::start(0)?;
    let proxy = start_proxy(options, &ruleset, &upstream, keeper)?;

    print_addresses(&spin, fastly.as_ref(), &proxy)?;
    wait_for_interrupt()?;
    eprintln!("stopping");
    Ok(())
}

/// The `user_data` setting. Whoever calls the Spin host by a name lets it keep the user data, so that what one is told all know.
fn user_data(keeper: Option<&str>) -> String {
    // The machine that tries this out may be busy with building: the demo waits longer for stored attributes than the usual 20 ms.
    let mut setting = json!({ "read_limit_ms": 500 });
    if let Some(origin) = keeper {
        // What is told shows at once: nothing is remembered.
        setting["remote"] = json!({ "origin": origin, "authority": "spin.local", "key": SERVER_KEY, "cache_s": 0, "missing_cache_s": 0 });
    }
    setting.to_string()
}

fn demo_keys() -> Vec<Key> {
    vec![Key { key: SERVER_KEY.to_owned(), kind: "server".to_owned(), environment: ENVIRONMENT.to_owned() }]
}

fn step(what: &str) {
    eprintln!("==> {what}");
}

fn check(ruleset: &[u8]) -> Result<()> {
    if jackstaff_core::is_snapshot(ruleset) {
        jackstaff_core::Ruleset::verify(ruleset)?;
        return Ok(());
    }
    match jackstaff_core::compile(ruleset, &jackstaff_core::CompileOptions::default()) {
        Ok(_) => Ok(()),
        Err(found) => anyhow::bail!("{}", found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")),
    }
}

/// A plugin configuration for trying things out, with the ruleset given. (`configs/envoy/envoy.yaml` is the one to copy.)
fn plugin(ruleset: &[u8], user_data: &str) -> Result<Value> {
    let ruleset = serde_json::from_slice(ruleset).unwrap_or_else(|_| Value::from(BASE64.encode(ruleset)));
    let keys = ApiDeployment { keys: demo_keys(), ..ApiDeployment::default() }.key_entries();
    let settings: Value = serde_json::from_str(user_data)?;
    Ok(json!({
        "ruleset": ruleset,
        "identity": [{ "header": "x-user-id" }, { "cookie": "uid" }, { "anonymous": { "cookie": "jackstaff_id", "secure": false } }],
        "attributes": [{ "header": "x-stars", "name": "stars", "scope": "custom", "type": "number" }],
        "per_flag_headers": { "checkout": "x-flag-checkout" },
        "environment": ENVIRONMENT,
        "api": { "prefix": API_PREFIX, "keys": keys },
        "user_data": { "settings": settings },
    }))
}

fn start_proxy(options: &Options, ruleset: &[u8], upstream: &Upstream, keeper: SocketAddr) -> Result<Proxy> {
    match start_envoy(options, ruleset, upstream, keeper) {
        Ok(proxy) => Ok(proxy),
        Err(error) => {
            eprintln!(
                "    no Envoy here: {error:#}\n    the filter runs on wasmtime instead, with user data of its own"
            );
            let deployment = FilterDeployment {
                plugins: [("demo".to_owned(), plugin(ruleset, &user_data(None))?.to_string())].into(),
                ..FilterDeployment::default()
            };
            let filter = Mutex::new(FilterHost::start(Host::Filter, &deployment)?);
            let front = Upstream::start_with(options.envoy_port, move |seen| Some(through_filter(&filter, seen)))?;
            Ok(Proxy::Wasmtime(front))
        }
    }
}

fn start_envoy(options: &Options, ruleset: &[u8], upstream: &Upstream, keeper: SocketAddr) -> Result<Proxy> {
    let plugin = plugin(ruleset, &user_data(Some(SPIN_CLUSTER)))?.to_string();
    let mut envoy_options = EnvoyOptions::new(Module::Filter.path()?, upstream.address()).plugin("demo", plugin);
    envoy_options.clusters.push((SPIN_CLUSTER.to_owned(), keeper));
    envoy_options.port = options.envoy_port;
    let envoy = Envoy::start(&envoy_options)?;
    let address = envoy.addr("demo")?;
    Ok(Proxy::Envoy(Box::new(envoy), address))
}

/// What the application behind Envoy would answer.
fn through_filter(filter: &Mutex<FilterHost>, seen: &Seen) -> Reply {
    let passed = match filter.lock() {
        Ok(mut filter) => filter.send("demo", &seen.to_request()),
        Err(_) => Err(anyhow::anyhow!("the filter's host has panicked")),
    };
    match passed {
        Ok(passed) => {
            let reply = Reply::from(passed.response);
            match passed.upstream {
                Some(upstream) => {
                    let seen = Seen { headers: upstream, ..seen.clone() };
                    Reply { status: 200, body: seen.to_json().to_string().into_bytes(), ..reply }
                }
                None => reply,
            }
        }
        Err(error) => Reply::of_error(&error),
    }
}

fn print_addresses(spin: &ApiHost, fastly: Option<&ApiHost>, proxy: &Proxy) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let name = if matches!(proxy, Proxy::Envoy(..)) { "Envoy 1.40" } else { "filter on wasmtime" };
    writeln!(out, "\n  {name:<20} http://{}  → an upstream that echoes the headers it received", proxy.address())?;
    writeln!(out, "  {:<20} http://{}{API_PREFIX}  the API, served by the filter itself", "", proxy.address())?;
    writeln!(out, "  {:<20} http://{}", "Spin (wasmtime)", spin.address().context("the Spin host has no address")?)?;
    if let Some(address) = fastly.and_then(ApiHost::address) {
        writeln!(out, "  {:<20} http://{address}", "Fastly (Viceroy)")?;
    }
    let told = |address: SocketAddr, stars: u32| {
        format!(
            "curl -s -X PATCH http://{address}/v1/edgedb/ada -H 'Authorization: {SERVER_KEY}' \\\n    -d '{{\"customData\":{{\"stars\":{stars}}}}}'"
        )
    };
    let asked = |address: SocketAddr| {
        format!(
            "curl -s 'http://{address}/v1/variables/platinum?enableEdgeDB=true' -H 'Authorization: {SERVER_KEY}' \\\n    -d '{{\"user_id\":\"ada\"}}'"
        )
    };
    let edges: Vec<SocketAddr> = [spin.address(), fastly.and_then(ApiHost::address)].into_iter().flatten().collect();
    writeln!(out, "\nWhat an application behind Envoy sees of ada, who shows 120 stars, and of ada alone:\n")?;
    writeln!(out, "  curl -s http://{}/ -H 'x-user-id: ada' -H 'x-stars: 120'", proxy.address())?;
    writeln!(out, "  curl -s http://{}/ -H 'x-user-id: ada'", proxy.address())?;
    for (address, stars) in edges.iter().zip([120, 7]) {
        let changed = if stars == 120 { "a platinum guest" } else { "no more one" };
        writeln!(out, "\nTell one edge that ada has {stars} stars, and she is {changed} at all of them:\n")?;
        writeln!(out, "  {}", told(*address, stars))?;
        for address in &edges {
            writeln!(out, "  {}", asked(*address))?;
        }
        writeln!(out, "  curl -s http://{}/ -H 'x-user-id: ada'", proxy.address())?;
    }
    writeln!(out, "\nCtrl-C stops everything.")?;
    out.flush()?;
    Ok(())
}

fn wait_for_interrupt() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // Its own thread, so that a runtime of a host that is current here does not matter.
    let waiting = thread::spawn(move || {
        runtime.block_on(async {
            let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
            tokio::select! {
                interrupted = tokio::signal::ctrl_c() => interrupted,
                _ = terminate.recv() => Ok(()),
            }
        })
    });
    match waiting.join() {
        Ok(result) => result.context("cannot wait for Ctrl-C"),
        Err(_) => anyhow::bail!("waiting for Ctrl-C failed"),
    }
}
