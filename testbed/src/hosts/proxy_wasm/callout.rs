//! HTTP calls that a module makes.

use std::time::Duration;

use super::{drive::size, error::VmError, headers::Header, stream::Stream, vm::Vm};

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
        Self { headers: vec![(b":status".to_vec(), status.to_string().into_bytes())], body: body.into() }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_ascii_lowercase().into_bytes(), value.as_ref().to_vec()));
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

impl Vm {
    /// The calls that wait for an answer.
    pub fn callouts(&self) -> &[Callout] {
        &self.store.data().callouts
    }

    /// Answers a call.
    ///
    /// # Errors
    /// When the module traps or there is no such call.
    pub fn answer(&mut self, token: u32, reply: CalloutReply) -> Result<(), VmError> {
        let position = self.callouts().iter().position(|callout| callout.token == token);
        let callout = self.host().callouts.remove(position.ok_or(VmError::Unknown("callout"))?);
        let (headers, body) = (size(reply.headers.len()), size(reply.body.len()));
        self.host().reply = Some(reply);
        // The module knows by the token which of its contexts made the call; the host names the root.
        let arguments = (callout.root, token, headers, body, 0);
        self.call::<_, ()>("proxy_on_http_call_response", callout.root, arguments)?;
        self.host().reply = None;
        self.wake()
    }

    /// Answers all calls, and those that follow, with what [`Vm::answer_with`] set.
    ///
    /// # Errors
    /// When the module traps.
    pub fn settle(&mut self) -> Result<(), VmError> {
        while let Some(callout) = self.callouts().first().cloned() {
            let reply = (self.answer)(&callout);
            self.answer(callout.token, reply)?;
        }
        Ok(())
    }

    /// Goes on with the streams that a callback for another context has resumed or answered.
    pub(super) fn wake(&mut self) -> Result<(), VmError> {
        let stirred = |stream: &Stream| stream.waiting && (stream.resume_request || stream.local_reply.is_some());
        let ids: Vec<u32> =
            self.host().streams.iter().filter(|(_, stream)| stirred(stream)).map(|(id, _)| *id).collect();
        for id in ids {
            let reply = self.host().streams.get_mut(&id).and_then(|stream| stream.local_reply.take());
            match reply {
                Some(reply) => self.reply(id, reply)?,
                None => self.forward(id, Vec::new())?,
            }
        }
        Ok(())
    }
}
