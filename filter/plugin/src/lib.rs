//! One plugin configuration in Envoy: the calls to Envoy, the API and users that requests ask for, and what there is to do between requests.
//!
//! The path that every request takes is jackstaff-filter's, a crate of its own because cargo optimises crate by crate: that one is built for
//! speed and all else for size. Nothing here may trap either.

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

mod at_work;
pub mod calls;
mod chores;
mod events;
pub mod host;
mod metrics;
mod platform;
mod plugin;
mod refresh;
mod root;
mod store;

pub use at_work::{ByNumber, works_for};
pub use plugin::Plugin;
pub use root::Root;
