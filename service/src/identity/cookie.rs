//! The `Cookie` header (RFC 6265, section 4.2).

use std::fmt;

use super::Headers;
use crate::filter_config::ConfigErrors;

/// The value of the first cookie of this name, without the quotes that may stand around it. A request may carry several `Cookie` headers:
/// HTTP/2 clients send one per cookie.
#[must_use]
#[inline(never)] // as injector/seldom.rs
pub fn cookie<'h>(headers: &Headers<'h>, name: &str) -> Option<&'h [u8]> {
    headers
        .iter()
        .filter(|(header, _)| header.eq_ignore_ascii_case(b"cookie"))
        .find_map(|(_, value)| in_header(value, name.as_bytes()))
}

fn in_header<'h>(header: &'h [u8], name: &[u8]) -> Option<&'h [u8]> {
    header.split(|&byte| byte == b';').find_map(|pair| {
        let rest = pair.trim_ascii_start().strip_prefix(name)?;
        let value = rest.trim_ascii_start().strip_prefix(b"=")?.trim_ascii();
        Some(value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value))
    })
}

/// A cookie's name is a token (RFC 6265, section 4.1.1).
pub(crate) fn check_name(name: &str, path: &dyn fmt::Display, errors: &mut ConfigErrors) {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(legal) {
        errors.add(path, &format_args!("`{name}` is no cookie name"), &"use letters, digits, `_` and `-`");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find<'h>(value: &'h str, name: &str) -> Option<&'h str> {
        in_header(value.as_bytes(), name.as_bytes()).map(|value| std::str::from_utf8(value).unwrap())
    }

    #[test]
    fn finds_a_cookie_by_its_whole_name() {
        assert_eq!(find("a=1; uid=u-7; b=2", "uid"), Some("u-7"));
        assert_eq!(find("xuid=1;uidx=2;uid = 3 ", "uid"), Some("3"));
        assert_eq!(find("uid=\"q\"", "uid"), Some("q"));
        assert_eq!(find("uid=a=b", "uid"), Some("a=b"));
        assert_eq!(find("uid=first; uid=second", "uid"), Some("first"));
        assert_eq!(find("UID=1", "uid"), None);
        assert_eq!(find("uid", "uid"), None);
        assert_eq!(find("", "uid"), None);
        assert_eq!(find(";;=;", "uid"), None);
        assert_eq!(find("uid=\"", "uid"), Some("\""));
    }

    #[test]
    fn looks_into_every_cookie_header() {
        let headers: [(&[u8], &[u8]); 3] = [(b"cookie", b"a=1"), (b"x", b"uid=no"), (b"Cookie", b"uid=2")];
        assert_eq!(cookie(&headers, "uid"), Some(&b"2"[..]));
    }
}
