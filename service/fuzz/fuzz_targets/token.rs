//! Any bytes as a token by which testers choose variants, and any payload that somebody with the secret signed.

#![no_main]

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jackstaff_core::Timestamp;
use jackstaff_service::overrides::{MAX_TOKEN_BYTES, TokenError, sign, verify};
use libfuzzer_sys::fuzz_target;
use sha2::Sha256;

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

fuzz_target!(|bytes: &[u8]| {
    // Nobody guesses a signature.
    assert_eq!(verify(SECRET, bytes, Timestamp(0)), Err(TokenError::Forged));

    let payload = URL_SAFE_NO_PAD.encode(bytes);
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET).expect("any length will do");
    mac.update(payload.as_bytes());
    let token = format!("{payload}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()));
    if let Ok(chosen) = verify(SECRET, token.as_bytes(), Timestamp(0)) {
        assert!(token.len() <= MAX_TOKEN_BYTES);
        // What was read can be written, and is read again.
        let again = sign(SECRET, 1, &chosen);
        if again.len() <= MAX_TOKEN_BYTES {
            assert_eq!(verify(SECRET, again.as_bytes(), Timestamp(0)), Ok(chosen));
        }
    }
});
