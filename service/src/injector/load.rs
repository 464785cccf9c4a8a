//! From a checked configuration to a ruleset that is ready to decide.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jackstaff_core::source::document;
use jackstaff_core::{CompileOptions, Diagnostic, FlagIndex, Ruleset, SharedRuleset, Value, compile, is_snapshot};

use super::{Loaded, Routed};
use crate::filter_config::{ConfigError, FilterConfig, RouteConfig};
use crate::flag_header::{self, FlagHeader, Freshness, Options, collisions};
use crate::ruleset_supply::Supplied;

/// Defects of a ruleset that are reported one by one; the rest is counted. They go to the log of every worker.
const MAX_NOTICES: usize = 20;

/// A ruleset that came with the configuration is as old as the configuration itself.
const AGE: u64 = 0;

pub(super) fn load(config: &FilterConfig<'_>, notices: &mut Vec<String>) -> Result<Option<Loaded>, Vec<ConfigError>> {
    let Some(source) = config.ruleset else {
        if !config.sources.is_empty() {
            return Ok(None);
        }
        notices.push(
            "warning at $.ruleset: absent, and so are `sources`: no flags are decided; forged headers are removed (give the source as a JSON \
             object)"
                .to_owned(),
        );
        return Ok(None);
    };
    let mut found = Vec::new();
    let ruleset = open(source, &mut found)?;
    let loaded = Loaded::new(Arc::new(ruleset), &Selection::of(config), Freshness::Fresh, AGE, &mut found);
    some(found, notices);
    Ok(Some(loaded))
}

/// As many as a log should hold.
fn some(found: Vec<String>, notices: &mut Vec<String>) {
    let more = found.len().saturating_sub(MAX_NOTICES);
    notices.extend(found.into_iter().take(MAX_NOTICES));
    if more > 0 {
        notices.push(format!("warning at $.ruleset: {more} more (`jackstaff check` shows all)"));
    }
}

/// Which flags of a ruleset are sent, and how.
#[derive(Clone, Debug)]
pub(super) struct Selection {
    flags: Option<Vec<String>>,
    routes: Vec<RouteConfig>,
    per_flag_headers: Vec<(String, String)>,
    options: Options,
}

impl Selection {
    pub(super) fn of(config: &FilterConfig<'_>) -> Self {
        Self {
            flags: config.flags.clone(),
            routes: config.routes.clone(),
            per_flag_headers: config.per_flag_headers.clone(),
            options: Options { variants: config.variants, max_bytes: config.max_header_bytes },
        }
    }
}

impl Loaded {
    fn new(
        ruleset: Arc<SharedRuleset>,
        selection: &Selection,
        freshness: Freshness,
        age: u64,
        notices: &mut Vec<String>,
    ) -> Self {
        let headers = headers(ruleset.get(), selection, notices);
        let status = flag_header::status(freshness, ruleset.get(), age);
        Self { ruleset, headers, status, freshness, age }
    }

    /// A ruleset that came from elsewhere.
    pub(super) fn supplied(supplied: Supplied, selection: &Selection, notices: &mut Vec<String>) -> Self {
        let mut found = Vec::new();
        let Supplied { ruleset, freshness, age } = supplied;
        let loaded = Self::new(ruleset, selection, freshness, age, &mut found);
        some(found, notices);
        loaded
    }

    /// The ruleset is as it was; what is known of it is not.
    pub(super) fn refreshed(&mut self, freshness: Freshness, age: u64) {
        if (self.freshness, self.age) != (freshness, age) {
            (self.freshness, self.age) = (freshness, age);
            self.status = flag_header::status(freshness, self.ruleset.get(), age);
        }
    }
}

