//! Takes requests and responses through the filter, in the order in which Envoy calls it.

use std::mem;

use super::{
    error::VmError,
    headers::{Header, first},
    host::Host,
    stream::{LocalReply, Outcome, RequestIn, ResponseIn, ResponseOut, Stream},
    vm::{PluginId, StreamId, Vm},
};

/// `Action::Pause` of the ABI.
const PAUSE: u32 = 1;

/// What follows a callback for a request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flow {
    Continue,
    Pause,
    /// The request has been answered.
    Ended,
}

impl Vm {
    /// Sends a request through the filter and answers the calls that it makes, until it goes on, is answered, or waits for nothing.
    /// One that goes on is to be ended with [`Vm::response`] or [`Vm::cancel`].
    ///
    /// # Errors
    /// When the module traps or there is no such plugin.
    pub fn request(&mut self, plugin: PluginId, request: RequestIn) -> Result<(StreamId, Outcome), VmError> {
        let stream = self.begin(plugin, request)?;
        self.settle()?;
        Ok((stream, self.outcome(stream)?))
    }

    /// Sends a request into the filter and answers no calls.
    ///
    /// # Errors
    /// When the module traps or there is no such plugin.
    pub fn begin(&mut self, plugin: PluginId, mut request: RequestIn) -> Result<StreamId, VmError> {
        self.plugin(plugin)?;
        let id = self.next_context();
        let body = mem::take(&mut request.body);
        let mut stream = Stream::new(plugin.0, request);
        stream.request_bytes = body.len() as u64;
        let headers = size(stream.request.len());
        self.host().streams.insert(id, stream);
        self.call::<_, ()>("proxy_on_context_create", id, (id, plugin.0))?;
        let mut flow = self.request_callback("proxy_on_request_headers", id, headers, body.is_empty())?;
        let mut gone = Vec::new();
        if flow == Flow::Continue {
            self.close_request(id);
        }
        if !body.is_empty() && flow != Flow::Ended {
            (flow, gone) = self.request_body(id, body)?;
        }
        match flow {
            Flow::Continue => self.forward(id, gone)?,
            Flow::Pause => {
                if let Some(stream) = self.host().streams.get_mut(&id) {
                    stream.waiting = true;
                }
            }
            Flow::Ended => {}
        }
        Ok(StreamId(id))
    }

    /// The body as Envoy reads it from HTTP/1.1: first its bytes, then its end, with the bytes again if the filter keeps them. What went on
    /// before the end is returned.
    fn request_body(&mut self, id: u32, body: Vec<u8>) -> Result<(Flow, Vec<u8>), VmError> {
        let length = size(body.len());
        self.set_request_body(id, Some(body));
        let mut gone = Vec::new();
        let flow = self.request_callback("proxy_on_request_body", id, length, false)?;
        match flow {
            Flow::Ended => return Ok((flow, gone)),
            Flow::Continue => {
                gone = self.set_request_body(id, Some(Vec::new()));
                self.close_request(id);
            }
            Flow::Pause => {}
        }
        let kept = self.host().streams.get(&id).and_then(|stream| stream.buffer(0)).map_or(0, <[u8]>::len);
        let flow = self.request_callback("proxy_on_request_body", id, size(kept), true)?;
        Ok((flow, gone))
    }

    fn request_callback(&mut self, callback: &'static str, id: u32, length: u32, end: bool) -> Result<Flow, VmError> {
        let action = self.call::<_, u32>(callback, id, (id, length, u32::from(end)))?;
        let Some(stream) = self.host().streams.get_mut(&id) else {
            return Ok(Flow::Ended);
        };
        let resumed = mem::take(&mut stream.resume_request);
        if let Some(reply) = stream.local_reply.take() {
            self.reply(id, reply)?;
            return Ok(Flow::Ended);
        }
        Ok(if action == Some(PAUSE) && !resumed { Flow::Pause } else { Flow::Continue })
    }

    /// The request goes on to the application, with what is left of its body behind what has gone before.
    pub(super) fn forward(&mut self, id: u32, mut body: Vec<u8>) -> Result<(), VmError> {
        self.close_request(id);
        body.extend(self.set_request_body(id, None));
        let Some(stream) = self.host().streams.get_mut(&id) else {
            return Ok(());
        };
        stream.waiting = false;
        match stream.forwarded(body) {
            Ok(outcome) => {
                self.outcomes.insert(id, outcome);
                Ok(())
            }
            Err(refusal) => self.reply(id, refusal),
        }
    }

    /// Answers a request at once. The filter sees the response as it sees one from the application.
    pub(super) fn reply(&mut self, id: u32, reply: LocalReply) -> Result<(), VmError> {
        if let Some(stream) = self.host().streams.get_mut(&id) {
            stream.response = reply.header_map();
            stream.local_reply_sent = true;
        }
        let response = self.run_response(id, reply.body)?;
        self.outcomes.insert(id, Outcome::LocalReply(response));
        self.finish(id)
    }

