//! Exposure events: who collects them learns how often each flag gave each variant, and nothing about any user.

use std::collections::BTreeMap;

use jackstaff_core::{Timestamp, write_json_string};

use crate::injector::Count;

/// Different pairs of a flag and a variant that are kept until they are sent. More are dropped, and counted.
pub const MAX_EVENTS: usize = 2_000;

/// What is to be sent, by flag and variant.
#[derive(Debug, Default)]
pub struct Exposures {
    counts: BTreeMap<(String, String), u64>,
    since: Option<Timestamp>,
    dropped: u64,
}

/// A batch on its way.
#[derive(Debug)]
pub struct Batch(Exposures);

impl Exposures {
    /// Adds what was counted; all but decisions is passed over.
    pub fn add(&mut self, count: &Count<'_>, now: Timestamp) {
        let Count::Decision { flag, variant, count } = count else { return };
        self.since.get_or_insert(now);
        self.insert((*flag).to_owned(), (*variant).to_owned(), *count);
    }

    fn insert(&mut self, flag: String, variant: String, count: u64) {
        let full = self.counts.len() >= MAX_EVENTS;
        match self.counts.get_mut(&(flag.clone(), variant.clone())) {
            Some(sum) => *sum = sum.saturating_add(count),
            None if full => self.dropped = self.dropped.saturating_add(count),
            None => drop(self.counts.insert((flag, variant), count)),
        }
    }

    /// Decisions that are in no event, since this was last asked.
    pub fn dropped(&mut self) -> u64 {
        std::mem::take(&mut self.dropped)
    }

    /// Takes everything, to be sent: NDJSON, a line for each flag and variant, with the time from which and until which it counts, in
    /// milliseconds since 1970. Nothing where there is nothing.
    pub fn take(&mut self, environment: &str, now: Timestamp) -> Option<(Batch, String)> {
        let since = self.since?;
        let mut text = String::new();
        for ((flag, variant), count) in &self.counts {
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
        Some((Batch(std::mem::take(self)), text))
    }

    /// Takes back what could not be sent. Its decisions join those of the next batch, so that the collector's absence costs nothing but
    /// the time that they are told apart by.
    pub fn take_back(&mut self, Batch(batch): Batch) {
        self.dropped = self.dropped.saturating_add(batch.dropped);
        self.since = batch.since.or(self.since);
        for ((flag, variant), count) in batch.counts {
            self.insert(flag, variant, count);
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
    fn what_does_not_fit_is_counted() {
        let mut exposures = Exposures::default();
        for nth in 0..MAX_EVENTS + 3 {
            exposures.add(&decision(&nth.to_string(), "on"), Timestamp(0));
        }
        assert_eq!((exposures.dropped(), exposures.dropped()), (6, 0));
        assert_eq!(exposures.take("e", Timestamp(1)).unwrap().1.lines().count(), MAX_EVENTS);
    }
}
