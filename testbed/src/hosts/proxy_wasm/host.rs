//! What the module's calls act on.

use std::collections::{BTreeSet, HashMap};

use wasmtime::{Memory, TypedFunc};

use super::{
    callout::{Callout, CalloutReply},
    error::{LogLevel, LogLine},
    headers::{Header, HeaderMap},
    metrics::Metrics,
    shared_data::SharedData,
    stream::Stream,
};
use crate::clock::Clock;

/// What the host calls in the module while the module calls the host.
#[derive(Clone)]
pub(super) struct Exports {
    pub(super) memory: Memory,
    pub(super) allocate: TypedFunc<u32, u32>,
}

/// A plugin configuration, which the module knows as a root context.
#[derive(Default)]
pub(super) struct Plugin {
    pub(super) name: String,
    pub(super) config: Vec<u8>,
    pub(super) tick_millis: u32,
}

/// The maps that a module may name, by the ABI's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MapType {
    RequestHeaders,
    ResponseHeaders,
    CalloutHeaders,
    /// Trailers and gRPC metadata, of which there are none here.
    Absent,
}

impl MapType {
    pub(super) fn of(number: u32) -> Option<Self> {
        match number {
            0 => Some(Self::RequestHeaders),
            2 => Some(Self::ResponseHeaders),
            6 => Some(Self::CalloutHeaders),
            1 | 3..=5 | 7 => Some(Self::Absent),
            _ => None,
        }
    }
}

/// The host's side of a VM.
pub(super) struct Host {
    pub(super) clock: Clock,
    pub(super) vm_id: String,
    pub(super) vm_config: Vec<u8>,
    pub(super) shared_data: SharedData,
    /// The clusters that calls may go to; all when nothing is said.
    pub(super) clusters: Option<BTreeSet<String>>,
    pub(super) exports: Option<Exports>,
    pub(super) plugins: HashMap<u32, Plugin>,
    pub(super) streams: HashMap<u32, Stream>,
    /// The context that the module's calls act for.
    pub(super) effective: u32,
    /// The root context that is being started or configured: only it sees configurations.
    pub(super) configuring: Option<u32>,
    pub(super) logs: Vec<LogLine>,
    pub(super) metrics: Metrics,
    pub(super) callouts: Vec<Callout>,
    pub(super) last_token: u32,
    /// The answer that is being handed to the module.
    pub(super) reply: Option<CalloutReply>,
    pub(super) random: u64,
}

impl Host {
    pub(super) fn log(&mut self, level: LogLevel, text: &[u8]) {
        self.logs.push(LogLine { level, text: String::from_utf8_lossy(text).into_owned() });
    }

    /// The root context that the effective context belongs to.
    pub(super) fn root(&self) -> u32 {
        self.stream().map_or(self.effective, |stream| stream.root)
    }

    pub(super) fn stream(&self) -> Option<&Stream> {
        self.streams.get(&self.effective)
    }

    pub(super) fn stream_mut(&mut self) -> Option<&mut Stream> {
        self.streams.get_mut(&self.effective)
    }

    /// A map that can be read now.
    pub(super) fn map(&self, map: MapType) -> Option<&[Header]> {
        if map == MapType::CalloutHeaders {
            return self.reply.as_ref().map(|reply| reply.headers.as_slice());
        }
        let stream = self.stream()?;
        match map {
            MapType::RequestHeaders => (stream.request_open || stream.logging).then(|| stream.request.entries()),
            MapType::ResponseHeaders => (stream.response_open || stream.logging).then(|| stream.response.entries()),
            MapType::CalloutHeaders | MapType::Absent => None,
        }
    }

    /// A map that can be changed now.
    pub(super) fn map_mut(&mut self, map: MapType) -> Option<&mut HeaderMap> {
        let stream = self.stream_mut()?;
        match map {
            MapType::RequestHeaders => stream.request_open.then_some(&mut stream.request),
            MapType::ResponseHeaders => stream.response_open.then_some(&mut stream.response),
            MapType::CalloutHeaders | MapType::Absent => None,
        }
    }

    /// A buffer that can be read now, by the ABI's numbers.
    pub(super) fn buffer(&self, number: u32) -> Option<&[u8]> {
        match number {
            0 | 1 => self.stream().and_then(|stream| stream.buffer(number)),
            4 => self.reply.as_ref().map(|reply| reply.body.as_slice()),
            6 => self.configuring.map(|_| self.vm_config.as_slice()),
            7 => self.configuring.and_then(|root| self.plugins.get(&root)).map(|plugin| plugin.config.as_slice()),
            _ => None,
        }
    }

    /// The next of a row of random numbers (SplitMix64): enough to tell contexts apart, no more.
    pub(super) fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
