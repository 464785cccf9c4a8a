//! Calls of a host, with patience.

use std::fmt;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Result, bail};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use ureq::http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use ureq::http::{Method, Request, Uri};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, AsSendBody};

/// An answer takes milliseconds; a host that changes a contended user may take seconds.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A call that failed is sent again so often: every call may be, for it says what shall be and not what to add.
const TRIES: u32 = 6;

/// The wait after the first failure. It doubles each time: 15 seconds in all.
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// A host that says when to come again is waited for, but not longer than this.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// How often one call is put off by a host that says when to come again.
const MOST_DELAYS: u32 = 60;

/// A user's document has 16 KB, messages less.
const MAX_ANSWER_BYTES: u64 = 1 << 20;

/// What an id's bytes may be in a path: anything else is encoded.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'~');

/// A host, and a key for it.
pub struct Client {
    agent: Agent,
    base: String,
    key: String,
}

/// Why a call was not answered as hoped.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused {
    /// The status, if there was an answer.
    pub status: Option<u16>,
    /// What is wrong, and what to do.
    message: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.status {
            Some(status) => write!(f, "the host answered {status}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl Refused {
    /// Whether the next call would fail alike: the key or the host is at fault, not what was sent.
    pub fn is_final(&self) -> bool {
        self.status.is_none_or(|status| matches!(status, 300..=399 | 401 | 403 | 404 | 405 | 429) || status >= 500)
    }
}

/// What came of one try.
enum Answer {
    Done(String),
    Refused(Refused),
    /// Not now: how long the host wants to be left alone, if it says so.
    Later(Refused, Option<Duration>),
}

impl Client {
    /// A client of the host at the address `base`. `authorities` is PEM with the certificates of those that vouch for it, where they are not
    /// the public ones.
    pub fn new(base: &str, key: String, authorities: Option<&[u8]>) -> Result<Self> {
        let base = base.trim_end_matches('/');
        let uri: Uri = match base.parse() {
            Ok(uri) => uri,
            Err(error) => bail!("`{base}` is no address ({error}): write for example https://flags.example.com"),
        };
        if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none() || uri.query().is_some() {
            bail!("`{base}` is no address of a host: write for example https://flags.example.com");
        }
        let local = uri.host().is_some_and(|host| host == "localhost" || host.starts_with("127.") || host == "[::1]");
        if uri.scheme_str() == Some("http") && !local {
            eprintln!("warning: the key and the users' attributes travel unencrypted: use https where the host has it");
        }
        let tls = match authorities {
            Some(pem) => TlsConfig::builder().root_certs(RootCerts::from(certificates(pem)?)).build(),
            None => TlsConfig::default(),
        };
        let config = Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            .timeout_global(Some(TIMEOUT))
            // A redirect would turn a PATCH into a GET, and could lead a key elsewhere.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("jackstaff/", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(Self { agent: config.into(), base: base.to_owned(), key })
    }

    /// Where it is.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The document of `user`.
    pub fn get(&self, user: &str) -> Result<String, Refused> {
        self.call(&Method::GET, user, ())
    }

    /// Changes the document of `user`. What the host said.
    pub fn patch(&self, user: &str, attributes: &[u8]) -> Result<String, Refused> {
        self.call(&Method::PATCH, user, attributes).map(|body| message(&body))
    }

    /// Erases the document of `user`. What the host said.
    pub fn delete(&self, user: &str) -> Result<String, Refused> {
        self.call(&Method::DELETE, user, ()).map(|body| message(&body))
    }

    fn call(&self, method: &Method, user: &str, body: impl AsSendBody + Copy) -> Result<String, Refused> {
        let uri = format!("{}/v1/edgedb/{}", self.base, utf8_percent_encode(user, PATH));
        let (mut tries, mut delays) = (1, 0);
        let mut wait = FIRST_WAIT;
        loop {
            match self.once(method, &uri, body) {
                Answer::Done(body) => return Ok(body),
                Answer::Refused(refused) => return Err(refused),
                Answer::Later(_, Some(after)) if after <= LONGEST_WAIT && delays < MOST_DELAYS => {
                    delays += 1;
                    sleep(after);
                }
                Answer::Later(refused, None) if tries < TRIES => {
                    if tries == 1 {
                        eprintln!("note: {refused}; trying again");
                    }
                    tries += 1;
                    sleep(wait);
                    wait *= 2;
                }
                Answer::Later(refused, _) => return Err(refused),
            }
        }
    }

    fn once(&self, method: &Method, uri: &str, body: impl AsSendBody) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(uri)
            .header(AUTHORIZATION, &self.key)
            .header(CONTENT_TYPE, "application/json");
        let request = match request.body(body) {
            Ok(request) => request,
            Err(error) => {
                return Answer::Refused(Refused { status: None, message: format!("cannot ask for the user: {error}") });
            }
        };
        let unreachable = |error: &dyn fmt::Display| Refused {
            status: None,
            message: format!("{} does not answer: {error}; is it running, and is the address right?", self.base),
        };
        let mut response = match self.agent.run(request) {
            Ok(response) => response,
            // A certificate that nobody vouches for: it will not get better.
            Err(error) if is_invalid(&error) => {
                let message = format!("{} is not to be trusted: {error}; name its authority with --ca-file", self.base);
                return Answer::Refused(Refused { status: None, message });
            }
            Err(error) => return Answer::Later(unreachable(&error), None),
        };
        let status = response.status().as_u16();
        let seconds = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let body = match response.body_mut().with_config().limit(MAX_ANSWER_BYTES).lossy_utf8(true).read_to_string() {
            Ok(body) => body,
            Err(error) => return Answer::Later(unreachable(&error), None),
        };
        if (200..300).contains(&status) {
            return Answer::Done(body);
        }
        let refused = Refused { status: Some(status), message: message(&body) };
        if status == 429 || status >= 500 {
            return Answer::Later(refused, seconds.map(Duration::from_secs));
        }
        Answer::Refused(refused)
    }
}

