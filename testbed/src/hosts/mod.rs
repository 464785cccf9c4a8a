//! The platforms that the modules run on.

pub mod envoy;
pub mod fastly;
pub mod spin;
