//! What few requests want. Never inlined: the rest of the injector is generic, so it is made where the filter's request path is, for speed, and
//! this is to stay small.

use std::borrow::Cow;

use jackstaff_core::source::{document, flagd};
use jackstaff_core::{Context, Dialect, Session, Timestamp, Value};

use super::{ResponseHeaders, TestControl};
use crate::filter_config::{OverridesConfig, ResponseConfig};
use crate::flag_header::{Counts, write_counts, write_user_data};
use crate::identity::{Headers, MAX_ID_BYTES, context_json, cookie, first, user};
use crate::overrides::{Chosen, verify};
use crate::user_data::Recalled;

/// What a tester's header asks for.
#[inline(never)]
pub(super) fn control(headers: &Headers<'_>, name: &str) -> Option<TestControl> {
    first(headers, name).map(TestControl::parse).and_then(Result::ok)
}

/// A session with the variants that testers choose.
#[inline(never)]
pub(super) fn forced<'r, 'c>(
    session: Session<'r, 'c>,
    config: Option<&OverridesConfig>,
    control: Option<&TestControl>,
    headers: &Headers<'_>,
    now: Timestamp,
) -> Session<'r, 'c> {
    let chosen = config.map_or_else(Chosen::new, |config| chosen(config, headers, now));
    let mut overrides: Vec<(&str, &str)> =
        chosen.iter().map(|(decision, variant)| (decision.as_str(), variant.as_str())).collect();
    overrides.extend(control.iter().flat_map(|control| control.overrides()));
    session.with_overrides(&overrides)
}

/// What browsers get to know: a new id, and the flags where the configuration says so.
#[inline(never)]
pub(super) fn tell_browsers(
    response: &mut ResponseHeaders,
    set_cookie: Option<String>,
    config: &ResponseConfig,
    flags: &str,
) {
    response.extend(set_cookie.map(|cookie| ("set-cookie".to_owned(), cookie)));
    response.extend(config.header.iter().map(|name| (name.clone(), flags.to_owned())));
    if config.server_timing {
        let quoted = flags.replace('\\', "\\\\").replace('"', "\\\"");
        response.push(("server-timing".to_owned(), format!("jackstaff;desc=\"{quoted}\"")));
    }
}

/// The status of a request that is not as most are.
#[inline(never)]
pub(super) fn write_status(out: &mut String, usual: &str, counts: Counts, recalled: Option<&Recalled<()>>) {
    out.clear();
    out.push_str(usual);
    if let Some(recalled) = recalled {
        write_user_data(out, recalled.outcome.as_str(), false);
    }
    write_counts(out, counts.errors, counts.omitted);
}

/// The variants that the request's token chooses, if it has one that counts.
fn chosen(config: &OverridesConfig, headers: &Headers<'_>, now: Timestamp) -> Chosen {
    let header = config.header.as_ref().and_then(|name| first(headers, name));
    let token = header.or_else(|| config.cookie.as_ref().and_then(|name| cookie(headers, name)));
    token.and_then(|token| verify(config.secret.as_bytes(), token, now).ok()).unwrap_or_default()
}

/// The user that a trusted proxy names. With a second copy of the header somebody else has named one too, and neither can be trusted.
#[inline(never)]
pub(super) fn trusted<'h>(headers: &Headers<'h>, name: &str) -> Option<Cow<'h, [u8]>> {
    let mut copies = headers.iter().filter(|(given, _)| given.eq_ignore_ascii_case(name.as_bytes()));
    match (copies.next(), copies.next()) {
        (Some((_, value)), None) => context_json(value),
        _ => None,
    }
}

/// The user as the ruleset's dialect writes one: DevCycle's user object, or OpenFeature's evaluation context.
#[inline(never)]
pub(super) fn trusted_context(json: &[u8], dialect: Dialect) -> Option<Context<'_>> {
    match dialect {
        Dialect::DevCycle => user(json).ok(),
        Dialect::Flagd => match document(json) {
            Ok(Value::Map(members)) => flagd::parse_context(members, dialect)
                .ok()
                .filter(|context| context.targeting_key().is_none_or(|key| key.len() <= MAX_ID_BYTES)),
            _ => None,
        },
    }
}
