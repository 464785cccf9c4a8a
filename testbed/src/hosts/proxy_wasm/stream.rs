//! One request on its way through the filter.

use std::collections::HashMap;

use super::headers::{Header, HeaderMap};
use crate::http_client;

/// A request as it reaches the filter: pseudo headers (`:method`, `:path`, `:authority`, `:scheme`) among its headers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestIn {
    /// Names and values. Names are lower-cased; headers that Envoy joins are joined.
    pub headers: Vec<Header>,
    /// The body.
    pub body: Vec<u8>,
    /// Properties that Envoy would know from elsewhere, such as `source.address` or what another filter put into the metadata.
    pub properties: Vec<(Vec<String>, Vec<u8>)>,
}

impl RequestIn {
    /// A GET of this path from `localhost`.
    pub fn get(path: &str) -> Self {
        Self::from(&http_client::Request::get(path).header("host", "localhost"))
    }

    /// Adds a header, beside any of the same name.
    #[must_use]
    pub fn header(mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.as_ref().to_vec(), value.as_ref().to_vec()));
        self
    }

    /// Adds a property.
    #[must_use]
    pub fn property(mut self, path: &[&str], value: impl AsRef<[u8]>) -> Self {
        self.properties.push((path.iter().map(|part| (*part).to_owned()).collect(), value.as_ref().to_vec()));
        self
    }
}

/// What Envoy makes of a request that arrives over HTTP/1.1: `host` becomes `:authority`.
impl From<&http_client::Request> for RequestIn {
    fn from(request: &http_client::Request) -> Self {
        let or = |given: &[u8], default: &str| {
            if given.is_empty() { default.as_bytes().to_vec() } else { given.to_vec() }
        };
        let is_host = |name: &[u8]| name.eq_ignore_ascii_case(b"host");
        let host = request.headers.iter().find(|(name, _)| is_host(name)).map_or(&b""[..], |(_, value)| value);
        let mut headers = vec![
            (b":authority".to_vec(), or(host, "localhost")),
            (b":path".to_vec(), or(&request.target, "/")),
            (b":method".to_vec(), or(request.method.as_bytes(), "GET")),
            (b":scheme".to_vec(), b"http".to_vec()),
        ];
        let framed = request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(b"content-length"));
        if !framed && !request.body.is_empty() {
            headers.push((b"content-length".to_vec(), request.body.len().to_string().into_bytes()));
        }
        headers.extend(request.headers.iter().filter(|(name, _)| !is_host(name)).cloned());
        headers.push((b"x-forwarded-proto".to_vec(), b"http".to_vec()));
        Self { headers, body: request.body.clone(), properties: Vec::new() }
    }
}

/// A response as it comes from the application.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResponseIn {
    /// The status code.
    pub status: u16,
    /// Names and values, without `:status`.
    pub headers: Vec<Header>,
    /// The body.
    pub body: Vec<u8>,
}

/// A response as it leaves Envoy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResponseOut {
    /// The status code.
    pub status: u16,
    /// Names and values, without `:status`.
    pub headers: Vec<Header>,
    /// The body.
    pub body: Vec<u8>,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It goes on to the application.
    Forwarded {
        /// Its headers after the filter, pseudo headers among them.
        headers: Vec<Header>,
        /// Its body after the filter.
        body: Vec<u8>,
    },
    /// It was answered at once: by the filter, or by Envoy with 503 when the filter wrote a header value that is not allowed. The stream has
    /// ended.
    LocalReply(ResponseOut),
    /// The filter waits, for a callout that has no answer or for nothing at all.
    Paused,
}

/// A response that a module asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct LocalReply {
    pub(super) status: u32,
    pub(super) headers: Vec<Header>,
    pub(super) body: Vec<u8>,
}

impl LocalReply {
    /// The headers that Envoy sends it with.
    pub(super) fn header_map(&self) -> HeaderMap {
        let mut map = HeaderMap::new([(b":status".to_vec(), self.status.to_string().into_bytes())]);
        for (name, value) in &self.headers {
            map.add(name, value);
        }
        if !self.body.is_empty() {
            map.replace(b"content-length", self.body.len().to_string().as_bytes());
            if map.get(b"content-type").is_none() {
                map.add(b"content-type", b"text/plain");
            }
        }
        map
    }
}

/// The host's side of an HTTP context.
#[derive(Default)]
pub(super) struct Stream {
    pub(super) root: u32,
    pub(super) request: HeaderMap,
    /// Envoy shows the request's headers to the module until the request has gone on.
    pub(super) request_open: bool,
    pub(super) request_bytes: u64,
    pub(super) request_body: Option<Vec<u8>>,
    pub(super) response: HeaderMap,
    pub(super) response_open: bool,
    pub(super) response_body: Option<Vec<u8>>,
    /// In the access log's phase both are shown again.
    pub(super) logging: bool,
    pub(super) local_reply: Option<LocalReply>,
    pub(super) local_reply_sent: bool,
    /// The module has asked to go on with what it paused.
    pub(super) resume_request: bool,
    pub(super) resume_response: bool,
    /// All of the request has been shown to the module and it has paused.
    pub(super) waiting: bool,
    pub(super) given_properties: HashMap<Vec<u8>, Vec<u8>>,
    pub(super) filter_state: HashMap<String, Vec<u8>>,
}

impl Stream {
    pub(super) fn new(root: u32, request: RequestIn) -> Self {
        let properties = request.properties.into_iter().map(|(path, value)| (path.join("\0").into_bytes(), value));
        Self {
            root,
            request: HeaderMap::new(request.headers),
            request_open: true,
            request_bytes: request.body.len() as u64,
            given_properties: properties.collect(),
            ..Self::default()
        }
    }

    pub(super) fn buffer(&self, number: u32) -> Option<&[u8]> {
        let body = if number == 0 { &self.request_body } else { &self.response_body };
        body.as_deref()
    }

    pub(super) fn buffer_mut(&mut self, number: u32) -> Option<&mut Vec<u8>> {
        if number == 0 { self.request_body.as_mut() } else { self.response_body.as_mut() }
    }

    /// What goes on to the application, or Envoy's refusal of a header value that may not stand in HTTP.
    pub(super) fn forwarded(&self, body: Vec<u8>) -> Result<Outcome, LocalReply> {
        let allowed = |byte: &u8| matches!(byte, b'\t' | b' '..=b'~' | 0x80..);
        let headers = self.request.entries();
        match headers.iter().find(|(_, value)| !value.iter().all(allowed)) {
            None => Ok(Outcome::Forwarded { headers: headers.to_vec(), body }),
            Some((name, _)) => {
                let body = [b"invalid header value for: ", name.as_slice()].concat();
                Err(LocalReply { status: 503, headers: Vec::new(), body })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_value_that_splits_the_message_is_refused() {
        let mut stream = Stream::new(1, RequestIn::get("/").header("x", b"\xff\t~"));
        assert!(stream.forwarded(Vec::new()).is_ok());
        stream.request.add(b"x-bad", b"a\r\nb: c");
        let reply = stream.forwarded(Vec::new()).unwrap_err();
        assert_eq!((reply.status, reply.body.as_slice()), (503, &b"invalid header value for: x-bad"[..]));
    }
}
