//! One plugin configuration.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use jackstaff_service::filter_api::FilterApi;
use jackstaff_service::filter_config::{ConfigError, FilterConfig, Without};
use jackstaff_service::filter_users::FilterUsers;
use jackstaff_service::injector::{Count, Injector};
use jackstaff_service::ruleset_supply::{Fresh, Refresh, Supply};

use crate::events::Events;
use crate::host::{self, LogLevel};
use crate::metrics::Metrics;
use crate::platform::EnvoyPlatform;
use crate::refresh::SharedMirror;
use crate::request::Request;
use crate::store::SharedStore;

/// What requests of one configuration share.
pub(crate) struct Plugin {
    /// A worker runs one callback at a time, so the borrow always succeeds.
    pub(crate) injector: RefCell<Injector>,
    /// The HTTP API, where it is asked for.
    pub(crate) api: Option<FilterApi<EnvoyPlatform>>,
    /// What is stored about users, where the injected flags depend on it.
    pub(crate) users: Option<FilterUsers<EnvoyPlatform>>,
    pub(crate) platform: EnvoyPlatform,
    /// Whether requests are refused while there is no ruleset.
    pub(crate) refuses: bool,
}

/// What a configuration does between requests.
struct Chores {
    sources: Option<Sources>,
    metrics: Option<Metrics>,
    events: Option<Events>,
}

/// How a configuration keeps its ruleset current.
struct Sources {
    refresh: Refresh<EnvoyPlatform>,
    mirror: SharedMirror,
    /// Failures that metrics have been told of.
    failures: u64,
}

impl Plugin {
    fn new(config: &[u8]) -> Result<(Self, Chores, Vec<String>), Vec<ConfigError>> {
        let config = FilterConfig::parse(config)?;
        let (injector, notices) = Injector::new(&config)?;
        let supply = Arc::new(injector.ruleset().map_or_else(Supply::default, Supply::given));
        let store = config.user_data.as_ref().map(|data| SharedStore::new(data.users));
        let platform = EnvoyPlatform::new(config.settings(), store);
        let users = FilterUsers::new(&config, &platform)?;
        let sources = (!config.sources.is_empty()).then(|| Sources {
            refresh: Refresh::new(
                Rc::new(platform.clone().with_timers()),
                config.environment.clone().unwrap_or_default(),
                config.sources.clone(),
                config.refresh.poll_ms(),
                config.refresh.max_age_ms(),
                supply.clone(),
            ),
            mirror: SharedMirror::new(&config.sources),
            failures: 0,
        });
        let environment = config.environment.clone().unwrap_or_default();
        let events = config.events.clone().map(|events| Events::new(events, environment, &platform));
        let chores = Chores { sources, metrics: config.metrics.then(Metrics::default), events };
        let api = FilterApi::new(&config, supply, platform.clone())?;
        let refuses = config.refresh.without == Without::Unavailable;
        Ok((Self { injector: RefCell::new(injector), api, users, platform, refuses }, chores, notices))
    }
}

/// Milliseconds between two looks at what other workers found: with twice this at most between a source's answer and the last worker that
/// decides on it, a change is live everywhere within a second of being seen.
const TICK_MS: u32 = 400;

/// The first look; the pauses then double. Where nothing is known of the sources yet, requests go without flags until all workers have the
/// first answer.
const FIRST_TICK_MS: u32 = 10;

/// The root context.
#[derive(Default)]
pub(crate) struct Root {
    plugin: Option<Rc<Plugin>>,
    chores: Option<Chores>,
    /// Another configuration has taken its place, or Envoy stops.
    ends: bool,
    /// Milliseconds to the next look.
    tick_ms: u32,
}

impl Chores {
    /// Whether there is anything to do.
    const fn any(&self) -> bool {
        self.sources.is_some() || self.metrics.is_some() || self.events.is_some()
    }

    /// Takes what other workers have found, and asks nobody.
    fn begin(&mut self, plugin: &Plugin) {
        if let Some(Sources { refresh, mirror, .. }) = &mut self.sources {
            let fresh = refresh.begin(mirror);
            self.adopt(plugin, fresh);
        } else if let (Some(metrics), Ok(injector)) = (&mut self.metrics, plugin.injector.try_borrow())
            && let Some(ruleset) = injector.ruleset()
        {
            metrics.inline(ruleset.get());
        }
    }

    fn go_on(&mut self, plugin: &Plugin) {
        self.count(plugin);
        if let Some(Sources { refresh, mirror, failures }) = &mut self.sources {
            let fresh = refresh.go_on(mirror);
            let seen = refresh.failures();
            if let Some(metrics) = &mut self.metrics {
                metrics.source_failures(seen.saturating_sub(*failures));
            }
            *failures = seen;
            self.adopt(plugin, fresh);
        }
        if let Some(metrics) = &mut self.metrics {
            metrics.evicted(plugin.platform.evicted());
        }
        if let Some(events) = &mut self.events {
            events.go_on(&plugin.platform);
        }
        self.tell_of_events();
    }

