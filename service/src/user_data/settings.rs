//! The setting `user_data`: whose attributes are stored together, who may write them, how long they last.

use jackstaff_core::Value;
use jackstaff_core::source::{FromJson, Reading, read};

use super::Remote;
use crate::auth::KeyKind;

/// 20 ms: below what a user notices, above what the stores of Spin and Fastly take when they are well.
const DEFAULT_READ_LIMIT_MS: u32 = 20;

/// Who waits longer has no time limit. Fastly ends a request after two minutes.
const MAX_READ_LIMIT_MS: u32 = 10_000;

/// Ten years.
const MAX_EXPIRE_DAYS: u32 = 3_650;

/// As for environments: part of a key in the store.
const MAX_NAMESPACE_LENGTH: usize = 100;

/// Names on the allow list; it is looked through for every attribute that a client writes.
const MAX_CLIENT_WRITES: usize = 250;

/// How user data is stored and who may write it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserDataSettings {
    /// Whether there is user data at all.
    pub enabled: bool,
    /// What all environments of the deployment share; without it each has its own.
    namespace: Option<String>,
    client_writes: ClientWrites,
    /// Milliseconds that a decision waits for the stored attributes.
    pub read_limit_ms: u32,
    /// Milliseconds after its last change that a document expires.
    pub lifetime_ms: Option<i64>,
    /// Another Jackstaff that keeps the user data; none where the platform's own store does.
    pub(super) remote: Option<Remote>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum ClientWrites {
    /// Everything, as DevCycle has it.
    All,
    /// These: `email`, `customData.stars`. By default none.
    Listed(Vec<String>),
}

struct Wire {
    enabled: bool,
    namespace: Option<String>,
    client_writes: ListOrAll,
    read_limit_ms: u32,
    expire_days: Option<u32>,
    remote: Option<Remote>,
}

impl Default for Wire {
    fn default() -> Self {
        Self {
            enabled: true,
            namespace: None,
            client_writes: ListOrAll::List(Vec::new()),
            read_limit_ms: DEFAULT_READ_LIMIT_MS,
            expire_days: None,
            remote: None,
        }
    }
}

impl<'v> FromJson<'v> for Wire {
    fn read(&mut self, value: &'v Value<'v>, reading: &mut Reading<'v>) {
        reading.object(value, &mut |of| {
            of.optional("enabled", &mut self.enabled);
            of.optional("namespace", &mut self.namespace);
            of.optional("client_writes", &mut self.client_writes);
            of.optional("read_limit_ms", &mut self.read_limit_ms);
            of.optional("expire_days", &mut self.expire_days);
            of.optional("remote", &mut self.remote);
        });
    }
}

enum ListOrAll {
    List(Vec<String>),
    Word(String),
}

impl<'v> FromJson<'v> for ListOrAll {
    fn read(&mut self, value: &'v Value<'v>, reading: &mut Reading<'v>) {
        *self = match value {
            Value::String(word) => Self::Word(word.to_string()),
            _ => {
                let mut names = Vec::new();
                names.read(value, reading);
                Self::List(names)
            }
        };
    }
}

