//! Requests of a browser behind a gateway, on a few connections.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use jackstaff_testbed::http_client::{Request, send};

/// So many requests are under way at a time.
const CONNECTIONS: usize = 8;

const FIELDS: [(&str, &str); 12] = [
    ("host", "shop.example.com"),
    ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0"),
    ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ("accept-language", "en-GB,en;q=0.7,nl;q=0.3"),
    ("accept-encoding", "gzip, deflate, br, zstd"),
    ("cookie", "session=6f1d2c9a8b7e4f30; consent=all; theme=dark"),
    ("x-request-id", "5f0c1b7e-7a52-4f0b-9d53-2f6e1f1a9c11"),
    ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    ("x-forwarded-for", "203.0.113.7"),
    ("x-forwarded-proto", "https"),
    ("x-user-id", "user-4711"),
    ("x-country", "NL"),
];

/// How many headers a request has, for people to read.
pub const HEADERS: usize = FIELDS.len();

/// Connections to one listener.
pub struct Load {
    connections: Vec<TcpStream>,
    request: Vec<u8>,
    /// How long every answer is: they are all alike.
    answer: usize,
    buffer: Vec<u8>,
}

impl Load {
    /// Connects, and learns how long the answer is.
    pub fn new(address: SocketAddr) -> Result<Self> {
        let fields: String = FIELDS.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let request = format!("GET / HTTP/1.1\r\n{fields}\r\n").into_bytes();
        let connect = || -> Result<TcpStream> {
            let stream = TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(Duration::from_secs(10)))?;
            Ok(stream)
        };
        let mut connections = (0..CONNECTIONS).map(|_| connect()).collect::<Result<Vec<_>>>()?;
        let first = &mut connections[0];
        first.write_all(&request)?;
        let mut buffer = vec![0; 4_096];
        let mut answer = 0;
        while !buffer[..answer].ends_with(b"\r\n\r\nok") {
            let more = first.read(&mut buffer[answer..]).context("no whole answer")?;
            ensure!(more > 0, "Envoy closed the connection");
            answer += more;
        }
        ensure!(buffer.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&buffer[..answer]));
        Ok(Self { connections, request, answer, buffer })
    }

    /// Sends so many requests and reads their answers.
    pub fn run(&mut self, requests: usize) -> Result<()> {
        for _ in 0..requests / CONNECTIONS {
            for connection in &mut self.connections {
                connection.write_all(&self.request)?;
            }
            for connection in &mut self.connections {
                connection.read_exact(&mut self.buffer[..self.answer])?;
                ensure!(self.buffer.starts_with(b"HTTP/1.1 200 "), "a request failed");
            }
        }
        Ok(())
    }
}

/// What the variant has set; `-` for nothing.
pub fn header_set(address: SocketAddr) -> Result<String> {
    let request = FIELDS.iter().fold(Request::get("/check"), |request, (name, value)| request.header(name, value));
    let response = send(address, &request)?;
    ensure!(response.status == 200, "status {}", response.status);
    let told = response.header("x-told").context("Envoy does not tell the header")?;
    Ok(if told.is_empty() { "-".to_owned() } else { String::from_utf8_lossy(told).into_owned() })
}
