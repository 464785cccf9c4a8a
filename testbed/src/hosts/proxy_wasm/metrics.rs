//! The metrics of a VM.

use super::imports::Status;

/// The kind of a metric, as the ABI numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// 0: only grows.
    Counter,
    /// 1: is set.
    Gauge,
    /// 2: is a set of recorded values.
    Histogram,
}

impl MetricKind {
    pub(super) fn of(number: u32) -> Option<Self> {
        [Self::Counter, Self::Gauge, Self::Histogram].get(number as usize).copied()
    }
}

/// A metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Its kind.
    pub kind: MetricKind,
    /// Its name as the module defined it.
    pub name: String,
    /// The value of a counter or gauge.
    pub value: u64,
    /// What was recorded in a histogram.
    pub recorded: Vec<u64>,
}

/// Metrics, and the numbers that the module knows them by. Defining one again gives a new number of the same metric.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    metrics: Vec<Metric>,
    numbers: Vec<usize>,
}

impl Metrics {
    pub(super) fn all(&self) -> &[Metric] {
        &self.metrics
    }

    pub(super) fn define(&mut self, kind: MetricKind, name: String) -> u32 {
        let index =
            self.metrics.iter().position(|metric| metric.kind == kind && metric.name == name).unwrap_or_else(|| {
                self.metrics.push(Metric { kind, name, value: 0, recorded: Vec::new() });
                self.metrics.len() - 1
            });
        self.numbers.push(index);
        u32::try_from(self.numbers.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn get(&self, number: u32) -> Result<u64, Status> {
        // Envoy says "bad argument" here also for a number that it does not know.
        let metric = self.find(number).and_then(|index| self.metrics.get(index));
        metric
            .filter(|metric| metric.kind != MetricKind::Histogram)
            .map(|metric| metric.value)
            .ok_or(Status::BadArgument)
    }

    pub(super) fn record(&mut self, number: u32, value: u64) -> Result<(), Status> {
        let metric = self.find_mut(number).ok_or(Status::NotFound)?;
        match metric.kind {
            MetricKind::Counter => metric.value = metric.value.wrapping_add(value),
            MetricKind::Gauge => metric.value = value,
            MetricKind::Histogram => metric.recorded.push(value),
        }
        Ok(())
    }

    pub(super) fn increment(&mut self, number: u32, by: i64) -> Result<(), Status> {
        let metric = self.find_mut(number).ok_or(Status::NotFound)?;
        match metric.kind {
            MetricKind::Counter if by > 0 => metric.value = metric.value.wrapping_add_signed(by),
            MetricKind::Gauge => metric.value = metric.value.wrapping_add_signed(by),
            MetricKind::Counter | MetricKind::Histogram => return Err(Status::BadArgument),
        }
        Ok(())
    }

    fn find(&self, number: u32) -> Option<usize> {
        self.numbers.get((number as usize).checked_sub(1)?).copied()
    }

    fn find_mut(&mut self, number: u32) -> Option<&mut Metric> {
        self.find(number).and_then(|index| self.metrics.get_mut(index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_defined_twice_is_one() {
        let mut metrics = Metrics::default();
        let numbers = [(); 2].map(|()| metrics.define(MetricKind::Counter, "c".into()));
        assert_ne!(numbers[0], numbers[1]);
        metrics.increment(numbers[0], 2).unwrap();
        metrics.increment(numbers[1], 3).unwrap();
        assert_eq!(metrics.get(numbers[0]), Ok(5));
        assert_eq!(metrics.all().len(), 1);
    }

    #[test]
    fn statuses_are_envoys() {
        let mut metrics = Metrics::default();
        let counter = metrics.define(MetricKind::Counter, "c".into());
        let histogram = metrics.define(MetricKind::Histogram, "h".into());
        assert_eq!(metrics.increment(counter, 0), Err(Status::BadArgument));
        assert_eq!(metrics.increment(counter, -1), Err(Status::BadArgument));
        assert_eq!(metrics.increment(histogram, 1), Err(Status::BadArgument));
        assert_eq!(metrics.record(histogram, 7), Ok(()));
        assert_eq!(metrics.get(histogram), Err(Status::BadArgument));
        assert_eq!(metrics.get(99), Err(Status::BadArgument));
        assert_eq!(metrics.record(99, 1), Err(Status::NotFound));
    }
}
