//! What a deployment keeps between requests.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jackstaff_core::Timestamp;

use crate::config::{Config, ConfigError};
use crate::platform::Platform;
use crate::rate_limit::Limiter;
use crate::ruleset_supply::{Origins, Supplied, Supply, Unsupplied};

/// Settings are read again this often, in milliseconds, so that a revoked key ends within a minute where an instance lives long.
const CONFIG_CACHE_MS: i64 = 60_000;

/// One deployment: its platform, its settings and the rulesets in use. Shared by all requests of an instance.
#[derive(Debug)]
pub struct Service<P> {
    platform: P,
    config: Mutex<Option<(Timestamp, Arc<Config>)>>,
    rulesets: Rulesets,
    limiter: Limiter,
}

/// Where rulesets come from.
#[derive(Debug)]
enum Rulesets {
    /// The platform's key-value store, in the order of environments: as many as the keys name.
    Store(Mutex<Vec<(String, Arc<Supply>)>>),
    /// Somebody else keeps the ruleset of this one environment up to date.
    Given(String, Arc<Supply>),
}

/// What is locked stays whole whatever happens: every change is one assignment.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<P: Platform> Service<P> {
    /// A service on `platform` that has read nothing yet.
    pub const fn new(platform: P) -> Self {
        Self {
            platform,
            config: Mutex::new(None),
            rulesets: Rulesets::Store(Mutex::new(Vec::new())),
            limiter: Limiter::new(),
        }
    }

    /// A service that decides on the ruleset in `supply`, which somebody else fills, and on no other.
    pub const fn with_ruleset(platform: P, environment: String, supply: Arc<Supply>) -> Self {
        Self {
            platform,
            config: Mutex::new(None),
            rulesets: Rulesets::Given(environment, supply),
            limiter: Limiter::new(),
        }
    }

    /// The platform.
    pub const fn platform(&self) -> &P {
        &self.platform
    }

    /// The settings. Once they are due to be read again, the ones in use do not outlive a failure: a key that somebody meant to revoke must
    /// not stay because its replacement cannot be read.
    ///
    /// # Errors
    /// Where they cannot be read or used.
    pub(crate) async fn config(&self, now: Timestamp) -> Result<Arc<Config>, ConfigError> {
        if let Some((read, config)) = &*lock(&self.config)
            && (0..CONFIG_CACHE_MS).contains(&now.0.saturating_sub(read.0))
        {
            return Ok(config.clone());
        }
        match Config::load(&self.platform).await {
            Ok(config) => {
                let config = Arc::new(config);
                *lock(&self.config) = Some((now, config.clone()));
                Ok(config)
            }
            Err(error) => {
                self.platform.log(&error.to_string());
                Err(error)
            }
        }
    }

    /// Counts a request of the key with this digest against the limit, if there is one.
    ///
    /// # Errors
    /// The seconds after which it is worth asking again.
    pub(crate) fn count(&self, config: &Config, digest: [u8; 32], now: Timestamp) -> Result<(), u64> {
        config.rate_limit.map_or(Ok(()), |limit| self.limiter.take(digest, limit, now))
    }

    /// The ruleset of `environment`.
    ///
    /// # Errors
    /// Where none was ever loaded.
    pub(crate) async fn ruleset(
        &self,
        environment: &str,
        config: &Config,
        now: Timestamp,
    ) -> Result<Supplied, Unsupplied> {
        let supply = match &self.rulesets {
            Rulesets::Given(own, supply) if own == environment => return supply.current(now),
            Rulesets::Given(own, _) => return Err(Unsupplied(format!("here is only the one of `{own}`"))),
            Rulesets::Store(_) if !P::STORES_RULESETS => return Err(Unsupplied("here is none".to_owned())),
            Rulesets::Store(supplies) => {
                let mut supplies = lock(supplies);
                match supplies.binary_search_by(|(known, _)| (**known).cmp(environment)) {
                    Ok(place) => supplies.get(place).map(|(_, supply)| supply.clone()).unwrap_or_default(),
                    Err(place) => {
                        let supply = Arc::<Supply>::default();
                        supplies.insert(place, (environment.to_owned(), supply.clone()));
                        supply
                    }
                }
            }
        };
        let cache_ms = config.ruleset_cache_ms;
        let origins = Origins { environment, store: true, sources: &config.sources, cache_ms };
        supply.get(&self.platform, &origins, cache_ms, now).await
    }
}
