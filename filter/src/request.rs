//! One request.

use std::rc::Rc;
use std::task::Poll;

use bytes::Bytes;
use http::Response;
use jackstaff_core::Timestamp;
use jackstaff_plugin::Plugin;
use jackstaff_plugin::host::{self, Action, BufferType, HeaderMap, MapType};
use jackstaff_service::MAX_BODY_BYTES;
use jackstaff_service::executor::Task;
use jackstaff_service::filter_api::Asked;
use jackstaff_service::identity::Surroundings;
use jackstaff_service::injector::{Exchange, ResponseHeaders};
use jackstaff_service::user_data::Recalled;

/// A request, from its headers to the headers of its response.
pub(crate) struct Request {
    /// The configuration that was in force when the request came. Nothing before the first one was taken: Envoy sends no request then.
    plugin: Option<Rc<Plugin>>,
    stage: Stage,
}

/// What becomes of the request.
enum Stage {
    /// It goes to the application. The response gets these headers.
    Application(ResponseHeaders),
    /// It goes to the application when it is known what is stored about the user.
    Recalling(HeaderMap, Task<Recalled<()>>),
    /// It is for the API, and its body is still to come.
    Body(Box<Asked>),
    /// It is for the API, which waits for another server.
    Answering(Task<Response<Bytes>>),
    /// It has been answered.
    Answered,
}

impl Request {
    pub(crate) const fn new(plugin: Option<Rc<Plugin>>) -> Self {
        Self { plugin, stage: Stage::Application(ResponseHeaders::new()) }
    }

    /// Begins to answer a request to the API whose body has come, or as much of it as is read.
    #[inline(never)]
    fn answer(&mut self) {
        match std::mem::replace(&mut self.stage, Stage::Answered) {
            Stage::Body(request) => {
                let body = host::body(BufferType::RequestBody, MAX_BODY_BYTES.saturating_add(1));
                let task = self.plugin.as_ref().and_then(|plugin| plugin.answer(*request, Bytes::from(body)));
                if let Some(task) = task {
                    self.stage = Stage::Answering(task);
                    self.go_on();
                }
            }
            other => self.stage = other,
        }
    }

    /// Goes on with what waited for an answer.
    #[inline(never)]
    pub(crate) fn go_on(&mut self) {
        match std::mem::replace(&mut self.stage, Stage::Answered) {
            Stage::Answering(mut task) => match task.poll() {
                Poll::Ready(response) => host::reply(&response),
                Poll::Pending => self.stage = Stage::Answering(task),
            },
            Stage::Recalling(map, mut task) => match task.poll() {
                Poll::Ready(recalled) => {
                    self.inject(map, Recall::Known(recalled));
                    host::resume();
                }
                Poll::Pending => self.stage = Stage::Recalling(map, task),
            },
            other => self.stage = other,
        }
    }

    /// Puts the flags into the request, or begins to wait for what is stored about the user.
    fn inject(&mut self, map: HeaderMap, recall: Recall) -> Action {
        self.stage = Stage::Application(ResponseHeaders::new());
        let Some(plugin) = &self.plugin else { return Action::Continue };
        // A worker runs one callback at a time, so nobody else has it.
        let Ok(mut injector) = plugin.injector.try_borrow_mut() else { return Action::Continue };
        if plugin.refuses && injector.flags().is_none() {
            self.stage = Stage::Answered;
            plugin.refuse();
            return Action::Pause;
        }
        let mut envoy = Envoy { map: MapType::RequestHeaders, plugin: Some(&**plugin), recall };
        match (injector.inject(&map.pairs(), &mut envoy), envoy.recall) {
            (Poll::Pending, Recall::Begun(task)) => {
                self.stage = Stage::Recalling(map, task);
                Action::Pause
            }
            (headers, _) => {
                let headers = if let Poll::Ready(headers) = headers { headers } else { ResponseHeaders::new() };
                self.stage = Stage::Application(headers);
                Action::Continue
            }
        }
    }
}

