//! The HTTP API inside of the Envoy filter, apart from Envoy: which requests are for it, and its answers to them.
//!
//! It decides on the ruleset that the filter injects flags from: there is no second copy.

use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};

use crate::api::{Refusal, handle};
use crate::config::Config;
use crate::executor::{Task, poll_once};
use crate::filter_config::{ConfigError, FilterConfig};
use crate::identity::{Headers, first};
use crate::platform::Platform;
use crate::ruleset_supply::Supply;
use crate::service::Service;

/// The API of one plugin configuration.
#[derive(Debug)]
pub struct FilterApi<P> {
    prefix: String,
    service: Rc<Service<P>>,
}

impl<P: Platform + 'static> FilterApi<P> {
    /// The API that `config` asks for, if it does, over the ruleset in `supply`. The platform has the settings of
    /// [`FilterConfig::settings`].
    ///
    /// # Errors
    /// Where a setting cannot be used.
    pub fn new(config: &FilterConfig<'_>, supply: Arc<Supply>, platform: P) -> Result<Option<Self>, Vec<ConfigError>> {
        let Some(api) = &config.api else { return Ok(None) };
        // A setting that is wrong is found now, not by the first request.
        if let Ok(Err(error)) = poll_once(Config::load(&platform)) {
            let path = format!("$.api.{}", error.setting);
            return Err(vec![ConfigError::new(path, error.message, "see docs/filter-configuration.md")]);
        }
        let environment = config.environment.clone().unwrap_or_default();
        let service = Rc::new(Service::with_ruleset(platform, environment, supply));
        Ok(Some(Self { prefix: api.prefix.clone(), service }))
    }

    /// The request as the service takes it, without its body, where it is for the API; else nothing.
    ///
    /// # Errors
    /// The answer to a request that is for the API and cannot be read.
    pub fn request(&self, headers: &Headers<'_>) -> Option<Result<Request<()>, Response<Bytes>>> {
        let target = below(&self.prefix, first(headers, ":path")?)?;
        let read = || {
            let mut request = Request::new(());
            *request.method_mut() = Method::from_bytes(first(headers, ":method")?).ok()?;
            *request.uri_mut() = uri(target)?;
            for (name, value) in headers {
                // Those that begin with a colon are no names: what they say is in the request line.
                if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
                    request.headers_mut().try_append(name, value).ok()?;
                }
            }
            Some(request)
        };
        Some(read().ok_or_else(|| {
            Refusal::new(StatusCode::BAD_REQUEST, "the request line or a header is no HTTP: check the path's encoding")
                .into_response()
        }))
    }

    /// Begins to answer.
    #[must_use]
    pub fn answer(&self, request: Request<()>, body: Bytes) -> Task<Response<Bytes>> {
        let service = self.service.clone();
        Task::new(async move { handle(&service, request.map(|()| body)).await })
    }
}

/// What follows the prefix in a path: whole segments, the query, or nothing.
fn below<'h>(prefix: &str, path: &'h [u8]) -> Option<&'h [u8]> {
    let rest = path.strip_prefix(prefix.as_bytes())?;
    matches!(rest.first(), None | Some(b'/' | b'?')).then_some(rest)
}

fn uri(target: &[u8]) -> Option<Uri> {
    if target.starts_with(b"/") {
        return Uri::try_from(target).ok();
    }
    let rooted = [b"/", target].concat();
    Uri::try_from(rooted.as_slice()).ok()
}

#[cfg(test)]
mod tests;
