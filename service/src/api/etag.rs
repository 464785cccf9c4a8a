//! Entity tags (RFC 9110, sections 8.8.3 and 13.1.2).

use siphasher::sip::SipHasher13;

/// The tag of an answer: the same on every machine.
pub(in crate::api) fn of(body: &[u8]) -> String {
    format!("\"{:016x}\"", SipHasher13::new().hash(body))
}

/// Whether an `If-None-Match` header names `tag`: by comparing weakly, or as `*`.
pub(in crate::api) fn matches(header: &[u8], tag: &str) -> bool {
    let header = header.trim_ascii();
    if header == b"*" {
        return true;
    }
    // Tags of ours hold no commas; somebody else's that does is not ours.
    header.split(|&byte| byte == b',').any(|known| {
        let known = known.trim_ascii();
        known.strip_prefix(b"W/").unwrap_or(known) == tag.as_bytes()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_weak_tags_and_stars() {
        let tag = of(b"body");
        for header in
            [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}"), format!(" W/\"a\" ,W/{tag} "), "*".into()]
        {
            assert!(matches(header.as_bytes(), &tag), "{header}");
        }
        for header in ["", "\"x\"", "W/", &tag[1..], "**", "\"*\""] {
            assert!(!matches(header.as_bytes(), &tag), "{header}");
        }
        assert_ne!(of(b"body"), of(b"other"));
    }
}
