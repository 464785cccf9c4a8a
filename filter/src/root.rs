//! One plugin configuration.

use std::cell::RefCell;
use std::rc::Rc;

use jackstaff_service::injector::Injector;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{ContextType, LogLevel};

use crate::host;
use crate::request::Request;

/// What requests of one configuration share. A worker runs one callback at a time, so the borrow always succeeds.
pub(crate) type Shared = Rc<RefCell<Injector>>;

/// The root context.
#[derive(Default)]
pub(crate) struct Root {
    injector: Option<Shared>,
}

impl Context for Root {}

impl RootContext for Root {
    fn on_configure(&mut self, _size: usize) -> bool {
        let Some(config) = host::plugin_configuration() else {
            host::log(LogLevel::Error, "jackstaff: the host does not hand over the plugin configuration");
            return false;
        };
        match Injector::new(&config) {
            Ok((injector, notices)) => {
                for notice in notices {
                    host::log(LogLevel::Warn, &format!("jackstaff: {notice}"));
                }
                let flags = injector.flags().map_or("no ruleset".to_owned(), |flags| format!("{flags} flags"));
                host::log(LogLevel::Info, &format!("jackstaff: configured with {flags}, {}", injector.usual_status()));
                self.injector = Some(Rc::new(RefCell::new(injector)));
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
        Some(Box::new(Request::new(self.injector.clone())))
    }
}