    /// What became of a request; each answer is given once.
    ///
    /// # Errors
    /// When it has been given, or there is no such stream.
    pub fn outcome(&mut self, stream: StreamId) -> Result<Outcome, VmError> {
        if let Some(outcome) = self.outcomes.remove(&stream.0) {
            return Ok(outcome);
        }
        let waiting = self.host().streams.get(&stream.0).is_some_and(|stream| stream.waiting);
        if waiting { Ok(Outcome::Paused) } else { Err(VmError::Unknown("outcome of a stream")) }
    }

    /// Takes the application's response through the filter, which ends the stream. The body comes to the filter in one piece.
    ///
    /// # Errors
    /// When the module traps or pauses the response, or the stream has ended.
    pub fn response(&mut self, stream: StreamId, response: ResponseIn) -> Result<ResponseOut, VmError> {
        let ResponseIn { status, headers, body } = response;
        let status: Header = (b":status".to_vec(), status.to_string().into_bytes());
        let open = self.host().streams.get_mut(&stream.0).ok_or(VmError::Unknown("stream"))?;
        open.response = super::headers::HeaderMap::new([status].into_iter().chain(headers));
        let response = self.run_response(stream.0, body)?;
        self.finish(stream.0)?;
        Ok(response)
    }

    /// Ends a stream whose client went away.
    ///
    /// # Errors
    /// When the module traps or the stream has ended.
    pub fn cancel(&mut self, stream: StreamId) -> Result<(), VmError> {
        if !self.host().streams.contains_key(&stream.0) {
            return Err(VmError::Unknown("stream"));
        }
        self.finish(stream.0)
    }

    fn run_response(&mut self, id: u32, body: Vec<u8>) -> Result<ResponseOut, VmError> {
        let open = self.host().streams.get_mut(&id).ok_or(VmError::Unknown("stream"))?;
        open.response_open = true;
        let headers = size(open.response.len());
        let mut paused = self.response_callback("proxy_on_response_headers", id, headers, body.is_empty())?;
        let length = size(body.len());
        if let Some(open) = self.host().streams.get_mut(&id) {
            open.response_open = paused;
            open.response_body = (length > 0).then_some(body);
        }
        if length > 0 {
            paused = self.response_callback("proxy_on_response_body", id, length, true)?;
        }
        if paused {
            return Err(VmError::ResponsePaused);
        }
        let open = self.host().streams.get_mut(&id).ok_or(VmError::Unknown("stream"))?;
        open.response_open = false;
        let mut body = open.response_body.take().unwrap_or_default();
        // A reply that the filter sends now takes the place of the response, and does not come by the filter again.
        if let Some(reply) = open.local_reply.take() {
            open.response = reply.header_map();
            body = reply.body;
        }
        let headers = open.response.entries();
        let status = first(headers, ":status").and_then(|status| std::str::from_utf8(status).ok()?.parse().ok());
        let headers = headers.iter().filter(|(name, _)| !name.starts_with(b":")).cloned().collect();
        Ok(ResponseOut { status: status.unwrap_or(0), headers, body })
    }

    /// Whether the filter paused.
    fn response_callback(&mut self, callback: &'static str, id: u32, length: u32, end: bool) -> Result<bool, VmError> {
        let action = self.call::<_, u32>(callback, id, (id, length, u32::from(end)))?;
        let resumed = self.host().streams.get_mut(&id).is_some_and(|stream| mem::take(&mut stream.resume_response));
        Ok(action == Some(PAUSE) && !resumed)
    }

    fn finish(&mut self, id: u32) -> Result<(), VmError> {
        if let Some(stream) = self.host().streams.get_mut(&id) {
            stream.request_open = false;
            stream.response_open = false;
            stream.logging = true;
        }
        self.call::<_, ()>("proxy_on_log", id, id)?;
        self.call::<_, u32>("proxy_on_done", id, id)?;
        self.call::<_, ()>("proxy_on_delete", id, id)?;
        self.host().streams.remove(&id);
        Ok(())
    }

    pub(super) fn host(&mut self) -> &mut Host {
        self.store.data_mut()
    }

    fn close_request(&mut self, id: u32) {
        if let Some(stream) = self.host().streams.get_mut(&id) {
            stream.request_open = false;
        }
    }

    /// Puts another body in the place of the one that the filter sees, which is returned.
    fn set_request_body(&mut self, id: u32, body: Option<Vec<u8>>) -> Vec<u8> {
        let stream = self.host().streams.get_mut(&id);
        stream.and_then(|stream| mem::replace(&mut stream.request_body, body)).unwrap_or_default()
    }
}

/// A length as the ABI passes it.
pub(super) fn size(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