fn open(source: &str, notices: &mut Vec<String>) -> Result<SharedRuleset, Vec<ConfigError>> {
    let refuse = |message: &dyn fmt::Display, remedy: &str| vec![ConfigError::new(&"$.ruleset", message, &remedy)];
    // It is a member's text, so it is JSON and begins with what it is. An object is read once, by those who compile it.
    if source.starts_with('{') {
        return compiled(source.as_bytes(), notices);
    }
    let Ok(Value::String(text)) = document(source.as_bytes()) else {
        return Err(refuse(
            &"is neither a JSON object nor a string",
            "give the ruleset's source as an object, or a snapshot as base64 text",
        ));
    };
    let bytes = STANDARD.decode(text.trim()).map_err(|error| {
        refuse(
            &format_args!("is no base64: {error}"),
            "encode a snapshot as with `base64 -w0`, or give the source itself",
        )
    })?;
    if is_snapshot(&bytes) {
        return SharedRuleset::verify(bytes).map_err(|error| refuse(&error, "see `jackstaff compile --help`"));
    }
    compiled(&bytes, notices)
}

fn compiled(source: &[u8], notices: &mut Vec<String>) -> Result<SharedRuleset, Vec<ConfigError>> {
    let in_ruleset = |diagnostic: &Diagnostic| {
        let path = format_args!("$.ruleset{}", diagnostic.path.strip_prefix('$').unwrap_or(&diagnostic.path));
        ConfigError::new(&path, &diagnostic.message, &diagnostic.remedy)
    };
    let compiled = compile(source, &CompileOptions::default())
        .map_err(|found| found.iter().map(in_ruleset).collect::<Vec<_>>())?;
    notices.extend(compiled.diagnostics.iter().map(|diagnostic| {
        let ConfigError { path, message, remedy } = in_ruleset(diagnostic);
        format!("{} at {path}: {message} ({remedy})", diagnostic.severity.as_str())
    }));
    SharedRuleset::open(compiled.snapshot)
        .map_err(|error| vec![ConfigError::new(&"$.ruleset", &error, &"report this: a compiled ruleset must open")])
}

/// The flag headers of the routes, and the one of all other requests at the end.
fn headers(ruleset: &Ruleset<'_>, selection: &Selection, notices: &mut Vec<String>) -> Vec<Routed> {
    let mut find = |path: String, key: &str| {
        let flag = ruleset.find(key);
        if flag.is_none() {
            notices
                .push(format!("warning at {path}: the ruleset has no flag `{key}` (it is skipped until there is one)"));
        }
        flag
    };
    let mut listed = |path: &str, keys: &[String]| -> Vec<FlagIndex> {
        keys.iter().enumerate().filter_map(|(at, key)| find(format!("{path}[{at}]"), key)).collect()
    };
    let others: Vec<FlagIndex> = match &selection.flags {
        None => ruleset.flags().collect(),
        Some(keys) => listed("$.flags", keys),
    };
    let routes: Vec<_> = selection
        .routes
        .iter()
        .enumerate()
        .map(|(nth, route)| (route.clone(), listed(&format!("$.routes[{nth}].flags"), &route.flags)))
        .collect();
    let own: Vec<_> = selection
        .per_flag_headers
        .iter()
        .filter_map(|(key, header)| Some((find(format!("$.per_flag_headers.{key}"), key)?, header.clone())))
        .collect();
    let keys = others.iter().filter_map(|&flag| ruleset.flag(flag)).map(|flag| flag.key);
    notices.extend(collisions(keys).iter().map(|collision| {
        format!(
            "error at $.ruleset: the flags {:?} would all be `{}` in the flag header, and only the first is sent (rename the others)",
            collision.flags, collision.member
        )
    }));
    routes
        .into_iter()
        .chain([(RouteConfig { name: None, path_prefix: Some(String::new()), flags: Vec::new() }, others)])
        .map(|(RouteConfig { name, path_prefix, .. }, selected)| Routed {
            name,
            path_prefix,
            header: FlagHeader::new(ruleset, selected, own.iter().cloned(), selection.options),
        })
        .collect()
}
