//! Snapshots that no compiler writes: every reference is followed as far as it can lead, and each session still ends.

#![allow(clippy::disallowed_methods, reason = "that it ends in time is what is tested")]

use std::time::{Duration, Instant};

use super::layout::{
    Assignment, Condition, Decision, Expression, Flag, Literal, Missing, NONE, Number, Range, Rule, Split, Stage,
    Terms, Text, Variant,
};
use super::{Builder, LiteralKind, Ruleset};
use crate::context::attribute_hash;
use crate::evaluate::{Comparator, MAX_STEPS, Operator, Test, detail};
use crate::source::devcycle::Details;
use crate::{ConditionView, Context, FaultKind, NoVisitor, Scope, Timestamp, Value, Visitor};

/// Records in most tables. Unbounded, most cases below take this to the second or third power times [`WALKED`]: hours.
const RECORDS: u32 = 4_000;

/// A session takes some 20 ms; a test build on a busy machine gets far more.
const LIMIT: Duration = Duration::from_secs(20);

const EVERYTHING: Range = Range { start: 0, len: RECORDS };

/// Records in the tables that are walked as a whole, once per reference.
const WALKED: u32 = 200_000;

const WALK: Range = Range { start: 0, len: WALKED };

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
            bits: Decision::OPT_IN,
            ..Decision::default()
        });
        builder.rules.push(Rule { splits: WALK, terms: NONE, ..Rule::default() });
        builder.terms.push(Terms { bits: Terms::ROLLOUT, stages: WALK, ..Terms::default() });
        builder.variants.push(Variant { assignments: WALK, ..Variant::default() });
        builder.missing.push(Missing { of: Split::ABSENT | i, id: text });
        builder.conditions.push(condition);
        builder.literals.push(Literal { kind: LiteralKind::String as u8, text });
        builder.segments.push(i);
    }
    builder.stages = vec![Stage { date: 0.0, percentage: 0.0, discrete: 1 }; WALKED as usize];
    builder.splits = vec![Split { upto: 0.0, variant: 0 }; WALKED as usize];
    builder.assignments = vec![Assignment { flag: u32::MAX, value: 0 }; WALKED as usize];
    builder.numbers = vec![Number::default(); WALKED as usize];
    adapt(&mut builder);
    builder.finish()
}

/// Costs one step.
const ALWAYS: Condition = Condition {
    test: Test::Always as u8,
    comparator: 0,
    detail: 0,
    has_operands: 0,
    name: Text { start: 0, len: 0 },
    name_hash: 0,
    operands: Range { start: 0, len: 0 },
};

fn all_text(builder: &Builder) -> Text {
    builder.literals.first().map(|value| value.text).unwrap()
}

/// A user of whom no single look-up costs anything.
fn short_user() -> Context<'static> {
    Context::new("a")
        .with(Scope::Profile, "email", Value::String("a".into()))
        .with(Scope::Profile, "appVersion", Value::String("0".into()))
        .with(Scope::Custom, "plan", Value::String("a".into()))
}

/// The longest user that is at all likely to come through a web server.
fn long_user() -> Context<'static> {
    let long = "a".repeat(64 << 10);
    Context::new(long.clone())
        .with(Scope::Profile, "email", Value::String(long.clone().into()))
        .with(Scope::Profile, "appVersion", Value::String("0.".repeat(10_000).into()))
        .with(Scope::Custom, "plan", Value::String(long.into()))
}

/// Counts what it is shown, and reads its name.
#[derive(Default)]
struct Count(u32);

impl Visitor for Count {
    fn condition_begins(&mut self, condition: &ConditionView<'_>) {
        self.0 += u32::from(condition.attribute().len() < 1 << 30);
    }
}

/// A session that asks for every flag ends in time, with a fault that says so, whoever the user is.
fn ends(bytes: &[u8]) {
    ends_for(bytes, &short_user());
    ends_for(bytes, &long_user());
}