fn is_invalid(error: &ureq::Error) -> bool {
    matches!(error, ureq::Error::Io(error) if error.kind() == std::io::ErrorKind::InvalidData)
}

fn certificates(pem: &[u8]) -> Result<Vec<Certificate<'static>>> {
    let mut certificates = Vec::new();
    for item in parse_pem(pem) {
        match item {
            Ok(PemItem::Certificate(certificate)) => certificates.push(certificate),
            Ok(_) => {}
            Err(error) => bail!("the file of --ca-file is no PEM: {error}"),
        }
    }
    if certificates.is_empty() {
        bail!("the file of --ca-file has no certificate in PEM (-----BEGIN CERTIFICATE-----)");
    }
    Ok(certificates)
}

/// The message in an answer; the beginning of the answer where it has none.
fn message(body: &str) -> String {
    /// Characters of an answer that is not ours.
    const SHOWN: usize = 200;
    let told = serde_json::from_str::<Value>(body).ok();
    match told.as_ref().and_then(|told| told.get("message")?.as_str()) {
        Some(message) => message.to_owned(),
        None if body.trim().is_empty() => "(no message)".to_owned(),
        None => body.chars().take(SHOWN).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_encoded_whatever_they_hold() {
        let path = |id: &str| utf8_percent_encode(id, PATH).to_string();
        assert_eq!(path("ada-1_x~"), "ada-1_x~");
        assert_eq!(path("a/b?c=d%&ü\0"), "a%2Fb%3Fc%3Dd%25%26%C3%BC%00");
        assert_eq!(path(".."), "%2E%2E");
    }

    #[test]
    fn addresses_that_are_none_are_refused() {
        for base in ["flags.example.com", "ftp://a", "/v1", "http://", "https://a/?b", "https://a b"] {
            assert!(Client::new(base, String::new(), None).is_err(), "{base}");
        }
        assert!(Client::new("https://a", String::new(), Some(b"no PEM")).is_err());
        assert_eq!(Client::new("https://a/flags//", String::new(), None).unwrap().base(), "https://a/flags");
    }
}
