//! Compare-and-swap, which `wasi:keyvalue` has and Spin's own interface has not.

use jackstaff_service::platform::Written;
use spin_sdk::experimental::wasi::keyvalue::atomics::{self, Cas, CasError};
use spin_sdk::experimental::wasi::keyvalue::store::{self, Bucket, Error};

/// The label of the store.
const STORE: &str = "default";

/// A swap that was begun: it remembers what it found.
pub(crate) struct Swap {
    cas: Cas,
    /// What `cas` refers to.
    _bucket: Bucket,
}

/// What the store said instead.
pub(crate) enum SwapError {
    /// The component may not use the store.
    NotGranted(String),
    /// Something else.
    Other(String),
}

impl From<Error> for SwapError {
    fn from(error: Error) -> Self {
        match error {
            Error::AccessDenied | Error::NoSuchStore => Self::NotGranted(format!("{error}")),
            Error::Other(said) => Self::Other(said),
        }
    }
}

impl Swap {
    /// Begins a swap of what lies under `key`.
    pub(crate) fn begin(key: &str) -> Result<Self, SwapError> {
        let bucket = store::open(STORE)?;
        let cas = Cas::new(&bucket, key)?;
        Ok(Self { cas, _bucket: bucket })
    }

    /// What lies there. Must be asked before [`finish`](Self::finish), which compares with it; and if nothing lies there, that one writes
    /// without comparing (Spin's stores do).
    pub(crate) fn current(&self) -> Result<Option<Vec<u8>>, SwapError> {
        Ok(self.cas.current()?)
    }

    /// Puts `value` in its place, unless somebody else changed it.
    pub(crate) fn finish(self, value: &[u8]) -> Result<Written, SwapError> {
        match atomics::swap(self.cas, value) {
            Ok(()) => Ok(Written::Stored),
            Err(CasError::CasFailed(_)) => Ok(Written::Conflict),
            Err(CasError::StoreError(error)) => Err(error.into()),
        }
    }
}
