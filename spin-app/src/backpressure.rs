//! One request at a time in an instance.

use spin_sdk::wit_bindgen::{backpressure_dec, backpressure_inc};

/// Keeps other requests out of this instance while it lives: Spin gives them another one. A trap ends every request in its
/// instance, so it ends no request but its own.
pub(crate) struct Backpressure;

impl Backpressure {
    pub(crate) fn on() -> Self {
        backpressure_inc();
        Self
    }
}

impl Drop for Backpressure {
    fn drop(&mut self) {
        backpressure_dec();
    }
}
