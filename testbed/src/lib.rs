//! Runs the built modules from outside: hosts for the three platforms, a clock that tests set, faults, and the modules' builds.

pub mod cache;
pub mod clients;
pub mod clock;
pub mod conformance;
pub mod deploy;
pub mod hosts;
pub mod http_client;
pub mod lock;
pub mod modules;
pub mod plugin_reference;
pub mod program;
pub mod shrink;
pub mod stack;
pub mod upstream;
pub mod vectors;
