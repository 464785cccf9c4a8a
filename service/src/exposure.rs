//! Exposure events: who collects them learns how often each flag gave each variant, and nothing about any user.

use jackstaff_core::source::document;
use jackstaff_core::{Timestamp, Value, write_json_string};

use crate::injector::Count;

/// Different pairs of a flag and a variant that are kept until they are sent. More are dropped, and counted.
pub const MAX_EVENTS: usize = 2_000;

/// What is to be sent, by flag and variant.
#[derive(Debug, Default)]
pub struct Exposures {
    /// In order, without two for the same flag and variant.
    counts: Vec<Counted>,
    since: Option<Timestamp>,
    dropped: u64,
}

/// A batch on its way.
#[derive(Debug)]
pub struct Batch {
    counts: Vec<Counted>,
    since: Timestamp,
}

/// How often a flag gave a variant.
#[derive(Debug)]
struct Counted {
    flag: String,
    variant: String,
    count: u64,
}

impl Exposures {
    /// Adds what was counted; all but decisions is passed over.
    pub fn add(&mut self, count: &Count<'_>, now: Timestamp) {
        let Count::Decision { flag, variant, count } = count else { return };
        self.since.get_or_insert(now);
        self.insert(flag, variant, *count);
    }

    fn insert(&mut self, flag: &str, variant: &str, count: u64) {
        let found = self.counts.binary_search_by(|of| (&*of.flag, &*of.variant).cmp(&(flag, variant)));
        if let Some(of) = found.ok().and_then(|place| self.counts.get_mut(place)) {
            of.count = of.count.saturating_add(count);
        } else if self.counts.len() >= MAX_EVENTS {
            self.dropped = self.dropped.saturating_add(count);
        } else if let Err(place) = found {
            self.counts.insert(place, Counted { flag: flag.to_owned(), variant: variant.to_owned(), count });
        }
    }

    /// Decisions that are in no event, since this was last asked.
    pub fn dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped)
    }

    /// Whether there is nothing to send.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.since.is_none()
    }

    /// Gives up what is kept, and counts it as dropped.
    pub fn give_up(&mut self) {
        let kept = std::mem::take(&mut self.counts).iter().fold(0, |sum: u64, of| sum.saturating_add(of.count));
        self.dropped = self.dropped.saturating_add(kept);
        self.since = None;
    }

    /// Takes everything, to be sent: NDJSON, a line for each flag and variant, with the time from which and until which it counts, in
    /// milliseconds since 1970. Nothing where there is nothing.
    pub fn take(&mut self, environment: &str, now: Timestamp) -> Option<(Batch, String)> {
        let since = self.since.take()?;
        let mut text = String::new();
        for Counted { flag, variant, count } in &self.counts {
            text.push_str("{\"kind\":\"exposure\",\"environment\":");
            write_json_string(environment, &mut text);
            text.push_str(",\"flag\":");
            write_json_string(flag, &mut text);
            text.push_str(",\"variant\":");
            if variant.is_empty() {
                text.push_str("null");
            } else {
                write_json_string(variant, &mut text);
            }
            text.push_str(&format!(",\"count\":{count},\"from\":{},\"to\":{}}}\n", since.0, now.0));
        }
        Some((Batch { counts: std::mem::take(&mut self.counts), since }, text))
    }

    /// Adds what another could not send: lines as [`take`](Self::take) writes them, which fall together where they tell of the same. Anything
    /// else is passed over.
    pub fn adopt(&mut self, lines: &[u8]) {
        for line in lines.split(|byte| *byte == b'\n') {
            let Ok(Value::Map(members)) = document(line) else { continue };
            let (mut flag, mut variant, mut count, mut from) = (String::new(), String::new(), 0.0, None);
            for (name, value) in members {
                match (&*name, value) {
                    ("flag", Value::String(key)) => flag = key.into_owned(),
                    ("variant", Value::String(key)) => variant = key.into_owned(),
                    ("count", Value::Number(number)) => count = number,
                    ("from", Value::Number(number)) => from = Some(Timestamp(number as i64)),
                    _ => {}
                }
            }
            if let Some(from) = from {
                self.since = Some(self.since.map_or(from, |since| since.min(from)));
                self.insert(&flag, &variant, count as u64);
            }
        }
    }

    /// Takes back what could not be sent. Its decisions join those of the next batch, so that the collector's absence costs nothing but
    /// the time that they are told apart by.
    pub fn take_back(&mut self, Batch { counts, since }: Batch) {
        self.since = Some(since);
        for Counted { flag, variant, count } in &counts {
            self.insert(flag, variant, *count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decision<'c>(flag: &'c str, variant: &'c str) -> Count<'c> {
        Count::Decision { flag, variant, count: 2 }
    }

    #[test]
    fn decisions_are_summed_and_sent_once() {
        let mut exposures = Exposures::default();
        assert!(exposures.take("e", Timestamp(1)).is_none());
        for at in 10..13 {
            exposures.add(&decision("a", "on"), Timestamp(at));
            exposures.add(&decision("b\"", ""), Timestamp(at));
            exposures.add(&Count::Requests(7), Timestamp(at));
        }
        let (batch, text) = exposures.take("e", Timestamp(20)).unwrap();
        assert_eq!(
            text,
            "{\"kind\":\"exposure\",\"environment\":\"e\",\"flag\":\"a\",\"variant\":\"on\",\"count\":6,\"from\":10,\"to\":20}\n\
             {\"kind\":\"exposure\",\"environment\":\"e\",\"flag\":\"b\\\"\",\"variant\":null,\"count\":6,\"from\":10,\"to\":20}\n"
        );
        assert!(exposures.take("e", Timestamp(21)).is_none());
        exposures.add(&decision("a", "on"), Timestamp(30));
        exposures.take_back(batch);
        let (_, text) = exposures.take("e", Timestamp(40)).unwrap();
        assert!(text.contains("\"flag\":\"a\",\"variant\":\"on\",\"count\":8,\"from\":10,\"to\":40"), "{text}");
    }

    #[test]
    fn another_sends_what_one_could_not() {
        let (mut one, mut other) = (Exposures::default(), Exposures::default());
        one.add(&decision("a\"\n\u{e9}", "on"), Timestamp(10));
        one.add(&decision("b", ""), Timestamp(11));
        other.add(&decision("b", ""), Timestamp(20));
        let (_, lines) = one.take("e", Timestamp(15)).unwrap();
        other.adopt(lines.as_bytes());
        other.adopt(b"nonsense\n[]\n{\"flag\":\"b\",\"count\":7}\n");
        let (_, sum) = other.take("e", Timestamp(30)).unwrap();
        assert_eq!(sum, lines.replace("\"to\":15", "\"to\":30").replace("null,\"count\":2", "null,\"count\":4"));
        assert_eq!(other.dropped(), 0);
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let mut exposures = Exposures::default();
        for nth in 0..MAX_EVENTS + 3 {
            exposures.add(&decision(&nth.to_string(), "on"), Timestamp(0));
        }
        assert_eq!(exposures.take("e", Timestamp(1)).unwrap().1.lines().count(), MAX_EVENTS);
        assert_eq!((exposures.dropped(), exposures.dropped()), (6, 0));
        exposures.add(&decision("a", "on"), Timestamp(2));
        exposures.give_up();
        assert_eq!((exposures.dropped(), exposures.take("e", Timestamp(3)).is_none()), (2, true));
    }
}
