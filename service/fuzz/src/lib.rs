//! What the fuzz targets share.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use jackstaff_core::{CompileOptions, compile};
use jackstaff_service::executor::poll_once;
use jackstaff_service::memory::MemoryPlatform;
use jackstaff_service::{Service, handle};

/// The demo ruleset as a plugin configuration has one: a snapshot in base64.
pub static RULESET: LazyLock<String> = LazyLock::new(|| {
    let source = include_bytes!("../../../configs/flags/coffee-shop.json");
    STANDARD.encode(compile(source, &CompileOptions::default()).expect("the demo ruleset compiles").snapshot)
});

/// A service with the demo's keys and nothing else.
#[must_use]
pub fn service() -> Service<MemoryPlatform> {
    let platform = MemoryPlatform::default();
    platform.set("keys", include_str!("../../../configs/flags/keys.json"));
    Service::new(platform)
}

/// What the service answers to the holder of the demo's server key; nothing where `path` is no path.
pub fn ask(service: &Service<MemoryPlatform>, method: Method, path: &str, body: &[u8]) -> Option<(StatusCode, Bytes)> {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("authorization", "dvc_server_demo")
        .body(Bytes::copy_from_slice(body))
        .ok()?;
    let response = poll_once(handle(service, request)).expect("memory never waits");
    Some((response.status(), response.into_body()))
}
