//! What another Jackstaff said about a user, as it lies in the platform's own store.
//!
//! A copy says whose it is, as users share keys in stores that forget nothing, and until when it counts.

use jackstaff_core::Timestamp;

use super::{Document, Subject};

/// After a failure nobody asks for so many seconds: requests then need not wait one by one.
pub(super) const REST_S: u64 = 1;

/// What a copy has to say.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Copied {
    /// A document.
    Document(Vec<u8>),
    /// The other could not say what it has about this user, a moment ago.
    Unsaid,
}

/// The copy of a document, which holds the time that it counts itself.
pub(super) fn of_document(subject: &Subject<'_>, text: &str) -> String {
    format!("{}\n{text}", subject.key())
}

/// The copy of an answer that says nothing about the user.
pub(super) fn unsaid(subject: &Subject<'_>, now: Timestamp) -> String {
    format!("{}\n{}", subject.key(), rest(now))
}

/// What a copy says, if it is one of this user's and counts. What cannot be read is no copy.
pub(super) fn read(copy: &[u8], subject: &Subject<'_>, now: Timestamp) -> Option<Copied> {
    let text = copy.strip_prefix(subject.key().as_bytes())?.strip_prefix(b"\n")?;
    if is_resting(text, now) {
        return Some(Copied::Unsaid);
    }
    let document = Document::parse(text).ok()?;
    (!document.is_expired(now)).then(|| Copied::Document(text.to_vec()))
}

/// Until when a rest lasts that begins now.
pub(super) fn rest(now: Timestamp) -> String {
    after(now, REST_S).0.to_string()
}

/// Whether a rest is not over. A clock that was set back ends it.
pub(super) fn is_resting(until: &[u8], now: Timestamp) -> bool {
    let until = std::str::from_utf8(until).ok().and_then(|text| text.parse::<i64>().ok());
    until.is_some_and(|until| until > now.0 && until <= after(now, REST_S).0)
}

/// The time `seconds` after `now`.
pub(super) fn after(now: Timestamp, seconds: u64) -> Timestamp {
    Timestamp(now.0.saturating_add(i64::try_from(seconds.saturating_mul(1_000)).unwrap_or(i64::MAX)))
}

/// Milliseconds between two times; none where the clock was set back.
pub(super) fn elapsed(begun: Timestamp, now: Timestamp) -> u32 {
    u32::try_from(now.0.saturating_sub(begun.0).max(0)).unwrap_or(u32::MAX)
}
