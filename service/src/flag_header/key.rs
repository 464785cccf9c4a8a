//! Flag keys as RFC 9651 dictionary keys.

use std::borrow::Cow;

use jackstaff_core::sort;

/// The dictionary key of a flag (RFC 9651, section 3.1.2): letters in lower case, `_` for every character that is not allowed, and `*`
/// in front of a first character that may not stand first.
///
/// ```
/// use jackstaff_service::flag_header::member_key;
/// assert_eq!(member_key("max-items"), "max-items");
/// assert_eq!(member_key("New Nav"), "new_nav");
/// assert_eq!(member_key("2fa"), "*2fa");
/// ```
#[must_use]
pub fn member_key(flag: &str) -> Cow<'_, str> {
    if is_legal(flag) {
        return Cow::Borrowed(flag);
    }
    let mut key = String::with_capacity(flag.len().saturating_add(1));
    for c in flag.chars() {
        let c = c.to_ascii_lowercase();
        key.push(if u8::try_from(c).is_ok_and(may_follow) { c } else { '_' });
    }
    if !key.bytes().next().is_some_and(may_stand_first) {
        key.insert(0, '*');
    }
    Cow::Owned(key)
}

fn is_legal(key: &str) -> bool {
    key.bytes().next().is_some_and(may_stand_first) && key.bytes().all(may_follow)
}

const fn may_stand_first(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte == b'*'
}

const fn may_follow(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-' | b'.' | b'*')
}

/// Several flags with one dictionary key: only the first in the order of flag keys can be sent, so `jackstaff check` calls it an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collision<'k> {
    /// The dictionary key.
    pub member: String,
    /// The flags' own keys, in order. There are two at least.
    pub flags: Vec<&'k str>,
}

/// The collisions among flags, in the order of dictionary keys.
pub fn collisions<'k>(flags: impl IntoIterator<Item = &'k str>) -> Vec<Collision<'k>> {
    let mut members: Vec<(Cow<'k, str>, &'k str)> = flags.into_iter().map(|flag| (member_key(flag), flag)).collect();
    sort(&mut members, Ord::cmp);
    members.dedup();
    members
        .chunk_by(|(one, _), (next, _)| one == next)
        .filter_map(|same| match same {
            [(member, _), _, ..] => Some(Collision {
                member: member.as_ref().to_owned(),
                flags: same.iter().map(|(_, flag)| *flag).collect(),
            }),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keys_become_legal_and_stay_recognisable() {
        for (flag, member) in [
            ("a.b-c_d*9", "a.b-c_d*9"),
            ("*x", "*x"),
            ("Été", "_t_"),
            ("_x", "*_x"),
            ("-", "*-"),
            ("", "*"),
            ("é", "*_"),
        ] {
            let expected = if member == "_t_" { "*_t_" } else { member };
            assert_eq!(member_key(flag), expected, "{flag}");
        }
    }

    #[test]
    fn flags_that_differ_only_in_what_a_key_cannot_say_collide() {
        let found = collisions(["new nav", "x", "New_Nav", "new-nav", "new_nav"]);
        assert_eq!(found, [Collision { member: "new_nav".into(), flags: vec!["New_Nav", "new nav", "new_nav"] }]);
        assert_eq!(collisions(["a", "a", "b"]), []);
    }

    proptest! {
        #[test]
        fn every_key_is_one_that_sfv_takes(flag in any::<String>()) {
            let member = member_key(&flag);
            prop_assert!(sfv::KeyRef::from_str(&member).is_ok(), "{}", member);
            prop_assert_eq!(&*member_key(&member), &*member);
        }
    }
}
