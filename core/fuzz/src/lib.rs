//! What the fuzz targets share: a ruleset and a user to start from, and asking a ruleset for everything it can tell.

use std::sync::LazyLock;

use jackstaff_core::source::devcycle::{Details, fault_message};
use jackstaff_core::{
    CompileOptions, Context, ExpressionView, ExpressionVisitor, Memo, NoVisitor, Ruleset, Scope, Timestamp, Value, Visitor, compile,
};

/// 1 January 2026, about when the seeds' rollouts begin.
const NOW: Timestamp = Timestamp(1_767_225_600_000);

/// The demo ruleset, compiled.
pub static COFFEE_SHOP: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let source = include_bytes!("../../../configs/flags/coffee-shop.json");
    compile(source, &CompileOptions::default()).expect("the demo ruleset compiles").snapshot
});

/// A ruleset with every kind of filter, rollout and value, compiled.
pub static EVERY_KIND: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let source = include_bytes!("../seeds/source/every-kind.json");
    compile(source, &CompileOptions::default()).expect("the seed compiles").snapshot
});

/// flagd's flag definitions with every operator, compiled.
pub static FLAGD: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let source = include_bytes!("../seeds/source/flagd.json");
    compile(source, &CompileOptions::default()).expect("the seed compiles").snapshot
});

/// A user with something in every place that rules look at.
#[must_use]
pub fn user() -> Context<'static> {
    Context::new("ada")
        .with(Scope::Profile, "email", Value::String("ada@example.com".into()))
        .with(Scope::Profile, "country", Value::String("DE".into()))
        .with(Scope::Profile, "appVersion", Value::String("1.2.3".into()))
        .with(Scope::Custom, "stars", Value::Number(120.0))
        .with(Scope::Custom, "k0", Value::String("a".into()))
        .with(Scope::Private, "k1", Value::Bool(true))
        .with(Scope::OptIn, "f0", Value::Bool(true))
        .with(Scope::Custom, "a", Value::String("on".into()))
        .with(Scope::Custom, "list", Value::List(vec![Value::Number(1.0), Value::Number(2.0), Value::Null]))
        .with(Scope::Custom, "version", Value::String("1.2".into()))
}

/// Watches targeting rules, which evaluates every operand by itself.
struct Watcher;

impl Visitor for Watcher {
    fn expressions(&mut self) -> Option<&mut dyn ExpressionVisitor> {
        Some(self)
    }
}

impl ExpressionVisitor for Watcher {
    fn expression_begins(&mut self, expression: &ExpressionView<'_>) {
        let _ = expression.path();
    }
    fn expression_ends(&mut self, _expression: &ExpressionView<'_>, _value: &Value<'_>) {}
}

/// Asks `ruleset` for all it can tell `context`.
pub fn ask_everything(ruleset: &Ruleset<'_>, context: &Context<'_>) {
    let mut details = Details::default();
    let mut session = ruleset.session(context, NOW).with_overrides(&[("f0", "v0")]);
    let mut memo = Memo::default();
    let mut remembering = ruleset.session(context, NOW).with_memo(&mut memo);
    let mut out = String::new();
    for flag in ruleset.flags() {
        if let Some(view) = ruleset.flag(flag) {
            let _ = ruleset.find(view.key);
        }
        let _ = ruleset.evaluate(flag, context, NOW);
        let _ = ruleset.session(context, NOW).evaluate(flag, &mut Watcher);
        let _ = remembering.evaluate(flag, &mut NoVisitor);
        let decision = session.evaluate(flag, &mut details);
        if let Some(value) = decision.value {
            out.clear();
            value.write_json(&mut out);
        }
        if let Some(fault) = decision.fault {
            let _ = fault_message(&fault);
        }
    }
    let mut session = ruleset.session(context, NOW);
    for index in 0..ruleset.decision_count() {
        let _ = ruleset.decision(index);
        match session.decide(index, &mut details) {
            Ok(Some(choice)) => {
                let _ = details.text(ruleset, &choice);
                let _ = ruleset.variant(choice.variant);
                ruleset.assignments(choice.variant).for_each(drop);
            }
            Ok(None) | Err(_) => {}
        }
    }
}
