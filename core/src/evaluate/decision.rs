//! What deciding a flag comes to.

use std::fmt;

use crate::snapshot::FlagValue;

/// Why a flag has the value it has. The words are OpenFeature's, with DevCycle's `OVERRIDE` added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// A rule matched, and everyone it matches gets this variant.
    TargetingMatch,
    /// A rule matched, and the user's key chose among several variants or a rollout.
    Split,
    /// Nobody is targeted: everyone gets this variant.
    Static,
    /// No rule wants this user: the flag's default variant, or the application's own default, applies.
    Default,
    /// The flag is switched off: the application's own default applies.
    Disabled,
    /// A person chose this variant for this user.
    Override,
    /// The flag could not be decided; [`Decision::fault`] says why.
    Error,
}

impl Reason {
    /// As it goes over the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TargetingMatch => "TARGETING_MATCH",
            Self::Split => "SPLIT",
            Self::Static => "STATIC",
            Self::Default => "DEFAULT",
            Self::Disabled => "DISABLED",
            Self::Override => "OVERRIDE",
            Self::Error => "ERROR",
        }
    }
}

/// What is wrong with a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// The source of this decision was unusable; the subject says how.
    Broken,
    /// A rollout by stages has no starting percentage.
    InvalidRollout,
    /// The user's hash falls outside of every entry of the distribution.
    NoVariant,
    /// The distribution names a variant that does not exist.
    MissingVariant,
    /// The variant sets a flag that does not exist.
    MissingFlag,
    /// A condition that means nothing.
    InvalidCondition,
    /// Targeting gives what is not the name of a variant.
    UnknownVariant,
    /// Users are split by their key, and the context has none.
    NoTargetingKey,
    /// Nested too deep or too long to evaluate within the limits.
    TooComplex,
    /// The snapshot is damaged here.
    Corrupt,
}

/// Why a decision could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault<'r> {
    /// What is wrong.
    pub kind: FaultKind,
    /// The id at fault, or the sentence that says how a source is broken.
    pub subject: &'r str,
}

/// OpenFeature's error codes, as far as an evaluator gives them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// There is no flag with this key.
    FlagNotFound,
    /// The flag's source is unusable.
    ParseError,
    /// The flag needs a targeting key, and the context has none.
    TargetingKeyMissing,
    /// The context is not a JSON object.
    InvalidContext,
    /// Anything else.
    General,
}

impl ErrorCode {
    /// As it goes over the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FlagNotFound => "FLAG_NOT_FOUND",
            Self::ParseError => "PARSE_ERROR",
            Self::TargetingKeyMissing => "TARGETING_KEY_MISSING",
            Self::InvalidContext => "INVALID_CONTEXT",
            Self::General => "GENERAL",
        }
    }
}

impl Fault<'_> {
    /// What OpenFeature calls this.
    #[must_use]
    pub const fn error_code(&self) -> ErrorCode {
        match self.kind {
            FaultKind::Broken | FaultKind::InvalidCondition => ErrorCode::ParseError,
            FaultKind::NoTargetingKey => ErrorCode::TargetingKeyMissing,
            _ => ErrorCode::General,
        }
    }

    pub(super) const fn of(kind: FaultKind) -> Self {
        Self { kind, subject: "" }
    }
}

impl fmt::Display for Fault<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subject = self.subject;
        match self.kind {
            FaultKind::Broken => f.write_str(subject),
            FaultKind::InvalidRollout => f.write_str("a rollout by stages has no starting percentage"),
            FaultKind::NoVariant => f.write_str("the percentages do not cover this user"),
            FaultKind::MissingVariant => write!(f, "the variant `{subject}` does not exist"),
            FaultKind::MissingFlag => write!(f, "the flag with id `{subject}` does not exist"),
            FaultKind::InvalidCondition => write!(f, "a condition means nothing: {subject}"),
            FaultKind::UnknownVariant => f.write_str("targeting gives what is not the name of a variant"),
            FaultKind::NoTargetingKey => {
                f.write_str("users are split by their targeting key, and the context has none")
            }
            FaultKind::TooComplex => f.write_str("the conditions nest too deep or are too many"),
            FaultKind::Corrupt => f.write_str("the snapshot is damaged"),
        }
    }
}

/// The outcome of a decision over variants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The decision, by its place in the ruleset.
    pub decision: u32,
    /// The rule that won; `None` for an override, and where a targeting expression decides.
    pub rule: Option<u32>,
    /// The variant chosen.
    pub variant: u32,
    /// Why.
    pub reason: Reason,
}

/// One flag, decided.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decision<'r> {
    /// The value; `None` means the application's own default.
    pub value: Option<FlagValue<'r>>,
    /// Why.
    pub reason: Reason,
    /// Which decision, rule and variant it came from.
    pub choice: Option<Choice>,
    /// What went wrong, where the reason is [`Reason::Error`].
    pub fault: Option<Fault<'r>>,
}
