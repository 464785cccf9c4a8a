//! A blocking HTTP/1.1 client that sends header bytes as they are given: repeated, oddly spelt, not UTF-8.

use std::{
    io::{BufRead, BufReader, ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};

/// How long a request may take before the test that sent it fails.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The longest header line and the largest body that are read from a server under test, in bytes.
const MAX_LINE: u64 = 1 << 20;
const MAX_BODY: usize = 64 << 20;

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
        Self {
            target: target.into(),
            ..Self::default()
        }
    }

    /// A request with a body.
    pub fn with_body(method: &str, target: &str, body: &[u8]) -> Self {
        Self {
            method: method.into(),
            target: target.into(),
            headers: Vec::new(),
            body: body.into(),
        }
    }

    /// Adds a header, beside any of the same name.
    #[must_use]
    pub fn header(mut self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        self.headers
            .push((name.as_ref().into(), value.as_ref().into()));
        self
    }

    fn has(&self, name: &str) -> bool {
        self.headers
            .iter()
            .any(|(given, _)| given.eq_ignore_ascii_case(name.as_bytes()))
    }

    fn method(&self) -> &str {
        if self.method.is_empty() {
            "GET"
        } else {
            &self.method
        }
    }

    fn to_bytes(&self, host: SocketAddr) -> Vec<u8> {
        let method = self.method();
        let target: &[u8] = if self.target.is_empty() {
            b"/"
        } else {
            &self.target
        };
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
        self.headers
            .iter()
            .find(|(given, _)| given == name)
            .map(|(_, value)| value.as_slice())
    }

    /// Every value of a header, by its name in lower case.
    pub fn header_all(&self, name: &str) -> Vec<&[u8]> {
        self.headers
            .iter()
            .filter(|(given, _)| given == name)
            .map(|(_, value)| value.as_slice())
            .collect()
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// When it is not JSON, with the body.
    pub fn json(&self) -> Result<serde_json::Value> {
        serde_json::from_slice(&self.body).with_context(|| {
            format!(
                "status {}, body {:?}",
                self.status,
                String::from_utf8_lossy(&self.body)
            )
        })
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
        Self {
            address,
            connection: None,
        }
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
        let stream = TcpStream::connect(self.address)
            .with_context(|| format!("cannot connect to {}", self.address))?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        stream.set_nodelay(true)?;
        self.exchange(BufReader::new(stream), request, &bytes)
    }

    fn exchange(
        &mut self,
        mut connection: BufReader<TcpStream>,
        request: &Request,
        bytes: &[u8],
    ) -> Result<Response> {
        connection.get_mut().write_all(bytes)?;
        let (response, keep) =
            read_response(&mut connection, request.method()).with_context(|| {
                format!(
                    "no response from {} to {}",
                    self.address,
                    String::from_utf8_lossy(&request.target)
                )
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

/// Whether a kept connection had been closed before the request reached anyone, so that sending it again cannot do a thing twice.
fn closed(error: &anyhow::Error) -> bool {
    let kinds = [
        ErrorKind::ConnectionReset,
        ErrorKind::BrokenPipe,
        ErrorKind::ConnectionAborted,
    ];
    error.chain().any(|cause| {
        cause.is::<ClosedBeforeResponse>()
            || cause
                .downcast_ref::<std::io::Error>()
                .is_some_and(|error| kinds.contains(&error.kind()))
    })
}

#[derive(Debug)]
struct ClosedBeforeResponse;

impl std::fmt::Display for ClosedBeforeResponse {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("the server closed the connection before a response")
    }
}

impl std::error::Error for ClosedBeforeResponse {}

/// The response, and whether the connection stays open after it.
fn read_response(input: &mut impl BufRead, method: &str) -> Result<(Response, bool)> {
    loop {
        let (status, headers) = read_head(input)?;
        // Interim responses (RFC 9110, section 15.2) precede the one that counts.
        if (100..200).contains(&status) && status != 101 {
            continue;
        }
        let mut response = Response {
            status,
            headers,
            body: Vec::new(),
        };
        let length = response.header("content-length").map(number).transpose()?;
        let chunked = response
            .header("transfer-encoding")
            .is_some_and(|coding| coding.eq_ignore_ascii_case(b"chunked"));
        let mut keep = !response
            .header("connection")
            .is_some_and(|value| value.eq_ignore_ascii_case(b"close"));
        if method == "HEAD" || status == 204 || status == 304 {
        } else if chunked {
            response.body = read_chunks(input)?;
        } else if let Some(length) = length {
            response.body = read_exactly(input, length)?;
        } else {
            keep = false;
            input
                .take(MAX_BODY as u64)
                .read_to_end(&mut response.body)?;
        }
        return Ok((response, keep));
    }
}

fn read_head(input: &mut impl BufRead) -> Result<(u16, Vec<Header>)> {
    let Some(status_line) = read_line(input)? else {
        return Err(ClosedBeforeResponse.into());
    };
    let status = status_line
        .strip_prefix(b"HTTP/1.")
        .and_then(|rest| rest.get(2..5))
        .and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok())
        .with_context(|| {
            format!(
                "not an HTTP/1 status line: {:?}",
                String::from_utf8_lossy(&status_line)
            )
        })?;
    let mut headers = Vec::new();
    loop {
        let line = read_line(input)?.context("the connection ended inside the headers")?;
        if line.is_empty() {
            return Ok((status, headers));
        }
        let colon = line.iter().position(|byte| *byte == b':');
        let (name, value) = colon
            .and_then(|colon| line.split_at_checked(colon))
            .context("a header line without a colon")?;
        headers.push((
            String::from_utf8_lossy(name).to_ascii_lowercase(),
            value[1..].trim_ascii().to_vec(),
        ));
    }
}

/// A line without its end, or nothing at the end of the input.
fn read_line(input: &mut impl BufRead) -> Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    if input.take(MAX_LINE).read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    ensure!(
        line.pop() == Some(b'\n'),
        "the connection ended inside a line, or the line is over {MAX_LINE} bytes"
    );
    line.pop_if(|byte| *byte == b'\r');
    Ok(Some(line))
}

fn read_chunks(input: &mut impl BufRead) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = read_line(input)?.context("the connection ended inside a chunked body")?;
        let size = line
            .split(|byte| *byte == b';')
            .next()
            .unwrap_or_default()
            .trim_ascii();
        let size = usize::from_str_radix(std::str::from_utf8(size)?, 16)
            .context("a chunk without a size")?;
        if size == 0 {
            while read_line(input)?.is_some_and(|trailer| !trailer.is_empty()) {}
            return Ok(body);
        }
        ensure!(
            body.len() + size <= MAX_BODY,
            "a body over {MAX_BODY} bytes"
        );
        body.extend(read_exactly(input, size)?);
        ensure!(
            read_line(input)?.is_some_and(|end| end.is_empty()),
            "a chunk longer than its size"
        );
    }
}

