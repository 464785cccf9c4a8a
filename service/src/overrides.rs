//! Variants that testers choose for themselves, by a token that somebody with the secret made: signed, and good until a stated time.
//!
//! A token is `PAYLOAD.SIGNATURE`, both base64url without padding: the payload is `{"exp": SECONDS, "variants": {"DECISION": "VARIANT"}}` with
//! the ids of the ruleset and the time in seconds since 1970, and the signature is HMAC-SHA256 of the payload's base64url text.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jackstaff_core::source::document;
use jackstaff_core::{Timestamp, Value, write_json_string};
use sha2::Sha256;

/// A shorter secret could be guessed: the digest has as many bytes.
pub const MIN_SECRET_BYTES: usize = 32;

/// A token for a few dozen variants; a browser's cookie holds no more.
pub const MAX_TOKEN_BYTES: usize = 4_096;

/// Why a token counts for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenError {
    /// It is no token, or was signed with another secret.
    Forged,
    /// Its time is over.
    Expired,
}

impl fmt::Display for TokenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Forged => "it is no token of this secret",
            Self::Expired => "its time is over",
        })
    }
}

impl std::error::Error for TokenError {}

/// Variant ids by decision id, in the order written: the last one has the last word.
pub type Chosen = Vec<(String, String)>;

/// A token for these variants that is good until `expires`, in seconds since 1970.
#[must_use]
pub fn sign(secret: &[u8], expires: u64, variants: &Chosen) -> String {
    let mut payload = format!("{{\"exp\":{expires},\"variants\":{{");
    for (nth, (decision, variant)) in variants.iter().enumerate() {
        if nth > 0 {
            payload.push(',');
        }
        write_json_string(decision, &mut payload);
        payload.push(':');
        write_json_string(variant, &mut payload);
    }
    payload.push_str("}}");
    let payload = URL_SAFE_NO_PAD.encode(payload);
    let signature = mac(secret, payload.as_bytes()).map(|mac| URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()));
    format!("{payload}.{}", signature.unwrap_or_default())
}

/// The variants that a token chooses at `now`. The signature is compared in constant time, before anything of the payload is looked at.
///
/// # Errors
/// Where it chooses nothing.
pub fn verify(secret: &[u8], token: &[u8], now: Timestamp) -> Result<Chosen, TokenError> {
    if token.len() > MAX_TOKEN_BYTES {
        return Err(TokenError::Forged);
    }
    let mut parts = token.split(|&byte| byte == b'.');
    let (Some(payload), Some(signature), None) = (parts.next(), parts.next(), parts.next()) else {
        return Err(TokenError::Forged);
    };
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| TokenError::Forged)?;
    let mac = mac(secret, payload).ok_or(TokenError::Forged)?;
    mac.verify_slice(&signature).map_err(|_| TokenError::Forged)?;
    read(payload, now)
}

fn read(payload: &[u8], now: Timestamp) -> Result<Chosen, TokenError> {
    let json = URL_SAFE_NO_PAD.decode(payload).map_err(|_| TokenError::Forged)?;
    let Ok(Value::Map(members)) = document(&json) else { return Err(TokenError::Forged) };
    let (mut expires, mut chosen) = (None, Chosen::new());
    for (name, value) in members {
        match (&*name, value) {
            ("exp", Value::Number(seconds)) => expires = Some(seconds),
            ("variants", Value::Map(variants)) => chosen = variants.into_iter().filter_map(variant).collect(),
            _ => return Err(TokenError::Forged),
        }
    }
    let expires = expires.ok_or(TokenError::Forged)?;
    #[expect(clippy::cast_precision_loss, reason = "milliseconds are exact as numbers for 285,000 years")]
    let now = now.0 as f64 / 1_000.0;
    if now < expires { Ok(chosen) } else { Err(TokenError::Expired) }
}

fn variant((decision, variant): (Cow<'_, str>, Value<'_>)) -> Option<(String, String)> {
    Some((decision.into_owned(), variant.as_str()?.to_owned()))
}

fn mac(secret: &[u8], text: &[u8]) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
    mac.update(text);
    Some(mac)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

    fn token() -> String {
        sign(SECRET, 1_000, &vec![("checkout".to_owned(), "one \"page\"".to_owned())])
    }

    #[test]
    fn a_token_chooses_until_its_time_is_over() {
        let chosen = verify(SECRET, token().as_bytes(), Timestamp(999_999)).unwrap();
        assert_eq!(chosen, [("checkout".to_owned(), "one \"page\"".to_owned())]);
        assert_eq!(verify(SECRET, token().as_bytes(), Timestamp(1_000_000)), Err(TokenError::Expired));
    }

    #[test]
    fn the_form_is_stable() {
        // Made by: printf '%s' '{"exp":1,"variants":{"a":"b"}}' | basenc --base64url | tr -d = ; the signature by openssl dgst -sha256 -hmac.
        let token = sign(SECRET, 1, &vec![("a".to_owned(), "b".to_owned())]);
        assert!(token.starts_with("eyJleHAiOjEsInZhcmlhbnRzIjp7ImEiOiJiIn19."), "{token}");
        assert_eq!(token.len(), 40 + 1 + 43);
    }

    #[test]
    fn what_another_signed_or_changed_is_forged() {
        let token = token();
        let forged = |token: &str| {
            assert_eq!(verify(SECRET, token.as_bytes(), Timestamp(0)), Err(TokenError::Forged), "{token}")
        };
        assert_eq!(verify(b"another", token.as_bytes(), Timestamp(0)), Err(TokenError::Forged));
        for (at, _) in token.char_indices() {
            let mut changed = token.clone().into_bytes();
            changed[at] ^= 1;
            assert_eq!(verify(SECRET, &changed, Timestamp(0)), Err(TokenError::Forged), "{at}");
        }
        for text in
            ["", ".", "..", "a", token.trim_end_matches(|c| c != '.'), &format!("{token}."), &format!("{token}=")]
        {
            forged(text);
        }
        // Signed, and yet no token.
        for json in ["[]", "{}", r#"{"exp":"1000"}"#, r#"{"exp":1000,"admin":true}"#, "{"] {
            let payload = URL_SAFE_NO_PAD.encode(json);
            let signature = URL_SAFE_NO_PAD.encode(mac(SECRET, payload.as_bytes()).unwrap().finalize().into_bytes());
            forged(&format!("{payload}.{signature}"));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_safe(token in any::<Vec<u8>>()) {
            prop_assert!(verify(SECRET, &token, Timestamp(0)).is_err());
        }
    }
}
