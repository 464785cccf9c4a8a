//! The same deployment on every host: what vectors, conformance cases and the local stack are played on.

mod api;
mod deployment;
mod filter;
mod keeper;
mod native;
mod served;
mod sidecar;
mod store;

use anyhow::{Result, bail};
use serde::Deserialize;

pub use api::ApiHost;
pub(crate) use api::backend;
pub use deployment::{ApiDeployment, Key};
pub use filter::{FilterDeployment, FilterHost, Passed};
pub use keeper::{KEEPER_KEY, Keeper, KeeperState};
pub use served::Served;
pub use store::StoreState;

/// Where the project's code runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Host {
    /// The service, compiled for this machine, over stores in memory.
    Native,
    /// The filter in the proxy-wasm host on wasmtime.
    Filter,
    /// The filter in a real Envoy.
    Envoy,
    /// The Spin component on wasmtime.
    Spin,
    /// The Fastly module in Viceroy.
    Fastly,
}

impl Host {
    /// All hosts, the quickest first.
    pub const ALL: [Self; 5] = [Self::Native, Self::Filter, Self::Spin, Self::Fastly, Self::Envoy];

    /// The name by which the command line calls it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Filter => "filter",
            Self::Envoy => "envoy",
            Self::Spin => "spin",
            Self::Fastly => "fastly",
        }
    }

    /// Reads a name, or `all`.
    ///
    /// # Errors
    /// When there is no such host.
    pub fn parse(name: &str) -> Result<Vec<Self>> {
        if name == "all" {
            return Ok(Self::ALL.to_vec());
        }
        match Self::ALL.into_iter().find(|host| host.name() == name) {
            Some(host) => Ok(vec![host]),
            None => bail!("there is no host `{name}`: use native, filter, envoy, spin, fastly or all"),
        }
    }

    /// Whether it injects headers into requests. All of them serve the HTTP API.
    #[must_use]
    pub const fn injects(self) -> bool {
        matches!(self, Self::Filter | Self::Envoy)
    }

    /// Whether a test sets its clock from outside. The others take the time from a header which only a test configuration trusts.
    #[must_use]
    pub const fn clock_is_set(self) -> bool {
        matches!(self, Self::Native | Self::Filter | Self::Spin)
    }

    /// Whether it is installed apart from the project, and so may be missing.
    #[must_use]
    pub const fn is_external(self) -> bool {
        matches!(self, Self::Envoy | Self::Fastly)
    }
}
