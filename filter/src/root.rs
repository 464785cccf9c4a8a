//! One plugin configuration.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use jackstaff_service::filter_api::FilterApi;
use jackstaff_service::filter_config::{ConfigError, FilterConfig, Without};
use jackstaff_service::filter_users::FilterUsers;
use jackstaff_service::injector::Injector;
use jackstaff_service::ruleset_supply::{Fresh, Refresh, Supply};
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{ContextType, LogLevel};

use crate::host;
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

/// How a configuration keeps its ruleset current.
struct Sources {
    refresh: Refresh<EnvoyPlatform>,
    mirror: SharedMirror,
}

impl Plugin {
    fn new(config: &[u8]) -> Result<(Self, Option<Sources>, Vec<String>), Vec<ConfigError>> {
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
        });
        let api = FilterApi::new(&config, supply, platform.clone())?;
        let refuses = config.refresh.without == Without::Unavailable;
        Ok((Self { injector: RefCell::new(injector), api, users, platform, refuses }, sources, notices))
    }
}

/// Milliseconds between two looks at what other workers found: with twice this at most between a source's answer and the last worker that
/// decides on it, a change is live everywhere within a second of being seen.
const TICK_MS: u32 = 400;

/// The root context.
#[derive(Default)]
pub(crate) struct Root {
    plugin: Option<Rc<Plugin>>,
    sources: Option<Sources>,
}

impl Root {
    /// Has the requests to come decided on what `fresh` says.
    fn adopt(plugin: &Plugin, fresh: Fresh) {
        // No request is at work while the root is.
        if let Ok(mut injector) = plugin.injector.try_borrow_mut() {
            for notice in injector.refresh(fresh) {
                host::log(LogLevel::Warn, &format!("jackstaff: {notice}"));
            }
        }
    }

    fn refresh(&mut self) {
        if let (Some(plugin), Some(Sources { refresh, mirror })) = (&self.plugin, &mut self.sources) {
            Self::adopt(plugin, refresh.go_on(mirror));
        }
    }
}

impl Context for Root {
    fn on_http_call_response(&mut self, token: u32, _headers: usize, body_size: usize, _trailers: usize) {
        if let Some(plugin) = &self.plugin {
            plugin.platform.calls().answered(token, body_size);
        }
        self.refresh();
    }
}

impl RootContext for Root {
    fn on_configure(&mut self, _size: usize) -> bool {
        let Some(config) = host::plugin_configuration() else {
            host::log(LogLevel::Error, "jackstaff: the host does not hand over the plugin configuration");
            return false;
        };
        match Plugin::new(&config) {
            Ok((plugin, mut sources, notices)) => {
                // What other workers have found already. Asking waits for the first tick: this may only be a check of the configuration.
                if let Some(Sources { refresh, mirror }) = &mut sources {
                    Self::adopt(&plugin, refresh.begin(mirror));
                    host::tick_every(TICK_MS);
                }
                for notice in notices {
                    host::log(LogLevel::Warn, &format!("jackstaff: {notice}"));
                }
                let injector = plugin.injector.borrow();
                let flags = injector.flags().map_or("no ruleset".to_owned(), |flags| format!("{flags} flags"));
                host::log(LogLevel::Info, &format!("jackstaff: configured with {flags}, {}", injector.usual_status()));
                drop(injector);
                self.plugin = Some(Rc::new(plugin));
                self.sources = sources;
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

    fn on_tick(&mut self) {
        self.refresh();
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }

    fn create_http_context(&self, _id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Request::new(self.plugin.clone())))
    }
}
