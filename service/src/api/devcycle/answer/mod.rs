//! What DevCycle answers for a user: features, variables and why (facts 2.7 to 2.9), members in the order the reference writes them.

use std::collections::BTreeMap;

use jackstaff_core::source::devcycle::{Details, fault_message};
use jackstaff_core::{
    Choice, Context, DecisionView, Fault, FlagIndex, FlagValue, FlagView, Overrides, Ruleset, Timestamp, ValueKind,
    VariantView, write_json_string,
};

/// A feature that could not be decided. It breaks only itself.
#[derive(Clone, Copy, Debug)]
pub struct Faulty<'r> {
    /// The feature's place in the ruleset.
    pub decision: u32,
    /// The feature's key.
    pub key: &'r str,
    /// What is wrong.
    pub fault: Fault<'r>,
}

impl<'r> Faulty<'r> {
    fn new(ruleset: &'r Ruleset<'r>, decision: u32, fault: Fault<'r>) -> Self {
        Self { decision, key: ruleset.decision(decision).map_or("", |decision| decision.key), fault }
    }
}

/// One variable.
#[derive(Debug)]
pub struct Single<'r> {
    /// The variable as a JSON object; `None` where the user does not have it.
    pub json: Option<String>,
    /// What went wrong with features that might have set it, in the order of the ruleset.
    pub faults: Vec<Faulty<'r>>,
}

/// Everything that a user gets.
#[derive(Debug)]
pub struct Bucketed<'r> {
    ruleset: &'r Ruleset<'r>,
    /// What was decided, in the order of the ruleset.
    decided: Vec<Chosen>,
    /// What was chosen by hand, in the order given.
    by_hand: Vec<Chosen>,
    /// The features that could not be decided, in the order of the ruleset.
    pub faults: Vec<Faulty<'r>>,
}

/// A feature's variation for the user.
#[derive(Debug)]
struct Chosen {
    choice: Choice,
    /// The feature's `eval` object, which its variables repeat.
    eval: String,
}

/// Decides the variable `key` as [`bucketed`] would, looking at no more features than it takes.
#[must_use]
pub fn variable<'r>(
    ruleset: &'r Ruleset<'r>,
    key: &str,
    context: &Context<'_>,
    now: Timestamp,
    overrides: &Overrides<'_>,
) -> Single<'r> {
    let mut single = Single { json: None, faults: Vec::new() };
    let Some((flag, view)) = ruleset.find(key).and_then(|flag| Some((flag, ruleset.flag(flag)?))) else {
        return single;
    };
    let mut session = ruleset.session(context, now).with_overrides(overrides);
    let write = |choice: &Choice, eval: &dyn Fn() -> String| {
        let decision = ruleset.decision(choice.decision)?;
        let (_, value) = ruleset.assignments(choice.variant).filter(|(of, _)| *of == flag).last()?;
        let mut json = String::new();
        write_variable(&view, &decision, &value, &eval(), &mut json);
        Some(json)
    };
    let mut details = Details::default();
    single.json = session
        .overrides()
        .rev()
        .flatten()
        .find_map(|choice| write(&choice, &|| eval(ruleset, &choice, &Details::default())));
    if single.json.is_some() {
        return single;
    }
    for index in ruleset.setters(flag) {
        match session.decide(index, &mut details) {
            Ok(Some(choice)) => {
                single.json = write(&choice, &|| eval(ruleset, &choice, &details));
                if single.json.is_some() {
                    break;
                }
            }
            Ok(None) => {}
            Err(fault) => single.faults.push(Faulty::new(ruleset, index, fault)),
        }
    }
    // Setters are tried from the end of the ruleset.
    single.faults.reverse();
    single
}

/// Decides everything for `context` at `now`. Variants chosen by hand come on top, in their order: each replaces the feature's other
/// variant and, variable by variable, what others had set.
#[must_use]
pub fn bucketed<'r>(
    ruleset: &'r Ruleset<'r>,
    context: &Context<'_>,
    now: Timestamp,
    overrides: &Overrides<'_>,
) -> Bucketed<'r> {
    let mut session = ruleset.session(context, now).with_overrides(overrides);
    let mut details = Details::default();
    let (mut decided, mut faults) = (Vec::new(), Vec::new());
    for index in 0..ruleset.decision_count() {
        match session.decide(index, &mut details) {
            Ok(Some(choice)) => decided.push(Chosen { choice, eval: eval(ruleset, &choice, &details) }),
            Ok(None) => {}
            Err(fault) => faults.push(Faulty::new(ruleset, index, fault)),
        }
    }
    let by_hand: Vec<Chosen> = session
        .overrides()
        .flatten()
        .map(|choice| Chosen { choice, eval: eval(ruleset, &choice, &Details::default()) })
        .collect();
    Bucketed { ruleset, decided, by_hand, faults }
}

