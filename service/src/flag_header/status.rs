//! `X-Flags-Status`: how good the flags are.

use std::fmt::Write as _;

use jackstaff_core::Ruleset;

/// How current the ruleset is that flags were decided on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// As current as its source says it should be.
    Fresh,
    /// Older than that: its source could not be reached.
    Stale,
    /// There is no ruleset: every flag has the application's default.
    None,
}

impl Freshness {
    /// As the header says it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Stale => "stale",
            Self::None => "none",
        }
    }
}

/// What names this ruleset among others: its revision, or the digest of its source in 16 hexadecimal digits where the source gave none.
#[must_use]
pub fn revision(ruleset: &Ruleset<'_>) -> String {
    match ruleset.revision() {
        0 => format!("{:016x}", ruleset.digest()),
        revision => revision.to_string(),
    }
}

/// The part of the header that stays the same between requests: an RFC 9651 Token with the parameters `rev` and, in seconds, `age`.
#[must_use]
pub fn status(freshness: Freshness, ruleset: &Ruleset<'_>, age: u64) -> String {
    format!("{};rev=\"{}\";age={age}", freshness.as_str(), revision(ruleset))
}

/// Appends what became of the user's stored attributes: `user-data`, a Token, and `unsaved` where what the request said of the user was to
/// be stored and is not known to be.
pub fn write_user_data(out: &mut String, outcome: &str, unsaved: bool) {
    // Writing to a String cannot fail.
    let _ = write!(out, ";user-data={outcome}{}", if unsaved { ";unsaved" } else { "" });
}

/// Appends what is particular to one request: `errors`, the flags that could not be decided, and `omitted`, those that did not fit, where
/// there are any.
pub fn write_counts(out: &mut String, errors: u32, omitted: u32) {
    for (name, count) in [("errors", errors), ("omitted", omitted)] {
        if count > 0 {
            // Writing to a String cannot fail.
            let _ = write!(out, ";{name}={count}");
        }
    }
}