fn ends_for(bytes: &[u8], context: &Context<'_>) {
    let ruleset = Ruleset::verify(bytes).unwrap();
    let began = Instant::now();
    let mut session = ruleset.session(context, Timestamp(1));
    let mut count = Count::default();
    let faults: Vec<_> = ruleset.flags().map(|flag| session.evaluate(flag, &mut count).fault.map(|f| f.kind)).collect();
    assert!(began.elapsed() < LIMIT, "took {:?}", began.elapsed());
    assert!(count.0 <= MAX_STEPS, "looked at {} conditions", count.0);
    assert_eq!(faults.last(), Some(&Some(FaultKind::TooComplex)));

    let mut session = ruleset.session(context, Timestamp(1)).with_overrides(&[("flag-1", "none"), ("flag-2", "none")]);
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
        let condition = Condition { test: test as u8, has_operands: 1, operands: EVERYTHING, ..Condition::default() };
        ends(&overlapping(condition, |_| {}));
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
            ends(&overlapping(ALWAYS, |builder| {
                let condition = named(test, comparator, name, builder);
                builder.conditions.fill(condition);
            }));
        }
    }
}

#[test]
fn version_operands_of_all_parts_end() {
    ends(&overlapping(ALWAYS, |builder| {
        let condition = named(Test::ProfileVersion, Comparator::Greater, "appVersion", builder);
        builder.conditions.fill(Condition { detail: 2, ..condition });
        let all = Text { start: 0, len: Text::LONG };
        builder.literals.fill(Literal { kind: LiteralKind::Version as u8, text: all });
    }));
}

#[test]
fn needles_in_hay_of_equal_length_end() {
    ends(&overlapping(ALWAYS, |builder| {
        let condition = named(Test::TargetingKey, Comparator::Contains, "user_id", builder);
        builder.conditions.fill(condition);
        let text = builder.text(&format!("{}b", "a".repeat(32 << 10)));
        builder.literals.fill(Literal { kind: LiteralKind::String as u8, text });
    }));
}

#[test]
fn names_and_reasons_as_long_as_all_text_end() {
    for test in [Test::CustomUnnamed, Test::CustomAny, Test::OptedIn] {
        ends(&overlapping(ALWAYS, |builder| {
            let name = all_text(builder);
            builder.meta.opt_in = true;
            let comparator = Comparator::NotExists as u8;
            let leaf = Condition { test: test as u8, comparator, ..Condition::default() };
            // Opting in goes by the decision's id, not by a name.
            let leaf = if test == Test::OptedIn { leaf } else { Condition { name, ..leaf } };
            builder.conditions.fill(leaf);
            // Few enough to be looked at, so that the text of the reason is asked for.
            let operands = Range { start: 1, len: 4 };
            builder.conditions[0] = Condition { test: Test::AllOf as u8, operands, ..Condition::default() };
            builder.decisions.iter_mut().for_each(|decision| decision.id = name);
            builder.variants.iter_mut().for_each(|variant| variant.assignments.len = 0);
            builder.rules.iter_mut().for_each(|rule| rule.splits.len = 1);
            builder.splits.iter_mut().for_each(|split| split.upto = 1.0);
        }));
    }
}

#[test]
fn faults_with_all_text_end() {
    ends(&overlapping(ALWAYS, |builder| {
        let broken = all_text(builder);
        for decision in &mut builder.decisions {
            (decision.bits, decision.note) = (Decision::BROKEN, broken);
        }
    }));
    ends(&overlapping(ALWAYS, |builder| {
        builder.splits.iter_mut().for_each(|split| (split.upto, split.variant) = (1.0, Split::ABSENT));
        builder.rules.iter_mut().for_each(|rule| rule.splits.len = 1);
    }));
}

#[test]
fn decisions_without_rules_end() {
    ends(&overlapping(ALWAYS, |builder| {
        builder.decisions.iter_mut().for_each(|decision| decision.rules = Range::default());
    }));
}

/// Gives every rule a rollout.
fn roll_out(builder: &mut Builder) {
    builder.rules.iter_mut().for_each(|rule| rule.terms = 0);
}

#[test]
fn rollouts_and_splits_of_everything_end() {
    ends(&overlapping(ALWAYS, |_| {}));
    ends(&overlapping(ALWAYS, roll_out));
    // Nothing but the user's key to hash, for each of the rules.
    ends(&overlapping(ALWAYS, |builder| {
        roll_out(builder);
        builder.terms.iter_mut().for_each(|terms| terms.stages.len = 0);
    }));
}

