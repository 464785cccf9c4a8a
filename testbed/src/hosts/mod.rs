//! The platforms that the modules run on.

pub mod envoy;
pub mod fastly;
pub mod proxy_wasm;
pub mod spin;
