//! The configuration as DevCycle publishes it (`config/v2/server/<key>.json`). Unknown members are ignored; each feature, variable and
//! audience is read on its own, so that one broken part leaves the others standing.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::Deserializer;

use crate::source::{Misread, from_value};
use crate::value::{Text, Value};

/// A part of the document: what it says, or why it cannot be read.
pub(super) type Part<'d, T> = Result<T, Unreadable<'d>>;

/// A part that is not what it should be.
#[derive(Debug)]
pub(super) struct Unreadable<'d> {
    pub path: String,
    pub message: String,
    /// What could be read of it.
    pub value: Value<'d>,
}

impl Unreadable<'_> {
    /// Where the defect is, given the path of the part.
    pub fn path(&self, part: &str) -> String {
        format!("{part}{}", self.path.trim_start_matches('$'))
    }
}

/// The whole document.
#[derive(Deserialize)]
pub(super) struct Config<'d> {
    #[serde(borrow)]
    pub project: Value<'d>,
    #[serde(borrow)]
    pub environment: Value<'d>,
    #[serde(borrow, deserialize_with = "parts")]
    pub features: Vec<Part<'d, Feature<'d>>>,
    #[serde(borrow, deserialize_with = "parts")]
    pub variables: Vec<Part<'d, Variable<'d>>>,
    #[serde(borrow, default, deserialize_with = "named_parts")]
    pub audiences: Vec<(Cow<'d, str>, Part<'d, Audience<'d>>)>,
}

#[derive(Deserialize)]
pub(super) struct Feature<'d> {
    #[serde(rename = "_id", borrow, deserialize_with = "text")]
    pub id: Cow<'d, str>,
    #[serde(borrow, deserialize_with = "text")]
    pub key: Cow<'d, str>,
    #[serde(rename = "type", borrow, default, deserialize_with = "text")]
    pub kind: Cow<'d, str>,
    #[serde(borrow)]
    pub variations: Vec<Variation<'d>>,
    #[serde(borrow)]
    pub configuration: Configuration<'d>,
    #[serde(borrow, default)]
    pub settings: Option<Value<'d>>,
}

#[derive(Deserialize)]
pub(super) struct Variation<'d> {
    #[serde(rename = "_id", borrow, deserialize_with = "text")]
    pub id: Cow<'d, str>,
    #[serde(borrow, default, deserialize_with = "text")]
    pub name: Cow<'d, str>,
    #[serde(borrow, default, deserialize_with = "text")]
    pub key: Cow<'d, str>,
    #[serde(borrow)]
    pub variables: Vec<VariableValue<'d>>,
}

#[derive(Deserialize)]
pub(super) struct VariableValue<'d> {
    #[serde(rename = "_var", borrow, deserialize_with = "text")]
    pub variable: Cow<'d, str>,
    #[serde(borrow)]
    pub value: Value<'d>,
}

#[derive(Deserialize)]
pub(super) struct Configuration<'d> {
    #[serde(borrow)]
    pub targets: Vec<Target<'d>>,
}

#[derive(Deserialize)]
pub(super) struct Target<'d> {
    #[serde(rename = "_id", borrow, deserialize_with = "text")]
    pub id: Cow<'d, str>,
    #[serde(rename = "_audience", borrow)]
    pub audience: Audience<'d>,
    #[serde(borrow)]
    pub distribution: Vec<Share<'d>>,
    /// Present-but-null differs from absent: it shows in the reason.
    #[serde(borrow, default, deserialize_with = "present")]
    pub rollout: Option<Value<'d>>,
    #[serde(rename = "bucketingKey", borrow, default)]
    pub bucketing_key: Option<Value<'d>>,
}

#[derive(Deserialize)]
pub(super) struct Audience<'d> {
    /// Kept as JSON: what counts in it is decided by truthiness.
    #[serde(borrow)]
    pub filters: Value<'d>,
}

/// One entry of a distribution.
#[derive(Deserialize)]
pub(super) struct Share<'d> {
    #[serde(rename = "_variation", borrow, deserialize_with = "text")]
    pub variation: Cow<'d, str>,
    pub percentage: f64,
}

/// A variable; what it has beyond the three required members is passed on to the SDKs.
pub(super) struct Variable<'d> {
    pub id: Cow<'d, str>,
    pub key: Cow<'d, str>,
    pub kind: Cow<'d, str>,
    pub rest: Vec<(Cow<'d, str>, Value<'d>)>,
}

impl<'de: 'd, 'd> Deserialize<'de> for Variable<'d> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let Value::Map(mut members) = Value::deserialize(deserializer)? else {
            return Err(D::Error::custom("expected an object"));
        };
        let mut take = |name: &'static str| {
            let at = members.iter().position(|(n, _)| n == name).ok_or_else(|| D::Error::missing_field(name))?;
            match members.remove(at).1 {
                Value::String(text) => Ok(text),
                _ => Err(D::Error::custom(format!("`{name}` is not a string"))),
            }
        };
        let (id, key, kind) = (take("_id")?, take("key")?, take("type")?);
        // These are written by the answer itself.
        members.retain(|(name, _)| !matches!(&**name, "_feature" | "value" | "eval"));
        Ok(Self { id, key, kind, rest: members })
    }
}

fn part<'d, T: Deserialize<'d>>(value: Value<'d>) -> Part<'d, T> {
    from_value(&value).map_err(|Misread { path, message }| Unreadable { path, message, value })
}

fn parts<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<Part<'de, T>>, D::Error> {
    Ok(Vec::<Value<'de>>::deserialize(deserializer)?.into_iter().map(part).collect())
}

type NamedParts<'de, T> = Vec<(Cow<'de, str>, Part<'de, T>)>;

fn named_parts<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<NamedParts<'de, T>, D::Error> {
    use serde::de::Error;
    match Value::deserialize(deserializer)? {
        Value::Map(members) => Ok(members.into_iter().map(|(name, value)| (name, part(value))).collect()),
        Value::Null => Ok(Vec::new()),
        _ => Err(D::Error::custom("expected an object")),
    }
}

fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Cow<'de, str>, D::Error> {
    Text::deserialize(deserializer).map(|text| text.0)
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value<'de>>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// A member of a JSON object.
pub(super) fn member<'v, 'd>(of: &'v Value<'d>, name: &str) -> Option<&'v Value<'d>> {
    match of {
        Value::Map(members) => members.iter().find(|(n, _)| n == name).map(|(_, value)| value),
        _ => None,
    }
}
