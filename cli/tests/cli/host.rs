//! A server that answers as a test says, in the place of a host.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

/// A request as it came.
#[derive(Clone)]
pub struct Asked {
    /// `PATCH /v1/edgedb/ada`.
    pub line: String,
    /// The header lines, in lower case.
    pub headers: String,
    pub body: String,
    pub at: Instant,
}

/// Status, header lines, body.
pub type Answer = (u16, &'static str, String);

/// Serves until the test ends.
pub struct Host {
    pub address: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Host {
    /// `answer` gets each request and how many came before it.
    pub fn start(answer: impl Fn(&Asked, usize) -> Answer + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let kept = asked.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let Some(request) = read(&stream) else { continue };
                let before = kept.lock().unwrap().len();
                kept.lock().unwrap().push(request.clone());
                let (status, headers, body) = answer(&request, before);
                let head = format!(
                    "HTTP/1.1 {status} X\r\n{headers}connection: close\r\ncontent-length: {}\r\n\r\n",
                    body.len()
                );
                let _ = (&stream).write_all((head + &body).as_bytes());
            }
        });
        Self { address, asked }
    }

    /// What was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

fn read(stream: &TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut headers = String::new();
    while reader.read_line(&mut headers).ok()? > 2 {}
    let headers = headers.to_lowercase();
    let length = headers.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    let line = line.trim().strip_suffix(" HTTP/1.1")?.to_owned();
    Some(Asked { line, headers, body: String::from_utf8(body).ok()?, at: Instant::now() })
}
