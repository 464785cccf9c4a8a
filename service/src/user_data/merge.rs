//! JSON Merge Patch (RFC 7396) of the members of an object.

use jackstaff_core::Value;

use super::document::{MAX_DOCUMENT_BYTES, Members};

/// Names in a patch, at every depth. Each is looked for among those of the document, which with four bytes for each has no more. A body has
/// room for six times as many, and looking for those would take seconds.
pub(super) const MAX_NAMES: usize = MAX_DOCUMENT_BYTES / 4;

/// How many names `members` have, with those of objects inside. What a list holds is not merged.
pub(super) fn names(members: &Members<'_>) -> usize {
    members.iter().fold(members.len(), |count, (_, value)| match value {
        Value::Map(members) => count.saturating_add(names(members)),
        _ => count,
    })
}

/// Merges `patch` into `target` as section 2 has it.
pub(super) fn merge<'a>(target: &mut Members<'a>, patch: Members<'a>) {
    for (name, value) in patch {
        let place = target.iter().position(|(other, _)| *other == name);
        match (value, place) {
            (Value::Null, Some(at)) => {
                target.remove(at);
            }
            (Value::Null, None) => {}
            (value, Some(at)) => {
                if let Some((_, old)) = target.get_mut(at) {
                    merge_value(old, value);
                }
            }
            (value, None) => {
                let mut new = Value::Null;
                merge_value(&mut new, value);
                target.push((name, new));
            }
        }
    }
}

fn merge_value<'a>(target: &mut Value<'a>, patch: Value<'a>) {
    match patch {
        Value::Map(members) => {
            if !matches!(target, Value::Map(_)) {
                *target = Value::Map(Vec::new());
            }
            if let Value::Map(target) = target {
                merge(target, members);
            }
        }
        value => *target = value,
    }
}
