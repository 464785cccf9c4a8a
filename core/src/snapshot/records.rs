//! What a ruleset says of a flag, a decision, a rule and a variant: read, or as bytes for who copies all of it and checks it on the way.

use super::layout::{Decision, Terms};
use super::text::Text;
use super::view::{FlagIndex, ValueKind, object_or_empty, row};
use super::{Dialect, Ruleset};

impl Ruleset<'_> {
    /// What the ruleset says of a flag. An index of another ruleset gives `None` or another flag.
    #[must_use]
    pub fn flag(&self, flag: FlagIndex) -> Option<FlagView<&str>> {
        let view = self.flag_unread(flag)?;
        Some(FlagView {
            key: read(view.key),
            id: read(view.id),
            kind: view.kind,
            extra: read(view.extra),
            metadata: object_or_empty(read(view.metadata)),
        })
    }

    /// As [`flag`](Self::flag), its texts as they lie there. Those of a damaged snapshot may be no UTF-8.
    #[must_use]
    #[inline]
    pub fn flag_unread(&self, flag: FlagIndex) -> Option<FlagView<&[u8]>> {
        let record = row(&self.tables.flags, flag.0)?;
        let about = self.unread(record.about);
        let (extra, metadata) = match self.dialect() {
            Dialect::DevCycle => (about, &[][..]),
            Dialect::Flagd => (&[][..], about),
        };
        Some(FlagView {
            key: self.unread(record.key),
            id: self.unread(record.id),
            kind: ValueKind::from_u8(record.kind),
            extra,
            metadata,
        })
    }

    /// The decision at `index`, in the order of the source.
    #[must_use]
    pub fn decision(&self, index: u32) -> Option<DecisionView<&str>> {
        let view = self.decision_unread(index)?;
        Some(DecisionView {
            id: read(view.id),
            key: read(view.key),
            kind: read(view.kind),
            settings: read(view.settings),
            broken: read(view.broken),
        })
    }

    /// As [`decision`](Self::decision), its texts as they lie there. Those of a damaged snapshot may be no UTF-8.
    #[must_use]
    #[inline]
    pub fn decision_unread(&self, index: u32) -> Option<DecisionView<&[u8]>> {
        let record = row(&self.tables.decisions, index)?;
        let note = self.unread(record.note);
        let (settings, broken) = if record.is(Decision::BROKEN) { (&[][..], note) } else { (note, &[][..]) };
        Some(DecisionView {
            id: self.unread(record.id),
            key: self.unread(record.key),
            kind: self.unread(record.kind),
            settings,
            broken,
        })
    }

    /// The id of the decision at `index`, as it lies there, for who needs no more of it.
    #[must_use]
    #[inline]
    pub fn decision_id_unread(&self, index: u32) -> Option<&[u8]> {
        row(&self.tables.decisions, index).map(|record| self.unread(record.id))
    }

    /// The rule at `index`.
    #[must_use]
    pub fn rule(&self, index: u32) -> Option<RuleView<&str>> {
        let RuleView { id, splits, mentions_rollout } = self.rule_unread(index)?;
        Some(RuleView { id: read(id), splits, mentions_rollout })
    }

    /// As [`rule`](Self::rule), its text as it lies there. That of a damaged snapshot may be no UTF-8.
    #[must_use]
    #[inline]
    pub fn rule_unread(&self, index: u32) -> Option<RuleView<&[u8]>> {
        let record = row(&self.tables.rules, index)?;
        Some(RuleView {
            id: self.unread(record.id),
            splits: record.splits.len,
            mentions_rollout: row(&self.tables.terms, record.terms).is_some_and(|terms| terms.are(Terms::MENTIONED)),
        })
    }

    /// The variant at `index`.
    #[must_use]
    pub fn variant(&self, index: u32) -> Option<VariantView<&str>> {
        let VariantView { id, key, name } = self.variant_unread(index)?;
        Some(VariantView { id: read(id), key: read(key), name: read(name) })
    }

    /// As [`variant`](Self::variant), its texts as they lie there. Those of a damaged snapshot may be no UTF-8.
    #[must_use]
    #[inline]
    pub fn variant_unread(&self, index: u32) -> Option<VariantView<&[u8]>> {
        let record = row(&self.tables.variants, index)?;
        Some(VariantView { id: self.unread(record.id), key: self.unread(record.key), name: self.unread(record.name) })
    }

    /// As [`bytes`](Self::bytes), but a call where a module is built for size: records have many texts.
    #[inline]
    fn unread(&self, text: Text) -> &[u8] {
        self.bytes(text)
    }
}

/// The text, or nothing where it is damaged.
fn read(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

/// What a ruleset says of a flag. Its texts are `T`: read, or bytes.
#[derive(Clone, Copy, Debug)]
pub struct FlagView<T> {
    /// The key by which applications ask.
    pub key: T,
    /// The source's id.
    pub id: T,
    /// The declared type.
    pub kind: ValueKind,
    /// Further members of the flag's JSON object in the source, each with its comma in front; empty where there are none.
    pub extra: T,
    /// What the source says about the flag beside its value: a JSON object of strings, numbers and booleans.
    pub metadata: T,
}

/// What a ruleset says of a decision. Its texts are `T`: read, or bytes.
#[derive(Clone, Copy, Debug)]
pub struct DecisionView<T> {
    /// The source's id.
    pub id: T,
    /// The source's key.
    pub key: T,
    /// The dialect's word for what kind of decision this is.
    pub kind: T,
    /// JSON object that is passed on; empty where there is none.
    pub settings: T,
    /// Not empty: why the source of this decision could not be used.
    pub broken: T,
}

/// What a ruleset says of a rule. Its text is `T`: read, or bytes.
#[derive(Clone, Copy, Debug)]
pub struct RuleView<T> {
    /// The source's id.
    pub id: T,
    /// How many entries its distribution has.
    pub splits: u32,
    /// The source has a rollout member, be it `null`.
    pub mentions_rollout: bool,
}

/// What a ruleset says of a variant. Its texts are `T`: read, or bytes.
#[derive(Clone, Copy, Debug)]
pub struct VariantView<T> {
    /// The source's id.
    pub id: T,
    /// The source's key.
    pub key: T,
    /// The name people gave it.
    pub name: T,
}
