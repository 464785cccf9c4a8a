//! What holds for every configuration, every user and every snapshot, be they damaged on purpose.

mod flagd;
mod generate;

use jackstaff_core::source::devcycle::{Details, fault_message, parse_user};
use jackstaff_core::{
    CompileOptions, ConditionView, MAX_STEPS, Memo, NoVisitor, OpenError, Reason, Ruleset, SharedRuleset, Timestamp,
    Visitor, compile, is_snapshot,
};
use proptest::prelude::*;

use generate::{any_json, config, damage, damaged_config, user};

/// Magic, format and checksum.
const HEADER: usize = 16;

/// A visitor that reads everything it is shown.
#[derive(Default)]
struct Reader {
    conditions: u32,
    open: u32,
}

impl Visitor for Reader {
    fn condition_begins(&mut self, condition: &ConditionView<'_>) {
        self.conditions += 1;
        self.open += 1;
        let _ =
            (condition.test(), condition.comparator(), condition.attribute(), condition.is_last(), condition.depth());
        if self.conditions < 100 {
            let _ = condition.operands().count();
        }
    }
    fn condition_ends(&mut self, _condition: &ConditionView<'_>, _passed: bool) {
        self.open -= 1;
    }
}

/// Asks for everything that a ruleset can tell of one user. The answers, as text.
fn everything(ruleset: &Ruleset<'_>, user: &[u8], now: i64) -> Vec<String> {
    let context = parse_user(user).unwrap();
    let mut answers = vec![ruleset.project_json().to_owned(), ruleset.environment_json().to_owned()];
    let mut reader = Reader::default();
    let mut session = ruleset.session(&context, Timestamp(now));
    let mut memo = Memo::default();
    let mut remembering = ruleset.session(&context, Timestamp(now)).with_memo(&mut memo);
    for flag in ruleset.flags() {
        let decision = session.evaluate(flag, &mut reader);
        let view = ruleset.flag(flag).unwrap();
        assert_eq!(decision.reason == Reason::Error, decision.fault.is_some());
        assert!(decision.fault.is_some() || decision.value.is_some() == decision.choice.is_some());
        answers.push(format!("{} {:?}", view.key, decision));
        // Alone, in a session of its own, it is decided no differently.
        assert_eq!(ruleset.evaluate(flag, &context, Timestamp(now)), decision);
        assert_eq!(remembering.evaluate(flag, &mut NoVisitor), decision);
    }
    assert!(reader.conditions <= MAX_STEPS);
    answers
}

/// As [`everything`], for bytes of which nothing is known: it must end, and that is all.
fn survives(ruleset: &Ruleset<'_>, user: &[u8], now: i64) {
    let context = parse_user(user).unwrap();
    let _ = (ruleset.project_json(), ruleset.environment_json(), ruleset.revision(), ruleset.digest());
    let mut memo = Memo::default();
    let mut remembering = ruleset.session(&context, Timestamp(now)).with_memo(&mut memo);
    let mut reader = Reader::default();
    let mut session = ruleset.session(&context, Timestamp(now)).with_overrides(&[("f0", "v0"), ("f1", "v2")]);
    for flag in ruleset.flags() {
        if let Some(view) = ruleset.flag(flag) {
            let _ = ruleset.find(view.key);
        }
        let decision = session.evaluate(flag, &mut reader);
        if let Some(value) = decision.value {
            value.write_json(&mut String::new());
        }
        let _ = remembering.evaluate(flag, &mut NoVisitor);
    }
    assert!(reader.conditions <= MAX_STEPS);
    let mut details = Details::default();
    let mut session = ruleset.session(&context, Timestamp(now));
    for index in 0..ruleset.decision_count() {
        let _ = ruleset.decision(index);
        match session.decide(index, &mut details) {
            Ok(Some(choice)) => {
                let _ = details.text(ruleset, &choice);
                let _ = (ruleset.variant(choice.variant), choice.rule.and_then(|rule| ruleset.rule(rule)));
                let _ = ruleset.assignments(choice.variant).count();
            }
            Ok(None) => {}
            Err(fault) => {
                let _ = (fault_message(&fault), fault.to_string());
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn every_configuration_compiles_to_something_that_decides(
        config in config(), user in user(), now in generate::moment(),
    ) {
        let source = serde_json::to_vec(&config).unwrap();
        let options = CompileOptions { revision: 7, ..CompileOptions::default() };
        let compiled = compile(&source, &options).unwrap();
        prop_assert!(is_snapshot(&compiled.snapshot) && !is_snapshot(&source));
        // Equal sources give equal bytes: nothing depends on the order of a hash map.
        prop_assert_eq!(&compile(&source, &options).unwrap().snapshot, &compiled.snapshot);
        let opened = Ruleset::open(&compiled.snapshot).unwrap();
        prop_assert_eq!(opened.revision(), 7);
        for flag in opened.flags() {
            prop_assert_eq!(opened.find(opened.flag(flag).unwrap().key), Some(flag));
        }
        let user = serde_json::to_vec(&user).unwrap();
        let shared = SharedRuleset::verify(compiled.snapshot.clone()).unwrap();
        prop_assert_eq!(everything(&opened, &user, now), everything(shared.get(), &user, now));
        survives(&opened, &user, now);
    }

    #[test]
    fn no_document_makes_the_compiler_panic(
        config in damaged_config(), user in user(), now in generate::moment(),
    ) {
        let source = serde_json::to_vec(&config).unwrap();
        match compile(&source, &CompileOptions::default()) {
            Ok(compiled) => {
                let ruleset = Ruleset::verify(&compiled.snapshot).unwrap();
                everything(&ruleset, &serde_json::to_vec(&user).unwrap(), now);
            }
            Err(diagnostics) => prop_assert!(!diagnostics.is_empty()),
        }
    }

    #[test]
    fn a_damaged_snapshot_is_noticed_or_survived(
        config in config(), damage in prop::collection::vec(damage(), 1..6), user in user(), now in generate::moment(),
    ) {
        let sound = compile(&serde_json::to_vec(&config).unwrap(), &CompileOptions::default()).unwrap().snapshot;
        let mut bytes = sound.clone();
        for one in &damage {
            one.apply(&mut bytes);
        }
        if bytes != sound && bytes.len() <= sound.len() {
            prop_assert!(Ruleset::verify(&bytes).is_err(), "one changed bit must be noticed");
        }
        let user = serde_json::to_vec(&user).unwrap();
        if let Ok(ruleset) = Ruleset::open(&bytes) {
            survives(&ruleset, &user, now);
        }
        // With its head in order, so that the damage reaches the tables.
        bytes.resize(bytes.len().max(HEADER), 0);
        bytes[..HEADER].copy_from_slice(&sound[..HEADER]);
        match Ruleset::open(&bytes) {
            Ok(ruleset) => survives(&ruleset, &user, now),
            Err(error) => prop_assert_eq!(error, OpenError::Corrupt),
        }
    }

    #[test]
    fn no_user_makes_the_reader_panic(json in any_json(), bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse_user(&serde_json::to_vec(&json).unwrap());
        let _ = parse_user(&bytes);
        let _ = compile(&bytes, &CompileOptions::default());
        let _ = Ruleset::open(&bytes);
    }
}
