//! Envoy's place for the filter, without Envoy: a host of the proxy-wasm ABI 0.2.1 on wasmtime.
//!
//! It does to a module what Envoy 1.40 does, in one thread and at once, with a clock that a test sets: which headers a module can see at
//! which time, what each call returns, in which order callbacks come. Rules without a source named were found by running one module in both.
//! The differences that stay: no route, no header limits, no headers that Envoy adds by itself.

mod callout;
mod drive;
mod error;
mod headers;
mod host;
mod imports;
mod metrics;
mod module;
mod properties;
mod shared_data;
mod stream;
mod vm;

pub use self::{
    callout::{Callout, CalloutReply},
    error::{ConfigureError, LogLevel, LogLine, Trap, VmError},
    headers::{Header, first, values},
    metrics::{Metric, MetricKind},
    module::Module,
    shared_data::{SharedData, SharedDataFault},
    stream::{Outcome, RequestIn, ResponseIn, ResponseOut},
    vm::{DEFAULT_FUEL, PluginId, StreamId, Vm, VmOptions},
};
