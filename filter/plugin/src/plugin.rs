//! What requests of one plugin configuration ask it for.
//!
//! What few requests want is a call here, so that the request path (jackstaff-filter) stays small: it is built for speed, and this crate for
//! size.

use std::cell::RefCell;
use std::sync::Arc;

use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::{HeaderValue, Response, StatusCode};
use jackstaff_service::executor::Task;
use jackstaff_service::filter_api::{Asked, FilterApi};
use jackstaff_service::filter_config::{ConfigError, FilterConfig, Without};
use jackstaff_service::filter_users::FilterUsers;
use jackstaff_service::identity::Headers;
use jackstaff_service::injector::Injector;
use jackstaff_service::ruleset_supply::Supply;
use jackstaff_service::user_data::Recalled;

use crate::chores::Chores;
use crate::host;
use crate::platform::EnvoyPlatform;
use crate::store::SharedStore;

/// One plugin configuration, as its requests share it.
#[derive(Debug)]
pub struct Plugin {
    /// A worker runs one callback at a time, so the borrow always succeeds.
    pub injector: RefCell<Injector>,
    /// The HTTP API, where it is asked for.
    api: Option<FilterApi<EnvoyPlatform>>,
    /// What is stored about users, where the injected flags depend on it.
    users: Option<FilterUsers<EnvoyPlatform>>,
    /// Whether requests are refused while there is no ruleset.
    pub refuses: bool,
}

impl Plugin {
    /// Whether it answers requests by itself.
    #[must_use]
    #[inline]
    pub const fn has_api(&self) -> bool {
        self.api.is_some()
    }

    /// What a request asks the API for, or what is wrong with it; none where it is not for the API.
    pub fn asked(&self, headers: &Headers<'_>) -> Option<Result<Asked, Response<Bytes>>> {
        self.api.as_ref()?.request(headers)
    }

    /// Answers a request that comes while there is no ruleset, where the configuration wants that.
    #[cold]
    #[inline(never)]
    pub fn refuse(&self) {
        host::reply(&unavailable());
    }

    /// Begins to answer a request to the API; none where there is no API.
    pub fn answer(&self, asked: Asked, body: Bytes) -> Option<Task<Response<Bytes>>> {
        Some(self.api.as_ref()?.answer(asked, body))
    }

    /// What is stored about a user, or the work of finding out; none where nobody asked for that.
    #[inline]
    pub fn recall(&self, id: &str) -> Option<Result<Recalled<()>, Task<Recalled<()>>>> {
        let users = self.users.as_ref()?;
        Some(recall(users, id))
    }

    /// Reads a configuration; what its owner should know comes beside it.
    pub(crate) fn new(config: &[u8]) -> Result<(Self, Chores, Vec<String>), Vec<ConfigError>> {
        let config = FilterConfig::parse(config)?;
        let (injector, notices) = Injector::new(&config)?;
        let supply = Arc::new(injector.ruleset().map_or_else(Supply::default, Supply::given));
        let store = config.user_data.as_ref().map(|data| SharedStore::new(data.users));
        let platform = EnvoyPlatform::new(config.settings(), store);
        let users = FilterUsers::new(&config, &platform)?;
        let chores = Chores::new(&config, supply.clone(), platform.clone());
        let api = FilterApi::new(&config, supply, platform)?;
        let refuses = config.refresh.without == Without::Unavailable;
        Ok((Self { injector: RefCell::new(injector), api, users, refuses }, chores, notices))
    }
}

/// The answer to requests while there is no ruleset, where the configuration wants them refused.
fn unavailable() -> Response<Bytes> {
    let mut response = Response::new(Bytes::from_static(b"there is no ruleset yet: try again\n"));
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

#[inline(never)]
fn recall(users: &FilterUsers<EnvoyPlatform>, id: &str) -> Result<Recalled<()>, Task<Recalled<()>>> {
    users.recall(id)
}