fn read_exactly(input: &mut impl BufRead, length: usize) -> Result<Vec<u8>> {
    ensure!(length <= MAX_BODY, "a body over {MAX_BODY} bytes");
    let mut body = vec![0; length];
    if let Err(error) = input.read_exact(&mut body) {
        bail!("the connection ended inside a body of {length} bytes: {error}");
    }
    Ok(body)
}

fn number(digits: &[u8]) -> Result<usize> {
    std::str::from_utf8(digits)?
        .parse()
        .context("a content-length that is no number")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(mut bytes: &[u8]) -> Result<(Response, bool)> {
        read_response(&mut bytes, "GET")
    }

    #[test]
    fn headers_are_written_as_given() {
        let request = Request::get("/a")
            .header("X-B", b"\xff")
            .header("X-B", "2")
            .header("hOST", "h");
        let bytes = request.to_bytes(([127, 0, 0, 1], 80).into());
        assert_eq!(
            bytes,
            b"GET /a HTTP/1.1\r\nX-B: \xff\r\nX-B: 2\r\nhOST: h\r\n\r\n"
        );
    }

    #[test]
    fn a_body_is_framed() {
        let bytes = Request::with_body("POST", "/", b"abc").to_bytes(([127, 0, 0, 1], 80).into());
        assert_eq!(
            bytes,
            b"POST / HTTP/1.1\r\nhost: 127.0.0.1:80\r\ncontent-length: 3\r\n\r\nabc"
        );
    }

    #[test]
    fn chunks_are_joined_and_interim_responses_skipped() {
        let wire = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX: \xfe\r\nx: 2\r\n\r\n3;e=1\r\nabc\r\n1\r\nd\r\n0\r\nT: 1\r\n\r\n";
        let (response, keep) = read(wire).unwrap();
        assert_eq!(
            (response.status, response.body.as_slice(), keep),
            (200, &b"abcd"[..], true)
        );
        assert_eq!(response.header_all("x"), [&b"\xfe"[..], b"2"]);
    }

    #[test]
    fn what_is_cut_short_is_an_error() {
        assert!(read(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nabc").is_err());
        assert!(read(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nabc").is_err());
        assert!(read(b"HTTP/1.1 200 OK\r\nx: 1").is_err());
        assert!(read(b"SSH-2.0\r\n").is_err());
    }
}
