//! JSON as it is written, within a bound.

use jackstaff_core::{copy_plain, write_json_text};

use crate::api::reply::{MAX_ANSWER_BYTES, TooLarge};

/// How much room is made at a time: little enough to be in the processor's cache when the text comes.
const BLOCK: usize = 4_096;

/// JSON as it is written. Past the bound nothing is added any more.
///
/// Bytes, as what is plain ASCII is known to be UTF-8 without being read as such. Room is made before it is written to, so that short texts are
/// copied in place: a call that moves memory costs a WebAssembly module more than they do.
#[derive(Debug, Default)]
pub(super) struct Json {
    /// What is written, and room for more.
    bytes: Vec<u8>,
    /// How long what is written is.
    end: usize,
    too_large: bool,
}

impl Json {
    /// With memory for about `bytes`.
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes.min(MAX_ANSWER_BYTES)), ..Self::default() }
    }

    /// Appends what is JSON already. Inlined, what is written in the code becomes a few stores.
    #[inline]
    pub(super) fn raw(&mut self, json: &str) {
        self.again(json.as_bytes());
    }

    /// Appends what was written as JSON before.
    #[inline]
    pub(super) fn again(&mut self, json: &[u8]) {
        let end = self.end.wrapping_add(json.len());
        match self.bytes.get_mut(self.end..end) {
            Some(room) => {
                room.copy_from_slice(json);
                self.end = end;
            }
            None => self.again_with_room(json),
        }
    }

    #[cold]
    #[inline(never)]
    fn again_with_room(&mut self, json: &[u8]) {
        if self.grow(json.len()) {
            self.again(json);
        }
    }

    /// Appends `before`, which is JSON already, and a string, whose quotes stand in what is appended before and behind it. Nothing of a text that
    /// is no UTF-8.
    #[inline]
    pub(super) fn text(&mut self, before: &'static str, text: impl AsRef<[u8]>) {
        self.bytes_of_text(before, text.as_ref());
    }

    #[inline]
    fn bytes_of_text(&mut self, before: &'static str, text: &[u8]) {
        let start = self.end.wrapping_add(before.len());
        let end = start.wrapping_add(text.len());
        if let Some(room) = self.bytes.get_mut(self.end..end)
            && let Some((place, room)) = room.split_at_mut_checked(before.len())
        {
            place.copy_from_slice(before.as_bytes());
            self.end = end;
            if !copy_plain(text, room) {
                self.end = start;
                self.escaped(text);
            }
        } else {
            self.text_with_room(before, text);
        }
    }

    #[cold]
    #[inline(never)]
    fn text_with_room(&mut self, before: &'static str, text: &[u8]) {
        if self.grow(before.len().saturating_add(text.len())) {
            self.bytes_of_text(before, text);
        }
    }

    #[cold]
    #[inline(never)]
    fn escaped(&mut self, text: &[u8]) {
        if let Ok(text) = std::str::from_utf8(text) {
            let mut escaped = String::with_capacity(text.len());
            write_json_text(text, &mut escaped);
            self.raw(&escaped);
        }
    }

    /// Makes room for so many bytes, and some more; false where they are too many.
    fn grow(&mut self, bytes: usize) -> bool {
        let end = self.end.saturating_add(bytes);
        self.too_large |= end > MAX_ANSWER_BYTES;
        if self.too_large {
            // So that whatever comes next comes here as well.
            self.bytes.truncate(self.end);
        } else {
            let block = end.saturating_add(BLOCK).min(self.bytes.capacity()).min(MAX_ANSWER_BYTES);
            self.bytes.resize(block.max(end), 0);
        }
        !self.too_large
    }

    /// How long it is so far.
    pub(super) fn len(&self) -> usize {
        self.end
    }

    /// Whether everything that was appended fits.
    pub(super) fn fits(&self) -> bool {
        !self.too_large
    }

    /// What was written: UTF-8.
    pub(super) fn finish(mut self) -> Result<Vec<u8>, TooLarge> {
        self.bytes.truncate(self.end);
        if self.too_large { Err(TooLarge) } else { Ok(self.bytes) }
    }
}

/// The members of a JSON object as they are written.
pub(super) struct Members<'o> {
    out: &'o mut Json,
    first: bool,
}

impl<'o> Members<'o> {
    pub(super) fn begin(out: &'o mut Json) -> Self {
        Self { out, first: true }
    }

    /// Where the value of `name` goes. Its quote and its colon stand in what is appended behind it.
    #[inline]
    pub(super) fn next(&mut self, name: impl AsRef<[u8]>) -> &mut Json {
        self.out.text(if std::mem::take(&mut self.first) { "{\"" } else { ",\"" }, name);
        self.out
    }

    pub(super) fn end(self) {
        self.out.raw(if self.first { "{}" } else { "}" });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_where_it_must_be_and_grows_as_it_must() {
        let (mut json, mut expected) = (Json::default(), String::new());
        for i in 0..2_000 {
            let text = ["plain", "", "a text of more than thirty-two bytes", "\"\n", "é😀"][i % 5];
            json.text("[\"", text);
            json.raw("\"]");
            expected.push_str("[\"");
            write_json_text(text, &mut expected);
            expected.push_str("\"]");
        }
        json.text("-", b"\xff\xfe");
        json.again(b"-");
        assert_eq!(String::from_utf8(json.finish().unwrap()).unwrap(), expected + "--");
    }

    #[test]
    fn past_the_bound_nothing_is_added() {
        for capacity in [0, MAX_ANSWER_BYTES] {
            let mut json = Json::with_capacity(capacity);
            json.raw("x");
            json.text("y", vec![b'z'; MAX_ANSWER_BYTES - 2]);
            assert!(json.fits());
            json.text("", "!");
            assert_eq!((json.fits(), json.len()), (false, MAX_ANSWER_BYTES));
            assert_eq!(json.finish(), Err(TooLarge));
        }
        // What is added later does not fit either, however short it is.
        let mut json = Json::with_capacity(100);
        json.raw("x");
        json.text("", vec![b'"'; MAX_ANSWER_BYTES - 1]);
        json.raw("y");
        assert_eq!((json.fits(), json.len()), (false, 1));
    }
}
