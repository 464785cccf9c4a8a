//! Snapshots that no compiler writes: every reference is followed as far as it can lead, and each session still ends.

use std::time::{Duration, Instant};

use super::layout::{
    Assignment, Condition, Decision, Flag, Literal, Range, Rollout, Rule, Split, Stage, Text, Variant,
};
use super::{Builder, LiteralKind, Ruleset};
use crate::context::attribute_hash;
use crate::evaluate::{Comparator, MAX_STEPS, Test};
use crate::source::devcycle::Details;
use crate::{ConditionView, Context, FaultKind, NoVisitor, Scope, Timestamp, Value, Visitor};

/// Records per table. Unbounded, the smallest of the cases below would take this to the third power: hours.
const RECORDS: u32 = 4_000;

/// A session takes some 20 ms; a test build on a busy machine gets far more.
const LIMIT: Duration = Duration::from_secs(20);

const EVERYTHING: Range = Range { start: 0, len: RECORDS };

/// A snapshot in which every range spans all of its table, with `condition` in every place.
fn overlapping(condition: Condition, adapt: impl FnOnce(&mut Builder)) -> Vec<u8> {
    let mut builder = Builder::default();
    let mut text = String::new();
    while text.len() < 1 << 20 {
        text.push_str("all the text there is, ");
    }
    let text = builder.text(&text);
    for i in 0..RECORDS {
        let key = builder.text(&format!("flag-{i}"));
        builder.flags.push(Flag { key, setters: EVERYTHING, ..Flag::default() });
        builder.setters.push(i);
        builder.decisions.push(Decision {
            rules: EVERYTHING,
            variants: EVERYTHING,
            id: key,
            key,
            opt_in: 1,
            ..Decision::default()
        });
        builder.rules.push(Rule { splits: EVERYTHING, split_count: 1, ..Rule::default() });
        builder.rollouts.push(Rollout { scheduled: 0, start: 0.0, percentage: 0.0, stages: EVERYTHING });
        builder.stages.push(Stage { date: 0.0, percentage: 0.0, discrete: 1 });
        builder.splits.push(Split { upto: 0.0, variant: 0, variant_id: text });
        builder.variants.push(Variant { assignments: EVERYTHING, ..Variant::default() });
        builder.assignments.push(Assignment { flag: u32::MAX, value: 0 });
        builder.values.push(Literal { kind: LiteralKind::String as u8, text, number: 1.0 });
        builder.conditions.push(Condition { operands: EVERYTHING, ..condition });
        builder.operands.push(Literal { kind: LiteralKind::String as u8, text, number: 1.0 });
        builder.parts.push(0.0);
        builder.segments.push(i);
    }
    adapt(&mut builder);
    builder.finish()
}

fn all_text(builder: &Builder) -> Text {
    builder.values.first().map(|value| value.text).unwrap()
}

/// The longest user that is at all likely to come through a web server.
fn long_user() -> Context<'static> {
    let long = "a".repeat(64 << 10);
    Context::new(long.clone())
        .with(Scope::Profile, "email", Value::String(long.clone().into()))
        .with(Scope::Profile, "appVersion", Value::String("0.".repeat(10_000).into()))
        .with(Scope::Custom, "plan", Value::String(long.into()))
}

/// Counts what it is shown.
#[derive(Default)]
struct Count(u32);

impl Visitor for Count {
    fn condition_begins(&mut self, _condition: &ConditionView<'_>) {
        self.0 += 1;
    }
}

/// One session that asks for every flag ends in time, with a fault that says so.
fn ends(bytes: &[u8]) {
    let ruleset = Ruleset::verify(bytes).unwrap();
    let context = long_user();
    let began = Instant::now();
    let mut session = ruleset.session(&context, Timestamp(1));
    let mut count = Count::default();
    let faults: Vec<_> = ruleset.flags().map(|flag| session.evaluate(flag, &mut count).fault.map(|f| f.kind)).collect();
    assert!(began.elapsed() < LIMIT, "took {:?}", began.elapsed());
    assert!(count.0 <= MAX_STEPS, "looked at {} conditions", count.0);
    assert_eq!(faults.last(), Some(&Some(FaultKind::TooComplex)));

    let mut session = ruleset.session(&context, Timestamp(1)).with_overrides(&[("flag-1", "none"), ("flag-2", "none")]);
    let mut details = Details::default();
    for decision in 0..ruleset.decision_count() {
        if let Ok(Some(choice)) = session.decide(decision, &mut details) {
            assert!(details.text(&ruleset, &choice).len() < 1 << 20);
        }
    }
    assert!(began.elapsed() < LIMIT, "took {:?}", began.elapsed());
}

