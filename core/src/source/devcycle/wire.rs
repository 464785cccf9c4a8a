//! The configuration as DevCycle publishes it (`config/v2/server/<key>.json`). Unknown members are ignored; each feature, variable and
//! audience is read on its own, so that one broken part leaves the others standing.

use std::borrow::Cow;

use crate::source::{FromJson, Misread, Reading};
use crate::value::Value;

/// The members of an object.
pub(super) type Members<'v> = &'v [(Cow<'v, str>, Value<'v>)];

/// The whole document, its parts not yet read.
#[derive(Default)]
pub(super) struct Config<'v> {
    pub project: &'v Value<'v>,
    pub environment: &'v Value<'v>,
    pub features: &'v [Value<'v>],
    pub variables: &'v [Value<'v>],
    pub audiences: Option<Members<'v>>,
}

impl<'v> FromJson<'v> for Config<'v> {
    fn read(&mut self, value: &'v Value<'v>, reading: &mut Reading<'v>) {
        reading.open_object(value, &mut |of| {
            of.required("project", &mut self.project);
            of.required("environment", &mut self.environment);
            of.required("features", &mut self.features);
            of.required("variables", &mut self.variables);
            of.optional("audiences", &mut self.audiences);
        });
    }
}

#[derive(Default)]
pub(super) struct Feature<'v> {
    pub id: &'v str,
    pub key: &'v str,
    pub kind: &'v str,
    pub variations: Vec<Variation<'v>>,
    pub configuration: Configuration<'v>,
    pub settings: &'v Value<'v>,
}

impl<'v> FromJson<'v> for Feature<'v> {
    fn read(&mut self, value: &'v Value<'v>, reading: &mut Reading<'v>) {
        reading.open_object(value, &mut |of| {
            of.required("_id", &mut self.id);
            of.required("key", &mut self.key);
            of.optional("type", &mut self.kind);
            of.required("variations", &mut self.variations);
            of.required("configuration", &mut self.configuration);
            of.optional("settings", &mut self.settings);
        });
    }
}

#[derive(Default)]
pub(super) struct Variation<'v> {
    pub id: &'v str,
    pub name: &'v str,
    pub key: &'v str,
    pub variables: Vec<VariableValue<'v>>,
}

impl<'v> FromJson<'v> for Variation<'v> {
    fn read(&mut self, value: &'v Value<'v>, reading: &mut Reading<'v>) {
        reading.open_object(value, &mut |of| {
            of.required("_id", &mut self.id);
            of.optional("name", &mut self.name);
            of.optional("key", &mut self.key);
            of.required("variables", &mut self.variables);
        });
    }
}

#[derive(Default)]
pub(super) struct VariableValue<'v> {
    pub variable: &'v str,
    pub value: &'v Value<'v>,
}

impl<'v> FromJson<'v> for VariableValue<'v> {
    fn read(&mut self, value: &'v Value<'v>, reading: &mut Reading<'v>) {
        reading.open_object(value, &mut |of| {
            of.required("_var", &mut self.variable);
            of.required("value", &mut self.value);
        });
    }
}

#[derive(Default)]
pub(super) struct Configuration<'v> {
    pub targets: Vec<Target<'v>>,
}

impl<'v> FromJson<'v> for Configuration<'v> {
    fn read(&mut self, value: &'v Value<'v>, reading: &mut Reading<'v>) {
        reading.open_object(value, &mut |of| of.required("targets", &mut self.targets));
    }
}

#[derive(Default)]
pub(super) struct Target<'v> {
    pub id: &'v str,
    pub audience: Audience<'v>,
    pub distribution: Vec<Share<'v>>,
    /// Present-but-null differs from absent: it shows in the reason.
    pub rollout: Option<&'v Value<'v>>,
    pub bucketing_key: &'v Value<'v>,
}

impl<'v> FromJson<'v> for Target<'v> {
    fn read(&mut self, value: &'v Value<'v>, reading: &mut Reading<'v>) {
        reading.open_object(value, &mut |of| {
            of.required("_id", &mut self.id);
            of.required("_audience", &mut self.audience);
            of.required("distribution", &mut self.distribution);
            self.rollout = of.member("rollout");
            of.optional("bucketingKey", &mut self.bucketing_key);
        });
    }
}

#[derive(Default)]
pub(super) struct Audience<'v> {
    /// Kept as JSON: what counts in it is decided by truthiness.
    pub filters: &'v Value<'v>,
}

impl<'v> FromJson<'v> for Audience<'v> {
    fn read(&mut self, value: &'v Value<'v>, reading: &mut Reading<'v>) {
        reading.open_object(value, &mut |of| of.required("filters", &mut self.filters));
    }
}

/// One entry of a distribution.
#[derive(Default)]
pub(super) struct Share<'v> {
    pub variation: &'v str,
    pub percentage: f64,
}

impl<'v> FromJson<'v> for Share<'v> {
    fn read(&mut self, value: &'v Value<'v>, reading: &mut Reading<'v>) {
        reading.open_object(value, &mut |of| {
            of.required("_variation", &mut self.variation);
            of.required("percentage", &mut self.percentage);
        });
    }
}

#[derive(Default)]
pub(super) struct Variable<'v> {
    pub id: &'v str,
    pub key: &'v str,
    pub kind: &'v str,
}

impl<'v> FromJson<'v> for Variable<'v> {
    fn read(&mut self, value: &'v Value<'v>, reading: &mut Reading<'v>) {
        reading.open_object(value, &mut |of| {
            of.required("_id", &mut self.id);
            of.required("key", &mut self.key);
            of.required("type", &mut self.kind);
        });
    }
}

/// What a variable has beyond that: it is passed on to the SDKs.
pub(super) fn rest<'v>(variable: &'v Value<'v>) -> impl Iterator<Item = &'v (Cow<'v, str>, Value<'v>)> {
    let members = match variable {
        Value::Map(members) => members.as_slice(),
        _ => &[],
    };
    // The last three are written by the answer itself.
    members.iter().filter(|(name, _)| !matches!(&**name, "_id" | "key" | "type" | "_feature" | "value" | "eval"))
}

/// Where a defect of a part is, given the path of the part.
pub(super) fn path(part: &str, defect: &Misread) -> String {
    format!("{part}{}", defect.path.trim_start_matches('$'))
}

/// A member of a JSON object.
pub(super) fn member<'v, 'd>(of: &'v Value<'d>, name: &str) -> Option<&'v Value<'d>> {
    match of {
        Value::Map(members) => members.iter().find(|(n, _)| n == name).map(|(_, value)| value),
        _ => None,
    }
}
