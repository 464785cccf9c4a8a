//! The compiled form of a ruleset: one buffer, used in place.

mod build;
#[cfg(test)]
mod hostile;
mod index;
pub(crate) mod layout;
mod records;
mod text;
pub(crate) mod view;

use std::fmt;

use serde::Deserialize as _;

pub(crate) use build::{Builder, index, since};
pub use records::{DecisionView, FlagView, RuleView, VariantView};
pub use view::{FlagIndex, FlagValue, ValueKind};

use layout::{FORMAT, MAGIC, Tables};

/// What a [`layout::Literal`] holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum LiteralKind {
    Null = 0,
    False = 1,
    True = 2,
    Number = 3,
    String = 4,
    /// A string compared with that stands for what is not true: an empty one, 0, false.
    Untrue = 5,
    /// An object or a list.
    Json = 6,
    /// Version parts.
    Version = 7,
}

/// The language a ruleset was written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Dialect {
    /// DevCycle environment configuration.
    DevCycle = 1,
    /// flagd flag definitions, OpenFeature's own.
    Flagd = 2,
}

impl Dialect {
    /// The name by which the command line and diagnostics call it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DevCycle => "devcycle",
            Self::Flagd => "flagd",
        }
    }
}

/// Why bytes are not a usable snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenError {
    /// They do not begin as a snapshot does.
    NotASnapshot,
    /// They are a snapshot of another format version: compile the source again.
    Version {
        /// The version found.
        found: u16,
    },
    /// Truncated or damaged.
    Corrupt,
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotASnapshot => f.write_str("not a snapshot: `jackstaff compile` makes one from a source document"),
            Self::Version { found } => {
                write!(
                    f,
                    "snapshot format {found}, but this build reads format {FORMAT}: compile the source again with a matching `jackstaff compile`"
                )
            }
            Self::Corrupt => {
                f.write_str("the snapshot is truncated or damaged: copy it again, or compile it again from its source")
            }
        }
    }
}

impl std::error::Error for OpenError {}

/// Whether `bytes` claim to be a snapshot. (They may still be damaged.)
#[must_use]
pub fn is_snapshot(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC)
}

/// A ruleset, read in place from snapshot bytes.
///
/// Opening looks at a few lengths, whatever the number of flags. Any bytes are safe to open and to evaluate: damage beyond the lengths
/// shows as the decision [`FaultKind::Corrupt`](crate::FaultKind::Corrupt) of the flags it hits, or is found by [`verify`](Self::verify).
#[derive(Clone, Debug, yoke::Yokeable)]
pub struct Ruleset<'a> {
    pub(crate) tables: Tables<'a>,
    checksum: u64,
}

/// Magic, format, checksum of what follows.
const HEADER: usize = MAGIC.len() + size_of::<u16>() + size_of::<u64>();

impl<'a> Ruleset<'a> {
    /// Opens a snapshot.
    ///
    /// # Errors
    /// Where the bytes are no snapshot, of another format version, or truncated.
    pub fn open(bytes: &'a [u8]) -> Result<Self, OpenError> {
        let rest = bytes.strip_prefix(&MAGIC).ok_or(OpenError::NotASnapshot)?;
        let (version, rest) = rest.split_first_chunk().ok_or(OpenError::Corrupt)?;
        let found = u16::from_le_bytes(*version);
        if found != FORMAT {
            return Err(OpenError::Version { found });
        }
        let (checksum, rest) = rest.split_first_chunk().ok_or(OpenError::Corrupt)?;
        let mut input = postcard::Deserializer::from_bytes(rest);
        let tables = Tables::deserialize(&mut input).map_err(|_| OpenError::Corrupt)?;
        Ok(Self { tables, checksum: u64::from_le_bytes(*checksum) })
    }

    /// Reads all of `bytes` once and compares the checksum: for when a snapshot arrives from elsewhere.
    ///
    /// # Errors
    /// As [`open`](Self::open), and [`OpenError::Corrupt`] where a single bit differs from what was compiled.
    pub fn verify(bytes: &'a [u8]) -> Result<Self, OpenError> {
        let ruleset = Self::open(bytes)?;
        let body = bytes.get(HEADER..).ok_or(OpenError::Corrupt)?;
        if digest(body) == ruleset.checksum { Ok(ruleset) } else { Err(OpenError::Corrupt) }
    }
}

/// The digest by which documents and snapshots are told apart: SipHash 1-3, the same on every machine.
pub(crate) fn digest(bytes: &[u8]) -> u64 {
    siphasher::sip::SipHasher13::new().hash(bytes)
}

/// A ruleset together with the bytes it reads in place: cheap to clone, to keep and to hand to requests. The bytes stay where they are.
#[derive(Clone)]
pub struct SharedRuleset(yoke::Yoke<Ruleset<'static>, std::sync::Arc<Vec<u8>>>);

impl SharedRuleset {
    /// Takes bytes that arrived from elsewhere: checks all of them once, then opens them.
    ///
    /// # Errors
    /// As [`Ruleset::verify`].
    pub fn verify(bytes: Vec<u8>) -> Result<Self, OpenError> {
        yoke::Yoke::try_attach_to_cart(bytes.into(), |bytes: &Vec<u8>| Ruleset::verify(bytes)).map(Self)
    }

    /// Takes bytes from a store that keeps them safe: looks at lengths only.
    ///
    /// # Errors
    /// As [`Ruleset::open`].
    pub fn open(bytes: Vec<u8>) -> Result<Self, OpenError> {
        yoke::Yoke::try_attach_to_cart(bytes.into(), |bytes: &Vec<u8>| Ruleset::open(bytes)).map(Self)
    }

    /// The ruleset.
    #[must_use]
    pub fn get(&self) -> &Ruleset<'_> {
        self.0.get()
    }

    /// The snapshot's bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.0.backing_cart()
    }
}

impl fmt::Debug for SharedRuleset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ruleset = self.get();
        write!(
            f,
            "SharedRuleset({} flags, revision {}, digest {:016x})",
            ruleset.len(),
            ruleset.revision(),
            ruleset.digest()
        )
    }
}
