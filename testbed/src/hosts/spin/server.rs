//! HTTP/1.1 in front of the instances, with what Spin's HTTP trigger adds to a request.

use std::{convert::Infallible, net::SocketAddr, sync::Arc};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Uri, header, uri::Authority};
use http_body_util::{BodyExt, Empty, combinators::UnsyncBoxBody};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{net::TcpListener, sync::Semaphore};
use wasmtime_wasi_http::{Error, handler::ProxyHandler};

use super::{guest_log::GuestLog, instance::Instances};

/// Requests being handled at once, over all instances: `ProxyHandler` itself takes any number.
const MAX_IN_FLIGHT: usize = 1024;

/// The route of the one component, as a manifest would declare it.
const ROUTE: &str = "/...";

type Body = UnsyncBoxBody<Bytes, Error>;

#[derive(Clone)]
pub(super) struct Server {
    handler: ProxyHandler<Instances>,
    log: GuestLog,
    in_flight: Arc<Semaphore>,
}

impl Server {
    pub(super) fn new(instances: Instances, log: GuestLog) -> Self {
        Self { handler: ProxyHandler::new(instances), log, in_flight: Arc::new(Semaphore::new(MAX_IN_FLIGHT)) }
    }

    /// Accepts connections for ever. Like Spin it leaves TCP_NODELAY off, so a response written in pieces stalls here as it does there.
    pub(super) async fn run(self, listener: TcpListener) {
        loop {
            let Ok((stream, client)) = listener.accept().await else {
                continue;
            };
            let server = self.clone();
            tokio::spawn(async move {
                let service = service_fn(|request| server.answer(request, client));
                let connection =
                    http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
                if let Err(error) = connection.await {
                    server.log.remark(&format!("connection from {client}: {error}"));
                }
            });
        }
    }

    async fn answer(&self, request: Request<Incoming>, client: SocketAddr) -> Result<Response<Body>, Infallible> {
        let line = format!("{} {}", request.method(), request.uri());
        Ok(self.try_answer(request, client).await.unwrap_or_else(|error| {
            self.log.remark(&format!("{line}: {error:?}"));
            // Spin says no more than this to the client: not for a trap, an error of the handler, or a deadline.
            let mut response = Response::new(Empty::new().map_err(|never| match never {}).boxed_unsync());
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            response
        }))
    }

    async fn try_answer(&self, mut request: Request<Incoming>, client: SocketAddr) -> Result<Response<Body>> {
        let _permit = self.in_flight.acquire().await?;
        *request.uri_mut() = absolute(request.uri(), request.headers())?;
        add_spin_headers(&mut request, client)?;
        let request = request.map(|body| body.map_err(Error::from).boxed_unsync());
        Ok(self.handler.handle((), request).await?)
    }
}

/// The request's address with scheme and authority, which Spin takes from the host header.
fn absolute(uri: &Uri, headers: &HeaderMap) -> Result<Uri> {
    let host = headers.get(header::HOST).map(|host| host.to_str()).transpose().context("the host header is no text")?;
    let host: Option<Authority> = host.map(str::parse).transpose().context("the host header is no authority")?;
    let authority = match (host, uri.authority().cloned()) {
        (Some(host), Some(named)) if host != named => {
            bail!("the host header and the request line name different hosts")
        }
        (Some(authority), _) | (None, Some(authority)) => authority,
        (None, None) => bail!("no host header"),
    };
    let mut parts = uri.clone().into_parts();
    parts.scheme = Some(http::uri::Scheme::HTTP);
    parts.authority = Some(authority);
    Ok(Uri::from_parts(parts)?)
}

/// Adds Spin's headers after whatever the client sent under the same names: only the last value is Spin's own.
fn add_spin_headers(request: &mut Request<Incoming>, client: SocketAddr) -> Result<()> {
    let full_url = request.uri().to_string();
    let path_info = request.uri().path().to_owned();
    let client = client.to_string();
    let values: [(&'static str, &str); 7] = [
        ("spin-path-info", &path_info),
        ("spin-full-url", &full_url),
        ("spin-matched-route", ROUTE),
        ("spin-base-path", "/"),
        ("spin-raw-component-route", ROUTE),
        ("spin-component-route", ""),
        ("spin-client-addr", &client),
    ];
    for (name, value) in values {
        request.headers_mut().append(HeaderName::from_static(name), HeaderValue::from_str(value)?);
    }
    Ok(())
}