    /// Ends: begins nothing any more. Says whether that is all; if not, an answer is still to come. To be called again then.
    fn end(&mut self, plugin: &Plugin) -> bool {
        self.count(plugin);
        let asked = self.sources.as_mut().is_none_or(|sources| sources.refresh.end(&sources.mirror));
        let sent = self.events.as_mut().is_none_or(|events| events.end(&plugin.platform));
        self.tell_of_events();
        asked && sent
    }

    fn tell_of_events(&mut self) {
        if let (Some(events), Some(metrics)) = (&mut self.events, &mut self.metrics) {
            let (sent, failed, dropped) = events.told();
            metrics.events(sent, failed, dropped);
        }
    }

    /// Takes over what requests counted.
    fn count(&mut self, plugin: &Plugin) {
        let Self { metrics, events, .. } = self;
        // No request is at work while the root is.
        if let Ok(mut injector) = plugin.injector.try_borrow_mut() {
            injector.count(&mut |count: Count<'_>| {
                if let Some(metrics) = metrics {
                    metrics.count(&count);
                }
                if let Some(events) = events {
                    events.count(&count, &plugin.platform);
                }
            });
        }
    }

    /// Has the requests to come decided on what `fresh` says.
    fn adopt(&mut self, plugin: &Plugin, fresh: Fresh) {
        if let Some(metrics) = &mut self.metrics {
            metrics.ruleset(&fresh);
        }
        if let Ok(mut injector) = plugin.injector.try_borrow_mut() {
            for notice in injector.refresh(fresh) {
                host::log(LogLevel::Warn, &format!("jackstaff: {notice}"));
            }
        }
    }
}

impl Root {
    /// A request that decides by the configuration in force.
    pub(crate) fn request(&self) -> Request {
        Request::new(self.plugin.clone())
    }

    /// Takes the configuration that Envoy has for it. Says whether it can be used.
    pub(crate) fn configure(&mut self) -> bool {
        let Some(config) = host::plugin_configuration() else {
            host::log(LogLevel::Error, "jackstaff: the host does not hand over the plugin configuration");
            return false;
        };
        match Plugin::new(&config) {
            Ok((plugin, mut chores, notices)) => {
                if chores.any() {
                    // Asking waits for the first tick: this may only be a check of the configuration.
                    chores.begin(&plugin);
                    self.tick_ms = FIRST_TICK_MS;
                    host::tick_every(FIRST_TICK_MS);
                }
                for notice in notices {
                    host::log(LogLevel::Warn, &format!("jackstaff: {notice}"));
                }
                let injector = plugin.injector.borrow();
                let flags = injector.flags().map_or("no ruleset".to_owned(), |flags| format!("{flags} flags"));
                host::log(LogLevel::Info, &format!("jackstaff: configured with {flags}, {}", injector.usual_status()));
                drop(injector);
                self.plugin = Some(Rc::new(plugin));
                self.chores = Some(chores);
                true
            }
            Err(errors) => {
                for error in errors {
                    host::log(LogLevel::Error, &format!("jackstaff: {error}"));
                }
                false
            }
        }
    }

    /// Its timer has fired. Says whether it is over.
    pub(crate) fn tick(&mut self) -> bool {
        if self.tick_ms < TICK_MS {
            self.tick_ms = self.tick_ms.saturating_mul(2).min(TICK_MS);
            host::tick_every(self.tick_ms);
        }
        self.go_on()
    }

    /// Does what there is to do. Says whether it is over.
    pub(crate) fn go_on(&mut self) -> bool {
        if self.ends {
            let over = self.end();
            if over {
                host::done();
            }
            return over;
        }
        if let (Some(plugin), Some(chores)) = (&self.plugin, &mut self.chores) {
            chores.go_on(plugin);
        }
        false
    }

    /// Comes to its end, at once or when what is under way has an answer: says which. Envoy keeps the context, its timer and its calls
    /// until it has said that it is done.
    pub(crate) fn finish(&mut self) -> bool {
        self.ends = true;
        self.end()
    }

    fn end(&mut self) -> bool {
        let ended = match (&self.plugin, &mut self.chores) {
            (Some(plugin), Some(chores)) => chores.end(plugin),
            _ => true,
        };
        if ended {
            // In Envoy a timer outlives its context, and goes on for as long as the VM.
            host::tick_every(0);
        }
        ended
    }
}
