//! One request.

use std::rc::Rc;
use std::task::Poll;

use bytes::Bytes;
use http::Response;
use jackstaff_core::Timestamp;
use jackstaff_service::MAX_BODY_BYTES;
use jackstaff_service::executor::Task;
use jackstaff_service::identity::Surroundings;
use jackstaff_service::injector::Exchange;
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::{Action, MapType};

use crate::host::{self, HeaderMap};
use crate::root::Plugin;

/// The HTTP context.
pub(crate) struct Request {
    /// The configuration that was in force when the request came. Nothing before the first one was taken: Envoy sends no request then.
    plugin: Option<Rc<Plugin>>,
    stage: Stage,
}

/// What becomes of the request.
enum Stage {
    /// It goes to the application. For the response: the cookie of a new anonymous user.
    Application(Option<String>),
    /// It is for the API, and its body is still to come.
    Body(http::Request<()>),
    /// It has been answered.
    Answered,
}

impl Request {
    pub(crate) const fn new(plugin: Option<Rc<Plugin>>) -> Self {
        Self { plugin, stage: Stage::Application(None) }
    }

    /// Answers a request to the API whose body has come, or as much of it as is read.
    fn answer(&mut self) {
        if let Stage::Body(request) = std::mem::replace(&mut self.stage, Stage::Answered)
            && let Some(api) = self.plugin.as_ref().and_then(|plugin| plugin.api.as_ref())
        {
            let body = host::request_body(MAX_BODY_BYTES.saturating_add(1));
            let mut task: Task<Response<Bytes>> = api.answer(request, Bytes::from(body));
            let response = match task.poll() {
                Poll::Ready(response) => response,
                // No call of this platform leaves anything to wait for.
                Poll::Pending => api.abandoned(),
            };
            host::reply(&response);
        }
    }
}

impl Context for Request {}

impl HttpContext for Request {
    fn on_http_request_headers(&mut self, _count: usize, end: bool) -> Action {
        let Some(plugin) = &self.plugin else { return Action::Continue };
        let map = HeaderMap::get(MapType::HttpRequestHeaders);
        let headers = map.pairs();
        match plugin.api.as_ref().and_then(|api| api.request(&headers)) {
            None => {
                if let Ok(mut injector) = plugin.injector.try_borrow_mut() {
                    let cookie = injector.inject(&headers, &mut Envoy(MapType::HttpRequestHeaders));
                    self.stage = Stage::Application(cookie);
                }
                return Action::Continue;
            }
            Some(Ok(request)) => {
                self.stage = Stage::Body(request);
                if end {
                    self.answer();
                }
            }
            Some(Err(response)) => {
                self.stage = Stage::Answered;
                host::reply(&response);
            }
        }
        Action::Pause
    }

    fn on_http_request_body(&mut self, size: usize, end: bool) -> Action {
        if matches!(self.stage, Stage::Application(_)) {
            return Action::Continue;
        }
        // Envoy keeps what has come while the filter pauses. Of a body that is too large the rest is not waited for.
        if end || size > MAX_BODY_BYTES {
            self.answer();
        }
        Action::Pause
    }

    fn on_http_request_trailers(&mut self, _count: usize) -> Action {
        if !matches!(self.stage, Stage::Application(_)) {
            self.answer();
            return Action::Pause;
        }
        if let Some(plugin) = &self.plugin
            && let Ok(injector) = plugin.injector.try_borrow()
        {
            let map = HeaderMap::get(MapType::HttpRequestTrailers);
            injector.strip(&map.pairs(), &mut Envoy(MapType::HttpRequestTrailers));
        }
        Action::Continue
    }

    fn on_http_response_headers(&mut self, _count: usize, _end: bool) -> Action {
        if let Stage::Application(cookie) = &mut self.stage
            && let Some(cookie) = cookie.take()
        {
            host::add(MapType::HttpResponseHeaders, "set-cookie", cookie.as_bytes());
        }
        Action::Continue
    }
}

/// The request's headers or trailers, in Envoy.
struct Envoy(MapType);

impl Surroundings for Envoy {
    fn random(&mut self) -> Option<[u8; 16]> {
        host::random()
    }

    fn property(&mut self, path: &[String]) -> Option<Vec<u8>> {
        host::property(path)
    }
}

impl Exchange for Envoy {
    fn now(&mut self) -> Timestamp {
        Timestamp(host::now_millis())
    }

    fn remove(&mut self, name: &[u8]) {
        host::remove(self.0, name);
    }

    fn set(&mut self, name: &str, value: &[u8]) {
        host::replace(self.0, name, value);
    }
}
