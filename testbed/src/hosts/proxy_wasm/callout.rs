//! HTTP calls that a module makes.

use std::time::Duration;

use super::headers::Header;

/// A call waiting for its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Callout {
    /// Names the call to the module.
    pub token: u32,
    /// The cluster that it goes to.
    pub cluster: String,
    /// Its headers, `:method`, `:path` and `:authority` among them.
    pub headers: Vec<Header>,
    /// Its body.
    pub body: Vec<u8>,
    /// How long the module waits; none for ever.
    pub timeout: Option<Duration>,
    /// The root context that gets the answer.
    pub(super) root: u32,
}

/// The answer to a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CalloutReply {
    /// Its headers, `:status` among them.
    pub headers: Vec<Header>,
    /// Its body.
    pub body: Vec<u8>,
}

impl CalloutReply {
    /// An answer with this status and body.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            headers: vec![(b":status".to_vec(), status.to_string().into_bytes())],
            body: body.into(),
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((
            name.to_ascii_lowercase().into_bytes(),
            value.as_ref().to_vec(),
        ));
        self
    }

    /// What Envoy hands the module when no answer came in time.
    pub fn timed_out() -> Self {
        Self::new(504, "upstream request timeout").header("content-type", "text/plain")
    }

    /// What Envoy hands the module when the cluster cannot be reached.
    pub fn unreachable() -> Self {
        Self::new(503, "upstream connect error").header("content-type", "text/plain")
    }
}
