//! What the filter tells besides the request's headers: to browsers, access logs, metrics and collectors.

use jackstaff_core::Value;
use jackstaff_core::source::{FromJson, Reading};

use super::{ConfigErrors, FilterConfig};
use crate::ruleset_supply::Source;

/// Routes with a selection of their own: each is tried for every request.
const MAX_ROUTES: usize = 64;

/// Often enough for a graph, seldom enough for a collector of many proxies.
const DEFAULT_INTERVAL_S: u32 = 10;

/// An hour: what is not sent is kept in memory.
const MAX_INTERVAL_S: u32 = 3_600;

/// A selection, and the requests that it is for: `name`, `path_prefix` or both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize), serde(deny_unknown_fields))]
pub struct RouteConfig {
    /// What a route of Envoy's calls it: `metadata: { filter_metadata: { jackstaff: { route: <name> } } }`.
    #[cfg_attr(feature = "schema", serde(default))]
    pub name: Option<String>,
    /// What the path begins with, such as `/checkout`.
    #[cfg_attr(feature = "schema", serde(default))]
    pub path_prefix: Option<String>,
    /// The keys of the flags to send; none when empty.
    pub flags: Vec<String>,
}

impl<'v> FromJson<'v> for RouteConfig {
    fn read(&mut self, value: &'v Value<'v>, reading: &mut Reading<'v>) {
        reading.object(value, &mut |of| {
            of.optional("name", &mut self.name);
            of.optional("path_prefix", &mut self.path_prefix);
            of.required("flags", &mut self.flags);
        });
    }
}

/// What responses tell browsers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize), serde(default, deny_unknown_fields))]
pub struct ResponseConfig {
    /// A response header with what the application saw in the flag header. Scripts of the page can then read it.
    pub header: Option<String>,
    /// Whether `Server-Timing` carries the same, as the description of `jackstaff`: pages read it without asking again.
    pub server_timing: bool,
}

impl<'v> FromJson<'v> for ResponseConfig {
    fn read(&mut self, value: &'v Value<'v>, reading: &mut Reading<'v>) {
        reading.object(value, &mut |of| {
            of.optional("header", &mut self.header);
            of.optional("server_timing", &mut self.server_timing);
        });
    }
}

/// Where exposure events go: how often each flag gave each variant, as NDJSON, by POST.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema, serde::Serialize), serde(deny_unknown_fields))]
pub struct EventsConfig {
    /// The collector.
    pub collector: Source,
    /// Seconds between two batches of a worker.
    #[cfg_attr(feature = "schema", serde(default = "default_interval_s"))]
    pub interval_s: u32,
}

impl Default for EventsConfig {
    fn default() -> Self {
        Self { collector: Source::default(), interval_s: default_interval_s() }
    }
}

impl<'v> FromJson<'v> for EventsConfig {
    fn read(&mut self, value: &'v Value<'v>, reading: &mut Reading<'v>) {
        reading.object(value, &mut |of| {
            of.required("collector", &mut self.collector);
            of.optional("interval_s", &mut self.interval_s);
        });
    }
}

const fn default_interval_s() -> u32 {
    DEFAULT_INTERVAL_S
}

impl FilterConfig<'_> {
    pub(super) fn check_observe(&self, errors: &mut ConfigErrors) {
        if self.routes.len() > MAX_ROUTES {
            errors.add(
                &"$.routes",
                &format_args!("has {} entries", self.routes.len()),
                &format_args!("have at most {MAX_ROUTES}"),
            );
        }
        for (nth, route) in self.routes.iter().enumerate() {
            if let Some(prefix) = &route.path_prefix
                && !prefix.starts_with('/')
            {
                errors.add(
                    &format_args!("$.routes[{nth}].path_prefix"),
                    &format_args!("`{prefix}` is no beginning of a path"),
                    &"begin with `/`",
                );
            }
            if route.name.is_none() && route.path_prefix.is_none() {
                errors.add(
                    &format_args!("$.routes[{nth}]"),
                    &"is for no request",
                    &"give it a `path_prefix`, or a `name` that a route's metadata can have",
                );
            }
            if route.name.is_some() && self.routes.iter().take(nth).any(|earlier| earlier.name == route.name) {
                errors.add(
                    &format_args!("$.routes[{nth}].name"),
                    &"is the name of an earlier entry too",
                    &"give each its own name",
                );
            }
        }
        if let Some(events) = &self.events {
            if let Err((member, message)) = events.collector.check() {
                errors.add(&format_args!("$.events.collector.{member}"), &message, &"correct this value");
            }
            errors.check_number(
                "$.events.interval_s",
                events.interval_s,
                1..=MAX_INTERVAL_S,
                DEFAULT_INTERVAL_S,
                " seconds",
            );
        }
    }
}
