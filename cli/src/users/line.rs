//! Lines of an import: a user each.

use std::io::{self, BufRead, Read as _};

use serde::Deserialize;

use super::MAX_ATTRIBUTE_BYTES;

/// Hosts refuse a longer id.
const MAX_ID_BYTES: usize = jackstaff_service::identity::MAX_ID_BYTES;

/// A line with a user on it.
pub struct Line {
    /// Counted from 1, as editors do.
    pub number: u64,
    /// The user's id, or why there is none.
    pub user: Result<String, String>,
    /// The line, without its end.
    pub text: Vec<u8>,
}

#[derive(Deserialize)]
struct User {
    user_id: String,
}

/// The lines of a text, with what was read so far.
pub struct Lines<R> {
    input: R,
    /// How many lines were read.
    pub number: u64,
    /// The bytes of the line that was read last, with its end.
    pub last: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    pub const fn new(input: R) -> Self {
        Self { input, number: 0, last: Vec::new() }
    }

    /// The next line that holds something; `None` at the end.
    ///
    /// # Errors
    /// Where the input cannot be read.
    pub fn next_user(&mut self, mut read: impl FnMut(&[u8])) -> io::Result<Option<Line>> {
        loop {
            self.last.clear();
            // One byte more than a line may have shows that it has too many; the rest of it is passed over.
            let limit = MAX_ATTRIBUTE_BYTES + 2;
            let count = self.input.by_ref().take(limit).read_until(b'\n', &mut self.last)?;
            if count == 0 {
                return Ok(None);
            }
            self.number += 1;
            read(&self.last);
            let too_long = count as u64 == limit && !self.last.ends_with(b"\n");
            if too_long {
                self.pass_over(&mut read)?;
            }
            let bytes = if self.number == 1 {
                self.last.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.last)
            } else {
                &self.last
            };
            let text = bytes.trim_ascii();
            if text.is_empty() {
                continue;
            }
            let user = if too_long {
                Err(format!("the line is longer than {MAX_ATTRIBUTE_BYTES} bytes, which no host takes"))
            } else {
                user_id(text)
            };
            return Ok(Some(Line { number: self.number, user, text: text.to_owned() }));
        }
    }

    fn pass_over(&mut self, read: &mut impl FnMut(&[u8])) -> io::Result<()> {
        loop {
            let mut rest = Vec::new();
            let count = self.input.by_ref().take(MAX_ATTRIBUTE_BYTES).read_until(b'\n', &mut rest)?;
            read(&rest);
            if count == 0 || rest.ends_with(b"\n") {
                return Ok(());
            }
        }
    }
}

fn user_id(text: &[u8]) -> Result<String, String> {
    if !text.starts_with(b"{") {
        return Err(
            "is no JSON object: each line takes one, such as {\"user_id\":\"ada\",\"customData\":{\"stars\":120}}"
                .to_owned(),
        );
    }
    let User { user_id } = serde_json::from_slice(text).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => "has no `user_id`, or one that is no string".to_owned(),
        // The place within the line: the error counts lines, too, and there is but one.
        _ => format!("is not JSON from column {} on: is it cut short, or spread over several lines?", error.column()),
    })?;
    match user_id.len() {
        _ if user_id.trim().is_empty() => Err("has an empty `user_id`".to_owned()),
        length if length > MAX_ID_BYTES => {
            Err(format!("has a `user_id` of {length} bytes; {MAX_ID_BYTES} are possible"))
        }
        _ => Ok(user_id),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &[u8]) -> Vec<(u64, Result<String, String>)> {
        let mut lines = Lines::new(text);
        let mut found = Vec::new();
        let mut seen = Vec::new();
        while let Some(line) = lines.next_user(|bytes| seen.extend_from_slice(bytes)).unwrap() {
            found.push((line.number, line.user));
        }
        assert_eq!(seen, text);
        found
    }

    #[test]
    fn users_are_found_and_lines_counted() {
        let text = b"\xef\xbb\xbf{\"user_id\":\"a\"}\r\n\n  \n{\"x\":1,\"user_id\":\"\\u00fc\"}";
        assert_eq!(all(text), [(1, Ok("a".to_owned())), (4, Ok("ü".to_owned()))]);
        assert!(all(b"").is_empty());
    }

    #[test]
    fn mistakes_are_told() {
        let long = format!("{{\"user_id\":\"{}\"}}", "u".repeat(1_025));
        let huge = format!("{{\"user_id\":\"a\",\"x\":\"{}\"}}", "x".repeat(600_000));
        for (line, says) in [
            ("[1]", "no JSON object"),
            ("ada,120", "no JSON object"),
            ("{\"user_id\":\"a\"", "column"),
            ("{\"userId\":\"a\"}", "no `user_id`"),
            ("{\"user_id\":7}", "no `user_id`"),
            ("{\"user_id\":\" \"}", "empty"),
            (&long, "1025 bytes"),
            (&huge, "longer than 262144"),
        ] {
            let found = all(format!("{line}\n{{\"user_id\":\"next\"}}\n").as_bytes());
            assert!(found[0].1.as_ref().unwrap_err().contains(says), "{:?}", found[0].1);
            assert_eq!(found[1], (2, Ok("next".to_owned())));
        }
    }
}
