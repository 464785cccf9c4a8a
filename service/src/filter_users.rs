//! What is stored about users, for the flags that the Envoy filter sends to the application.

use crate::executor::{Task, poll_once};
use crate::filter_config::{ConfigError, FilterConfig};
use crate::platform::Platform;
use crate::user_data::{Recalled, Subject, UserDataSettings, recall};
use std::task::Poll;

/// The users of one plugin configuration.
#[derive(Clone, Debug)]
pub struct FilterUsers<P> {
    platform: P,
    settings: UserDataSettings,
    environment: String,
}

impl<P: Platform + Clone + 'static> FilterUsers<P> {
    /// The users that `config` asks for, if it does, in the store of `platform`.
    ///
    /// # Errors
    /// Where a setting cannot be used.
    pub fn new(config: &FilterConfig<'_>, platform: &P) -> Result<Option<Self>, Vec<ConfigError>> {
        let Some(data) = &config.user_data else { return Ok(None) };
        let settings = UserDataSettings::parse(&data.setting()).map_err(|message| {
            vec![ConfigError::new(&"$.user_data.settings", &message, &"see docs/filter-configuration.md")]
        })?;
        let environment = config.environment.clone().unwrap_or_default();
        let users = Self { platform: platform.clone(), settings, environment };
        Ok((data.inject && users.settings.enabled).then_some(users))
    }

    /// What is stored about the user `id`, or the work of finding out.
    pub fn recall(&self, id: &str) -> Result<Recalled<()>, Task<Recalled<()>>> {
        if !self.settings.is_remote() {
            let subject = Subject { settings: &self.settings, environment: &self.environment, id };
            if let Ok(recalled) = poll_once(recall(&self.platform, &subject)) {
                return Ok(recalled.for_reading());
            }
        }
        let (users, id) = (self.clone(), id.to_owned());
        let mut task = Task::new(async move {
            let subject = Subject { settings: &users.settings, environment: &users.environment, id: &id };
            recall(&users.platform, &subject).await.for_reading()
        });
        match task.poll() {
            Poll::Ready(recalled) => Ok(recalled),
            Poll::Pending => Err(task),
        }
    }
}
