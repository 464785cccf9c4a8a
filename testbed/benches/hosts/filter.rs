//! The filter in the proxy-wasm host, where each instruction is counted: the same on every machine.

use std::cell::RefCell;

use anyhow::{Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jackstaff_testbed::hosts::proxy_wasm::{self, Outcome, PluginId, RequestIn, Vm, VmOptions};
use jackstaff_testbed::modules::Module;
use serde_json::json;

use crate::FLAGS;
use crate::measure::{Effort, Work, computing, medians};

/// How many flags a request carries.
const SENT: usize = 10;

/// What the budget allows the filter, of what the filter takes that reads all headers and adds one.
const MOST: f64 = 1.5;

/// A module that takes requests.
struct Filter {
    vm: RefCell<Vm>,
    plugin: PluginId,
}

impl Filter {
    fn start(module: Module, config: &str) -> Result<Self> {
        let mut vm = Vm::new(&proxy_wasm::Module::load(module.path()?)?, VmOptions::default())?;
        let plugin = vm.configure(config.as_bytes())?;
        Ok(Self { vm: RefCell::new(vm), plugin })
    }

    /// Takes a request through it, whose client then goes away. Returns what it put into the flag header.
    fn request(&self) -> Result<Option<Vec<u8>>> {
        let mut vm = self.vm.borrow_mut();
        let (stream, outcome) = vm.request(self.plugin, request())?;
        vm.cancel(stream)?;
        let Outcome::Forwarded { headers, .. } = outcome else { return Ok(None) };
        Ok(headers.into_iter().find(|(name, _)| name == b"x-flags").map(|(_, value)| value))
    }

    /// Wasm instructions for one request, when everything that is kept has been kept.
    fn instructions(&self) -> Result<u64> {
        self.request()?;
        let before = self.vm.borrow().fuel_used();
        self.request()?;
        Ok(self.vm.borrow().fuel_used() - before)
    }

    fn work(&self) -> Work<'_> {
        computing(|| assert!(self.request().is_ok(), "a request failed"))
    }
}

/// What a browser sends through a gateway.
fn request() -> RequestIn {
    RequestIn::get("/")
        .header("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0")
        .header("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
        .header("accept-language", "en-GB,en;q=0.7,nl;q=0.3")
        .header("accept-encoding", "gzip, deflate, br, zstd")
        .header("cookie", "session=6f1d2c9a8b7e4f30; consent=all; theme=dark")
        .header("x-request-id", "5f0c1b7e-7a52-4f0b-9d53-2f6e1f1a9c11")
        .header("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
        .header("x-forwarded-for", "203.0.113.7")
        .header("x-user-id", "user-4711")
        .header("x-country", "NL")
}

/// Prints the filter beside those that do next to nothing.
pub fn print(snapshot: &[u8], effort: Effort) -> Result<()> {
    let config = json!({
        "ruleset": STANDARD.encode(snapshot),
        "flags": (0..SENT).map(|nth| format!("flag-{}", nth * FLAGS / SENT)).collect::<Vec<_>>(),
        "identity": [{ "header": "x-user-id" }],
        "attributes": [{ "header": "x-country", "name": "country", "scope": "profile" }],
    });
    let nothing = Filter::start(Module::ProbeFilter, "nothing")?;
    let headers = Filter::start(Module::ProbeFilter, "headers")?;
    let jackstaff = Filter::start(Module::Filter, &config.to_string())?;
    ensure!(nothing.request()?.is_none(), "the filter that does nothing does something");
    ensure!(headers.request()?.is_some(), "the filter that adds a header adds none");
    let flags = jackstaff.request()?.map_or(0, |value| String::from_utf8_lossy(&value).matches("flag-").count());
    ensure!(flags == SENT, "Jackstaff sends {flags} flags, not {SENT}");

    let [base, reads, decides] = medians(effort, [nothing.work(), headers.work(), jackstaff.work()]);
    println!("| filter (wasmtime) | instructions | a request | beside the first |\n|---|---:|---:|---:|");
    for (name, filter, ns) in [
        ("does nothing", &nothing, base),
        ("reads all headers and adds one", &headers, reads),
        ("Jackstaff, 10 flags", &jackstaff, decides),
    ] {
        let added = if ns > base { format!("+{:.1} µs", (ns - base) / 1e3) } else { String::new() };
        println!("| {name} | {} | {:.1} µs | {added} |", filter.instructions()?, ns / 1e3);
    }
    let ratio = (decides - base) / (reads - base);
    println!(
        "\nJackstaff adds {ratio:.2}× of what reading all headers and adding one adds (in Envoy at most {MOST}×)\n"
    );
    Ok(())
}