#[test]
fn variants_that_assign_everything_end() {
    // Another flag than is asked for, so that every decision is tried; then each its own.
    for other in [true, false] {
        ends(&overlapping(ALWAYS, |builder| {
            builder.splits.iter_mut().for_each(|split| split.upto = 1.0);
            builder.rules.iter_mut().for_each(|rule| rule.splits.len = 1);
            for (assignment, flag) in builder.assignments.iter_mut().zip(0..) {
                assignment.flag = if other { u32::MAX } else { flag };
            }
        }));
    }
}

#[test]
fn values_as_long_as_all_text_end() {
    let bytes = overlapping(ALWAYS, |builder| {
        builder.splits.iter_mut().for_each(|split| split.upto = 1.0);
        builder.rules.iter_mut().for_each(|rule| rule.splits.len = 1);
        builder.variants.iter_mut().for_each(|variant| variant.assignments.len = 1);
        builder.assignments[0].flag = 0;
    });
    let ruleset = Ruleset::verify(&bytes).unwrap();
    let (flag, context) = (ruleset.find("flag-0").unwrap(), short_user());
    let mut session = ruleset.session(&context, Timestamp(1));
    assert!(session.evaluate(flag, &mut NoVisitor).value.is_some());
    let last = (0..RECORDS).map(|_| session.evaluate(flag, &mut NoVisitor)).last().unwrap();
    assert_eq!(last.fault.map(|f| f.kind), Some(FaultKind::TooComplex));
}

#[test]
fn variants_chosen_by_hand_end() {
    let long = "a".repeat(32 << 10);
    let bytes = overlapping(ALWAYS, |builder| {
        // Alike but for the last letter; the last of all is what is asked for.
        let other = builder.text(&format!("{long}b"));
        builder.decisions.iter_mut().for_each(|decision| decision.id = other);
        builder.variants.iter_mut().for_each(|variant| variant.id = other);
    });
    let ruleset = Ruleset::verify(&bytes).unwrap();
    let (context, wanted) = (short_user(), format!("{long}a"));
    let chosen = vec![(&*wanted, &*wanted); 64];
    let began = Instant::now();
    let mut session = ruleset.session(&context, Timestamp(1)).with_overrides(&chosen);
    assert_eq!(session.overrides(), []);
    let fault = session.decide(0, &mut NoVisitor).unwrap_err();
    assert_eq!(fault.kind, FaultKind::TooComplex);

    let bytes = overlapping(ALWAYS, |_| {});
    let ruleset = Ruleset::verify(&bytes).unwrap();
    let mut session = ruleset.session(&context, Timestamp(1)).with_overrides(&[("flag-3999", ""); 64]);
    assert!(session.overrides().iter().any(|by_hand| by_hand.outcome.is_ok()));
    let decided = session.evaluate(ruleset.find("flag-1").unwrap(), &mut NoVisitor);
    assert_eq!(decided.fault.map(|f| f.kind), Some(FaultKind::TooComplex));
    assert!(began.elapsed() < LIMIT, "took {:?}", began.elapsed());
}

#[test]
fn references_to_nowhere_are_noticed() {
    let beyond = Range { start: u32::MAX - 1, len: u32::MAX };
    let bytes = overlapping(ALWAYS, |builder| {
        builder.decisions.iter_mut().for_each(|decision| decision.rules = beyond);
    });
    let ruleset = Ruleset::verify(&bytes).unwrap();
    let flag = ruleset.find("flag-7").unwrap();
    let decision = ruleset.session(&Context::new("u"), Timestamp(0)).evaluate(flag, &mut NoVisitor);
    assert_eq!(decision.fault.map(|f| f.kind), Some(FaultKind::Corrupt));
}

/// A user with much of everything that rules can work on.
fn nested_user() -> Context<'static> {
    let members = |n: usize| Value::Map((0..n).map(|i| (i.to_string().into(), Value::Number(1.0))).collect());
    let lists = (0..100).map(|_| Value::List(vec![Value::String("a".repeat(1_000).into()); 100])).collect();
    Context::new("a".repeat(10_000)).with(Scope::Custom, "", members(10_000)).with(
        Scope::Custom,
        "a",
        Value::List(lists),
    )
}

