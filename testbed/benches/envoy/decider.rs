//! The service that ext_authz and ext_proc ask: gRPC on hyper, with the injector that the filter has. Hand-made, so that it costs as little as such a
//! service can: the comparison is to be fair to it.

use std::cell::RefCell;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::mpsc;
use std::task::{Context, Poll};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, anyhow};
use bytes::{BufMut as _, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use jackstaff_core::Timestamp;
use jackstaff_service::filter_config::FilterConfig;
use jackstaff_service::identity::Surroundings;
use jackstaff_service::injector::{Exchange, Injector};
use jackstaff_service::user_data::Recalled;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::LocalSet;

use crate::cpu::Clock;
use crate::protobuf::{field, fields, put};

/// A running service, on a thread of its own that ends with the process.
pub struct Decider {
    address: SocketAddr,
    clock: Clock,
}

impl Decider {
    pub fn start(config: &Value) -> Result<Self> {
        let config = config.to_string();
        let (ready, started) = mpsc::channel();
        thread::Builder::new().name("decider".into()).spawn(move || {
            let failed = ready.clone();
            if let Err(error) = serve(&config, &ready) {
                // Nobody waits any more once it serves.
                let _ = failed.send(Err(error));
            }
        })?;
        let (address, clock) = started.recv().context("the service ended")??;
        Ok(Self { address, clock })
    }

    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Nanoseconds that its thread has run.
    pub fn cpu(&self) -> Result<u64> {
        self.clock.read()
    }
}

type Started = mpsc::Sender<Result<(SocketAddr, Clock)>>;

fn serve(config: &str, ready: &Started) -> Result<()> {
    let config = FilterConfig::parse(config.as_bytes()).map_err(|errors| anyhow!("{errors:?}"))?;
    let (injector, _) = Injector::new(&config).map_err(|errors| anyhow!("{errors:?}"))?;
    let injector = Rc::new(RefCell::new(injector));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async move {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        ready.send(Ok((listener.local_addr()?, Clock::this_thread()?)))?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let injector = Rc::clone(&injector);
            tokio::task::spawn_local(async move {
                let service = service_fn(|request| answer(request, Rc::clone(&injector)));
                // An error here is Envoy that went away.
                let _ = http2::Builder::new(Local).serve_connection(TokioIo::new(stream), service).await;
            });
        }
    })
}

/// Runs hyper's tasks on this thread.
#[derive(Clone, Copy)]
struct Local;

impl<F: Future<Output = ()> + 'static> hyper::rt::Executor<F> for Local {
    fn execute(&self, task: F) {
        tokio::task::spawn_local(task);
    }
}

/// One message in, one message out, and the trailers that end a call (gRPC over HTTP/2, PROTOCOL-HTTP2.md).
async fn answer(request: Request<Incoming>, injector: Rc<RefCell<Injector>>) -> Result<Response<Reply>, hyper::Error> {
    let authorization = request.uri().path() == "/envoy.service.auth.v3.Authorization/Check";
    let mut body = request.into_body();
    let mut received = BytesMut::new();
    // ext_proc leaves its stream open: the message is whole when its length says so.
    let message = loop {
        if let Some(message) = whole(&received) {
            break message;
        }
        match body.frame().await {
            Some(frame) => received.extend_from_slice(&frame?.into_data().unwrap_or_default()),
            None => break &[],
        }
    };
    let mut decided = Decided(Vec::new());
    let headers = if authorization { checked_headers(message) } else { processed_headers(message) };
    // What is stored about users is not asked for, so it never waits.
    let _ = injector.borrow_mut().inject(&headers, &mut decided);
    let reply = if authorization { check_response(&decided.0) } else { processing_response(&decided.0) };
    let mut framed = BytesMut::with_capacity(reply.len() + 5);
    framed.put_u8(0);
    framed.put_u32(reply.len() as u32);
    framed.extend_from_slice(&reply);
    let mut response = Response::new(Reply(Some(framed.freeze()), false));
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    Ok(response)
}

/// One message, and the trailers that say that all is well.
struct Reply(Option<Bytes>, bool);

impl Body for Reply {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(message) = self.0.take() {
            return Poll::Ready(Some(Ok(Frame::data(message))));
        }
        if self.1 {
            return Poll::Ready(None);
        }
        self.1 = true;
        let status = (HeaderName::from_static("grpc-status"), HeaderValue::from_static("0"));
        Poll::Ready(Some(Ok(Frame::trailers(HeaderMap::from_iter([status])))))
    }
}

fn whole(received: &[u8]) -> Option<&[u8]> {
    let (prefix, rest) = received.split_at_checked(5)?;
    let length = u32::from_be_bytes(prefix[1..].try_into().ok()?);
    rest.get(..length as usize)
}

type Pairs<'m> = Vec<(&'m [u8], &'m [u8])>;

/// `CheckRequest.attributes.request.http.headers`, a map of texts (envoy/service/auth/v3).
fn checked_headers(message: &[u8]) -> Pairs<'_> {
    let http = field(message, 1).and_then(|attributes| field(attributes, 4)).and_then(|request| field(request, 2));
    let entries = fields(http.unwrap_or_default()).filter(|(number, _)| *number == 3);
    entries.map(|(_, entry)| (field(entry, 1).unwrap_or_default(), field(entry, 2).unwrap_or_default())).collect()
}

/// `ProcessingRequest.request_headers.headers.headers` (envoy/service/ext_proc/v3). Envoy writes the raw value.
fn processed_headers(message: &[u8]) -> Pairs<'_> {
    let map = field(message, 2).and_then(|headers| field(headers, 1)).unwrap_or_default();
    let value = |header| field(header, 3).or_else(|| field(header, 2)).unwrap_or_default();
    fields(map).map(|(_, header)| (field(header, 1).unwrap_or_default(), value(header))).collect()
}

fn message(parts: &[(u8, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (number, value) in parts {
        put(&mut out, *number, value);
    }
    out
}

/// `CheckResponse` with leave to pass and headers to set.
fn check_response(headers: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut ok = Vec::new();
    for (name, value) in headers {
        put(&mut ok, 2, &message(&[(1, &message(&[(1, name.as_bytes()), (2, value)]))]));
    }
    message(&[(1, &[]), (3, &ok)])
}

/// `ProcessingResponse` with headers to set.
fn processing_response(headers: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut mutation = Vec::new();
    for (name, value) in headers {
        put(&mut mutation, 1, &message(&[(1, &message(&[(1, name.as_bytes()), (3, value)]))]));
    }
    message(&[(1, &message(&[(1, &message(&[(2, &mutation)]))]))])
}

/// The headers to set.
struct Decided(Vec<(String, Vec<u8>)>);

impl Surroundings for Decided {
    fn random(&mut self) -> Option<[u8; 16]> {
        None
    }

    fn property(&mut self, _path: &[String]) -> Option<Vec<u8>> {
        None
    }
}

impl Exchange for Decided {
    fn now(&mut self) -> Timestamp {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(now.as_millis()).unwrap_or(i64::MAX))
    }

    fn recall(&mut self, _id: &str) -> Poll<Option<Recalled<()>>> {
        Poll::Ready(None)
    }

    fn route(&mut self) -> Option<Vec<u8>> {
        None
    }

    fn note(&mut self, _flags: &str) {}

    fn remove(&mut self, _name: &[u8]) {}

    fn set(&mut self, name: &str, value: &[u8]) {
        self.0.push((name.to_owned(), value.to_vec()));
    }
}