impl Bucketed<'_> {
    /// The messages of [`faults`](Self::faults), as the reference would fail with them.
    pub fn fault_messages(&self) -> impl Iterator<Item = String> {
        self.faults.iter().map(|faulty| fault_message(&faulty.fault))
    }

    /// Everything as the reference returns it: `project`, `environment`, `features`, `featureVariationMap`, `variableVariationMap`,
    /// `variables`.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut out = String::new();
        out.push_str("{\"project\":");
        out.push_str(object_or_empty(self.ruleset.project_json()));
        out.push_str(",\"environment\":");
        out.push_str(object_or_empty(self.ruleset.environment_json()));
        out.push_str(",\"features\":");
        self.write_features(&mut out);
        out.push_str(",\"featureVariationMap\":");
        self.write_variation_map(&mut out);
        out.push_str(",\"variableVariationMap\":{},\"variables\":");
        self.write_variables(&mut out);
        out.push('}');
        out
    }

    /// The features in the order of the answer: what was chosen by hand stands in the place of what was decided.
    fn features(&self) -> impl Iterator<Item = (DecisionView<'_>, VariantView<'_>, &str)> {
        let mut features: Vec<&Chosen> = self.decided.iter().collect();
        for chosen in &self.by_hand {
            match features.iter_mut().find(|other| other.choice.decision == chosen.choice.decision) {
                Some(place) => *place = chosen,
                None => features.push(chosen),
            }
        }
        features.into_iter().filter_map(|chosen| {
            let decision = self.ruleset.decision(chosen.choice.decision)?;
            Some((decision, self.ruleset.variant(chosen.choice.variant)?, chosen.eval.as_str()))
        })
    }

    /// Appends the map of features by key.
    pub fn write_features(&self, out: &mut String) {
        let mut members = Members::begin(out);
        for (decision, variant, eval) in self.features() {
            let mut feature = Members::begin(members.next(decision.key));
            for (name, text) in [
                ("_id", decision.id),
                ("key", decision.key),
                ("type", decision.kind),
                ("_variation", variant.id),
                ("variationName", variant.name),
                ("variationKey", variant.key),
            ] {
                write_json_string(text, feature.next(name));
            }
            if !decision.settings.is_empty() {
                feature.next("settings").push_str(decision.settings);
            }
            feature.next("eval").push_str(eval);
            feature.end();
        }
        members.end();
    }

    fn write_variation_map(&self, out: &mut String) {
        let mut members = Members::begin(out);
        for (decision, variant, _) in self.features() {
            write_json_string(variant.id, members.next(decision.id));
        }
        members.end();
    }

    /// Appends the map of variables by key. Where several features set one, the last of them wins; the place is that of the first.
    pub fn write_variables(&self, out: &mut String) {
        let mut order: Vec<FlagIndex> = Vec::new();
        let mut set: BTreeMap<FlagIndex, (&Chosen, FlagValue<'_>)> = BTreeMap::new();
        for chosen in self.decided.iter().chain(&self.by_hand) {
            for (flag, value) in self.ruleset.assignments(chosen.choice.variant) {
                if set.insert(flag, (chosen, value)).is_none() {
                    order.push(flag);
                }
            }
        }
        let mut members = Members::begin(out);
        for flag in order {
            if let (Some((chosen, value)), Some(view)) = (set.get(&flag), self.ruleset.flag(flag))
                && let Some(decision) = self.ruleset.decision(chosen.choice.decision)
            {
                write_variable(&view, &decision, value, &chosen.eval, members.next(view.key));
            }
        }
        members.end();
    }
}

/// A snapshot that is damaged there has no text at all.
fn object_or_empty(json: &str) -> &str {
    if json.is_empty() { "{}" } else { json }
}

fn write_variable(
    flag: &FlagView<'_>,
    decision: &DecisionView<'_>,
    value: &FlagValue<'_>,
    eval: &str,
    out: &mut String,
) {
    let mut members = Members::begin(out);
    write_json_string(flag.id, members.next("_id"));
    write_json_string(type_name(flag.kind), members.next("type"));
    write_json_string(flag.key, members.next("key"));
    members.append(flag.extra);
    write_json_string(decision.id, members.next("_feature"));
    value.write_json(members.next("value"));
    members.next("eval").push_str(eval);
    members.end();
}

/// The `eval` object of a choice, whose decision `details` watched last.
fn eval(ruleset: &Ruleset<'_>, choice: &Choice, details: &Details) -> String {
    let mut out = String::new();
    let mut members = Members::begin(&mut out);
    write_json_string(choice.reason.as_str(), members.next("reason"));
    write_json_string(&details.text(ruleset, choice), members.next("details"));
    if let Some(rule) = choice.rule.and_then(|rule| ruleset.rule(rule)) {
        write_json_string(rule.id, members.next("target_id"));
    }
    members.end();
    out
}

const fn type_name(kind: ValueKind) -> &'static str {
    match kind {
        ValueKind::Boolean => "Boolean",
        ValueKind::String => "String",
        ValueKind::Number => "Number",
        ValueKind::Structure => "JSON",
    }
}

/// The members of a JSON object as they are written.
struct Members<'o> {
    out: &'o mut String,
    first: bool,
}

impl<'o> Members<'o> {
    fn begin(out: &'o mut String) -> Self {
        out.push('{');
        Self { out, first: true }
    }

    /// Where the value of `name` goes.
    fn next(&mut self, name: &str) -> &mut String {
        if !std::mem::take(&mut self.first) {
            self.out.push(',');
        }
        write_json_string(name, self.out);
        self.out.push(':');
        self.out
    }

    /// Members that are JSON already, each with its comma in front; not for the first place.
    fn append(&mut self, members: &str) {
        self.out.push_str(members);
    }

    fn end(self) {
        self.out.push('}');
    }
}
