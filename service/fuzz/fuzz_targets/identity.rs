//! Any bytes in the headers that say who the user is: cookies, a query, a whole user. Whatever is found is a legal id.

#![no_main]

use jackstaff_service::identity::{Headers, MAX_ID_BYTES, Source, Surroundings, context_json, identify, user};
use jackstaff_service::filter_config::FilterConfig;
use libfuzzer_sys::fuzz_target;

struct Nobody;

impl Surroundings for Nobody {
    fn random(&mut self) -> Option<[u8; 16]> {
        Some([7; 16])
    }
    fn property(&mut self, _path: &[String]) -> Option<Vec<u8>> {
        None
    }
}

fn sources() -> Vec<Source> {
    let json = br#"{"identity": [{"cookie": "uid"}, {"query": "user"}, {"anonymous": {"consent": {"cookie": "ok", "value": "1"}}}]}"#;
    FilterConfig::parse(json).expect("a configuration").identity
}

fuzz_target!(|bytes: &[u8]| {
    // Lines are headers: cookies, but for the first, which is the path, and the second, which is a user.
    let mut lines = bytes.split(|&byte| byte == b'\n');
    let (path, context) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let mut headers: Vec<(&[u8], &[u8])> = vec![(b":path", path)];
    headers.extend(lines.map(|line| (&b"cookie"[..], line)));
    let headers: &Headers<'_> = &headers;
    if let Some(found) = identify(&sources(), headers, &mut Nobody) {
        assert!(!found.id.is_empty() && found.id.len() <= MAX_ID_BYTES && found.id.trim_ascii() == found.id);
        // What goes into a response's header is one line of it.
        assert!(found.set_cookie.is_none_or(|cookie| cookie.bytes().all(|byte| (b' '..=b'~').contains(&byte))));
    }
    if let Some(json) = context_json(context) {
        let _ = user(&json);
    }
});
