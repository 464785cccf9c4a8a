//! A blocking HTTP/1.1 client that sends header bytes as they are given: repeated, oddly spelt, not UTF-8.

mod read;

use std::{
    io::{BufReader, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context, Result};

use self::read::{ClosedBeforeResponse, read_response};

/// How long a request may take before the test that sent it fails.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A request. `host` and `content-length` are added when they are missing and needed; nothing else is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// The method, `GET` when empty.
    pub method: String,
    /// The request target, `/` when empty.
    pub target: Vec<u8>,
    /// Name and value, written in this order and spelling.
    pub headers: Vec<(Vec<u8>, Vec<u8>)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Request {
    /// A GET of this target.
    pub fn get(target: &str) -> Self {
        Self { target: target.into(), ..Self::default() }
    }

    /// A request with a body.
    pub fn with_body(method: &str, target: &str, body: &[u8]) -> Self {
        Self { method: method.into(), target: target.into(), headers: Vec::new(), body: body.into() }
    }

    /// Adds a header, beside any of the same name.
    #[must_use]
    pub fn header(mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.as_ref().into(), value.as_ref().into()));
        self
    }

    fn has(&self, name: &str) -> bool {
        self.headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name.as_bytes()))
    }

    fn method(&self) -> &str {
        if self.method.is_empty() { "GET" } else { &self.method }
    }

    fn to_bytes(&self, host: SocketAddr) -> Vec<u8> {
        let method = self.method();
        let target: &[u8] = if self.target.is_empty() { b"/" } else { &self.target };
        let mut out = [method.as_bytes(), b" ", target, b" HTTP/1.1\r\n"].concat();
        if !self.has("host") {
            out.extend_from_slice(format!("host: {host}\r\n").as_bytes());
        }
        let framed = self.has("content-length") || self.has("transfer-encoding");
        if !framed && (!self.body.is_empty() || ["POST", "PUT", "PATCH"].contains(&method)) {
            out.extend_from_slice(format!("content-length: {}\r\n", self.body.len()).as_bytes());
        }
        for (name, value) in &self.headers {
            out.extend_from_slice(&[name, &b": "[..], value, b"\r\n"].concat());
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(&self.body);
        out
    }
}

/// The name in lower case and the bytes of the value.
pub type Header = (String, Vec<u8>);

/// A response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Names in lower case and values as they came, in the order they came.
    pub headers: Vec<Header>,
    /// The body, without its transfer coding.
    pub body: Vec<u8>,
}

impl Response {
    /// The first value of a header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_slice())
    }

    /// Every value of a header, by its name in lower case.
    pub fn header_all(&self, name: &str) -> Vec<&[u8]> {
        self.headers.iter().filter(|(given, _)| given == name).map(|(_, value)| value.as_slice()).collect()
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// When it is not JSON, with the body.
    pub fn json(&self) -> Result<serde_json::Value> {
        serde_json::from_slice(&self.body)
            .with_context(|| format!("status {}, body {:?}", self.status, String::from_utf8_lossy(&self.body)))
    }
}

/// One connection to a server, opened when needed and kept open between requests.
#[derive(Debug)]
pub struct Client {
    address: SocketAddr,
    connection: Option<BufReader<TcpStream>>,
}

impl Client {
    /// A client of this server. It connects with the first request.
    pub fn new(address: SocketAddr) -> Self {
        Self { address, connection: None }
    }

    /// Sends a request and reads the whole response. A connection that the server has closed since the last request is opened again.
    ///
    /// # Errors
    /// When the server cannot be reached, does not answer within 30 s, or answers something that is not HTTP/1.1.
    pub fn send(&mut self, request: &Request) -> Result<Response> {
        let bytes = request.to_bytes(self.address);
        if let Some(connection) = self.connection.take() {
            match self.exchange(connection, request, &bytes) {
                Err(error) if closed(&error) => {}
                result => return result,
            }
        }
        let stream = TcpStream::connect(self.address).with_context(|| format!("cannot connect to {}", self.address))?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        stream.set_nodelay(true)?;
        self.exchange(BufReader::new(stream), request, &bytes)
    }

    fn exchange(&mut self, mut connection: BufReader<TcpStream>, request: &Request, bytes: &[u8]) -> Result<Response> {
        if connection.get_mut().write_all(bytes).is_err() {
            return Err(ClosedBeforeResponse.into());
        }
        let (response, keep) = read_response(&mut connection, request.method()).with_context(|| {
            format!("no response from {} to {}", self.address, String::from_utf8_lossy(&request.target))
        })?;
        if keep {
            self.connection = Some(connection);
        }
        Ok(response)
    }
}

/// Sends one request on a connection of its own.
///
/// # Errors
/// As for [`Client::send`].
pub fn send(address: SocketAddr, request: &Request) -> Result<Response> {
    Client::new(address).send(request)
}

/// Whether a kept connection ended before the first byte of a response: the server may close one at any time between requests.
fn closed(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| cause.is::<ClosedBeforeResponse>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_written_as_given() {
        let request = Request::get("/a").header("X-B", b"\xff").header("X-B", "2").header("hOST", "h");
        let bytes = request.to_bytes(([127, 0, 0, 1], 80).into());
        assert_eq!(bytes, b"GET /a HTTP/1.1\r\nX-B: \xff\r\nX-B: 2\r\nhOST: h\r\n\r\n");
    }

    #[test]
    fn a_body_is_framed() {
        let bytes = Request::with_body("POST", "/", b"abc").to_bytes(([127, 0, 0, 1], 80).into());
        assert_eq!(bytes, b"POST / HTTP/1.1\r\nhost: 127.0.0.1:80\r\ncontent-length: 3\r\n\r\nabc");
    }
}
