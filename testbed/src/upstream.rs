//! The application behind a proxy under test: an HTTP/1.1 server that answers with what it was sent.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::oneshot};

use crate::http_client::{Request, Response};

/// More headers than any proxy under test forwards. Hyper's own limit is 100, which flag headers may pass.
const MAX_HEADERS: usize = 2_000;

/// A request as the application got it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The method.
    pub method: String,
    /// The request target.
    pub path: String,
    /// Names in lower case, with the bytes of the values; values of one name are in the order they came.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Seen {
    /// Reads the JSON that the server answers with.
    ///
    /// # Errors
    /// When it is something else, such as a proxy's own error page; the error holds it.
    pub fn from_json(body: &[u8]) -> Result<Self> {
        Self::read(body).with_context(|| format!("not the upstream's answer: {:?}", String::from_utf8_lossy(body)))
    }

    fn read(body: &[u8]) -> Option<Self> {
        let json: Value = serde_json::from_slice(body).ok()?;
        let header = |pair: &Value| Some((pair[0].as_str()?.to_owned(), from_text(pair[1].as_str()?)?));
        Some(Self {
            method: json["method"].as_str()?.to_owned(),
            path: json["path"].as_str()?.to_owned(),
            headers: json["headers"].as_array()?.iter().map(header).collect::<Option<_>>()?,
            body: from_text(json["body"].as_str()?)?,
        })
    }

    /// What the server answers with.
    pub fn to_json(&self) -> Value {
        let headers: Vec<_> = self.headers.iter().map(|(name, value)| json!([name, to_text(value)])).collect();
        json!({ "method": self.method, "path": self.path, "headers": headers, "body": to_text(&self.body) })
    }

    /// The same request, to be sent on.
    #[must_use]
    pub fn to_request(&self) -> Request {
        Request {
            method: self.method.clone(),
            target: self.path.clone().into_bytes(),
            headers: self.headers.iter().map(|(name, value)| (name.clone().into_bytes(), value.clone())).collect(),
            body: self.body.clone(),
        }
    }

    /// Every value of a header, by its name in lower case.
    pub fn header_all(&self, name: &str) -> Vec<&[u8]> {
        self.headers.iter().filter(|(given, _)| given == name).map(|(_, value)| value.as_slice()).collect()
    }
}

/// Bytes as text without loss: each byte becomes the character of the same number (ISO 8859-1), so ASCII reads as itself.
pub fn to_text(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

/// The bytes of such a text; nothing when it holds a character over U+00FF.
pub fn from_text(text: &str) -> Option<Vec<u8>> {
    text.chars().map(|character| u8::try_from(character).ok()).collect()
}

/// What a server answers instead of its account of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// Name and value.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Reply {
    /// Says what went wrong, with status 500.
    #[must_use]
    pub fn of_error(error: &anyhow::Error) -> Self {
        Self { status: 500, headers: Vec::new(), body: format!("{error:#}").into_bytes() }
    }
}

impl From<Response> for Reply {
    /// Hands an answer on.
    fn from(response: Response) -> Self {
        let text = |(name, value): (String, Vec<u8>)| (name, to_text(&value));
        let headers = response.headers.into_iter().map(text).collect();
        Self { status: response.status, headers, body: response.body }
    }
}

/// What is answered, and how much later; the server's own account where there is none.
type Handler = dyn Fn(&Seen) -> (Option<Reply>, Duration) + Send + Sync;

/// A running server. It stops when dropped.
pub struct Upstream {
    address: SocketAddr,
    requests: Arc<AtomicU64>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Upstream {
    /// Starts a server on 127.0.0.1 that answers 200 and `{"method", "path", "headers": [[name, value], …], "body"}`, bytes written as by
    /// [`to_text`]. Port 0 takes a free one.
    ///
    /// # Errors
    /// When the port is taken.
    pub fn start(port: u16) -> Result<Self> {
        Self::start_with(port, |_| None)
    }

    /// The same with answers of one's own, where `answer` gives one: a ruleset, a collector of events, a fault.
    ///
    /// # Errors
    /// When the port is taken.
    pub fn start_with(port: u16, answer: impl Fn(&Seen) -> Option<Reply> + Send + Sync + 'static) -> Result<Self> {
        Self::start_handler(port, Arc::new(move |seen: &Seen| (answer(seen), Duration::ZERO)))
    }

    /// The same with an answer to every request that comes so much later, while others are answered.
    ///
    /// # Errors
    /// When the port is taken.
    pub fn start_late(port: u16, answer: impl Fn(&Seen) -> (Reply, Duration) + Send + Sync + 'static) -> Result<Self> {
        let late = move |seen: &Seen| {
            let (reply, delay) = answer(seen);
            (Some(reply), delay)
        };
        Self::start_handler(port, Arc::new(late))
    }

    fn start_handler(port: u16, answer: Arc<Handler>) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = runtime
            .block_on(TcpListener::bind(("127.0.0.1", port)))
            .with_context(|| format!("cannot listen on port {port}: stop what holds it or choose another"))?;
        let address = listener.local_addr()?;
        let requests = Arc::new(AtomicU64::new(0));
        let (stop, stopped) = oneshot::channel();
        let serving = serve(listener, answer, Arc::clone(&requests));
        let thread = thread::Builder::new().name("upstream".into()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = serving => {}
                    _ = stopped => {}
                }
            });
        })?;
        Ok(Self { address, requests, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many requests it has answered.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of that thread has been printed by it and is no reason to panic while dropping.
            let _ = thread.join();
        }
    }
}

