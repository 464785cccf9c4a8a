//! Exposure events on their way to a collector.

use std::rc::Rc;
use std::task::Poll;

use bytes::Bytes;
use http::{HeaderValue, Method, header};
use jackstaff_service::executor::Task;
use jackstaff_service::exposure::{Batch, Exposures};
use jackstaff_service::filter_config::EventsConfig;
use jackstaff_service::injector::Count;
use jackstaff_service::platform::Platform as _;

use crate::host::shared;
use crate::platform::EnvoyPlatform;
use crate::refresh::digest;

/// How often leaving something is tried. Each failure is the success of another worker, and there are fewer.
const MAX_TRIES: u32 = 1_000;

/// Milliseconds to the first batch, which has what earlier configurations left. Sooner, it would have hardly anything of its own.
const FIRST_MS: i64 = 400;

/// The events of one plugin configuration, in one worker.
pub(crate) struct Events {
    config: EventsConfig,
    environment: String,
    exposures: Exposures,
    /// When the next batch goes, in milliseconds since 1970.
    next: i64,
    sending: Option<(Batch, Task<bool>)>,
    /// Batches that arrived and those that did not, since somebody asked.
    sent: u64,
    failed: u64,
    /// Where configurations that end leave what they could not send, for the next one with this collector and environment.
    left: String,
}

impl Events {
    pub(crate) fn new(config: EventsConfig, environment: String, platform: &EnvoyPlatform) -> Self {
        let exposures = Exposures::default();
        let left = format!("jackstaff:events:{:016x}:{environment}", digest(std::slice::from_ref(&config.collector)));
        let next = platform.now().0.saturating_add(FIRST_MS);
        Self { config, environment, exposures, next, sending: None, sent: 0, failed: 0, left }
    }

    /// Adds what was counted.
    pub(crate) fn count(&mut self, count: &Count<'_>, platform: &EnvoyPlatform) {
        self.exposures.add(count, platform.now());
    }

    /// Takes back what did not arrive.
    fn settle(&mut self) {
        if let Some((batch, mut task)) = self.sending.take() {
            match task.poll() {
                Poll::Ready(true) => self.sent = self.sent.saturating_add(1),
                Poll::Ready(false) => {
                    self.failed = self.failed.saturating_add(1);
                    self.exposures.take_back(batch);
                }
                Poll::Pending => self.sending = Some((batch, task)),
            }
        }
    }

    /// Ends: what was not sent is left for the next configuration. Says whether that is all; if not, the answer to a batch is still to come.
    /// To be called again then.
    pub(crate) fn end(&mut self, platform: &EnvoyPlatform) -> bool {
        self.settle();
        let mut tries = 0..MAX_TRIES;
        while !self.exposures.is_empty() && tries.next().is_some() {
            if let Some(version) = self.inherit()
                && let Some((batch, lines)) = self.exposures.take(&self.environment, platform.now())
                && shared::set(&self.left, lines.as_bytes(), version) != Ok(true)
            {
                self.exposures.take_back(batch);
            }
        }
        self.exposures.give_up();
        self.sending.is_none()
    }

    /// Takes what earlier configurations left. Where they left nothing, says at which version something can be left there.
    fn inherit(&mut self) -> Option<u32> {
        let Ok(Some((lines, version))) = shared::get(&self.left) else { return Some(shared::CREATE) };
        if lines.is_empty() {
            return Some(version);
        }
        if shared::set(&self.left, &[], version) == Ok(true) {
            self.exposures.adopt(&lines);
        }
        None
    }

    /// Sends what is due, one batch at a time, and takes back what did not arrive. No request waits for any of it.
    pub(crate) fn go_on(&mut self, platform: &EnvoyPlatform) {
        self.settle();
        let (now, interval) = (platform.now(), i64::from(self.config.interval_s).saturating_mul(1_000));
        // A clock that went back would keep everything for ever.
        let due = now.0 >= self.next || self.next.saturating_sub(now.0) > interval;
        if self.sending.is_some() || !due {
            return;
        }
        let _ = self.inherit();
        if let Some((batch, text)) = self.exposures.take(&self.environment, now) {
            self.next = now.0.saturating_add(interval);
            let mut task = self.send(platform, text);
            // The first look begins the call.
            self.sending = match task.poll() {
                Poll::Pending => Some((batch, task)),
                Poll::Ready(_) => {
                    self.failed = self.failed.saturating_add(1);
                    self.exposures.take_back(batch);
                    None
                }
            };
        }
    }

    /// Batches that arrived, batches that did not, and decisions that are in none, since this was last asked.
    pub(crate) fn told(&mut self) -> (u64, u64, u64) {
        (std::mem::take(&mut self.sent), std::mem::take(&mut self.failed), self.exposures.dropped())
    }

    fn send(&self, platform: &EnvoyPlatform, text: String) -> Task<bool> {
        let (platform, collector) = (Rc::new(platform.clone()), self.config.collector.clone());
        Task::new(async move {
            let Some(mut request) = collector.request(Bytes::from(text)) else { return false };
            *request.method_mut() = Method::POST;
            request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
            match platform.fetch(&collector.origin, request, collector.limit_ms).await {
                Ok(response) if response.status().is_success() => true,
                Ok(response) => {
                    platform.log(&format!("events: `{}` answered {}", collector.origin, response.status()));
                    false
                }
                Err(error) => {
                    platform.log(&format!("events: `{}`: {error}", collector.origin));
                    false
                }
            }
        })
    }
}
