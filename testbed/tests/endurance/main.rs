//! It does not break: the filter in a real Envoy under hostile requests, changes of configuration, load and traps.
//!
//! Counts are small enough for every test run. `JACKSTAFF_ENDURANCE=long` plays the whole length: 1,000 configuration updates each, and as many
//! requests as a busy service gets in half an hour.

mod aborts;
mod change;
#[path = "../common/mod.rs"]
mod common;
mod events;
mod hostile;
mod http2;
mod lab;
mod load;
mod smuggling;
mod sources;
mod traps;
mod updates;
