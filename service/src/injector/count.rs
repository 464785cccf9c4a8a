//! What was decided, counted: nothing of it tells of a user.

use jackstaff_core::Reason;

use super::Injector;
use crate::user_data::Outcome;

/// Something that was counted since the last time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count<'c> {
    /// Requests that flags were decided for.
    Requests(u64),
    /// How often this flag got this variant, by their keys; the variant is empty where none was chosen.
    Decision {
        /// The flag's key.
        flag: &'c str,
        /// The variant's key.
        variant: &'c str,
        /// How often.
        count: u64,
    },
    /// How often a flag was decided for this reason.
    Reason(Reason, u64),
    /// Flags that did not fit into the header.
    Omitted(u64),
    /// How often reading what is stored about a user came to this.
    UserData(Outcome, u64),
}

/// What is counted besides what the flag headers count.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) requests: u64,
    pub(super) omitted: u64,
    user_data: Vec<(Outcome, u64)>,
}

impl Tally {
    pub(super) fn user_data(&mut self, outcome: Outcome) {
        match self.user_data.iter_mut().find(|(counted, _)| *counted == outcome) {
            Some((_, count)) => *count = count.saturating_add(1),
            // As many as there are outcomes.
            None => self.user_data.push((outcome, 1)),
        }
    }
}

impl Injector {
    /// Tells everything that was counted since the last time. Before another ruleset is taken this should be asked: flags go with theirs.
    pub fn count(&mut self, counted: &mut impl FnMut(Count<'_>)) {
        let Tally { requests, omitted, user_data } = std::mem::take(&mut self.tally);
        if requests > 0 {
            counted(Count::Requests(requests));
        }
        if omitted > 0 {
            counted(Count::Omitted(omitted));
        }
        for (outcome, count) in user_data {
            counted(Count::UserData(outcome, count));
        }
        let Some(loaded) = &mut self.loaded else { return };
        for routed in &mut loaded.headers {
            routed.header.count(loaded.ruleset.get(), &mut |flag, variant, count| {
                counted(Count::Decision { flag, variant, count });
            });
            for (reason, count) in routed.header.count_reasons().iter() {
                counted(Count::Reason(reason, count));
            }
        }
    }
}
