//! Jackstaff's evaluation core: rulesets in, decisions out. No I/O, no clock, no platform, no async.
//!
//! ```
//! use jackstaff_core::{CompileOptions, Context, FlagValue, Ruleset, Timestamp, compile};
//! let source = br#"{"project":{"_id":"p","key":"p","settings":{}},"environment":{"_id":"e","key":"e"},
//!   "variables":[{"_id":"v","key":"new-nav","type":"Boolean"}],
//!   "features":[{"_id":"f","key":"nav","type":"release",
//!     "variations":[{"_id":"on","key":"on","name":"On","variables":[{"_var":"v","value":true}]}],
//!     "configuration":{"_id":"c","targets":[{"_id":"t","_audience":{"_id":"a","filters":{"operator":"and","filters":[{"type":"all"}]}},
//!       "distribution":[{"_variation":"on","percentage":1}]}]}}]}"#;
//! let compiled = compile(source, &CompileOptions::default()).unwrap();
//! let ruleset = Ruleset::open(&compiled.snapshot).unwrap();
//! let flag = ruleset.find("new-nav").unwrap();
//! let decision = ruleset.evaluate(flag, &Context::new("user-1"), Timestamp(0));
//! assert_eq!(decision.value, Some(FlagValue::Boolean(true)));
//! ```

#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

mod context;
mod diagnostic;
mod evaluate;
mod hash;
mod json_text;
mod names;
mod same;
mod snapshot;
mod sort;
pub mod source;
mod timestamp;
mod value;

pub use context::{Context, MAX_ATTRIBUTES, Scope};
pub use diagnostic::{Diagnostic, Severity};
pub use evaluate::{
    ByHand, Choice, Comparator, ConditionView, Decision, ErrorCode, ExpressionView, ExpressionVisitor, Fault,
    FaultKind, MAX_DEPTH, MAX_STEPS, Memo, NoVisitor, Operator, Overrides, Reason, Session, Test, Visitor,
};
pub use hash::{Murmur3, murmur3};
pub use json_text::{copy_plain, write_json_string, write_json_text};
pub use snapshot::layout::FORMAT as SNAPSHOT_FORMAT;
pub use snapshot::{
    DecisionView, Dialect, FlagIndex, FlagValue, FlagView, OpenError, RuleView, Ruleset, SharedRuleset, ValueKind,
    VariantView, is_snapshot,
};
pub use sort::sort;
pub use source::{CompileOptions, Compiled, compile};
pub use timestamp::Timestamp;
pub use value::Value;