impl Request {
    /// Its headers have come, and with `end` all of it.
    pub(crate) fn headers(&mut self, end: bool) -> Action {
        let Some(plugin) = &self.plugin else { return Action::Continue };
        let map = HeaderMap::get(MapType::RequestHeaders);
        if plugin.has_api() { self.api(map, end) } else { self.inject(map, Recall::Ask) }
    }

    /// As [`headers`](Self::headers), where some requests are for the API.
    #[inline(never)]
    fn api(&mut self, map: HeaderMap, end: bool) -> Action {
        match self.plugin.as_ref().and_then(|plugin| plugin.asked(&map.pairs())) {
            None => return self.inject(map, Recall::Ask),
            Some(Ok(request)) => {
                self.stage = Stage::Body(Box::new(request));
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

    /// Some more of its body has come: `size` bytes are there.
    #[inline(never)]
    pub(crate) fn body(&mut self, size: usize, end: bool) -> Action {
        if matches!(self.stage, Stage::Application(_)) {
            return Action::Continue;
        }
        // Envoy keeps what has come while the filter pauses. Of a body that is too large the rest is not waited for.
        if end || size > MAX_BODY_BYTES {
            self.answer();
        }
        Action::Pause
    }

    /// Its trailers have come.
    #[inline(never)]
    pub(crate) fn trailers(&mut self) -> Action {
        if let Some(plugin) = &self.plugin
            && let Ok(injector) = plugin.injector.try_borrow()
        {
            let map = HeaderMap::get(MapType::RequestTrailers);
            injector.strip(&map.pairs(), &mut Envoy::new(MapType::RequestTrailers));
        }
        if matches!(self.stage, Stage::Application(_)) {
            return Action::Continue;
        }
        self.answer();
        Action::Pause
    }

    /// The headers of its response have come.
    pub(crate) fn response(&mut self) -> Action {
        if let Stage::Application(headers) = &mut self.stage {
            for (name, value) in std::mem::take(headers) {
                host::add(MapType::ResponseHeaders, &name, value.as_bytes());
            }
        }
        Action::Continue
    }
}

/// Where the metadata of Envoy's route names a selection of flags.
const ROUTE: &str = "xds\0route_metadata\0filter_metadata\0jackstaff\0route";

/// What is known of what is stored about the user.
enum Recall {
    /// Nothing yet.
    Ask,
    /// All of it.
    Known(Recalled<()>),
    /// Another server was asked.
    Begun(Task<Recalled<()>>),
}

/// The request's headers or trailers, in Envoy.
struct Envoy<'p> {
    map: MapType,
    plugin: Option<&'p Plugin>,
    recall: Recall,
}

impl Envoy<'_> {
    const fn new(map: MapType) -> Self {
        Self { map, plugin: None, recall: Recall::Ask }
    }
}

impl Surroundings for Envoy<'_> {
    fn random(&mut self) -> Option<[u8; 16]> {
        host::random()
    }

    fn property(&mut self, path: &[String]) -> Option<Vec<u8>> {
        host::property_at(path)
    }
}

impl Exchange for Envoy<'_> {
    fn now(&mut self) -> Timestamp {
        Timestamp(host::now_millis())
    }

    fn recall(&mut self, id: &str) -> Poll<Option<Recalled<()>>> {
        if let Recall::Known(recalled) = std::mem::replace(&mut self.recall, Recall::Ask) {
            return Poll::Ready(Some(recalled));
        }
        match self.plugin.and_then(|plugin| plugin.recall(id)) {
            None => Poll::Ready(None),
            Some(Ok(recalled)) => Poll::Ready(Some(recalled)),
            Some(Err(task)) => {
                self.recall = Recall::Begun(task);
                Poll::Pending
            }
        }
    }

    fn route(&mut self) -> Option<Vec<u8>> {
        host::property(ROUTE)
    }

    fn note(&mut self, flags: &str) {
        host::note("jackstaff_flags", flags);
    }

    fn remove(&mut self, name: &[u8]) {
        host::remove(self.map, name);
    }

    fn set(&mut self, name: &str, value: &[u8]) {
        // Replacing would have Envoy look through all headers first, for 1 to 2 µs a request.
        host::add(self.map, name, value);
    }
}
