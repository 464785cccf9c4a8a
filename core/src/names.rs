//! Names and the number of each.

use std::borrow::Cow;
use std::collections::HashMap;

/// A number for each name. The one hash map of the core: the standard library's is made anew for every type, 2 KB each time.
#[derive(Debug, Default)]
pub(crate) struct Names<'n>(HashMap<Cow<'n, str>, u32>);

impl<'n> Names<'n> {
    pub(crate) fn get(&self, name: &str) -> Option<u32> {
        self.0.get(name).copied()
    }

    /// Gives `name` this number, and tells the one that it had.
    #[inline(never)]
    pub(crate) fn insert(&mut self, name: Cow<'n, str>, number: u32) -> Option<u32> {
        self.0.insert(name, number)
    }
}