impl UserDataSettings {
    /// Reads the setting's text; an empty one gives the defaults.
    ///
    /// # Errors
    /// What is wrong with it and what to do.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wire: Wire = match text.trim() {
            "" => Wire::default(),
            text => read::<Wire>(text.as_bytes()).map_err(|error| {
                format!(
                    "is no such JSON object as {{\"namespace\":\"shop\",\"client_writes\":[\"customData.stars\"],\"read_limit_ms\":20,\"expire_days\":90}}: {error}"
                )
            })?,
        };
        let namespace = wire.namespace.map(namespace).transpose()?;
        if !(1..=MAX_READ_LIMIT_MS).contains(&wire.read_limit_ms) {
            return Err(format!("has a bad `read_limit_ms`: it takes 1 to {MAX_READ_LIMIT_MS} milliseconds"));
        }
        let lifetime_ms = match wire.expire_days {
            None => None,
            Some(days @ 1..=MAX_EXPIRE_DAYS) => Some(i64::from(days).saturating_mul(86_400_000)),
            Some(_) => {
                return Err(format!("has a bad `expire_days`: it takes 1 to {MAX_EXPIRE_DAYS} days, or leave it out"));
            }
        };
        let client_writes = match wire.client_writes {
            ListOrAll::Word(word) if word == "all" => ClientWrites::All,
            ListOrAll::List(names) if names.len() <= MAX_CLIENT_WRITES => ClientWrites::Listed(names),
            _ => {
                return Err(format!(
                    "has a bad `client_writes`: it takes a list of at most {MAX_CLIENT_WRITES} attributes such as \"email\" and \
                     \"customData.stars\", or \"all\""
                ));
            }
        };
        if let Some(remote) = &wire.remote {
            remote.check()?;
        }
        let remote = wire.remote;
        Ok(Self {
            remote,
            enabled: wire.enabled,
            namespace,
            client_writes,
            read_limit_ms: wire.read_limit_ms,
            lifetime_ms,
        })
    }

    /// Where the users of `environment` lie.
    #[must_use]
    pub fn namespace<'s>(&'s self, environment: &'s str) -> &'s str {
        self.namespace.as_deref().unwrap_or(environment)
    }

    /// Whether another Jackstaff keeps the user data.
    #[must_use]
    pub const fn is_remote(&self) -> bool {
        self.remote.is_some()
    }

    /// Whether a key of `kind` may write the attribute `name` (`email`, `customData.stars`). A client's key is public: whoever has it could
    /// otherwise write anything about any user.
    #[must_use]
    pub fn may_write(&self, kind: KeyKind, name: &str) -> bool {
        match (kind, &self.client_writes) {
            (KeyKind::Server | KeyKind::Admin, _) | (_, ClientWrites::All) => true,
            (_, ClientWrites::Listed(names)) => names.iter().any(|listed| listed == name),
        }
    }
}

fn namespace(name: String) -> Result<String, String> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if name.is_empty() || name.len() > MAX_NAMESPACE_LENGTH || !name.bytes().all(legal) {
        return Err(format!(
            "has a bad `namespace`: it takes 1 to {MAX_NAMESPACE_LENGTH} letters, digits, `-`, `_` and `.`, as it is part of a key in the store"
        ));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_default_clients_write_nothing() {
        let settings = UserDataSettings::parse("").unwrap();
        assert!(settings.enabled && settings.read_limit_ms == 20 && settings.lifetime_ms.is_none());
        assert_eq!(settings.namespace("prod"), "prod");
        for kind in [KeyKind::Client, KeyKind::Mobile] {
            assert!(!settings.may_write(kind, "email"));
        }
        for kind in [KeyKind::Server, KeyKind::Admin] {
            assert!(settings.may_write(kind, "email"));
        }
    }

    #[test]
    fn what_clients_may_write_is_listed() {
        let settings =
            UserDataSettings::parse(r#"{"namespace":"shop","client_writes":["customData.stars"],"expire_days":1}"#)
                .unwrap();
        assert!(settings.may_write(KeyKind::Client, "customData.stars"));
        assert!(!settings.may_write(KeyKind::Mobile, "customData"));
        assert!(!settings.may_write(KeyKind::Client, "stars"));
        assert_eq!(settings.namespace("prod"), "shop");
        assert_eq!(settings.lifetime_ms, Some(86_400_000));
        assert!(UserDataSettings::parse(r#"{"client_writes":"all"}"#).unwrap().may_write(KeyKind::Client, "email"));
    }

    #[test]
    fn mistakes_are_named() {
        for (text, part) in [
            ("[]", "JSON object"),
            (r#"{"client_write":[]}"#, "client_write"),
            (r#"{"client_writes":"everything"}"#, "`client_writes`"),
            (r#"{"read_limit_ms":0}"#, "`read_limit_ms`"),
            (r#"{"expire_days":0}"#, "`expire_days`"),
            (r#"{"namespace":"a:b"}"#, "`namespace`"),
        ] {
            let error = UserDataSettings::parse(text).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
