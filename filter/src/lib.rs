//! The Envoy filter: decides flags for every request and puts them into its headers.
//!
//! What it decides and writes is [`jackstaff_service::injector`]'s; here is the path that every request takes, and jackstaff-plugin has what a
//! plugin configuration is and does beside it. The two are crates because cargo optimises crate by crate: this one is built for speed, with the
//! injector's generic code, which is made here, and all else for size.
//!
//! One VM serves several plugin configurations, so all state lies in the root context of each. Nothing here may trap: a trap costs every
//! request of the worker until Envoy has loaded the module again.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod contexts;
mod entry;
mod request;
