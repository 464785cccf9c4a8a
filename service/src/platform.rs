//! What the service needs from the platform it runs on.

use std::fmt;

use jackstaff_core::Timestamp;

/// A platform. The service awaits it; a platform whose calls block returns futures that are ready at the first poll, and
/// [`poll_once`](crate::executor::poll_once) drives them.
///
/// Futures need not be `Send`: a WebAssembly instance has one thread, and a native host polls a request where it began it.
#[expect(async_fn_in_trait, reason = "no caller wants a `Send` bound: see above")]
pub trait Platform {
    /// The value under `key` in the deployment's key-value store; `None` where nothing lies there.
    ///
    /// # Errors
    /// Where the store did not say: it is not granted, unreachable, or refuses. What lies under the key is then unknown.
    async fn kv_get(&self, key: &str) -> Result<Option<Vec<u8>>, PlatformError>;

    /// The text of the setting or secret `name`; `None` where nobody set it.
    ///
    /// # Errors
    /// Where the platform did not say. The setting may or may not exist.
    async fn setting(&self, name: &str) -> Result<Option<String>, PlatformError>;

    /// The wall clock.
    fn now(&self) -> Timestamp;

    /// Logs one line, as one entry. What cannot be logged is lost: a request never fails for it.
    fn log(&self, line: &str);
}

/// Why the platform could not do what it was asked to, in a sentence for operators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlatformError(pub String);

impl fmt::Display for PlatformError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for PlatformError {}
