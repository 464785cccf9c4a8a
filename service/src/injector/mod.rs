//! What the Envoy filter does to a request, apart from Envoy: forged headers out, flags in.

mod count;
mod guard;
mod load;
mod seldom;
mod test_control;

use std::sync::Arc;
use std::task::Poll;

use jackstaff_core::{Context, Memo, SharedRuleset, Timestamp};

pub use self::count::Count;
pub(crate) use self::guard::folded;
pub use self::test_control::{TestControl, TestControlError};
use crate::filter_config::{ConfigError, FilterConfig, HeaderNames, OverridesConfig, ResponseConfig};
use crate::flag_header::{FlagHeader, Freshness};
use crate::identity::{Attribute, ContextHeader, Headers, Identity, Source, Surroundings, first, identify};
use crate::ruleset_supply::Fresh;
use crate::user_data::Recalled;
use count::Tally;
use guard::Guard;
use load::Selection;
use seldom::{control, forced, tell_browsers, trusted, trusted_context, write_status};

/// The request that is worked on, and what its platform gives.
pub trait Exchange: Surroundings {
    /// The time now. Asked once at most.
    fn now(&mut self) -> Timestamp;
    /// What is stored about the user with this id; none where nobody asked for that. While it is on its way, the request waits.
    fn recall(&mut self, id: &str) -> Poll<Option<Recalled<()>>>;
    /// Removes every copy of a request header.
    fn remove(&mut self, name: &[u8]);
    /// The name of the selection of flags that the platform's own route asks for.
    fn route(&mut self) -> Option<Vec<u8>>;
    /// Keeps the flags where access logs find them.
    fn note(&mut self, flags: &str);
    /// Adds a request header. Copies that came with the request have been removed before.
    fn set(&mut self, name: &str, value: &[u8]);
}

/// A plugin configuration at work.
#[derive(Debug)]
pub struct Injector {
    loaded: Option<Loaded>,
    selection: Selection,
    guard: Guard,
    identity: Vec<Source>,
    attributes: Vec<Attribute>,
    context: Option<ContextHeader>,
    names: HeaderNames,
    test: Option<String>,
    overrides: Option<OverridesConfig>,
    response: ResponseConfig,
    access_log: bool,
    tally: Tally,
    /// The status header's value, kept for its memory.
    status: String,
}

#[derive(Debug)]
struct Loaded {
    ruleset: Arc<SharedRuleset>,
    /// [`routed`] picks a request's; every path fits the last.
    headers: Vec<Routed>,
    freshness: Freshness,
    /// In seconds.
    age: u64,
    /// The status header's value when nothing goes wrong.
    status: String,
}

/// The flag header of the requests whose route asks for it by this name, or whose path begins so.
#[derive(Debug)]
struct Routed {
    name: Option<String>,
    path_prefix: Option<String>,
    header: FlagHeader,
}

/// The flag header of a request. The platform is only asked where there are names.
fn routed<'l>(
    routes: &'l mut [Routed],
    headers: &Headers<'_>,
    exchange: &mut impl Exchange,
) -> Option<&'l mut FlagHeader> {
    let name = if routes.iter().any(|routed| routed.name.is_some()) { exchange.route() } else { None };
    let named = name.and_then(|name| {
        routes.iter().position(|routed| routed.name.as_ref().is_some_and(|own| own.as_bytes() == name))
    });
    let path = if routes.len() > 1 { first(headers, ":path").unwrap_or_default() } else { &[] };
    let fits = |routed: &Routed| routed.path_prefix.as_ref().is_some_and(|prefix| path.starts_with(prefix.as_bytes()));
    let nth = named.or_else(|| routes.iter().position(fits))?;
    routes.get_mut(nth).map(|routed| &mut routed.header)
}

/// Name and value of the headers that a response gets.
pub type ResponseHeaders = Vec<(String, String)>;

impl Injector {
    /// Takes a plugin configuration, and tells what its owner should know: one line each, with a path and a remedy.
    ///
    /// # Errors
    /// Where the configuration cannot be used; the one before should then stay.
    pub fn new(config: &FilterConfig<'_>) -> Result<(Self, Vec<String>), Vec<ConfigError>> {
        let mut notices = Vec::new();
        let loaded = load::load(config, &mut notices)?;
        let names = [&config.headers.flags, &config.headers.key, &config.headers.status];
        let guard = Guard::new(
            names
                .into_iter()
                .chain(config.per_flag_headers.iter().map(|(_, header)| header))
                .chain(config.context.iter().map(|context| &context.header))
                .chain(config.overrides.iter().filter_map(|overrides| overrides.header.as_ref()))
                .chain(config.test.iter().map(|test| &test.header))
                .map(String::as_str),
        );
        let injector = Self {
            loaded,
            selection: Selection::of(config),
            guard,
            identity: config.identity.clone(),
            attributes: config.attributes.clone(),
            context: config.context.clone(),
            names: config.headers.clone(),
            test: config.test.as_ref().map(|test| test.header.clone()),
            overrides: config.overrides.clone(),
            response: config.response.clone(),
            access_log: config.access_log,
            tally: Tally::default(),
            status: String::new(),
        };
        Ok((injector, notices))
    }