#[test]
fn every_operator_with_operands_without_end() {
    for operator in 0..=53_u8 {
        for start in [0, 7] {
            let expression = |text: Text| Expression {
                operator,
                detail: start as u8,
                name: Text { start: text.start, len: 1 },
                name_hash: attribute_hash(b"a"),
                more: 1.0_f64.to_bits(),
                operands: Range { start, len: 3 },
            };
            let bytes = targeted(&expression);
            targeting_ends(&bytes, &if start == 0 { nested_user() } else { short_user() });
        }
    }
}

/// A distribution that is written out, whose only variant is the distribution.
#[test]
fn a_distribution_of_itself_ends() {
    let bytes = overlapping(ALWAYS, |builder| {
        let distribution = |operator: Operator, detail, start| Expression {
            operator: operator as u8,
            detail,
            name_hash: 1,
            operands: Range { start, len: 1 },
            ..Expression::default()
        };
        builder.expressions =
            vec![distribution(Operator::FractionalText, detail::CONSTANT, 1), distribution(Operator::List, 0, 0)];
        for decision in &mut builder.decisions {
            decision.bits = Decision::TARGETED;
            decision.rules = Range { start: 0, len: NONE };
        }
    });
    targeting_ends(&bytes, &short_user());
}

#[test]
fn plain_conditions_without_end() {
    use Operator as O;
    for operator in [O::Equal, O::Less, O::StartsWith, O::In, O::If, O::SemVer] {
        let kinds = [
            detail::WITH_TEXT,
            detail::WITH_NUMBER,
            detail::WITH_BOOL,
            detail::WITH_LIST,
            detail::WITH_VERSION,
            detail::WITH_TEXT | detail::WITH_PATH,
            detail::WITH,
        ];
        for with in kinds {
            for items in [Range { start: 0, len: u32::MAX }, Range { start: 0, len: 90 }] {
                let expression = |text: Text| Expression {
                    operator: operator as u8,
                    detail: with,
                    name: Text { start: text.start, len: 1 },
                    name_hash: attribute_hash(b"a"),
                    more: Expression::with_items(items),
                    operands: Range { start: 0, len: 3 },
                };
                targeting_ends(&targeted(&expression), &short_user());
            }
        }
    }
}

/// A snapshot whose flags are all decided by one expression that is its own operand.
fn targeted(expression: &dyn Fn(Text) -> Expression) -> Vec<u8> {
    overlapping(ALWAYS, |builder| {
        let text = all_text(builder);
        let one = expression(text);
        builder.expressions = vec![one; 100];
        // Lists, texts and members among them, so that operators find something to work on.
        for (place, operator) in [(8, 5), (9, 4), (10, 8), (17, 7), (18, 5), (19, 9)] {
            if let Some(other) = builder.expressions.get_mut(place) {
                other.operator = operator;
            }
        }
        for decision in &mut builder.decisions {
            decision.bits = Decision::TARGETED;
            decision.rules = Range { start: 0, len: NONE };
        }
    })
}

fn targeting_ends(bytes: &[u8], context: &Context<'_>) {
    let ruleset = Ruleset::verify(bytes).unwrap();
    let began = Instant::now();
    let mut session = ruleset.session(context, Timestamp(1));
    for flag in ruleset.flags() {
        let _ = session.evaluate(flag, &mut NoVisitor);
    }
    assert!(began.elapsed() < LIMIT, "took {:?}", began.elapsed());
}

#[test]
fn runs_that_begin_at_the_last_number_are_empty() {
    let mut builder = Builder::default();
    let key = builder.text("flag");
    for len in [0, 1, u32::MAX] {
        let last = Range { start: u32::MAX, len };
        builder.flags.push(Flag { key, setters: last, ..Flag::default() });
        builder.setters.push(0);
        builder.decisions.push(Decision { id: key, key, rules: last, variants: last, ..Decision::default() });
        builder.rules.push(Rule { splits: last, terms: NONE, ..Rule::default() });
        builder.variants.push(Variant { assignments: last, ..Variant::default() });
    }
    let bytes = builder.finish();
    let ruleset = Ruleset::open(&bytes).unwrap();
    let context = Context::new("user");
    let mut session = ruleset.session(&context, Timestamp(0)).with_overrides(&[("flag", "flag")]);
    assert_eq!(session.overrides(), []);
    for decision in 0..ruleset.decision_count() {
        assert_eq!(ruleset.variants(decision).count(), 0);
        assert_eq!(session.decide(decision, &mut NoVisitor), Ok(None));
    }
}
