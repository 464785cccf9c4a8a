//! The platforms that the modules run on.

pub mod fastly;
pub mod spin;