async fn serve(listener: TcpListener, answer: Arc<Handler>, requests: Arc<AtomicU64>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (answer, requests) = (Arc::clone(&answer), Arc::clone(&requests));
        tokio::spawn(async move {
            let service = service_fn(|request| respond(request, &*answer, &requests));
            let connection =
                http1::Builder::new().max_headers(MAX_HEADERS).serve_connection(TokioIo::new(stream), service);
            // An error here is a client that went away.
            let _ = connection.await;
        });
    }
}

async fn respond(
    request: http::Request<Incoming>,
    answer: &Handler,
    requests: &AtomicU64,
) -> Result<http::Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let seen = Seen {
        method: head.method.to_string(),
        path: head.uri.to_string(),
        headers: head.headers.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect(),
        body: body.collect().await.map(|body| body.to_bytes().to_vec()).unwrap_or_default(),
    };
    requests.fetch_add(1, Ordering::Relaxed);
    let (reply, delay) = answer(&seen);
    if delay > Duration::ZERO {
        tokio::time::sleep(delay).await;
    }
    let reply = reply.unwrap_or_else(|| Reply {
        status: 200,
        headers: vec![("content-type".into(), "application/json".into())],
        body: seen.to_json().to_string().into_bytes(),
    });
    let mut response = http::Response::builder().status(reply.status);
    for (name, value) in &reply.headers {
        response = response.header(name, value);
    }
    Ok(response.body(Full::from(reply.body)).unwrap_or_else(|error| {
        let mut response = http::Response::new(Full::from(format!("the test's reply is not HTTP: {error}")));
        *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
        response
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http_client::Client;

    #[test]
    fn every_byte_survives_being_text() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(from_text(&to_text(&all)), Some(all));
        assert_eq!(to_text(b"a=\"\\\""), "a=\"\\\"");
        assert_eq!(from_text("\u{100}"), None);
    }

    #[test]
    fn it_tells_what_it_was_sent() {
        let upstream = Upstream::start(0).unwrap();
        let mut client = Client::new(upstream.address());
        let request = Request::with_body("POST", "/p?q=1", b"\xffbody").header("X-A", b"\xfe").header("x-a", "2");
        let seen = Seen::from_json(&client.send(&request).unwrap().body).unwrap();
        assert_eq!(
            (seen.method.as_str(), seen.path.as_str(), seen.body.as_slice()),
            ("POST", "/p?q=1", &b"\xffbody"[..])
        );
        assert_eq!(seen.header_all("x-a"), [&b"\xfe"[..], b"2"]);
        client.send(&Request::get("/")).unwrap();
        assert_eq!(upstream.requests(), 2);
    }

    #[test]
    fn a_client_comes_back_to_a_server_that_closed_its_connection() {
        let first = Upstream::start(0).unwrap();
        let port = first.address().port();
        let mut client = Client::new(first.address());
        client.send(&Request::get("/1")).unwrap();
        drop(first);
        let second = Upstream::start(port).unwrap();
        client.send(&Request::get("/2")).unwrap();
        assert_eq!(second.requests(), 1);
    }

    #[test]
    fn it_answers_as_told() {
        let reply = Reply { status: 503, headers: vec![("x-why".into(), "test".into())], body: b"down".to_vec() };
        let upstream = Upstream::start_with(0, move |seen| (seen.path == "/fault").then(|| reply.clone())).unwrap();
        let response = crate::http_client::send(upstream.address(), &Request::get("/fault")).unwrap();
        assert_eq!(
            (response.status, response.header("x-why"), response.body.as_slice()),
            (503, Some(&b"test"[..]), &b"down"[..])
        );
    }
}
