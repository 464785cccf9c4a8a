//! Features: their variations, targets, distributions and rollouts.

use super::Lowering;
use super::conditions::Place;
use super::wire::{self, Feature, Share, Target, Variation, member};
use crate::context::attribute_hash;
use crate::hash::murmur3;
use crate::snapshot::layout::{Assignment, Decision, Rule, Split, Stage, Terms, Text, Variant};
use crate::snapshot::{ValueKind, index, since};
use crate::sort;
use crate::source::{Misread, from_value};
use crate::value::Value;

/// The seed from which each target's own seed is hashed (facts 2.1).
const BASE_SEED: u32 = 1;

/// Percentages are compared with 1 to within what adding decimal fractions in doubles loses.
const ROUNDING: f64 = 1e-9;

impl<'v> Lowering<'_, 'v> {
    pub(super) fn features(&mut self, features: &'v [Value<'v>]) {
        let mut setters: Vec<Vec<u32>> = vec![Vec::new(); self.builder.flags.len()];
        for (i, value) in features.iter().enumerate() {
            let path = format!("$.features[{i}]");
            let decision = index(&self.builder.decisions);
            let sets = match from_value::<Feature<'_>>(value) {
                Ok(feature) => self.feature(&feature, &path),
                Err(misread) => self.broken_feature(value, &misread, &path, i),
            };
            for flag in sets {
                if let Some(of_flag) = setters.get_mut(flag as usize)
                    && of_flag.last() != Some(&decision)
                {
                    of_flag.push(decision);
                }
            }
        }
        // The later feature has the last word (facts 2.9).
        for (flag, of_flag) in setters.into_iter().enumerate() {
            let start = index(&self.builder.setters);
            self.builder.setters.extend(of_flag.into_iter().rev());
            let range = since(&self.builder.setters, start);
            if let Some(flag) = self.builder.flags.get_mut(flag) {
                flag.setters = range;
            }
        }
    }

    /// A feature that cannot be read is kept, so that the flags it would set answer with an error.
    fn broken_feature(&mut self, feature: &Value<'v>, misread: &Misread, path: &str, place: usize) -> Vec<u32> {
        let defect = wire::path(path, misread);
        let message = format!("this feature cannot be used, and its variables answer ERROR: {}", misread.message);
        self.diagnostics.error(&defect, message, "correct it in DevCycle and export the configuration again");
        let text = |name: &str| member(feature, name).and_then(Value::as_str);
        let id = self.builder.text(text("_id").unwrap_or_default());
        let key = self.builder.text(text("key").unwrap_or(&format!("features[{place}]")));
        let broken = self.builder.text(&format!("{}: {}", defect, misread.message));
        let record = Decision { id, key, note: broken, bits: Decision::BROKEN, ..Decision::default() };
        self.builder.decisions.push(record);
        let items = |value: Option<&Value<'v>>| match value {
            Some(Value::List(items)) => items.clone(),
            _ => Vec::new(),
        };
        items(member(feature, "variations"))
            .iter()
            .flat_map(|variation| items(member(variation, "variables")))
            .filter_map(|variable| self.flags.get(member(&variable, "_var")?.as_str()?))
            .collect()
    }

    /// Lowers a feature; the flags that it may set, some of them repeatedly.
    fn feature(&mut self, feature: &Feature<'v>, path: &str) -> Vec<u32> {
        let opt_in = member(feature.settings, "optInEnabled").is_some_and(Value::is_truthy);
        let settings = Some(feature.settings).filter(|settings| !matches!(settings, Value::Null));
        let record = Decision {
            id: self.builder.text(feature.id),
            key: self.builder.text(feature.key),
            kind: self.builder.text(feature.kind),
            note: settings.map_or(Text::default(), |s| self.builder.text(&s.to_json())),
            bits: if opt_in { Decision::OPT_IN } else { 0 },
            ..Decision::default()
        };
        let mut sets = Vec::new();
        let first_variant = index(&self.builder.variants);
        for (i, variation) in feature.variations.iter().enumerate() {
            self.variation(variation, &format!("{path}.variations[{i}]"), &mut sets);
        }
        let variants = since(&self.builder.variants, first_variant);
        let first_rule = index(&self.builder.rules);
        for (i, target) in feature.configuration.targets.iter().enumerate() {
            self.target(target, feature, &format!("{path}.configuration.targets[{i}]"));
        }
        let rules = since(&self.builder.rules, first_rule);
        self.builder.decisions.push(Decision { rules, variants, ..record });
        sets
    }

    fn variation(&mut self, variation: &Variation<'v>, path: &str, sets: &mut Vec<u32>) {
        let start = index(&self.builder.assignments);
        let mut missing = None;
        for (i, set) in variation.variables.iter().enumerate() {
            let Some(flag) = self.flags.get(set.variable) else {
                let message = format!(
                    "there is no variable with the _id `{}`; users who get this variation have no feature",
                    set.variable
                );
                self.diagnostics.error(
                    &format!("{path}.variables[{i}]._var"),
                    message,
                    "add the variable, or remove it from the variation",
                );
                missing = missing.or(Some(set.variable));
                continue;
            };
            self.check_type(flag, set.value, &format!("{path}.variables[{i}].value"));
            let literal = self.builder.literal(set.value);
            let value = self.builder.value(literal);
            self.builder.assignments.push(Assignment { flag, value });
            sets.push(flag);
        }
        let variant = Variant {
            id: self.builder.text(variation.id),
            key: self.builder.text(variation.key),
            name: self.builder.text(variation.name),
            assignments: since(&self.builder.assignments, start),
        };
        if let Some(id) = missing {
            self.builder.incomplete(id);
        }
        self.builder.variants.push(variant);
    }

    fn check_type(&mut self, flag: u32, value: &Value<'_>, path: &str) {
        let Some(declared) = self.builder.flags.get(flag as usize).map(|f| ValueKind::from_u8(f.kind)) else {
            return;
        };
        let fits = match value {
            Value::Bool(_) => declared == ValueKind::Boolean,
            Value::Number(_) => declared == ValueKind::Number,
            Value::String(_) => declared == ValueKind::String,
            Value::Null | Value::List(_) | Value::Map(_) => declared == ValueKind::Structure,
        };
        if !fits {
            let message = format!(
                "the value {} is not of the variable's type {declared:?}; SDKs will use their default",
                value.to_json()
            );
            self.diagnostics.warning(path, message, "correct the value or the variable's type");
        }
    }

    fn target(&mut self, target: &Target<'v>, feature: &Feature<'v>, path: &str) {
        let condition = index(&self.builder.conditions);
        self.builder.conditions.push(crate::snapshot::layout::Condition::default());
        self.condition(condition, target.audience.filters, Place::Root, &format!("{path}._audience.filters"), 0);
        let alone = since(&self.builder.conditions, condition).len == 1;
        let condition = if alone { self.builder.share_conditions(condition).start } else { condition };
        let start = index(&self.builder.splits);
        self.distribution(&target.distribution, feature, &format!("{path}.distribution"));
        let bucket_by = match target.bucketing_key {
            Value::String(key) if !key.is_empty() && key != "user_id" => &**key,
            Value::String(_) | Value::Null => "",
            _ => {
                let message = "the bucketing key is no string; users are split by user_id";
                self.diagnostics.warning(
                    &format!("{path}.bucketingKey"),
                    message,
                    "name a custom data key, or remove it",
                );
                ""
            }
        };
        let mut terms = match target.rollout {
            Some(rollout) if rollout.is_truthy() => self.rollout(rollout, &format!("{path}.rollout")),
            Some(_) => Terms { bits: Terms::MENTIONED, ..Terms::default() },
            None => Terms::default(),
        };
        if !bucket_by.is_empty() {
            terms.bucket_by = self.builder.text(bucket_by);
            terms.bucket_by_hash = attribute_hash(bucket_by.as_bytes());
        }
        let rule = Rule {
            id: self.builder.text(target.id),
            seed: murmur3(target.id.as_bytes(), BASE_SEED),
            condition,
            terms: self.builder.terms(terms),
            splits: self.builder.share_splits(start),
        };
        self.builder.rules.push(rule);
    }

    /// In descending order of the variation's id, by UTF-16 code units, equal ids as written; sums as doubles in that order (facts 2.3).
    fn distribution(&mut self, shares: &[Share<'v>], feature: &Feature<'v>, path: &str) {
        let mut ordered: Vec<&Share<'_>> = shares.iter().collect();
        sort(&mut ordered, |a, b| b.variation.encode_utf16().cmp(a.variation.encode_utf16()));
        let mut upto = 0.0;
        for share in ordered {
            upto += share.percentage;
            let found = feature.variations.iter().zip(0..).find(|(v, _)| v.id == share.variation);
            if found.is_none() {
                let message = format!(
                    "there is no variation with the _id `{}`; users who fall there have no feature",
                    share.variation
                );
                self.diagnostics.error(path, message, "give its share to a variation of this feature");
            }
            let variant = found.map_or_else(|| self.builder.absent(share.variation), |(_, at)| at);
            self.builder.splits.push(Split { upto, variant });
        }
        if upto < 1.0 - ROUNDING {
            let total = Value::Number(upto).to_json();
            let message = format!("the percentages add up to {total}; users beyond that have no feature");
            self.diagnostics.error(path, message, "let them add up to 1");
        }
    }

    fn rollout(&mut self, rollout: &Value<'_>, path: &str) -> Terms {
        let scheduled = member(rollout, "type").and_then(Value::as_str) == Some("schedule");
        let percentage = number(member(rollout, "startPercentage"));
        if !scheduled && percentage.is_nan() {
            let message = "a rollout other than `schedule` needs a numeric startPercentage; everyone who reaches this target gets an error";
            self.diagnostics.error(&format!("{path}.startPercentage"), message, "set it to a fraction between 0 and 1");
        }
        let start = self.date(member(rollout, "startDate"), &format!("{path}.startDate"));
        let first = index(&self.builder.stages);
        if let Some(Value::List(stages)) = member(rollout, "stages") {
            for (i, stage) in stages.iter().enumerate() {
                let date = self.date(member(stage, "date"), &format!("{path}.stages[{i}].date"));
                let percentage = number(member(stage, "percentage"));
                if percentage.is_nan() {
                    self.diagnostics.error(
                        &format!("{path}.stages[{i}].percentage"),
                        "not a number: nobody passes this stage",
                        "set it to a fraction between 0 and 1",
                    );
                }
                let discrete = u8::from(member(stage, "type").and_then(Value::as_str) == Some("discrete"));
                self.builder.stages.push(Stage { date, percentage, discrete });
            }
        }
        let stages = since(&self.builder.stages, first);
        let scheduled = if scheduled { Terms::SCHEDULED } else { 0 };
        let bits = Terms::MENTIONED | Terms::ROLLOUT | scheduled;
        Terms { bits, start, percentage, stages, ..Terms::default() }
    }

    /// A date in milliseconds; NaN, with a diagnostic, where it is none, so that it compares false as in JavaScript.
    fn date(&mut self, date: Option<&Value<'_>>, path: &str) -> f64 {
        let parsed = date.and_then(Value::as_str).and_then(crate::Timestamp::parse);
        if parsed.is_none() {
            let found = date.map_or("nothing".to_owned(), Value::to_json);
            self.diagnostics.error(
                path,
                format!("{found} is no date: it never comes"),
                "write it as 2026-03-08T00:00:00.000Z",
            );
        }
        // Exact: dates stay far below 2^53 milliseconds.
        #[allow(clippy::cast_precision_loss)]
        parsed.map_or(f64::NAN, |moment| moment.0 as f64)
    }
}

const fn number(value: Option<&Value<'_>>) -> f64 {
    match value {
        Some(Value::Number(n)) => *n,
        _ => f64::NAN,
    }
}
