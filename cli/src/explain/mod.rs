//! The trace of a decision: what was tested, in which order, and how it went.

mod targeting;

use std::io::{self, Write};

use jackstaff_core::{Comparator, ConditionView, Context, ExpressionVisitor, Ruleset, Scope, Test, Value, Visitor};
use serde::Serialize;
use targeting::{ExpressionTrace, Expressions};

/// More operands than this are counted, not listed: allow-lists have thousands.
const MAX_OPERANDS_SHOWN: usize = 8;

/// One decision that was made to find a flag's value.
#[derive(Serialize)]
pub struct DecisionTrace {
    decision: String,
    rules: Vec<RuleTrace>,
    /// Where a targeting expression decides.
    #[serde(skip_serializing_if = "Option::is_none")]
    targeting: Option<ExpressionTrace>,
}

/// One rule that was tried. Absent outcomes: a fault ended it before.
#[derive(Serialize)]
struct RuleTrace {
    rule: String,
    /// Whether its conditions hold.
    matched: Option<bool>,
    /// Whether its rollout includes the user; absent where it has none.
    rollout: Option<bool>,
    #[serde(skip)]
    has_rollout: bool,
    /// Among how many variants it splits its users.
    splits: u32,
    conditions: Option<ConditionTrace>,
}

/// One condition that was evaluated, and those below it.
#[derive(Serialize)]
struct ConditionTrace {
    condition: String,
    /// What the user has there; absent where no attribute is tested.
    #[serde(skip_serializing_if = "Option::is_none")]
    actual: Option<String>,
    passed: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    children: Vec<ConditionTrace>,
}

/// Writes down what it watches.
pub struct Tracer<'t> {
    ruleset: &'t Ruleset<'t>,
    context: &'t Context<'t>,
    decisions: Vec<DecisionTrace>,
    /// Conditions begun and not yet ended, outermost first.
    open: Vec<ConditionTrace>,
    expressions: Expressions,
}

impl<'t> Tracer<'t> {
    pub fn new(ruleset: &'t Ruleset<'t>, context: &'t Context<'t>) -> Self {
        Self { ruleset, context, decisions: Vec::new(), open: Vec::new(), expressions: Expressions::default() }
    }

    /// All decisions watched, in their order.
    pub fn finish(mut self) -> Vec<DecisionTrace> {
        self.close_all();
        self.decisions
    }

    /// What a fault left open belongs to where it stands, without an outcome.
    fn close_all(&mut self) {
        while let Some(condition) = self.open.pop() {
            self.attach(condition);
        }
        if let (Some(targeting), Some(decision)) = (self.expressions.take(), self.decisions.last_mut()) {
            decision.targeting = Some(targeting);
        }
    }

    fn attach(&mut self, condition: ConditionTrace) {
        if let Some(parent) = self.open.last_mut() {
            parent.children.push(condition);
        } else if let Some(rule) = self.rule() {
            rule.conditions = Some(condition);
        }
    }

    fn rule(&mut self) -> Option<&mut RuleTrace> {
        self.decisions.last_mut()?.rules.last_mut()
    }

    fn actual(&self, condition: &ConditionView<'_>) -> Option<String> {
        let name = condition.attribute();
        let found = match condition.test() {
            Test::TargetingKey => {
                return Some(
                    self.context.targeting_key().map_or_else(missing, |key| Value::String(key.into()).to_json()),
                );
            }
            Test::ProfileString | Test::ProfileVersion => self.context.get(Scope::Profile, name),
            Test::CustomAny => self.context.get(Scope::Private, name).or_else(|| self.context.get(Scope::Custom, name)),
            _ => return None,
        };
        Some(found.map_or_else(missing, Value::to_json))
    }
}

fn missing() -> String {
    "missing".to_owned()
}

