//! Jackstaff's service: everything between a platform and the core. The platform stands behind one trait, [`platform::Platform`].

#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

pub mod api;
pub mod auth;
pub mod config;
pub mod executor;
pub mod exposure;
pub mod filter_api;
pub mod filter_config;
pub mod filter_users;
pub mod flag_header;
pub mod identity;
pub mod injector;
pub mod memory;
pub mod overrides;
mod percent;
pub mod platform;
pub mod rate_limit;
pub mod ruleset_supply;
mod service;
pub mod store_key;
pub mod user_data;

pub use api::{MAX_BODY_BYTES, handle, handle_reading};
pub use service::Service;
