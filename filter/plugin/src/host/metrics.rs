//! Envoy's metrics: counters and gauges that all workers share, by name.

/// As the ABI has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Counter = 0,
    Gauge = 1,
}

#[link(wasm_import_module = "env")]
unsafe extern "C" {
    fn proxy_define_metric(kind: u32, name: *const u8, name_size: usize, id: *mut u32) -> u32;
    fn proxy_increment_metric(id: u32, by: i64) -> u32;
    fn proxy_record_metric(id: u32, value: u64) -> u32;
}

/// The number of the metric with this name, which is made where there is none yet. It is never unmade.
pub(crate) fn define(kind: Kind, name: &str) -> Option<u32> {
    let mut id = 0;
    // SAFETY: the pointer and the size are those of a live string; the host writes a number to where the other points.
    let status = unsafe { proxy_define_metric(kind as u32, name.as_ptr(), name.len(), &raw mut id) };
    (status == super::OK).then_some(id)
}

/// Adds to a counter.
pub(crate) fn increment(id: u32, by: u64) {
    // SAFETY: numbers are all that goes over.
    unsafe { proxy_increment_metric(id, i64::try_from(by).unwrap_or(i64::MAX)) };
}

/// Sets a gauge.
pub(crate) fn record(id: u32, value: u64) {
    // SAFETY: numbers are all that goes over.
    unsafe { proxy_record_metric(id, value) };
}
