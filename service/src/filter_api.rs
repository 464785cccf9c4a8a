//! The HTTP API inside of the Envoy filter, apart from Envoy: which requests are for it, and its answers to them.
//!
//! It decides on the ruleset that the filter injects flags from: there is no second copy.

use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri};

use crate::api::{READ, Refusal, handle_reading};
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
    test_header: Option<String>,
    service: Rc<Service<P>>,
}

/// A request for the API, without its body.
#[derive(Debug)]
pub struct Asked {
    request: Request<()>,
    test: Option<Vec<u8>>,
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
        let test_header = match poll_once(Config::load(&platform)) {
            Ok(Ok(config)) => config.test_header,
            Ok(Err(error)) => {
                let path = format_args!("$.api.{}", error.setting);
                return Err(vec![ConfigError::new(&path, &error.message, &"see docs/filter-configuration.md")]);
            }
            Err(_) => None,
        };
        let environment = config.environment.clone().unwrap_or_default();
        let service = Rc::new(Service::with_ruleset(platform, environment, supply));
        Ok(Some(Self { prefix: api.prefix.clone(), test_header, service }))
    }

    /// The request as the service takes it, without its body, where it is for the API; else nothing.
    ///
    /// # Errors
    /// The answer to a request that is for the API and cannot be read.
    pub fn request(&self, headers: &Headers<'_>) -> Option<Result<Asked, Response<Bytes>>> {
        let target = below(&self.prefix, first(headers, ":path")?)?;
        let read = || {
            let mut request = Request::new(());
            *request.method_mut() = Method::from_bytes(first(headers, ":method")?).ok()?;
            *request.uri_mut() = uri(target)?;
            for (name, value) in headers {
                // Making a name of what is not known beforehand takes 12 KB in a module.
                let known = READ.iter().find(|known| name.eq_ignore_ascii_case(known.as_str().as_bytes()));
                if let (Some(name), Ok(value)) = (known, HeaderValue::from_bytes(value)) {
                    request.headers_mut().try_append(name, value).ok()?;
                }
            }
            let test = self.test_header.as_deref().and_then(|name| first(headers, name)).map(<[u8]>::to_vec);
            Some(Asked { request, test })
        };
        Some(read().ok_or_else(|| {
            Refusal::new(StatusCode::BAD_REQUEST, "the request line or a header is no HTTP: check the path's encoding")
                .into_response()
        }))
    }

    /// Begins to answer.
    #[must_use]
    pub fn answer(&self, Asked { request, test }: Asked, body: Bytes) -> Task<Response<Bytes>> {
        let service = self.service.clone();
        let others = Box::new(move |_: &str| test.clone());
        Task::new(async move { handle_reading(&service, request.map(|()| body), others).await })
    }
}

/// What follows the prefix in a path: whole segments, the query, or nothing.
fn below<'h>(prefix: &str, path: &'h [u8]) -> Option<&'h [u8]> {
    let rest = path.strip_prefix(prefix.as_bytes())?;
    matches!(rest.first(), None | Some(b'/' | b'?')).then_some(rest)
}

fn uri(target: &[u8]) -> Option<Uri> {
    let root: &[u8] = if target.starts_with(b"/") { b"" } else { b"/" };
    PathAndQuery::try_from([root, target].concat()).ok().map(Uri::from)
}

#[cfg(test)]
mod tests;
