//! Rulesets as people write and publish them, and their way into a snapshot.

pub mod devcycle;
pub mod flagd;
mod json;
mod place;
mod raw;
mod read;

use std::borrow::Cow;

pub use json::{document, member_text};
pub use read::{FromJson, Misread, Object, Reading, from_value, read, read_all};

use crate::diagnostic::{Diagnostic, Diagnostics, Severity};
use crate::snapshot::{Builder, Dialect, digest};

/// A source may be this large. Fastly's KV store holds values up to 25 MB, and no ruleset seen comes near.
pub const MAX_SOURCE_BYTES: usize = 25_000_000;

/// How to compile.
#[derive(Clone, Copy, Debug, Default)]
pub struct CompileOptions {
    /// Orders the ruleset among its predecessors: a newer one has a larger number. Milliseconds since the epoch do well.
    pub revision: u64,
    /// The dialect of the source; absent, the document shows it.
    pub dialect: Option<Dialect>,
    /// How flagd's `fractional` hashes; absent, the document's `fractional` member says it, or else it is v2.
    pub fractional: Option<flagd::Fractional>,
}

/// A compiled ruleset.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// The snapshot: see [`Ruleset::open`](crate::Ruleset::open).
    pub snapshot: Vec<u8>,
    /// What is wrong with the source, in its order. Flags with errors are stored as broken; all others work.
    pub diagnostics: Vec<Diagnostic>,
}

/// Compiles a source document.
///
/// # Errors
/// Where there is nothing to compile: not JSON, too large, no known dialect. What is wrong with single flags is in [`Compiled::diagnostics`].
pub fn compile(source: &[u8], options: &CompileOptions) -> Result<Compiled, Vec<Diagnostic>> {
    let whole = |message: String, remedy: &str| {
        vec![Diagnostic { severity: Severity::Error, path: "$".to_owned(), message, remedy: remedy.to_owned() }]
    };
    if source.len() > MAX_SOURCE_BYTES {
        return Err(whole(
            format!("the document has {} bytes, the limit is {MAX_SOURCE_BYTES}", source.len()),
            "split the environment or remove features that are no longer used",
        ));
    }
    let repaired = repair_surrogates(source);
    let mut builder = Builder::default();
    builder.meta.revision = options.revision;
    builder.meta.digest = digest(source);
    let mut diagnostics = Diagnostics::default();
    match options.dialect.unwrap_or_else(|| recognised(&repaired)) {
        Dialect::DevCycle => devcycle::lower(&repaired, &mut builder, &mut diagnostics)?,
        Dialect::Flagd => flagd::lower(&repaired, options.fractional, &mut builder, &mut diagnostics)?,
    }
    Ok(Compiled { snapshot: builder.finish(), diagnostics: diagnostics.0 })
}

/// The dialect that a document shows: flagd's has `flags`, and DevCycle's has no such member.
fn recognised(json: &[u8]) -> Dialect {
    match json::members(json) {
        Ok(members) if members.get("flags").is_some() => Dialect::Flagd,
        _ => Dialect::DevCycle,
    }
}

/// Replaces escapes of lone surrogates (`\ud800`) by `\ufffd`, which is what JavaScript's encoder makes of them when it hashes;
/// flags hold parts of the document as they are written. Documents without such escapes, so nearly all, are not copied.
#[must_use]
pub fn repair_surrogates(json: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memmem::find(json, b"\\ud").is_none() && memchr::memmem::find(json, b"\\uD").is_none() {
        return Cow::Borrowed(json);
    }
    let mut out = json.to_vec();
    let mut at = 0;
    while let Some(found) = out.get(at..).and_then(|rest| memchr::memchr(b'\\', rest)) {
        let escape = at.saturating_add(found);
        let unit = |at: usize| {
            let digits = out.get(at..at.saturating_add(6))?.strip_prefix(b"\\u")?;
            u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
        };
        let next = escape.saturating_add(6);
        match unit(escape) {
            Some(0xd800..=0xdbff) if matches!(unit(next), Some(0xdc00..=0xdfff)) => at = next.saturating_add(6),
            Some(0xd800..=0xdfff) => {
                if let Some(target) = out.get_mut(escape..next) {
                    target.copy_from_slice(b"\\ufffd");
                }
                at = next;
            }
            // Any other escape, `\\` included, takes at least two bytes.
            _ => at = escape.saturating_add(2),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lone_surrogates_become_replacement_characters() {
        let repaired = |json: &str| String::from_utf8(repair_surrogates(json.as_bytes()).into_owned()).unwrap();
        assert_eq!(repaired(r#""a\ud800b""#), r#""a\ufffdb""#);
        assert_eq!(repaired(r#""\uDE00""#), r#""\ufffd""#);
        assert_eq!(repaired(r#""\ud83d\ude00""#), r#""\ud83d\ude00""#);
        assert_eq!(repaired(r#""\\ud800""#), r#""\\ud800""#);
        assert_eq!(repaired(r#""\ud800\ud83d\ude00\ud8""#), r#""\ufffd\ud83d\ude00\ud8""#);
    }
}