    /// The ruleset, if there is one.
    #[must_use]
    pub fn ruleset(&self) -> Option<Arc<SharedRuleset>> {
        self.loaded.as_ref().map(|loaded| loaded.ruleset.clone())
    }

    /// How many flags the ruleset has, or nothing without a ruleset.
    #[must_use]
    pub fn flags(&self) -> Option<usize> {
        self.loaded.as_ref().map(|loaded| loaded.ruleset.get().len())
    }

    /// What the status header says when nothing goes wrong.
    #[must_use]
    pub fn usual_status(&self) -> &str {
        self.loaded.as_ref().map_or(Freshness::None.as_str(), |loaded| &loaded.status)
    }

    /// Takes what the sources of the ruleset gave, and tells what its owner should know.
    pub fn refresh(&mut self, fresh: Fresh) -> Vec<String> {
        let mut notices = Vec::new();
        match fresh {
            Fresh::New(supplied) => self.loaded = Some(Loaded::supplied(supplied, &self.selection, &mut notices)),
            Fresh::Same(freshness, age) => {
                if let Some(loaded) = &mut self.loaded {
                    loaded.refreshed(freshness, age);
                }
            }
            Fresh::Expired => self.loaded = None,
        }
        notices
    }

    /// Removes the headers that clients may not send. Also meant for trailers, which some applications add to the headers.
    pub fn strip(&self, headers: &Headers<'_>, exchange: &mut impl Exchange) {
        for (at, (name, _)) in headers.iter().enumerate() {
            // One removal takes every copy of a name.
            if self.guard.forbids(name) && !headers.iter().take(at).any(|(earlier, _)| earlier == name) {
                exchange.remove(name);
            }
        }
    }

    /// Decides the flags for a request and puts them into its headers. Returns what the response gets: a `set-cookie` where the user got a
    /// new id, the flags where browsers are to know them. Where it must wait for what is stored about the user nothing is decided yet: call it again then.
    pub fn inject(&mut self, headers: &Headers<'_>, exchange: &mut impl Exchange) -> Poll<ResponseHeaders> {
        self.strip(headers, exchange);
        let Some(loaded) = &mut self.loaded else {
            self.tally.requests = self.tally.requests.saturating_add(1);
            exchange.set(&self.names.status, Freshness::None.as_str().as_bytes());
            return Poll::Ready(Vec::new());
        };
        let json = self.context.as_ref().and_then(|header| trusted(headers, &header.header));
        let dialect = loaded.ruleset.get().dialect();
        let trusted = json.as_deref().and_then(|json| trusted_context(json, dialect));
        let mut set_cookie = None;
        let mut context = match trusted {
            Some(context) => context,
            None => match identify(&self.identity, headers, exchange) {
                Some(Identity { id, set_cookie: cookie }) => {
                    set_cookie = cookie;
                    Context::new(id)
                }
                None => Context::anonymous(),
            },
        };
        for attribute in &self.attributes {
            attribute.apply(headers, exchange, &mut context);
        }
        // About a user whose id was made a moment ago nobody knows anything.
        let known = context.targeting_key().filter(|id| set_cookie.is_none() && !id.is_empty());
        let recalled = match known.map(|id| exchange.recall(id)) {
            Some(Poll::Pending) => return Poll::Pending,
            Some(Poll::Ready(recalled)) => recalled,
            None => None,
        };
        if let Some(recalled) = &recalled {
            self.tally.user_data(recalled.outcome);
            recalled.merge_under(&mut context, dialect);
        }
        let control = self.test.as_ref().and_then(|name| control(headers, name));
        let Some(header) = routed(&mut loaded.headers, headers, exchange) else { return Poll::Ready(Vec::new()) };
        let now = control.as_ref().and_then(|control| control.now).unwrap_or_else(|| {
            // Asking the clock takes some of a microsecond. Where the time makes no difference, any will do.
            let asks = header.depends_on_time() || self.overrides.is_some();
            if asks { exchange.now() } else { Timestamp(0) }
        });
        let ruleset = loaded.ruleset.get();
        let mut memo = Memo::default();
        let mut session = ruleset.session(&context, now).with_memo(&mut memo);
        if control.is_some() || self.overrides.is_some() {
            session = forced(session, self.overrides.as_ref(), control.as_ref(), headers, now);
        }
        let counts = header.write(ruleset, &mut session, |name, value| exchange.set(name, value.as_bytes()));
        self.tally.requests = self.tally.requests.saturating_add(1);
        self.tally.omitted = self.tally.omitted.saturating_add(counts.omitted.into());
        let flags = header.text();
        if !flags.is_empty() {
            exchange.set(&self.names.flags, flags.as_bytes());
            if self.access_log {
                exchange.note(flags);
            }
        }
        exchange.set(&self.names.key, &header.key());
        let mut response = ResponseHeaders::new();
        if set_cookie.is_some() || self.response.header.is_some() || self.response.server_timing {
            tell_browsers(&mut response, set_cookie, &self.response, flags);
        }
        let status = if counts.errors == 0 && counts.omitted == 0 && recalled.is_none() {
            &loaded.status
        } else {
            write_status(&mut self.status, &loaded.status, counts, recalled.as_ref());
            &self.status
        };
        exchange.set(&self.names.status, status.as_bytes());
        Poll::Ready(response)
    }
}

#[cfg(test)]
mod tests;
