//! Generated from `testbed/wit/`: the `spin:*` interfaces as traits for the host to implement.
#![allow(missing_docs)]

wasmtime::component::bindgen!({
    path: "wit",
    world: "jackstaff:testbed/spin-host",
    imports: {
        // The component waits in these calls, and nobody but it.
        "wasi:keyvalue": async | trappable,
        default: trappable,
    },
    with: {
        "wasi:keyvalue/store.bucket": super::atomics::Bucket,
        "wasi:keyvalue/atomics.cas": super::atomics::Cas,
        "spin:key-value/key-value.store": super::key_value::OpenStore,
    },
});

pub use spin::key_value::key_value;
pub use spin::variables::variables;
pub use wasi::keyvalue::{atomics, store};
