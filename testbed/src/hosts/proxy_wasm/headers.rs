//! Header maps as Envoy keeps them, and their form in the module's memory.

/// The name, in lower case, and the bytes of the value.
pub type Header = (Vec<u8>, Vec<u8>);

/// Headers that Envoy holds in one place each: a second one of the name is appended to the first with a comma. The list is those of
/// Envoy's that clients send and filters may touch. `cookie` is not among them.
const SINGLE: [&str; 14] = [
    "accept",
    "accept-encoding",
    "authorization",
    "cache-control",
    "content-length",
    "content-type",
    "origin",
    "referer",
    "te",
    "user-agent",
    "via",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-request-id",
];

/// The first value of a header.
pub fn first<'a>(headers: &'a [Header], name: &str) -> Option<&'a [u8]> {
    headers.iter().find(|(given, _)| given == name.as_bytes()).map(|(_, value)| value.as_slice())
}

/// Every value of a header.
pub fn values<'a>(headers: &'a [Header], name: &str) -> Vec<&'a [u8]> {
    headers.iter().filter(|(given, _)| given == name.as_bytes()).map(|(_, value)| value.as_slice()).collect()
}

/// A header map. Names are in lower case; pseudo headers stand first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct HeaderMap(Vec<Header>);

impl HeaderMap {
    pub(super) fn new(headers: impl IntoIterator<Item = Header>) -> Self {
        let mut map = Self::default();
        let (pseudo, others): (Vec<_>, Vec<_>) = headers.into_iter().partition(|(name, _)| name.starts_with(b":"));
        for (name, value) in pseudo.into_iter().chain(others) {
            map.add(&name, &value);
        }
        map
    }

    pub(super) fn entries(&self) -> &[Header] {
        &self.0
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn get(&self, name: &[u8]) -> Option<&[u8]> {
        let name = name.to_ascii_lowercase();
        self.0.iter().find(|(given, _)| *given == name).map(|(_, value)| value.as_slice())
    }

    pub(super) fn add(&mut self, name: &[u8], value: &[u8]) {
        let name = name.to_ascii_lowercase();
        let single = SINGLE.iter().any(|single| single.as_bytes() == name) || name.starts_with(b":");
        match self.0.iter_mut().find(|(given, _)| single && *given == name) {
            Some((_, existing)) => {
                if !existing.is_empty() {
                    existing.push(b',');
                }
                existing.extend_from_slice(value);
            }
            None => self.0.push((name, value.to_vec())),
        }
    }

    /// Puts one value in the place of all. A pseudo header keeps its place, another moves to the end.
    pub(super) fn replace(&mut self, name: &[u8], value: &[u8]) {
        let lower = name.to_ascii_lowercase();
        match self.0.iter_mut().find(|(given, _)| lower.starts_with(b":") && *given == lower) {
            Some((_, existing)) => *existing = value.to_vec(),
            None => {
                self.remove(name);
                self.0.push((lower, value.to_vec()));
            }
        }
    }

    pub(super) fn remove(&mut self, name: &[u8]) {
        let name = name.to_ascii_lowercase();
        self.0.retain(|(given, _)| *given != name);
    }
}

/// The ABI's form of a map: the number of pairs, the sizes of each name and value, then the bytes, each followed by a NUL. Numbers are
/// 32 bits, little-endian. A map without pairs has no bytes at all.
pub(super) fn serialise(headers: &[Header]) -> Vec<u8> {
    if headers.is_empty() {
        return Vec::new();
    }
    let size = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
    let mut bytes = size(headers.len()).to_vec();
    for (name, value) in headers {
        bytes.extend_from_slice(&size(name.len()));
        bytes.extend_from_slice(&size(value.len()));
    }
    for part in headers.iter().flat_map(|(name, value)| [name, value]) {
        bytes.extend_from_slice(part);
        bytes.push(0);
    }
    bytes
}

/// The pairs of a map in the ABI's form; nothing when the bytes are no such map.
pub(super) fn deserialise(bytes: &[u8]) -> Option<Vec<Header>> {
    if bytes.is_empty() {
        return Some(Vec::new());
    }
    let number = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?) as usize);
    let count = number(0)?;
    let mut rest = bytes.get(count.checked_mul(8)?.checked_add(4)?..)?;
    let mut part = |length: usize| {
        let (value, after) = rest.split_at_checked(length)?;
        rest = after.strip_prefix(&[0])?;
        Some(value.to_vec())
    };
    (0..count).map(|index| Some((part(number(4 + index * 8)?)?, part(number(8 + index * 8)?)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(headers: &[(&str, &str)]) -> HeaderMap {
        HeaderMap::new(headers.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec())))
    }

    #[test]
    fn a_map_has_the_abis_form() {
        let headers = [(b"a".to_vec(), b"\xff1".to_vec()), (b"bc".to_vec(), vec![])];
        let bytes = b"\x02\0\0\0\x01\0\0\0\x02\0\0\0\x02\0\0\0\0\0\0\0a\0\xff1\0bc\0\0";
        assert_eq!(serialise(&headers), bytes);
        assert_eq!(deserialise(bytes).unwrap(), headers);
    }

    #[test]
    fn an_empty_map_has_two_forms() {
        assert_eq!(serialise(&[]), b"");
        assert_eq!(deserialise(b""), Some(vec![]));
        assert_eq!(deserialise(b"\0\0\0\0"), Some(vec![]));
    }

    #[test]
    fn what_is_no_map_is_refused() {
        let good = serialise(&[(b"a".to_vec(), b"b".to_vec())]);
        for length in 1..good.len() {
            assert_eq!(deserialise(&good[..length]), None, "{length} bytes");
        }
        assert_eq!(deserialise(b"\xff\xff\xff\xff"), None);
        assert_eq!(deserialise(b"\x01\0\0\0\xff\xff\xff\xff\xff\xff\xff\xffa\0b\0"), None);
        assert_eq!(deserialise(b"\x01\0\0\0\x01\0\0\0\x01\0\0\0aXb\0"), None);
    }

    #[test]
    fn repeated_headers_are_kept_apart_unless_envoy_joins_them() {
        let map = map(&[("X-A", "1"), ("x-a", "2"), ("Accept", "x"), ("accept", "y"), (":path", "/")]);
        let expected = [(":path", "/"), ("x-a", "1"), ("x-a", "2"), ("accept", "x,y")];
        let expected = expected.map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec()));
        assert_eq!(map.entries(), expected);
        assert_eq!(map.get(b"X-a"), Some(&b"1"[..]));
    }

    #[test]
    fn replacing_and_removing_concern_every_copy() {
        let mut map = map(&[(":path", "/"), ("x-a", "1"), ("x-b", "b"), ("X-A", "2")]);
        map.replace(b"X-A", b"3");
        map.replace(b":path", b"/new");
        assert_eq!(values(map.entries(), "x-a"), [b"3"]);
        assert_eq!(map.entries()[0], (b":path".to_vec(), b"/new".to_vec()));
        map.remove(b"X-a");
        assert_eq!(map.len(), 2);
    }
}
