//! What DevCycle answers for a user: features, variables and why (facts 2.7 to 2.9), members in the order the reference writes them.

mod flagd;
mod json;
mod write;

use std::ops::Range;

use jackstaff_core::sort;
use jackstaff_core::source::devcycle::{Details, fault_message};
use jackstaff_core::{Choice, Context, Fault, FlagIndex, FlagValue, Overrides, Ruleset, Timestamp};

pub use crate::api::reply::{MAX_ANSWER_BYTES, TooLarge};
use json::{Json, Members};
use write::{read, write_eval, write_feature, write_variable};

/// What a feature and its variables take in an answer, about: growing step by step copies what is written again and again.
const BYTES_PER_FEATURE: usize = 768;

/// What an `eval` member takes, about.
const BYTES_PER_EVAL: usize = 128;

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
        Self { decision, key: ruleset.decision_unread(decision).map_or("", |decision| read(decision.key)), fault }
    }
}

/// One variable.
#[derive(Debug)]
pub struct Single<'r> {
    /// The variable as a JSON object, in UTF-8; `None` where the user does not have it.
    pub json: Result<Option<Vec<u8>>, TooLarge>,
    /// What went wrong with features that might have set it, in the order of the ruleset.
    pub faults: Vec<Faulty<'r>>,
}

/// Everything that a user gets.
#[derive(Debug)]
pub struct Bucketed<'r> {
    ruleset: &'r Ruleset<'r>,
    /// All `eval` members, one behind the other.
    evals: Vec<u8>,
    /// What was decided, in the order of the ruleset.
    decided: Vec<Chosen>,
    /// What was chosen by hand, in the order given.
    by_hand: Vec<Chosen>,
    /// The features that could not be decided, in the order of the ruleset.
    pub faults: Vec<Faulty<'r>>,
    /// Where the reasons alone are too long for an answer, what was decided is not complete.
    too_large: bool,
}

/// A feature's variation for the user.
#[derive(Debug)]
struct Chosen {
    choice: Choice,
    /// Where in [`Bucketed::evals`] the feature's `eval` member is, which its variables repeat.
    eval: Range<usize>,
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
    let mut faults = Vec::new();
    let Some((flag, view)) = ruleset.find(key).and_then(|flag| Some((flag, ruleset.flag_unread(flag)?))) else {
        return Single { json: Ok(None), faults };
    };
    let mut session = ruleset.session(context, now).with_overrides(overrides);
    let write = |choice: &Choice, details: &Details| {
        let feature = ruleset.decision_id_unread(choice.decision)?;
        let (_, value) = ruleset.assignments(choice.variant).filter(|(of, _)| *of == flag).last()?;
        let mut eval = Json::with_capacity(BYTES_PER_EVAL);
        write_eval(ruleset, choice, details, &mut eval);
        Some(eval.finish().and_then(|eval| {
            let mut json = Json::with_capacity(BYTES_PER_FEATURE);
            write_variable(ruleset.dialect(), &view, feature, &value, &eval, &mut json);
            json.finish()
        }))
    };
    for by_hand in session.overrides().iter().rev() {
        match by_hand.outcome {
            Ok(choice) => {
                if let Some(json) = write(&choice, &Details::default()) {
                    return Single { json: json.map(Some), faults };
                }
            }
            Err(fault) => faults.push(Faulty::new(ruleset, by_hand.decision, fault)),
        }
    }
    let mut details = Details::default();
    let mut json = None;
    for index in ruleset.setters(flag) {
        match session.decide(index, &mut details).and_then(|choice| flagd::told(ruleset, choice)) {
            Ok(Some(choice)) => {
                json = write(&choice, &details);
                if json.is_some() {
                    break;
                }
            }
            Ok(None) => {}
            Err(fault) => faults.push(Faulty::new(ruleset, index, fault)),
        }
    }
    in_order(&mut faults);
    Single { json: json.transpose(), faults }
}

/// Sorts by the ruleset's order; what was found twice, of a variant chosen by hand as well, stays twice.
fn in_order(faults: &mut Vec<Faulty<'_>>) {
    sort(faults, |a, b| a.decision.cmp(&b.decision));
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
    let mut decided = Vec::with_capacity(ruleset.decision_count() as usize);
    let (mut by_hand, mut faults) = (Vec::new(), Vec::new());
    let mut evals = Json::with_capacity((ruleset.decision_count() as usize).saturating_mul(BYTES_PER_EVAL));
    let mut chosen = |choice: Choice, details: &Details| {
        let start = evals.len();
        write_eval(ruleset, &choice, details, &mut evals);
        evals.fits().then(|| Chosen { choice, eval: start..evals.len() })
    };
    let mut too_large = false;
    for index in 0..ruleset.decision_count() {
        match session.decide(index, &mut details).and_then(|choice| flagd::told(ruleset, choice)) {
            Ok(Some(choice)) => match chosen(choice, &details) {
                Some(chosen) => decided.push(chosen),
                None => {
                    too_large = true;
                    break;
                }
            },
            Ok(None) => {}
            Err(fault) => faults.push(Faulty::new(ruleset, index, fault)),
        }
    }
    for found in session.overrides() {
        match found.outcome {
            // Short: a choice made by hand has no reason to tell.
            Ok(choice) => by_hand.extend(chosen(choice, &Details::default())),
            Err(fault) => faults.push(Faulty::new(ruleset, found.decision, fault)),
        }
    }
    in_order(&mut faults);
    let (evals, too_large) = evals.finish().map_or((Vec::new(), true), |evals| (evals, too_large));
    Bucketed { ruleset, evals, decided, by_hand, faults, too_large }
}

