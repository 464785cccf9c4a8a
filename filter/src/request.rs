//! One request.

use jackstaff_core::Timestamp;
use jackstaff_service::injector::Exchange;
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::{Action, MapType};

use crate::host::{self, HeaderMap};
use crate::root::Shared;

/// The HTTP context.
pub(crate) struct Request {
    /// The configuration that was in force when the request came. Nothing before the first one was taken: Envoy sends no request then.
    injector: Option<Shared>,
    /// For the response: the cookie of a new anonymous user.
    set_cookie: Option<String>,
}

impl Request {
    pub(crate) const fn new(injector: Option<Shared>) -> Self {
        Self { injector, set_cookie: None }
    }
}

impl Context for Request {}

impl HttpContext for Request {
    fn on_http_request_headers(&mut self, _count: usize, _end: bool) -> Action {
        if let Some(injector) = &self.injector
            && let Ok(mut injector) = injector.try_borrow_mut()
        {
            let map = HeaderMap::get(MapType::HttpRequestHeaders);
            self.set_cookie = injector.inject(&map.pairs(), &mut Envoy(MapType::HttpRequestHeaders));
        }
        Action::Continue
    }

    fn on_http_request_trailers(&mut self, _count: usize) -> Action {
        if let Some(injector) = &self.injector
            && let Ok(injector) = injector.try_borrow()
        {
            let map = HeaderMap::get(MapType::HttpRequestTrailers);
            injector.strip(&map.pairs(), &mut Envoy(MapType::HttpRequestTrailers));
        }
        Action::Continue
    }

    fn on_http_response_headers(&mut self, _count: usize, _end: bool) -> Action {
        if let Some(cookie) = self.set_cookie.take() {
            host::add(MapType::HttpResponseHeaders, "set-cookie", cookie.as_bytes());
        }
        Action::Continue
    }
}

/// The request's headers or trailers, in Envoy.
struct Envoy(MapType);

impl Exchange for Envoy {
    fn now(&mut self) -> Timestamp {
        Timestamp(host::now_millis())
    }

    fn random(&mut self) -> Option<[u8; 16]> {
        host::random()
    }

    fn remove(&mut self, name: &[u8]) {
        host::remove(self.0, name);
    }

    fn set(&mut self, name: &str, value: &[u8]) {
        host::replace(self.0, name, value);
    }
}
