//! Text as JSON strings hold it.

use std::fmt::Write as _;

/// Appends `text` as a JSON string literal.
pub fn write_json_string(text: &str, out: &mut String) {
    out.reserve(text.len().saturating_add(2));
    out.push('"');
    write_json_text(text, out);
    out.push('"');
}

/// Appends `text` as it stands between the quotes of a JSON string literal.
pub fn write_json_text(text: &str, out: &mut String) {
    let mut rest = text;
    // The byte found is ASCII: the cuts lie on character boundaries.
    while let Some((plain, byte, after)) = escape_position(rest.as_bytes())
        .and_then(|at| Some((rest.get(..at)?, *rest.as_bytes().get(at)?, rest.get(at.saturating_add(1)..)?)))
    {
        out.push_str(plain);
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            _ => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{byte:04x}");
            }
        }
        rest = after;
    }
    out.push_str(rest);
}

/// Where the first byte is that JSON wants escaped.
fn escape_position(bytes: &[u8]) -> Option<usize> {
    let special = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
    // Eight bytes are tested as one number: nearly all text needs no escape, and WebAssembly has no vector instructions to rely on.
    let (eights, rest) = bytes.as_chunks::<8>();
    // The last eight overlap with those before them, which is cheaper than testing the rest one by one.
    let plain = match bytes.last_chunk::<8>() {
        Some(last) => !eights.iter().chain([last]).any(|eight| any_special(u64::from_le_bytes(*eight))),
        None => !rest.iter().any(|&byte| special(byte)),
    };
    if plain { None } else { bytes.iter().position(|&byte| special(byte)) }
}

/// The highest bit of each of eight bytes.
const HIGHEST: u64 = u64::from_ne_bytes([0x80; 8]);

/// Whether one of eight bytes is a control character, `"` or `\`. A byte is below `n`, up to 128, where subtracting `n` borrows into its highest
/// bit and that was not set before; a borrow from a lower byte can only tell what is true already
/// (<https://graphics.stanford.edu/~seander/bithacks.html#HasLessInWord>).
const fn any_special(eight: u64) -> bool {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const CONTROLS: u64 = u64::from_ne_bytes([0x20; 8]);
    let quotes = eight ^ u64::from_ne_bytes([b'"'; 8]);
    let backslashes = eight ^ u64::from_ne_bytes([b'\\'; 8]);
    let below = (eight.wrapping_sub(CONTROLS) & !eight)
        | (quotes.wrapping_sub(ONES) & !quotes)
        | (backslashes.wrapping_sub(ONES) & !backslashes);
    below & HIGHEST != 0
}

/// Copies `text` into `room`, which is as long, and says whether it may stand between the quotes of a JSON string as it is: all of it is then ASCII,
/// and so UTF-8. That is one look at each byte, where checking, searching for what to escape and copying take three, and calls nothing: in WebAssembly
/// a call that copies memory costs more than most texts do.
#[must_use]
pub fn copy_plain(text: &[u8], room: &mut [u8]) -> bool {
    match text.len() {
        // Apart, so that the others need few registers.
        33.. => copy_long(text, room),
        16.. => copy_sixteens(text, room),
        8.. => copy_eights(text, room),
        4.. => copy_fours(text, room),
        _ => copy_short(text, room),
    }
}

#[inline(never)]
fn copy_long(text: &[u8], room: &mut [u8]) -> bool {
    let pieces = text.as_chunks::<16>().0.iter().zip(room.as_chunks_mut::<16>().0);
    let plain = pieces.fold(true, |plain, (sixteen, place)| plain & copy_eights(sixteen, place));
    plain & copy_sixteens(text, room)
}

/// The first sixteen bytes and the last, which may overlap: cheaper than to copy what is left over byte by byte.
#[inline]
fn copy_sixteens(text: &[u8], room: &mut [u8]) -> bool {
    let start =
        text.first_chunk::<16>().zip(room.first_chunk_mut::<16>()).is_some_and(|(from, to)| copy_eights(from, to));
    let end = text.last_chunk::<16>().zip(room.last_chunk_mut::<16>()).is_some_and(|(from, to)| copy_eights(from, to));
    start & end
}

/// The first eight bytes and the last, likewise.
#[inline]
fn copy_eights(text: &[u8], room: &mut [u8]) -> bool {
    let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) else { return false };
    let Some(start) = room.first_chunk_mut() else { return false };
    *start = *first;
    let Some(end) = room.last_chunk_mut() else { return false };
    *end = *last;
    plain_bytes(u64::from_le_bytes(*first)) & plain_bytes(u64::from_le_bytes(*last)) & HIGHEST == HIGHEST
}

/// The first four bytes and the last, likewise.
#[inline]
fn copy_fours(text: &[u8], room: &mut [u8]) -> bool {
    let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) else { return false };
    let Some(start) = room.first_chunk_mut() else { return false };
    *start = *first;
    let Some(end) = room.last_chunk_mut() else { return false };
    *end = *last;
    let both = u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32;
    plain_bytes(both) & HIGHEST == HIGHEST
}

#[inline(never)]
fn copy_short(text: &[u8], room: &mut [u8]) -> bool {
    text.iter().zip(room).all(|(&byte, place)| {
        *place = byte;
        matches!(byte, b' '..0x80) && byte != b'"' && byte != b'\\'
    })
}

/// The highest bit of each byte tells whether that byte is ASCII that JSON strings hold as it is. Of ASCII no sum carries into the next byte; other
/// bytes are told by themselves, and what their sums carry can only make text look less plain.
const fn plain_bytes(eight: u64) -> u64 {
    const FROM_SPACE: u64 = u64::from_ne_bytes([0x80 - b' '; 8]);
    const ANY: u64 = u64::from_ne_bytes([0x7f; 8]);
    let quotes = (eight ^ u64::from_ne_bytes([b'"'; 8])).wrapping_add(ANY);
    let backslashes = (eight ^ u64::from_ne_bytes([b'\\'; 8])).wrapping_add(ANY);
    eight.wrapping_add(FROM_SPACE) & quotes & backslashes & !eight
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn strings_are_written_as_others_write_them(text: String, plain in "[a-zé\"]{0,40}") {
            for text in [text, plain] {
                let mut ours = String::new();
                write_json_string(&text, &mut ours);
                // serde_json has short forms for two more control characters.
                let theirs = serde_json::to_string(&text).unwrap().replace("\\b", "\\u0008").replace("\\f", "\\u000c");
                let same = serde_json::from_str::<String>(&ours).unwrap() == text;
                prop_assert!(same && (ours == theirs || text.contains('\\')));
            }
        }

        #[test]
        fn plain_text_is_copied_and_told(plain in "[ -~\x7f]{0,100}", other: u8, at: prop::sample::Index) {
            let mut text = plain.replace(['"', '\\'], "x").into_bytes();
            let mut room = vec![0; text.len()];
            prop_assert!(copy_plain(&text, &mut room));
            prop_assert_eq!(&room, &text);
            if !text.is_empty() {
                let at = at.index(text.len());
                text[at] = other;
                let stays = (b' '..0x80).contains(&other) && !br#""\"#.contains(&other);
                prop_assert_eq!(copy_plain(&text, &mut room), stays);
            }
        }
    }
}
