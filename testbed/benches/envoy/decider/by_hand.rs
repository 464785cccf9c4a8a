//! The service with gRPC by hand on hyper and just as much of protocol buffers as it needs: a lower bound, which no library reaches that can do more.

use std::cell::RefCell;
use std::convert::Infallible;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use anyhow::Result;
use bytes::{BufMut as _, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use jackstaff_service::injector::Injector;
use tokio::net::TcpListener;

use super::decide;
use super::protobuf::{field, fields, put};

pub async fn serve(listener: TcpListener, injector: Injector) -> Result<()> {
    let injector = Rc::new(RefCell::new(injector));
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
    let headers = if authorization { checked_headers(message) } else { processed_headers(message) };
    let decided = decide(&mut injector.borrow_mut(), &headers);
    let reply = if authorization { check_response(&decided) } else { processing_response(&decided) };
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
