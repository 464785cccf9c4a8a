//! What a plugin configuration does between requests.

use std::rc::Rc;
use std::sync::Arc;

use jackstaff_service::filter_config::FilterConfig;
use jackstaff_service::injector::Count;
use jackstaff_service::ruleset_supply::{Fresh, Refresh, Supply};

use crate::events::Events;
use crate::host::{self, LogLevel};
use crate::metrics::Metrics;
use crate::platform::EnvoyPlatform;
use crate::plugin::Plugin;
use crate::refresh::SharedMirror;

/// Keeping its ruleset current, and telling of what it decided.
pub(crate) struct Chores {
    sources: Option<Sources>,
    metrics: Option<Metrics>,
    events: Option<Events>,
    platform: EnvoyPlatform,
}

/// How a configuration keeps its ruleset current.
struct Sources {
    refresh: Refresh<EnvoyPlatform>,
    mirror: SharedMirror,
    /// Failures that metrics have been told of.
    failures: u64,
}

impl Chores {
    pub(crate) fn new(config: &FilterConfig<'_>, supply: Arc<Supply>, platform: EnvoyPlatform) -> Self {
        let environment = config.environment.clone().unwrap_or_default();
        let sources = (!config.sources.is_empty()).then(|| Sources {
            refresh: Refresh::new(
                Rc::new(platform.clone().with_timers()),
                environment.clone(),
                config.sources.clone(),
                config.refresh.poll_ms(),
                config.refresh.max_age_ms(),
                supply,
            ),
            mirror: SharedMirror::new(&config.sources),
            failures: 0,
        });
        let events = config.events.clone().map(|events| Events::new(events, environment, &platform));
        Self { sources, metrics: config.metrics.then(Metrics::default), events, platform }
    }

    /// Whether there is anything to do.
    pub(crate) const fn any(&self) -> bool {
        self.sources.is_some() || self.metrics.is_some() || self.events.is_some()
    }

    /// Takes what other workers have found, and asks nobody.
    pub(crate) fn begin(&mut self, plugin: &Plugin) {
        if let Some(Sources { refresh, mirror, .. }) = &mut self.sources {
            let fresh = refresh.begin(mirror);
            self.adopt(plugin, fresh);
        } else if let (Some(metrics), Ok(injector)) = (&mut self.metrics, plugin.injector.try_borrow())
            && let Some(ruleset) = injector.ruleset()
        {
            metrics.inline(ruleset.get());
        }
    }

    pub(crate) fn go_on(&mut self, plugin: &Plugin) {
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
            metrics.evicted(self.platform.evicted());
        }
        if let Some(events) = &mut self.events {
            events.go_on(&self.platform);
        }
        self.tell_of_events();
    }

    /// Ends: begins nothing any more. Says whether that is all; if not, an answer is still to come. To be called again then.
    pub(crate) fn end(&mut self, plugin: &Plugin) -> bool {
        self.count(plugin);
        let asked = self.sources.as_mut().is_none_or(|sources| sources.refresh.end(&sources.mirror));
        let sent = self.events.as_mut().is_none_or(|events| events.end(&self.platform));
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
        let Self { metrics, events, platform, .. } = self;
        // No request is at work while the root is.
        if let Ok(mut injector) = plugin.injector.try_borrow_mut() {
            injector.count(&mut |count: Count<'_>| {
                if let Some(metrics) = metrics {
                    metrics.count(&count);
                }
                if let Some(events) = events {
                    events.count(&count, platform);
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
