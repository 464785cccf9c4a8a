//! What of a DevCycle user is stored (facts 8): a whole user becomes a patch of the stored attributes.

use std::borrow::Cow;

use jackstaff_core::Value;
use jackstaff_core::source::document;

use crate::user_data::{Custom, LAST_SEEN, Patch};

/// What describes the user, whatever they use: stored (facts 8).
const STORED: [&str; 5] = ["email", "name", "language", "country", LAST_SEEN];

/// What describes the device or the call, or is not ours to keep: SDKs send it along, and it is left out.
const LEFT_OUT: [&str; 13] = [
    "privateCustomData",
    "appVersion",
    "appBuild",
    "createdDate",
    "platform",
    "platformVersion",
    "deviceModel",
    "sdkType",
    "sdkVersion",
    "sdkPlatform",
    "hostname",
    "isAnonymous",
    "isDebug",
];

/// Whether an unknown attribute is refused or passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// To be stored: a misspelt name is told, and `null` removes.
    Patch,
    /// Beside a decision, which reads the same user: what it passes over is passed over, and so is `null`.
    Beside,
}

/// Reads a user object to be stored under `id`.
///
/// # Errors
/// Where an attribute is of the wrong type or unknown: its JSON path, and what to do.
pub(super) fn parse<'a>(json: &'a [u8], id: &str, reading: Reading) -> Result<Patch<'a>, String> {
    let members = match document(json) {
        Ok(Value::Map(members)) => members,
        Ok(_) => return Err("$: the user must be a JSON object".to_owned()),
        Err(error) => return Err(format!("$: the user is not JSON: {error}")),
    };
    let mut patch = Patch::default();
    for (name, value) in members {
        match &*name {
            "user_id" if value.as_str() == Some(id) || reading == Reading::Beside => {}
            "user_id" => return Err("$.user_id: must be the user of the path, or be left out".to_owned()),
            "customData" => patch.custom = custom(value, reading)?,
            known if STORED.contains(&known) => profile(&mut patch, name, value, reading)?,
            known if LEFT_OUT.contains(&known) || reading == Reading::Beside => {}
            unknown => {
                let unknown: String = unknown.chars().take(MAX_SHOWN).collect();
                return Err(format!(
                    "$.{unknown}: is no attribute that is stored ({}): put your own into customData",
                    STORED.join(", ")
                ));
            }
        }
    }
    Ok(patch)
}

/// Characters of an unknown name that an error repeats.
const MAX_SHOWN: usize = 100;

fn profile<'a>(patch: &mut Patch<'a>, name: Cow<'a, str>, value: Value<'a>, reading: Reading) -> Result<(), String> {
    match &value {
        Value::Null if reading == Reading::Beside => return Ok(()),
        Value::Null | Value::String(_) => {}
        Value::Number(_) if name == LAST_SEEN => {}
        _ => return Err(format!("$.{name}: must be a string, or null to remove it")),
    }
    patch.profile.push((name, value));
    Ok(())
}

fn custom(value: Value<'_>, reading: Reading) -> Result<Option<Custom<'_>>, String> {
    match (value, reading) {
        (Value::Map(members), Reading::Patch) => Ok(Some(Custom::Merge(members))),
        (Value::Map(members), Reading::Beside) => {
            Ok(Some(Custom::Merge(members.into_iter().filter(|(_, value)| *value != Value::Null).collect())))
        }
        (Value::Null, Reading::Patch) => Ok(Some(Custom::Clear)),
        (Value::Null, Reading::Beside) => Ok(None),
        _ => Err("$.customData: must be an object, or null to remove all of it".to_owned()),
    }
}

/// The attributes that the patch touches and `allowed` does not allow, as the setting names them. When the user was last seen is always
/// allowed: every SDK sends it.
pub(super) fn forbidden(patch: &Patch<'_>, allowed: impl Fn(&str) -> bool) -> Vec<String> {
    let profile = patch.profile.iter().map(|(name, _)| name.to_string()).filter(|name| name != LAST_SEEN);
    let custom: Vec<String> = match &patch.custom {
        None => Vec::new(),
        Some(Custom::Clear) => vec!["customData".to_owned()],
        Some(Custom::Merge(members)) => members.iter().map(|(name, _)| format!("customData.{name}")).collect(),
    };
    profile.chain(custom).filter(|name| !allowed(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(json: &str) -> String {
        parse(json.as_bytes(), "u", Reading::Patch).unwrap_err()
    }

    #[test]
    fn keeps_what_describes_the_user() {
        let json = br#"{"user_id":"u","email":"a","country":null,"appVersion":"1","privateCustomData":{"x":1},"customData":{"n":null}}"#;
        let patch = parse(json, "u", Reading::Patch).unwrap();
        assert_eq!(patch.profile, [("email".into(), Value::String("a".into())), ("country".into(), Value::Null)]);
        assert_eq!(patch.custom, Some(Custom::Merge(vec![("n".into(), Value::Null)])));
        let patch = parse(json, "u", Reading::Beside).unwrap();
        assert_eq!(patch.profile, [("email".into(), Value::String("a".into()))]);
        assert_eq!(patch.custom, Some(Custom::Merge(Vec::new())));
        assert_eq!(parse(br#"{"customData":null}"#, "u", Reading::Patch).unwrap().custom, Some(Custom::Clear));
    }

    #[test]
    fn names_what_is_wrong() {
        for (json, path) in [
            ("[]", "$: "),
            ("{", "$: "),
            (r#"{"user_id":"v"}"#, "$.user_id: "),
            (r#"{"email":7}"#, "$.email: "),
            (r#"{"costumData":{}}"#, "$.costumData: "),
            (r#"{"customData":[]}"#, "$.customData: "),
        ] {
            assert!(error(json).starts_with(path), "{}", error(json));
        }
        assert!(error(&format!("{{\"{}\":1}}", "x".repeat(100_000))).len() < 300);
    }

    #[test]
    fn lists_what_a_client_may_not_write() {
        let patch =
            parse(br#"{"email":"a","lastSeenDate":1,"customData":{"a":1,"b":2}}"#, "u", Reading::Patch).unwrap();
        assert_eq!(forbidden(&patch, |name| name == "customData.a"), ["email", "customData.b"]);
        let patch = parse(br#"{"customData":null}"#, "u", Reading::Patch).unwrap();
        assert_eq!(forbidden(&patch, |name| name == "customData.a"), ["customData"]);
    }
}
