//! Responses, and refusals in the form that DevCycle's API gives them (facts 5).

use std::fmt;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use jackstaff_core::write_json_string;

/// Says how current the ruleset is that the answer was decided on.
pub(crate) const STATUS: HeaderName = HeaderName::from_static("x-flags-status");

const JSON: HeaderValue = HeaderValue::from_static("application/json");

pub(crate) fn empty(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}

pub(crate) fn json(status: StatusCode, body: impl Into<Bytes>) -> Response<Bytes> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response
}

/// A longer answer is not given. All variables of 10,000 features take some 4 MB; a hostile snapshot of some kilobytes, in which every text
/// is all text there is, could ask for gigabytes.
pub const MAX_ANSWER_BYTES: usize = 8 << 20;

/// An answer would be longer than [`MAX_ANSWER_BYTES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge;

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the answer would be longer than {MAX_ANSWER_BYTES} bytes: ask for one flag at a time, or make the ruleset smaller"
        )
    }
}

impl std::error::Error for TooLarge {}

impl From<TooLarge> for Refusal {
    fn from(error: TooLarge) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
    }
}

/// Why a request gets no answer.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    message: String,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), headers: Vec::new() }
    }

    /// Adds a header; text that cannot stand in one is left out.
    pub(crate) fn with_header(mut self, name: HeaderName, value: &str) -> Self {
        self.headers.extend(HeaderValue::from_str(value).map(|value| (name, value)));
        self
    }

    /// In another form than DevCycle's: `body` makes JSON of the status and the message.
    pub(crate) fn into_response_with(self, body: impl FnOnce(StatusCode, &str) -> String) -> Response<Bytes> {
        let mut response = json(self.status, body(self.status, &self.message));
        response.headers_mut().extend(self.headers);
        response
    }

    pub(crate) fn into_response(self) -> Response<Bytes> {
        let mut body = format!("{{\"statusCode\":{},\"message\":", self.status.as_u16());
        write_json_string(&self.message, &mut body);
        body.push('}');
        let mut response = json(self.status, body);
        response.headers_mut().extend(self.headers);
        response
    }
}
