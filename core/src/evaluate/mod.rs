//! Deciding: pure functions of a ruleset, a context and a time.

mod by_hand;
mod compare;
mod condition;
mod decide;
mod decision;
mod hold;
mod logic;
mod memo;
mod rollout;
mod targeting;
mod version;
mod visitor;

pub use by_hand::{ByHand, Overrides};
pub(crate) use condition::order;
pub use condition::{Comparator, ConditionView, Test};
pub use decide::Session;
pub use decision::{Choice, Decision, ErrorCode, Fault, FaultKind, Reason};
pub(crate) use logic::detail;
pub use logic::{ExpressionView, ExpressionVisitor, Operator};
pub(crate) use logic::{usable_total, weight};
pub use memo::Memo;
pub use visitor::{NoVisitor, Visitor};

use crate::timestamp::Timestamp;
pub(crate) use version::{clean_version, version_parts};

/// How deep conditions may nest, segments included. Real ones stay below ten; the reference recurses until its stack ends.
pub const MAX_DEPTH: u32 = 64;

/// How many decisions, conditions, operands, stages, splits and values one [`Session`] may look at, so about 20 ms. All flags of the largest real
/// ruleset known take some thousands; the limit ends what a hostile ruleset could make of nested segments and overlapping tables.
pub const MAX_STEPS: u32 = 2_000_000;

/// So many bytes of text are compared, hashed or checked in the time of one step.
const BYTES_PER_STEP: u32 = 64;

/// What handling `len` bytes of text costs; what is short comes free with the step that looks at it.
#[inline(always)]
const fn text_steps(len: u32) -> u32 {
    len / BYTES_PER_STEP
}

/// As [`text_steps`], for text at hand.
#[inline(always)]
fn str_steps(text: &str) -> u32 {
    text_steps(u32::try_from(text.len()).unwrap_or(u32::MAX))
}
