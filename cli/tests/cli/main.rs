//! The commands, run as people and programs run them.

mod check;
mod compile;
mod eval;
mod key;
mod program;