impl Bucketed<'_> {
    /// The messages of [`faults`](Self::faults), as the reference would fail with them.
    pub fn fault_messages(&self) -> impl Iterator<Item = String> {
        self.faults.iter().map(|faulty| fault_message(&faulty.fault))
    }

    /// Everything as the reference returns it, in UTF-8: `project`, `environment`, `features`, `featureVariationMap`, `variableVariationMap`,
    /// `variables`.
    ///
    /// # Errors
    /// Above [`MAX_ANSWER_BYTES`].
    pub fn to_json(&self) -> Result<Vec<u8>, TooLarge> {
        self.write(|out| {
            let features = self.features();
            out.raw("{\"project\":");
            out.raw(object_or_empty(self.ruleset.project_json()));
            out.raw(",\"environment\":");
            out.raw(object_or_empty(self.ruleset.environment_json()));
            out.raw(",\"features\":");
            self.write_features(&features, out);
            out.raw(",\"featureVariationMap\":");
            self.write_variation_map(&features, out);
            out.raw(",\"variableVariationMap\":{},\"variables\":");
            self.write_variables(out);
            out.raw("}");
        })
    }

    /// The map of features by key.
    ///
    /// # Errors
    /// Above [`MAX_ANSWER_BYTES`].
    pub fn features_json(&self) -> Result<Vec<u8>, TooLarge> {
        self.write(|out| self.write_features(&self.features(), out))
    }

    /// The map of variables by key. Where several features set one, the last of them wins; the place is that of the first.
    ///
    /// # Errors
    /// Above [`MAX_ANSWER_BYTES`].
    pub fn variables_json(&self) -> Result<Vec<u8>, TooLarge> {
        self.write(|out| self.write_variables(out))
    }

    fn write(&self, write: impl FnOnce(&mut Json)) -> Result<Vec<u8>, TooLarge> {
        if self.too_large {
            return Err(TooLarge);
        }
        let choices = self.decided.len().saturating_add(self.by_hand.len());
        let mut out = Json::with_capacity(choices.saturating_mul(BYTES_PER_FEATURE));
        write(&mut out);
        out.finish()
    }

    /// The features in the order of the answer: what was chosen by hand stands in the place of what was decided.
    fn features(&self) -> Vec<&Chosen> {
        let mut features: Vec<&Chosen> = self.decided.iter().collect();
        for chosen in &self.by_hand {
            match features.iter_mut().find(|other| other.choice.decision == chosen.choice.decision) {
                Some(place) => *place = chosen,
                None => features.push(chosen),
            }
        }
        features
    }

    // Not inlined, nor are those below: all in one, they are more than a compiler of WebAssembly has registers for.
    #[inline(never)]
    fn write_features(&self, features: &[&Chosen], out: &mut Json) {
        let mut members = Members::begin(out);
        for Chosen { choice, eval } in features {
            if let Some(decision) = self.ruleset.decision_unread(choice.decision)
                && let Some(variant) = self.ruleset.variant_unread(choice.variant)
            {
                let eval = self.evals.get(eval.clone()).unwrap_or_default();
                write_feature(&decision, &variant, eval, members.next(decision.key));
            }
        }
        members.end();
    }

    /// The map from features to their variations, by id.
    #[inline(never)]
    fn write_variation_map(&self, features: &[&Chosen], out: &mut Json) {
        let mut members = Members::begin(out);
        for Chosen { choice, .. } in features {
            if let Some(feature) = self.ruleset.decision_id_unread(choice.decision)
                && let Some(variant) = self.ruleset.variant_unread(choice.variant)
            {
                let out = members.next(feature);
                out.text("\":\"", variant.id);
                out.raw("\"");
            }
        }
        members.end();
    }

    #[inline(never)]
    fn write_variables(&self, out: &mut Json) {
        let flags = self.ruleset.len();
        let mut variables: Vec<(FlagIndex, &Chosen, FlagValue<'_>)> = Vec::with_capacity(flags);
        // Where in `variables` each flag is.
        let mut places = vec![usize::MAX; flags];
        for chosen in self.decided.iter().chain(&self.by_hand) {
            for (flag, value) in self.ruleset.assignments(chosen.choice.variant) {
                // A damaged snapshot sets what is no flag.
                let Some(place) = places.get_mut(flag.place()) else { continue };
                match variables.get_mut(*place) {
                    Some(variable) => *variable = (flag, chosen, value),
                    None => {
                        *place = variables.len();
                        variables.push((flag, chosen, value));
                    }
                }
            }
        }
        let mut members = Members::begin(out);
        for (flag, Chosen { choice, eval }, value) in variables {
            if let Some(view) = self.ruleset.flag_unread(flag)
                && let Some(feature) = self.ruleset.decision_id_unread(choice.decision)
            {
                let eval = self.evals.get(eval.clone()).unwrap_or_default();
                let out = members.next(view.key);
                out.raw("\":");
                write_variable(self.ruleset.dialect(), &view, feature, &value, eval, out);
            }
        }
        members.end();
    }
}

/// A snapshot that is damaged there has no text at all.
fn object_or_empty(json: &str) -> &str {
    if json.is_empty() { "{}" } else { json }
}
