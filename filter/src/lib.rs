//! The Envoy filter: decides flags for every request and puts them into its headers.
//!
//! What it decides and writes is [`jackstaff_service::injector`]'s, and what it answers by itself [`jackstaff_service::filter_api`]'s; here is what proxy-wasm forces on it. One VM serves several plugin
//! configurations, so all state lies in the root context of each. Nothing here may trap: a trap costs every request of the worker until
//! Envoy has loaded the module again.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod calls;
mod contexts;
mod entry;
mod events;
mod host;
mod metrics;
mod platform;
mod refresh;
mod request;
mod root;
mod store;
