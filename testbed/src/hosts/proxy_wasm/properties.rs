//! What a module can ask about a request by a path of names.

use super::{
    headers::{HeaderMap, values},
    host::Host,
};

/// Where Envoy keeps what a module sets: filter state of this prefix.
const FILTER_STATE_PREFIX: &str = "wasm.";

impl Host {
    /// The value at a path whose parts NULs separate. What the test gave comes first, then what the request says, then what the module set.
    pub(super) fn property(&self, path: &[u8]) -> Option<Vec<u8>> {
        let parts: Vec<&[u8]> = path.split(|byte| *byte == 0).collect();
        let names: Option<Vec<&str>> = parts.iter().map(|part| std::str::from_utf8(part).ok()).collect();
        let stream = self.stream();
        if let Some(given) = stream.and_then(|stream| stream.given_properties.get(path)) {
            return Some(given.clone());
        }
        match names?.as_slice() {
            ["plugin_name"] => self.plugins.get(&self.root()).map(|plugin| plugin.name.clone().into_bytes()),
            ["plugin_vm_id"] => Some(self.vm_id.clone().into_bytes()),
            ["request", attribute @ ..] => request(&stream?.request, stream?.request_bytes, attribute),
            ["connection", "mtls"] => Some(vec![0]),
            ["filter_state", name] => stream?.filter_state.get(name.strip_prefix(FILTER_STATE_PREFIX)?).cloned(),
            [name] => stream?.filter_state.get(*name).cloned(),
            _ => None,
        }
    }
}

/// The attributes of a request: <https://www.envoyproxy.io/docs/envoy/v1.40.0/intro/arch_overview/advanced/attributes>.
fn request(headers: &HeaderMap, received: u64, attribute: &[&str]) -> Option<Vec<u8>> {
    let header = |name: &str| headers.get(name.as_bytes()).map(<[u8]>::to_vec);
    match attribute {
        ["path"] => header(":path"),
        ["url_path"] => header(":path").map(|path| split_query(&path).0.to_vec()),
        ["query"] => header(":path").and_then(|path| split_query(&path).1.map(<[u8]>::to_vec)),
        ["host"] => header(":authority"),
        ["method"] => header(":method"),
        ["scheme"] => header(":scheme"),
        ["useragent"] => header("user-agent"),
        ["referer"] => header("referer"),
        ["id"] => header("x-request-id"),
        ["protocol"] => Some(b"HTTP/1.1".to_vec()),
        ["size"] => Some(received.to_le_bytes().to_vec()),
        ["headers", name] => {
            let all = values(headers.entries(), &name.to_ascii_lowercase());
            (!all.is_empty()).then(|| all.join(&b','))
        }
        _ => None,
    }
}

fn split_query(path: &[u8]) -> (&[u8], Option<&[u8]>) {
    match path.iter().position(|byte| *byte == b'?') {
        Some(at) => (&path[..at], path.get(at + 1..)),
        None => (path, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_come_from_the_headers() {
        let pair = |name: &str, value: &[u8]| (name.as_bytes().to_vec(), value.to_vec());
        let headers = [pair(":path", b"/a?b=c"), pair("x-a", b"1\xff"), pair("x-a", b"2")];
        let headers = HeaderMap::new(headers);
        let get = |attribute: &[&str]| request(&headers, 5, attribute);
        assert_eq!(get(&["url_path"]).unwrap(), b"/a");
        assert_eq!(get(&["query"]).unwrap(), b"b=c");
        assert_eq!(get(&["headers", "X-A"]).unwrap(), b"1\xff,2");
        assert_eq!(get(&["headers", "none"]), None);
        assert_eq!(get(&["size"]).unwrap(), [5, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(get(&["host"]), None);
    }
}
