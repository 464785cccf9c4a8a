//! What a service does that keeps its ruleset as JSON: parse it into typed structs that borrow from the text, and decide from those.
//!
//! The structs hold only what deciding takes. They understand the generated configuration and no more; anything else fails.

use std::collections::HashMap;

use anyhow::{Context as _, Result, bail};
use jackstaff_core::{Context, Scope, Value, murmur3};
use serde::Deserialize;

#[derive(Deserialize)]
struct Config<'d> {
    #[serde(borrow)]
    audiences: HashMap<&'d str, Audience<'d>>,
    #[serde(borrow)]
    variables: Vec<Variable<'d>>,
    #[serde(borrow)]
    features: Vec<Feature<'d>>,
}

#[derive(Deserialize)]
struct Variable<'d> {
    #[serde(rename = "_id")]
    id: &'d str,
    key: &'d str,
}

#[derive(Deserialize)]
struct Feature<'d> {
    #[serde(rename = "_id")]
    id: &'d str,
    #[serde(borrow)]
    variations: Vec<Variation<'d>>,
    #[serde(borrow)]
    configuration: Configuration<'d>,
}

#[derive(Deserialize)]
struct Variation<'d> {
    #[serde(rename = "_id")]
    id: &'d str,
    #[serde(borrow)]
    variables: Vec<Assignment<'d>>,
}

#[derive(Deserialize)]
struct Assignment<'d> {
    #[serde(rename = "_var")]
    variable: &'d str,
    #[serde(borrow)]
    value: Value<'d>,
}

#[derive(Deserialize)]
struct Configuration<'d> {
    #[serde(borrow)]
    targets: Vec<Target<'d>>,
}

#[derive(Deserialize)]
struct Target<'d> {
    #[serde(rename = "_id")]
    id: &'d str,
    #[serde(rename = "_audience", borrow)]
    audience: Audience<'d>,
    #[serde(borrow)]
    distribution: Vec<Share<'d>>,
    #[serde(borrow)]
    rollout: Option<Rollout<'d>>,
}

#[derive(Deserialize)]
struct Rollout<'d> {
    #[serde(rename = "type")]
    kind: &'d str,
    #[serde(rename = "startDate")]
    start: &'d str,
}

#[derive(Deserialize)]
struct Audience<'d> {
    #[serde(borrow)]
    filters: Group<'d>,
}

#[derive(Deserialize)]
struct Group<'d> {
    operator: &'d str,
    #[serde(borrow)]
    filters: Vec<Filter<'d>>,
}

#[derive(Deserialize)]
struct Filter<'d> {
    #[serde(rename = "type")]
    kind: &'d str,
    #[serde(rename = "subType")]
    sub_type: Option<&'d str>,
    comparator: Option<&'d str>,
    #[serde(rename = "dataKey")]
    data_key: Option<&'d str>,
    #[serde(borrow)]
    values: Vec<&'d str>,
    #[serde(rename = "_audiences", borrow)]
    audiences: Vec<&'d str>,
}

#[derive(Deserialize)]
struct Share<'d> {
    #[serde(rename = "_variation")]
    variation: &'d str,
    percentage: f64,
}

/// Parses the configuration and decides one flag from it.
pub fn first_decision<'d>(config: &'d [u8], flag: &str, context: &Context<'_>, now: i64) -> Result<Option<Value<'d>>> {
    let config: Config<'d> = serde_json::from_slice(config)?;
    let variable = config.variables.iter().find(|variable| variable.key == flag).context("no such flag")?.id;
    let sets = |variation: &Variation<'d>| variation.variables.iter().position(|set| set.variable == variable);
    let Some(feature) = config.features.iter().find(|f| f.variations.iter().any(|v| sets(v).is_some())) else {
        return Ok(None);
    };
    for target in &feature.configuration.targets {
        if !config.group(&target.audience.filters, context)? {
            continue;
        }
        if let Some(rollout) = &target.rollout
            && (rollout.kind != "schedule"
                || rollout.start.parse::<chrono::DateTime<chrono::Utc>>()?.timestamp_millis() > now)
        {
            bail!("this rollout is not in the generated configuration");
        }
        let Some(variation) = target.split(context.targeting_key().unwrap_or_default()) else {
            return Ok(None);
        };
        let variation = feature.variations.iter().find(|v| v.id == variation);
        let variation = variation.with_context(|| format!("feature {} has no such variation", feature.id))?;
        return Ok(sets(variation).map(|at| variation.variables[at].value.clone()));
    }
    Ok(None)
}

impl Config<'_> {
    fn group(&self, group: &Group<'_>, context: &Context<'_>) -> Result<bool> {
        let decisive = group.operator == "or";
        for filter in &group.filters {
            if self.filter(filter, context)? == decisive {
                return Ok(decisive);
            }
        }
        Ok(!decisive)
    }

    fn filter(&self, filter: &Filter<'_>, context: &Context<'_>) -> Result<bool> {
        let custom = || context.get(Scope::Custom, filter.data_key?)?.as_str();
        Ok(match (filter.kind, filter.sub_type, filter.comparator) {
            ("all", ..) => true,
            ("audienceMatch", _, Some("=")) => {
                for id in &filter.audiences {
                    if self.group(&self.audiences.get(id).context("no such audience")?.filters, context)? {
                        return Ok(true);
                    }
                }
                false
            }
            ("user", Some("user_id"), Some("=")) => context.targeting_key().is_some_and(|k| filter.values.contains(&k)),
            ("user", Some("country"), Some("=")) => context
                .get(Scope::Profile, "country")
                .and_then(Value::as_str)
                .is_some_and(|country| filter.values.contains(&country)),
            ("user", Some("customData"), Some("contain")) => {
                custom().is_some_and(|text| filter.values.iter().any(|value| text.contains(value)))
            }
            _ => bail!("this filter is not in the generated configuration"),
        })
    }
}

impl<'d> Target<'d> {
    fn split(&self, user: &str) -> Option<&'d str> {
        let bucket = f64::from(murmur3(user.as_bytes(), murmur3(self.id.as_bytes(), 1))) / f64::from(u32::MAX);
        let mut shares: Vec<&Share<'d>> = self.distribution.iter().collect();
        shares.sort_by(|a, b| b.variation.cmp(a.variation));
        let mut upto = 0.0;
        shares.into_iter().find_map(|share| {
            upto += share.percentage;
            (bucket < upto || (upto == 1.0 && bucket == 1.0)).then_some(share.variation)
        })
    }
}
