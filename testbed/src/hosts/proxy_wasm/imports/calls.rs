//! Calls to clusters, replies, and what steers a stream.

use std::time::Duration;

use anyhow::Result;
use wasmtime::{Caller, Error, Linker};

use super::{Called, OK, Status, guest, status};
use crate::hosts::proxy_wasm::{
    callout::Callout,
    headers::{deserialise, first},
    host::Host,
    stream::LocalReply,
};

/// The stream types of the ABI.
const REQUEST: u32 = 0;
const RESPONSE: u32 = 1;

pub(super) fn define(linker: &mut Linker<Host>) -> Result<()> {
    linker.func_wrap("env", "proxy_http_call", http_call)?;
    linker.func_wrap("env", "proxy_send_local_response", send_local_response)?;
    linker.func_wrap("env", "proxy_continue_stream", continue_stream)?;
    linker.func_wrap("env", "proxy_set_effective_context", set_effective_context)?;
    linker.func_wrap("env", "proxy_set_tick_period_milliseconds", set_tick_period)?;
    Ok(())
}

#[expect(clippy::too_many_arguments, reason = "the ABI's")]
fn http_call(
    mut caller: Caller<'_, Host>,
    cluster: u32,
    cluster_length: u32,
    headers: u32,
    headers_length: u32,
    body: u32,
    body_length: u32,
    _trailers: u32,
    _trailers_length: u32,
    timeout_millis: u32,
    token: u32,
) -> Called {
    let cluster = String::from_utf8_lossy(&guest::read(&caller, cluster, cluster_length)?).into_owned();
    let headers = deserialise(&guest::read(&caller, headers, headers_length)?);
    let headers = headers.ok_or_else(|| Error::msg("a callout's headers are not in the ABI's form"))?;
    let body = guest::read(&caller, body, body_length)?;
    let complete = [":method", ":path", ":authority"].iter().all(|name| first(&headers, name).is_some());
    let host = caller.data_mut();
    let known = host.clusters.as_ref().is_none_or(|clusters| clusters.contains(&cluster));
    if !complete || !known {
        return status(Status::BadArgument);
    }
    host.last_token += 1;
    let given = host.last_token;
    let timeout = (timeout_millis > 0).then(|| Duration::from_millis(timeout_millis.into()));
    let root = host.root();
    host.callouts.push(Callout { token: given, cluster, headers, body, timeout, root });
    guest::write_u32(&mut caller, token, given)?;
    OK
}

#[expect(clippy::too_many_arguments, reason = "the ABI's")]
fn send_local_response(
    mut caller: Caller<'_, Host>,
    code: u32,
    _details: u32,
    _details_length: u32,
    body: u32,
    body_length: u32,
    headers: u32,
    headers_length: u32,
    _grpc_status: i32,
) -> Called {
    let body = guest::read(&caller, body, body_length)?;
    let headers = deserialise(&guest::read(&caller, headers, headers_length)?);
    let headers = headers.ok_or_else(|| Error::msg("a reply's headers are not in the ABI's form"))?;
    let Some(stream) = caller.data_mut().stream_mut() else {
        return status(Status::BadArgument);
    };
    // The first reply is sent; another is ignored.
    if !stream.local_reply_sent {
        stream.local_reply_sent = true;
        stream.local_reply = Some(LocalReply { status: code, headers, body });
    }
    OK
}

fn continue_stream(mut caller: Caller<'_, Host>, kind: u32) -> Called {
    let Some(stream) = caller.data_mut().stream_mut() else {
        return status(Status::BadArgument);
    };
    match kind {
        REQUEST => stream.resume_request = true,
        RESPONSE => stream.resume_response = true,
        _ => return status(Status::BadArgument),
    }
    OK
}

fn set_effective_context(mut caller: Caller<'_, Host>, context: u32) -> Called {
    let host = caller.data_mut();
    if !host.plugins.contains_key(&context) && !host.streams.contains_key(&context) {
        return status(Status::BadArgument);
    }
    host.effective = context;
    OK
}

fn set_tick_period(mut caller: Caller<'_, Host>, millis: u32) -> Called {
    let root = caller.data().root();
    if let Some(plugin) = caller.data_mut().plugins.get_mut(&root) {
        plugin.tick_millis = millis;
    }
    OK
}
