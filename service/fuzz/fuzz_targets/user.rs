//! Any bytes as what lies in the store about a user, and as a change of it by DevCycle's API: an id in a path, and a body.

#![no_main]

use http::{Method, StatusCode};
use jackstaff_service::user_data::{Document, MAX_DOCUMENT_BYTES};
use jackstaff_service_fuzz::{ask, service};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(document) = Document::parse(bytes)
        && let Ok(text) = document.to_json()
    {
        assert!(text.len() <= MAX_DOCUMENT_BYTES);
        assert_eq!(Document::parse(text.as_bytes()).as_ref(), Ok(&document));
        let user = document.to_user("ada");
        let _ = Document::from_user(user.as_bytes());
    }

    // The first line is the id, the others are changes, one after another.
    let mut lines = bytes.split(|&byte| byte == b'\n');
    let id = String::from_utf8_lossy(lines.next().unwrap_or_default());
    let (service, path) = (service(), format!("/v1/edgedb/{id}"));
    for body in lines.take(4) {
        let Some((status, _)) = ask(&service, Method::PATCH, &path, body) else { return };
        assert!(status != StatusCode::INTERNAL_SERVER_ERROR, "the store works");
        let once = ask(&service, Method::GET, &path, b"");
        // RFC 7396: making a change twice is making it once.
        ask(&service, Method::PATCH, &path, body);
        assert_eq!(ask(&service, Method::GET, &path, b""), once);
        if let Some((StatusCode::OK, user)) = once {
            assert!(Document::from_user(&user).is_ok());
        }
    }
    if let Some((status, _)) = ask(&service, Method::DELETE, &path, b"")
        && status == StatusCode::OK
    {
        assert_eq!(ask(&service, Method::GET, &path, b"").map(|(status, _)| status), Some(StatusCode::NOT_FOUND));
    }
});
