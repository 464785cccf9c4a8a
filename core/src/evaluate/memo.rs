//! What a context's decisions already know of conditions.

/// A power of two. Few conditions are shared by many rules: everyone, a segment, a country. Where two of them fall into one place, the later one stays.
const PLACES: usize = 16;

/// Which conditions of rules hold for one context, of those looked at last: rules share them, and a context has the same answer for each.
/// Worth its while where a context has several flags decided; see [`Session::with_memo`](super::Session::with_memo).
#[derive(Clone, Debug, Default)]
pub struct Memo([u32; PLACES]);

impl Memo {
    /// What stands for a condition: its place in the ruleset, of which no bit is lost, and more than nothing.
    #[inline(always)]
    const fn name(condition: u32) -> Option<u32> {
        match condition.checked_add(1) {
            Some(name) if name <= u32::MAX >> 1 => Some(name),
            _ => None,
        }
    }

    /// Whether the condition holds, where that is known.
    #[inline(always)]
    pub(super) fn get(&self, condition: u32) -> Option<bool> {
        let known = self.0.get(condition as usize % PLACES)?;
        (Some(known >> 1) == Self::name(condition)).then_some(known & 1 == 1)
    }

    /// Remembers whether the condition holds.
    #[inline(always)]
    pub(super) fn set(&mut self, condition: u32, holds: bool) {
        if let (Some(known), Some(name)) = (self.0.get_mut(condition as usize % PLACES), Self::name(condition)) {
            *known = name << 1 | u32::from(holds);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::devcycle::parse_user;
    use crate::{CompileOptions, NoVisitor, Ruleset, Timestamp, compile};

    /// The features `a`, `b` and `c`, whose rules all ask `filter`; the last two by one condition.
    fn snapshot(filter: &str) -> Vec<u8> {
        let feature = |key: &str| {
            format!(
                r#"{{"_id":"f-{key}","key":"{key}","type":"release","settings":{{"optInEnabled":true}},
                "variations":[{{"_id":"v-{key}","key":"on","name":"On","variables":[{{"_var":"{key}","value":true}}]}}],
                "configuration":{{"_id":"c-{key}","targets":[{{"_id":"t-{key}","_audience":{{"filters":{{"operator":"and","filters":[{filter}]}}}},
                "distribution":[{{"_variation":"v-{key}","percentage":1}}]}}]}}}}"#
            )
        };
        let variable = |key: &str| format!(r#"{{"_id":"{key}","key":"{key}","type":"Boolean"}}"#);
        let source = format!(
            r#"{{"project":{{"_id":"p","key":"p","settings":{{"optIn":{{"enabled":{}}}}}}},"environment":{{"_id":"e","key":"e"}},
            "variables":[{}],"features":[{}]}}"#,
            filter.contains("optIn"),
            ["a", "b", "c"].map(variable).join(","),
            ["a", "b", "c"].map(feature).join(",")
        );
        compile(source.as_bytes(), &CompileOptions::default()).unwrap().snapshot
    }

    /// Which of them a user has.
    fn decided(snapshot: &[u8], user: &str, memo: &mut Memo) -> [bool; 3] {
        let ruleset = Ruleset::open(snapshot).unwrap();
        let context = parse_user(user.as_bytes()).unwrap();
        let mut session = ruleset.session(&context, Timestamp(0)).with_memo(memo);
        ["a", "b", "c"].map(|key| session.evaluate(ruleset.find(key).unwrap(), &mut NoVisitor).value.is_some())
    }

    #[test]
    fn who_asked_for_one_decision_did_not_ask_for_another() {
        let snapshot = snapshot(r#"{"type":"optIn"}"#);
        let user = r#"{"user_id":"u","optIns":{"f-b":true}}"#;
        assert_eq!(decided(&snapshot, user, &mut Memo::default()), [false, true, false]);
    }

    #[test]
    fn nothing_of_one_context_is_left_for_the_next() {
        let snapshot = snapshot(r#"{"type":"user","subType":"user_id","comparator":"=","values":["ada"]}"#);
        let mut memo = Memo::default();
        for user in ["ada", "bob", "ada"] {
            let json = format!(r#"{{"user_id":"{user}"}}"#);
            assert_eq!(decided(&snapshot, &json, &mut memo), [user == "ada"; 3]);
        }
    }

    #[test]
    fn what_is_remembered_is_what_was_said_last() {
        let mut memo = Memo::default();
        let places = u32::try_from(PLACES).unwrap();
        for condition in [0, 1, places - 1, (1 << 31) - 2] {
            assert_eq!(memo.get(condition), None);
            for holds in [true, false] {
                memo.set(condition, holds);
                assert_eq!(memo.get(condition), Some(holds));
                assert_eq!(memo.get(condition + places), None, "another in the same place");
            }
        }
        memo.set(places, true);
        assert_eq!((memo.get(0), memo.get(places)), (None, Some(true)));
    }

    #[test]
    fn numbers_that_no_condition_has_are_unknown() {
        let mut memo = Memo::default();
        for condition in [(1 << 31) - 1, 1 << 31, u32::MAX - 1, u32::MAX] {
            memo.set(condition, true);
            assert_eq!(memo.get(condition), None);
        }
    }
}
