//! Outgoing HTTP: only to the hosts that the application declares, as Spin does.

use std::sync::Arc;

use http::{HeaderName, Request, Uri, header, uri::Scheme};
use http_body_util::BodyExt;
use wasmtime_wasi_http::{
    DEFAULT_FORBIDDEN_HEADERS, Error, ForbiddenHeaderFilter, RequestOptions, WasiBody, WasiHttpHooks,
    default_send_request,
};

/// One entry of `allowed_outbound_hosts`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Allowed {
    scheme: String,
    host: String,
    port: String,
}

/// The hosts that a component may call: entries `scheme://host[:port]`, each part `*` for any, the host also `*.domain`.
#[derive(Clone, Debug, Default)]
pub(super) struct AllowedHosts(Arc<Vec<Allowed>>);

impl AllowedHosts {
    pub(super) fn parse(entries: &[String]) -> anyhow::Result<Self> {
        entries.iter().map(|entry| parse(entry)).collect::<Result<_, _>>().map(|all| Self(Arc::new(all)))
    }

    fn allows(&self, uri: &Uri) -> bool {
        let scheme = uri.scheme_str().unwrap_or("https");
        let (Some(host), Some(port)) = (uri.host(), uri.port_u16().or_else(|| default_port(scheme))) else {
            return false;
        };
        self.0.iter().any(|allowed| {
            let host_matches = match allowed.host.strip_prefix("*.") {
                Some(domain) => host.strip_suffix(domain).is_some_and(|sub| sub.ends_with('.')),
                None => matches(&allowed.host, host),
            };
            host_matches && matches(&allowed.scheme, scheme) && matches(&allowed.port, &port.to_string())
        })
    }
}

fn parse(entry: &str) -> anyhow::Result<Allowed> {
    let (scheme, rest) = entry.split_once("://").ok_or_else(|| {
        anyhow::anyhow!("allowed_outbound_hosts: {entry:?} has no scheme; write it as in http://127.0.0.1:8080")
    })?;
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) => (host.to_owned(), port.to_owned()),
        None => (rest.to_owned(), default_port(scheme).map_or("*".to_owned(), |port| port.to_string())),
    };
    Ok(Allowed { scheme: scheme.to_owned(), host, port })
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

fn matches(pattern: &str, text: &str) -> bool {
    pattern == "*" || pattern == text
}

/// The hooks of one instance.
pub(super) struct Outbound(pub(super) AllowedHosts);

type Sent = Result<(http::Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>), Error>;

impl WasiHttpHooks for Outbound {
    /// The usual list, except that Spin lets a component see the host header.
    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        Arc::new(|name: &HeaderName| *name != header::HOST && DEFAULT_FORBIDDEN_HEADERS.contains(name))
    }

    fn is_supported_scheme(&mut self, scheme: &Scheme) -> bool {
        *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS
    }

    fn send_request(
        &mut self,
        request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        let allowed = self.0.allows(request.uri());
        Box::new(async move {
            if !allowed {
                return Err(Error::HttpRequestDenied);
            }
            let (response, io) = default_send_request(request, options).await?;
            let io: Box<dyn Future<Output = Result<(), Error>> + Send> = Box::new(io);
            Ok((response.map(BodyExt::boxed_unsync), io))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::AllowedHosts;

    fn allows(entry: &str, uri: &str) -> bool {
        AllowedHosts::parse(&[entry.to_owned()]).unwrap().allows(&uri.parse().unwrap())
    }

    #[test]
    fn only_declared_hosts_are_allowed() {
        assert!(allows("http://127.0.0.1:8080", "http://127.0.0.1:8080/x?y"));
        assert!(!allows("http://127.0.0.1:8080", "http://127.0.0.1:8081/"));
        assert!(!allows("http://127.0.0.1:8080", "https://127.0.0.1:8080/"));
        assert!(allows("https://example.com", "https://example.com/"));
        assert!(!allows("https://example.com", "https://example.com:8443/"));
        assert!(allows("https://*.example.com", "https://a.example.com/"));
        assert!(!allows("https://*.example.com", "https://example.com/"));
        assert!(!allows("https://*.example.com", "https://badexample.com/"));
        assert!(allows("*://*:*", "http://anything:1/"));
        assert!(AllowedHosts::parse(&["example.com".to_owned()]).is_err());
    }
}
