//! The header that names features which could not be decided: an RFC 9651 List of Strings, each with the parameter `decision`.

use http::HeaderValue;
use jackstaff_core::source::devcycle::fault_message;
use sfv::{ItemSerializer, KeyRef, RefBareItem, StringRef};

use super::answer::Faulty;

/// More than anybody reads at once.
const MAX_FAULTS: usize = 16;

/// The whole header stays below this: common servers and clients take 8 KiB for all headers together.
const MAX_BYTES: usize = 4_096;

/// Characters of a message or a key that are sent. One item fits even where each takes the twelve bytes of an encoded emoji.
const MAX_CHARACTERS: usize = 150;

/// The header's value, in the order of the ruleset, as far as it fits; `None` where nothing went wrong.
pub(super) fn header(faults: &[Faulty<'_>]) -> Option<HeaderValue> {
    let parameter = KeyRef::from_str("decision").ok()?;
    let mut list = String::new();
    for fault in faults.iter().take(MAX_FAULTS) {
        let message = fault_message(&fault.fault);
        let member = ItemSerializer::new()
            .bare_item(item(short(&message)))
            .parameter(parameter, item(short(fault.key)))
            .finish();
        if list.len().saturating_add(member.len()).saturating_add(2) > MAX_BYTES {
            break;
        }
        if !list.is_empty() {
            list.push_str(", ");
        }
        list.push_str(&member);
    }
    if list.is_empty() { None } else { HeaderValue::try_from(list).ok() }
}

fn short(text: &str) -> &str {
    text.char_indices().nth(MAX_CHARACTERS).and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}

fn item(text: &str) -> RefBareItem<'_> {
    StringRef::from_str(text).map_or(RefBareItem::DisplayString(text), RefBareItem::String)
}

#[cfg(test)]
mod tests {
    use jackstaff_core::{Fault, FaultKind};

    use super::*;

    fn faulty<'r>(key: &'r str, kind: FaultKind, subject: &'r str) -> Faulty<'r> {
        Faulty { decision: 0, key, fault: Fault { kind, subject } }
    }

    #[test]
    fn lists_messages_with_their_decisions() {
        assert_eq!(header(&[]), None);
        let faults = [
            faulty("a", FaultKind::NoVariant, ""),
            faulty("clé", FaultKind::MissingVariant, "x\"y"),
            faulty("c", FaultKind::MissingFlag, "ключ\r\n"),
        ];
        assert_eq!(
            header(&faults).unwrap(),
            "\"Failed to decide target variation\";decision=\"a\", \"Config missing variation: x\\\"y\";decision=%\"cl%c3%a9\", \
             %\"Config missing variable: %d0%ba%d0%bb%d1%8e%d1%87%0d%0a\";decision=\"c\""
        );
    }

    #[test]
    fn is_bounded() {
        let faults = vec![faulty("a", FaultKind::NoVariant, ""); 100];
        assert_eq!(header(&faults).unwrap().to_str().unwrap().matches(";decision=").count(), MAX_FAULTS);
        let long = "😀".repeat(5_000);
        let faults = vec![faulty(&long, FaultKind::MissingFlag, &long); 100];
        let header = header(&faults).unwrap();
        assert_eq!(header.to_str().unwrap().matches(";decision=").count(), 1);
        assert!(header.len() <= MAX_BYTES, "{}", header.len());
    }
}