impl Visitor for Tracer<'_> {
    fn decision_begins(&mut self, decision: u32) {
        self.close_all();
        let key = self.ruleset.decision(decision).map(|d| d.key).unwrap_or_default();
        self.decisions.push(DecisionTrace { decision: key.to_owned(), rules: Vec::new(), targeting: None });
    }

    fn rule_begins(&mut self, rule: u32) {
        self.close_all();
        let view = self.ruleset.rule(rule);
        let id = view.map(|r| r.id).unwrap_or_default().to_owned();
        let has_rollout = view.is_some_and(|r| r.mentions_rollout);
        let splits = view.map_or(0, |r| r.splits);
        if let Some(decision) = self.decisions.last_mut() {
            decision.rules.push(RuleTrace {
                rule: id,
                matched: None,
                rollout: None,
                has_rollout,
                splits,
                conditions: None,
            });
        }
    }

    fn condition_begins(&mut self, condition: &ConditionView<'_>) {
        let trace = ConditionTrace {
            condition: words(condition),
            actual: self.actual(condition),
            passed: None,
            children: Vec::new(),
        };
        self.open.push(trace);
    }

    fn condition_ends(&mut self, _condition: &ConditionView<'_>, passed: bool) {
        if let Some(mut condition) = self.open.pop() {
            condition.passed = Some(passed);
            self.attach(condition);
        }
    }

    fn expressions(&mut self) -> Option<&mut dyn ExpressionVisitor> {
        Some(&mut self.expressions)
    }

    fn rule_ends(&mut self, _rule: u32, matched: bool, included: bool) {
        if let Some(rule) = self.rule() {
            rule.matched = Some(matched);
            // Of a rule that does not match, the rollout is not asked.
            rule.rollout = (rule.has_rollout && matched).then_some(included);
        }
    }
}

fn words(condition: &ConditionView<'_>) -> String {
    let attribute = condition.attribute();
    let subject = match condition.test() {
        Test::Never => return "what nobody matches".to_owned(),
        Test::Always => return "everyone".to_owned(),
        Test::AllOf | Test::AllOfImplied => return "all of".to_owned(),
        Test::AnyOf => return "any of".to_owned(),
        Test::Segments if condition.comparator() == Comparator::Equal => return "is in a segment".to_owned(),
        Test::Segments => return "is in no segment".to_owned(),
        Test::OptedIn => return "asked to be part of it".to_owned(),
        Test::Invalid => return format!("cannot be evaluated: {attribute}"),
        Test::CustomUnnamed => return "a custom attribute without a name (true for everyone)".to_owned(),
        Test::CustomAny => format!("custom attribute `{attribute}`"),
        Test::TargetingKey | Test::ProfileString => format!("`{attribute}`"),
        Test::ProfileVersion => format!("version `{attribute}`"),
    };
    let comparator = condition.comparator();
    let words = comparator.words();
    if matches!(comparator, Comparator::Exists | Comparator::NotExists | Comparator::Other) {
        return format!("{subject} {words}");
    }
    let operands: Vec<String> = condition.operands().collect();
    let shown = operands.iter().take(MAX_OPERANDS_SHOWN).cloned().collect::<Vec<_>>().join(", ");
    match operands.len() {
        0 => format!("{subject} {words} (nothing to compare with)"),
        n if n > MAX_OPERANDS_SHOWN => format!("{subject} {words} {shown} and {} more", n - MAX_OPERANDS_SHOWN),
        _ => format!("{subject} {words} {shown}"),
    }
}

const fn mark(passed: Option<bool>) -> &'static str {
    match passed {
        Some(true) => "✓",
        Some(false) => "✗",
        None => "!",
    }
}

/// Writes the decisions as an indented outline.
pub fn write_text(out: &mut dyn Write, decisions: &[DecisionTrace]) -> io::Result<()> {
    for decision in decisions {
        if let Some(targeting) = &decision.targeting {
            writeln!(out, "  targeting")?;
            targeting::write_text(out, targeting, 4)?;
            continue;
        }
        writeln!(out, "  decision {}", decision.decision)?;
        for rule in &decision.rules {
            writeln!(out, "    {} rule {}", mark(rule.matched), rule.rule)?;
            if let Some(condition) = &rule.conditions {
                write_condition(out, condition, 6)?;
            }
            if let Some(included) = rule.rollout {
                let words = if included { "the rollout includes the user" } else { "the rollout leaves the user out" };
                writeln!(out, "      {} {words}", mark(Some(included)))?;
            }
            if rule.splits > 1 && rule.matched == Some(true) && rule.rollout != Some(false) {
                writeln!(out, "      the user's place in the split decides among {} shares", rule.splits)?;
            }
        }
    }
    Ok(())
}

fn write_condition(out: &mut dyn Write, condition: &ConditionTrace, indent: usize) -> io::Result<()> {
    write!(out, "{:indent$}{} {}", "", mark(condition.passed), condition.condition)?;
    if let Some(actual) = &condition.actual {
        write!(out, " — it is {actual}")?;
    }
    writeln!(out)?;
    condition.children.iter().try_for_each(|child| write_condition(out, child, indent + 2))
}