fn named(test: Test, comparator: Comparator, name: &str, builder: &mut Builder) -> Condition {
    Condition {
        test: test as u8,
        comparator: comparator as u8,
        detail: 1,
        has_operands: 1,
        name: builder.text(name),
        name_hash: attribute_hash(name.as_bytes()),
        operands: EVERYTHING,
    }
}

#[test]
fn groups_of_everything_end() {
    for test in [Test::AllOf, Test::AllOfImplied, Test::AnyOf, Test::Segments] {
        ends(&overlapping(Condition { test: test as u8, has_operands: 1, ..Condition::default() }, |_| {}));
    }
}

#[test]
fn comparisons_with_everything_end() {
    for (test, name) in [
        (Test::TargetingKey, "user_id"),
        (Test::ProfileString, "email"),
        (Test::ProfileVersion, "appVersion"),
        (Test::CustomAny, "plan"),
    ] {
        for comparator in [Comparator::Equal, Comparator::Less, Comparator::Contains, Comparator::NotEndsWith] {
            ends(&overlapping(Condition::default(), |builder| {
                let condition = named(test, comparator, name, builder);
                builder.conditions.fill(condition);
            }));
        }
    }
}

#[test]
fn version_operands_of_all_parts_end() {
    ends(&overlapping(Condition::default(), |builder| {
        let condition = named(Test::ProfileVersion, Comparator::Greater, "appVersion", builder);
        builder.conditions.fill(Condition { detail: 2, ..condition });
        let all = Text { start: 0, len: RECORDS };
        builder.operands.fill(Literal { kind: LiteralKind::Version as u8, text: all, number: 0.0 });
    }));
}

#[test]
fn needles_in_hay_of_equal_length_end() {
    ends(&overlapping(Condition::default(), |builder| {
        let condition = named(Test::TargetingKey, Comparator::Contains, "user_id", builder);
        builder.conditions.fill(condition);
        let text = builder.text(&format!("{}b", "a".repeat(32 << 10)));
        builder.operands.fill(Literal { kind: LiteralKind::String as u8, text, number: 1.0 });
    }));
}

#[test]
fn names_and_reasons_as_long_as_all_text_end() {
    for test in [Test::CustomUnnamed, Test::CustomAny, Test::OptedIn] {
        ends(&overlapping(Condition::default(), |builder| {
            let name = all_text(builder);
            builder.meta.opt_in = true;
            let leaf =
                Condition { test: test as u8, comparator: Comparator::NotExists as u8, name, ..Condition::default() };
            builder.conditions.fill(leaf);
            builder.conditions[0] =
                Condition { test: Test::AllOf as u8, operands: Range { start: 1, len: RECORDS - 1 }, ..leaf };
            builder.decisions.iter_mut().for_each(|decision| decision.id = name);
        }));
    }
}

#[test]
fn faults_with_all_text_end() {
    ends(&overlapping(Condition::default(), |builder| {
        let broken = all_text(builder);
        builder.decisions.iter_mut().for_each(|decision| decision.broken = broken);
    }));
    ends(&overlapping(Condition { test: Test::Always as u8, ..Condition::default() }, |builder| {
        builder.splits.iter_mut().for_each(|split| (split.upto, split.variant) = (1.0, u32::MAX));
    }));
}

#[test]
fn decisions_without_rules_end() {
    ends(&overlapping(Condition::default(), |builder| {
        builder.decisions.iter_mut().for_each(|decision| decision.rules = Range::default());
    }));
}

#[test]
fn rollouts_and_splits_of_everything_end() {
    let always = Condition { test: Test::Always as u8, ..Condition::default() };
    ends(&overlapping(always, |_| {}));
    ends(&overlapping(always, |builder| builder.rules.iter_mut().for_each(|rule| rule.rollout = 0)));
}

#[test]
fn variants_that_assign_everything_end() {
    ends(&overlapping(
        Condition { test: Test::Always as u8, operands: Range::default(), ..Condition::default() },
        |builder| {
            builder.conditions.iter_mut().for_each(|condition| condition.operands = Range::default());
            builder.splits.iter_mut().for_each(|split| split.upto = 1.0);
            for (assignment, flag) in builder.assignments.iter_mut().zip(0..) {
                assignment.flag = flag;
            }
        },
    ));
}

#[test]
fn references_to_nowhere_are_noticed() {
    let beyond = Range { start: u32::MAX - 1, len: u32::MAX };
    let bytes = overlapping(Condition { test: Test::AnyOf as u8, ..Condition::default() }, |builder| {
        builder.decisions.iter_mut().for_each(|decision| decision.rules = beyond);
    });
    let ruleset = Ruleset::verify(&bytes).unwrap();
    let flag = ruleset.find("flag-7").unwrap();
    let decision = ruleset.session(&Context::new("u"), Timestamp(0)).evaluate(flag, &mut NoVisitor);
    assert_eq!(decision.fault.map(|f| f.kind), Some(FaultKind::Corrupt));
}
