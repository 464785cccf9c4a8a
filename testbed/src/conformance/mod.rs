//! Conformance cases: folders of data, played on every host.
//!
//! A case is a folder of `testbed/cases` with a `case.json`: what is deployed, what is sent, what must come back. See `CONTRIBUTING.md`.

mod case;
mod expect;
mod not_played;
mod play;

pub use case::{Case, load_all};
pub use play::play;
