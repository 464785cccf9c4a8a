//! Reads responses.

use std::io::{BufRead, ErrorKind, Read};

use anyhow::{Context, Result, bail, ensure};

use super::{Header, Response};

/// The longest header line and the largest body that are read from a server under test, in bytes.
const MAX_LINE: u64 = 1 << 20;
const MAX_BODY: usize = 64 << 20;

#[derive(Debug)]
pub(super) struct ClosedBeforeResponse;

impl std::fmt::Display for ClosedBeforeResponse {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("the server closed the connection before a response")
    }
}

impl std::error::Error for ClosedBeforeResponse {}

/// The response, and whether the connection stays open after it.
pub(super) fn read_response(input: &mut impl BufRead, method: &str) -> Result<(Response, bool)> {
    loop {
        let (status, headers) = read_head(input)?;
        // Interim responses (RFC 9110, section 15.2) precede the one that counts.
        if (100..200).contains(&status) && status != 101 {
            continue;
        }
        let mut response = Response { status, headers, body: Vec::new() };
        let length = response.header("content-length").map(number).transpose()?;
        let chunked =
            response.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case(b"chunked"));
        let mut keep = !response.header("connection").is_some_and(|value| value.eq_ignore_ascii_case(b"close"));
        if method == "HEAD" || status == 204 || status == 304 {
        } else if chunked {
            response.body = read_chunks(input)?;
        } else if let Some(length) = length {
            response.body = read_exactly(input, length)?;
        } else {
            keep = false;
            input.take(MAX_BODY as u64).read_to_end(&mut response.body)?;
        }
        return Ok((response, keep));
    }
}

fn read_head(input: &mut impl BufRead) -> Result<(u16, Vec<Header>)> {
    if input.fill_buf().is_err_and(|error| error.kind() == ErrorKind::ConnectionReset) {
        return Err(ClosedBeforeResponse.into());
    }
    let Some(status_line) = read_line(input)? else {
        return Err(ClosedBeforeResponse.into());
    };
    let status = status_line
        .strip_prefix(b"HTTP/1.")
        .and_then(|rest| rest.get(2..5))
        .and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok())
        .with_context(|| format!("not an HTTP/1 status line: {:?}", String::from_utf8_lossy(&status_line)))?;
    let mut headers = Vec::new();
    loop {
        let line = read_line(input)?.context("the connection ended inside the headers")?;
        if line.is_empty() {
            return Ok((status, headers));
        }
        let colon = line.iter().position(|byte| *byte == b':');
        let (name, value) =
            colon.and_then(|colon| line.split_at_checked(colon)).context("a header line without a colon")?;
        headers.push((String::from_utf8_lossy(name).to_ascii_lowercase(), value[1..].trim_ascii().to_vec()));
    }
}

/// A line without its end, or nothing at the end of the input.
fn read_line(input: &mut impl BufRead) -> Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    if input.take(MAX_LINE).read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    ensure!(line.pop() == Some(b'\n'), "the connection ended inside a line, or the line is over {MAX_LINE} bytes");
    line.pop_if(|byte| *byte == b'\r');
    Ok(Some(line))
}

fn read_chunks(input: &mut impl BufRead) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = read_line(input)?.context("the connection ended inside a chunked body")?;
        let size = line.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
        let size = usize::from_str_radix(std::str::from_utf8(size)?, 16).context("a chunk without a size")?;
        if size == 0 {
            while read_line(input)?.is_some_and(|trailer| !trailer.is_empty()) {}
            return Ok(body);
        }
        ensure!(body.len() + size <= MAX_BODY, "a body over {MAX_BODY} bytes");
        body.extend(read_exactly(input, size)?);
        ensure!(read_line(input)?.is_some_and(|end| end.is_empty()), "a chunk longer than its size");
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
    std::str::from_utf8(digits)?.parse().context("a content-length that is no number")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(mut bytes: &[u8]) -> Result<(Response, bool)> {
        read_response(&mut bytes, "GET")
    }

    #[test]
    fn chunks_are_joined_and_interim_responses_skipped() {
        let wire = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX: \xfe\r\nx: 2\r\n\r\n3;e=1\r\nabc\r\n1\r\nd\r\n0\r\nT: 1\r\n\r\n";
        let (response, keep) = read(wire).unwrap();
        assert_eq!((response.status, response.body.as_slice(), keep), (200, &b"abcd"[..], true));
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
