//! The commands, run as people and programs run them.

mod check;
mod compile;
mod eval;
mod flagd;
mod host;
mod key;
mod program;
mod readme;
mod token;
mod users;
