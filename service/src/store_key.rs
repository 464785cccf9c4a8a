//! The keys under which things lie in the key-value store: made here and nowhere else.
//!
//! A key is portable: at most 255 bytes, none of `/ \ ? #` (Azure Cosmos DB behind Spin) nor of `; ^ |` and controls (Fastly). The first
//! part says what lies there, parts are joined by `:`, and no part holds one.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

/// Longer subjects are hashed: with the longest prefix and the longest namespace (100) a key then still has at most 255 bytes.
const MAX_SUBJECT_BYTES: usize = 140;

/// The key under which the ruleset of `environment` lies.
#[must_use]
pub fn ruleset(environment: &str) -> String {
    format!("ruleset:{environment}")
}

/// The key under which the last ruleset of `environment` is kept that another server gave.
#[must_use]
pub fn kept_ruleset(environment: &str) -> String {
    format!("kept-ruleset:{environment}")
}

/// The key under which the stored attributes of the user `id` lie.
#[must_use]
pub fn user(namespace: &str, id: &str) -> String {
    subject("user", namespace, id)
}

/// The key under which a document that could not be read is kept, to be looked at.
#[must_use]
pub fn user_aside(namespace: &str, id: &str) -> String {
    subject("user-aside", namespace, id)
}

/// Copies in a store that forgets nothing. If all are of the longest documents they take an eighth of the 2 GB that Akamai gives an application.
const COPIES: u16 = 16_384;

/// The key under which lies what another Jackstaff said about the user `id`. Not [`user`]'s: that document is nobody's copy. In a store that
/// forgets nothing users share a number of keys, so a copy has to say whose it is.
#[must_use]
pub fn user_cached(namespace: &str, id: &str, store_forgets: bool) -> String {
    if store_forgets {
        return subject("user-cache", namespace, id);
    }
    let digest: [u8; 32] = Sha256::digest(id.as_bytes()).into();
    let [first, second, ..] = digest;
    let place = u16::from_be_bytes([first, second]).checked_rem(COPIES).unwrap_or(0);
    subject("user-cache", namespace, &format!("{place:04x}"))
}

/// The key under which lies until when the server `origin` is left alone, after it failed.
#[must_use]
pub fn rests(origin: &str) -> String {
    subject("rests", "", origin)
}

/// How a creator claims a key, on platforms that cannot create one atomically.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The key of the list in which it is claimed: one of a few, so that each is seeded once; more than one, so that creators of different
    /// keys seldom meet.
    pub list: String,
    /// What stands for the key there: a digest, as the list outlives what it is about.
    pub name: String,
}

/// How `key` is claimed.
#[must_use]
pub fn claim(key: &str) -> Claim {
    let mut name = String::new();
    for byte in Sha256::digest(key.as_bytes()) {
        // Writing to a String cannot fail.
        let _ = write!(name, "{byte:02x}");
    }
    Claim { list: format!("claims:{}", name.get(..1).unwrap_or_default()), name }
}

/// Two ids never share a key: letters, digits and `- . _` stand for themselves, every other byte is `~` and two digits, and what would be
/// too long is `~h` and the SHA-256, which no short id starts with.
fn subject(kind: &str, namespace: &str, id: &str) -> String {
    let mut key = format!("{kind}:{namespace}:");
    let start = key.len();
    for byte in id.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_') {
            key.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(key, "~{byte:02X}");
        }
        if key.len().saturating_sub(start) > MAX_SUBJECT_BYTES {
            key.truncate(start);
            key.push_str("~h");
            for byte in Sha256::digest(id.as_bytes()) {
                let _ = write!(key, "{byte:02x}");
            }
            break;
        }
    }
    key
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ordinary_ids_stay_readable() {
        assert_eq!(user("shop", "ada_1.x-y"), "user:shop:ada_1.x-y");
        assert_eq!(user("shop", "a/b:c~é"), "user:shop:a~2Fb~3Ac~7E~C3~A9");
        assert_eq!(user("shop", ""), "user:shop:");
        assert!(user("shop", &"u".repeat(141)).starts_with("user:shop:~h"));
        assert_eq!(user("shop", &"u".repeat(140)).len(), 150);
    }

    proptest! {
        #[test]
        fn keys_are_portable(id in ".{0,400}") {
            let namespace = "n".repeat(100);
            for key in [user(&namespace, &id), user_aside(&namespace, &id), user_cached(&namespace, &id, true), rests(&id)] {
                prop_assert!(key.len() <= 255, "{}", key.len());
                prop_assert!(key.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~:".contains(&b)), "{key}");
            }
        }

        #[test]
        fn two_ids_never_share_a_key(a in "[~hA-F0-9é/]{0,60}", b in "[~hA-F0-9é/]{0,60}") {
            prop_assert_eq!(user("n", &a) == user("n", &b), a == b);
        }
    }

    #[test]
    fn copies_are_bounded_where_nothing_is_forgotten() {
        let keys: std::collections::BTreeSet<_> =
            (0..100_000).map(|n| user_cached("n", &n.to_string(), false)).collect();
        assert!((16_000..=16_384).contains(&keys.len()), "{}", keys.len());
        assert_eq!(user_cached("n", "ada", true), "user-cache:n:ada");
    }

    #[test]
    fn an_id_that_looks_like_a_hash_is_not_one() {
        let long = "x".repeat(1_000);
        let hashed = user("n", &long);
        let forged = hashed.strip_prefix("user:n:").unwrap();
        assert_ne!(user("n", forged), hashed);
    }
}
