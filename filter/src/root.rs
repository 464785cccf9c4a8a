//! One plugin configuration.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use jackstaff_service::filter_api::FilterApi;
use jackstaff_service::filter_config::{ConfigError, FilterConfig};
use jackstaff_service::filter_users::FilterUsers;
use jackstaff_service::injector::Injector;
use jackstaff_service::ruleset_supply::Supply;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{ContextType, LogLevel};

use crate::host;
use crate::platform::EnvoyPlatform;
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
}

impl Plugin {
    fn new(config: &[u8]) -> Result<(Self, Vec<String>), Vec<ConfigError>> {
        let config = FilterConfig::parse(config)?;
        let (injector, notices) = Injector::new(&config)?;
        let supply = Arc::new(injector.ruleset().map_or_else(Supply::default, Supply::given));
        let store = config.user_data.as_ref().map(|data| SharedStore::new(data.users));
        let platform = EnvoyPlatform::new(config.settings(), store);
        let users = FilterUsers::new(&config, &platform)?;
        let api = FilterApi::new(&config, supply, platform.clone())?;
        Ok((Self { injector: RefCell::new(injector), api, users, platform }, notices))
    }
}

/// The root context.
#[derive(Default)]
pub(crate) struct Root {
    plugin: Option<Rc<Plugin>>,
}

impl Context for Root {}

impl RootContext for Root {
    fn on_configure(&mut self, _size: usize) -> bool {
        let Some(config) = host::plugin_configuration() else {
            host::log(LogLevel::Error, "jackstaff: the host does not hand over the plugin configuration");
            return false;
        };
        match Plugin::new(&config) {
            Ok((plugin, notices)) => {
                for notice in notices {
                    host::log(LogLevel::Warn, &format!("jackstaff: {notice}"));
                }
                let injector = plugin.injector.borrow();
                let flags = injector.flags().map_or("no ruleset".to_owned(), |flags| format!("{flags} flags"));
                host::log(LogLevel::Info, &format!("jackstaff: configured with {flags}, {}", injector.usual_status()));
                drop(injector);
                self.plugin = Some(Rc::new(plugin));
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

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }

    fn create_http_context(&self, _id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Request::new(self.plugin.clone())))
    }
}
