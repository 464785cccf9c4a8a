//! Envoy filters that do next to nothing: what any filter costs, for benchmarks (`testbed/benches/envoy`).
//!
//! The plugin configuration names one: `nothing`, or `headers`, which reads all request headers at once and adds one.

#![expect(missing_docs, reason = "the SDK's macro defines a function without")]

use proxy_wasm::hostcalls;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType, MapType};

proxy_wasm::main! {{
    proxy_wasm::set_root_context(|_| Box::new(Root { headers: false }));
}}

struct Root {
    headers: bool,
}

impl Context for Root {}

impl RootContext for Root {
    fn on_configure(&mut self, _size: usize) -> bool {
        match self.get_plugin_configuration().as_deref() {
            Some(b"nothing") => self.headers = false,
            Some(b"headers") => self.headers = true,
            _ => return false,
        }
        true
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }

    fn create_http_context(&self, _id: u32) -> Option<Box<dyn HttpContext>> {
        Some(if self.headers { Box::new(Headers) } else { Box::new(Nothing) })
    }
}

struct Nothing;

impl Context for Nothing {}

impl HttpContext for Nothing {}

struct Headers;

impl Context for Headers {}

impl HttpContext for Headers {
    fn on_http_request_headers(&mut self, _count: usize, _end: bool) -> Action {
        let headers = hostcalls::get_map_bytes(MapType::HttpRequestHeaders).unwrap_or_default();
        // What is read must have been read for something.
        let value: &[u8] = if headers.is_empty() { b"none" } else { b"some" };
        hostcalls::set_map_value_bytes(MapType::HttpRequestHeaders, "x-flags", Some(value)).ok();
        Action::Continue
    }
}
