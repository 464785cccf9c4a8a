//! Short ways of asking a host something.
#![allow(dead_code, reason = "each test binary uses a part")]

pub mod hosts;

use std::net::SocketAddr;

use jackstaff_testbed::http_client::{Request, Response, send};

/// Sends a request to the host under the name `flags.test`.
pub fn ask(host: SocketAddr, request: Request) -> Response {
    send(host, &request.header("host", "flags.test")).unwrap()
}

/// A GET: status and body.
pub fn get(host: SocketAddr, target: &str) -> (u16, String) {
    let response = ask(host, Request::get(target));
    let body = text(&response);
    (response.status, body)
}

/// The body of a GET that must succeed.
pub fn body(host: SocketAddr, target: &str) -> String {
    let (status, body) = get(host, target);
    assert_eq!(status, 200, "{target}: {body}");
    body
}

/// A response's body as text.
pub fn text(response: &Response) -> String {
    String::from_utf8_lossy(&response.body).into_owned()
}
