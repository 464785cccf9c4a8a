//! The commands, run as people and programs run them.

mod check;
mod compile;
mod eval;
mod flagd;
mod key;
mod program;
