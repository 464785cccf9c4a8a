//! How sources are read: options that all commands share.

use clap::{Args, ValueEnum};
use jackstaff_core::source::flagd::Fractional;
use jackstaff_core::{CompileOptions, Dialect};

/// How to read a source. A snapshot is what it is.
#[derive(Args)]
#[command(next_help_heading = "How sources are read")]
pub struct SourceOptions {
    /// The language of the source [default: as the document shows]
    #[arg(long, value_enum)]
    dialect: Option<DialectName>,
    /// How flagd's `fractional` hashes; one or the other assigns every user anew [default: as the document's `fractional` says, or v2]
    #[arg(long, value_enum)]
    fractional: Option<FractionalName>,
}

#[derive(Clone, Copy, ValueEnum)]
enum DialectName {
    /// DevCycle's environment configuration
    Devcycle,
    /// flagd's flag definitions
    Flagd,
}

#[derive(Clone, Copy, ValueEnum)]
enum FractionalName {
    /// The bytes of the key: flagd up to 0.16, and the SDKs of its time
    V2,
    /// The key as CBOR: flagd's providers from October 2026 on
    V3,
}

impl SourceOptions {
    pub fn options(&self, revision: u64) -> CompileOptions {
        CompileOptions {
            revision,
            dialect: self.dialect.map(|dialect| match dialect {
                DialectName::Devcycle => Dialect::DevCycle,
                DialectName::Flagd => Dialect::Flagd,
            }),
            fractional: self.fractional.map(|fractional| match fractional {
                FractionalName::V2 => Fractional::V2,
                FractionalName::V3 => Fractional::V3,
            }),
        }
    }
}
