//! The root context: a plugin configuration from its taking to its end.

use std::rc::Rc;

use crate::chores::Chores;
use crate::host::{self, LogLevel};
use crate::plugin::Plugin;

/// Milliseconds between two looks at what other workers found: with twice this at most between a source's answer and the last worker that
/// decides on it, a change is live everywhere within a second of being seen.
const TICK_MS: u32 = 400;

/// The first look; the pauses then double. Where nothing is known of the sources yet, requests go without flags until all workers have the
/// first answer.
const FIRST_TICK_MS: u32 = 10;

/// The root context.
#[derive(Default)]
pub struct Root {
    plugin: Option<Rc<Plugin>>,
    chores: Option<Chores>,
    /// Another configuration has taken its place, or Envoy stops.
    ends: bool,
    /// Milliseconds to the next look.
    tick_ms: u32,
}

impl Root {
    /// The configuration in force, if there is one.
    #[must_use]
    pub fn plugin(&self) -> Option<Rc<Plugin>> {
        self.plugin.clone()
    }

    /// Takes the configuration that Envoy has for it. Says whether it can be used.
    #[inline(never)]
    pub fn configure(&mut self) -> bool {
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
    #[inline(never)]
    pub fn tick(&mut self) -> bool {
        if self.tick_ms < TICK_MS {
            self.tick_ms = self.tick_ms.saturating_mul(2).min(TICK_MS);
            host::tick_every(self.tick_ms);
        }
        self.go_on()
    }

    /// Does what there is to do. Says whether it is over.
    #[inline(never)]
    pub fn go_on(&mut self) -> bool {
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
    #[inline(never)]
    pub fn finish(&mut self) -> bool {
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
