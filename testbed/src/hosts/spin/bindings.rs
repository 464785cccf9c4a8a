//! Generated from `testbed/wit/`: the `spin:*` interfaces as traits for the host to implement.
#![allow(missing_docs)]

wasmtime::component::bindgen!({
    path: "wit",
    world: "jackstaff:testbed/spin-host",
    imports: { default: trappable },
    with: {
        "spin:key-value/key-value.store": super::key_value::OpenStore,
    },
});

pub use spin::key_value::key_value;
pub use spin::variables::variables;
