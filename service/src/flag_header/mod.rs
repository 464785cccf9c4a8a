//! `X-Flags`: a user's flags as an RFC 9651 Dictionary, and what goes with it.
//!
//! A [`FlagHeader`] is built once for a ruleset and a selection of its flags. It keeps each value's text from the first time that a user
//! gets it, so that a request only decides and joins bytes.

mod key;
mod member;
mod status;

use std::hash::Hasher as _;

use jackstaff_core::{Decision, FlagIndex, NoVisitor, Reason, Ruleset, Session, sort};
use siphasher::sip::SipHasher13;

pub use self::key::{Collision, collisions, member_key};
pub use self::member::{member, plain};
pub use self::status::{Freshness, revision, status, write_counts, write_user_data};

/// What stands between members.
const SEPARATOR: &str = ", ";

/// How flags are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Whether members carry the variant's key as the parameter `v`.
    pub variants: bool,
    /// The largest size of the header's value, in bytes.
    pub max_bytes: usize,
}

/// What the flag header of one user holds beside its text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Flags that could not be decided.
    pub errors: u32,
    /// Flags whose member did not fit.
    pub omitted: u32,
}

/// A selected flag.
#[derive(Debug)]
struct Slot {
    flag: FlagIndex,
    /// The dictionary key; nothing where the flag is only wanted in a header of its own.
    member: Option<String>,
    /// The header of its own.
    header: Option<String>,
    /// The texts of its values by variant. A flag has few variants, so a list is faster than a map; it never has more entries than
    /// the ruleset has variants that set this flag.
    texts: Vec<Kept>,
    /// How often no variant was chosen since somebody counted.
    without_variant: u64,
}

/// What is kept about a variant.
#[derive(Debug)]
struct Kept {
    variant: u32,
    texts: Texts,
    /// How often it was chosen since somebody counted.
    chosen: u64,
}

#[derive(Debug)]
struct Texts {
    /// With the separator before it.
    member: Option<String>,
    plain: Option<String>,
}

impl Slot {
    /// Once for each variant.
    #[cold]
    #[inline(never)]
    fn write(&self, ruleset: &Ruleset<'_>, decision: &Decision<'_>, options: &Options) -> Option<Texts> {
        let value = decision.value?;
        let variant = decision.choice.filter(|_| options.variants).and_then(|choice| ruleset.variant(choice.variant));
        let variant = variant.map(|variant| if variant.key.is_empty() { variant.id } else { variant.key });
        Some(Texts {
            member: self.member.as_ref().and_then(|key| Some(format!("{SEPARATOR}{}", member(key, &value, variant)?))),
            plain: self.header.as_ref().map(|_| plain(&value)),
        })
    }
}

/// How often each reason was given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reasons([u64; REASONS.len()]);

/// All there are.
const REASONS: [Reason; 7] = [
    Reason::TargetingMatch,
    Reason::Split,
    Reason::Static,
    Reason::Default,
    Reason::Disabled,
    Reason::Override,
    Reason::Error,
];

impl Reasons {
    fn add(&mut self, reason: Reason) {
        // A reason is its place in the list above: tests hold it to that.
        if let Some(count) = self.0.get_mut(reason as usize) {
            *count = count.saturating_add(1);
        }
    }

    /// Those that were given, with how often.
    pub fn iter(&self) -> impl Iterator<Item = (Reason, u64)> {
        REASONS.into_iter().zip(self.0).filter(|(_, count)| *count > 0)
    }
}

/// Writes the flag headers of one ruleset.
#[derive(Debug)]
pub struct FlagHeader {
    options: Options,
    slots: Vec<Slot>,
    text: String,
    reasons: Reasons,
    depends_on_time: bool,
}

impl FlagHeader {
    /// For the flags `selected` (in any order), and those that get a `header` of their own, by flag. Of flags that collide, only the first
    /// in the order of flag keys is sent; [`collisions`] finds them.
    #[must_use]
    pub fn new(
        ruleset: &Ruleset<'_>,
        selected: impl IntoIterator<Item = FlagIndex>,
        own: impl IntoIterator<Item = (FlagIndex, String)>,
        options: Options,
    ) -> Self {
        let key = |flag: FlagIndex| ruleset.flag(flag).map_or("", |flag| flag.key);
        let mut members: Vec<_> =
            selected.into_iter().map(|flag| (member_key(key(flag)).into_owned(), key(flag), flag)).collect();
        sort(&mut members, Ord::cmp);
        members.dedup_by(|later, earlier| later.0 == earlier.0);
        let mut slots: Vec<_> = members
            .into_iter()
            .map(|(member, _, flag)| Slot {
                flag,
                member: Some(member),
                header: None,
                texts: Vec::new(),
                without_variant: 0,
            })
            .collect();
        for (flag, header) in own {
            match slots.iter_mut().find(|slot| slot.flag == flag && slot.header.is_none()) {
                Some(slot) => slot.header = Some(header),
                None => {
                    slots.push(Slot { flag, member: None, header: Some(header), texts: Vec::new(), without_variant: 0 })
                }
            }
        }
        let depends_on_time = slots.iter().any(|slot| ruleset.depends_on_time(slot.flag));
        Self { options, slots, text: String::new(), reasons: Reasons::default(), depends_on_time }
    }

    /// Whether the time makes a difference to any of the flags.
    #[must_use]
    pub const fn depends_on_time(&self) -> bool {
        self.depends_on_time
    }

    /// Decides the flags and writes the header's value, to be read from [`FlagHeader::text`]. `own` is told the name and value of each
    /// flag's own header; a value larger than the byte budget is left out.
    ///
    /// Members are added in the order of their keys. One that no longer fits is left out and counted, and smaller ones after it may still
    /// fit. A flag without a value, so with the application's default, has no member.
    pub fn write(
        &mut self,
        ruleset: &Ruleset<'_>,
        session: &mut Session<'_, '_>,
        mut own: impl FnMut(&str, &str),
    ) -> Counts {
        let mut counts = Counts::default();
        let Self { options, slots, text, reasons, .. } = self;
        text.clear();
        for slot in slots {
            let decision = session.evaluate(slot.flag, &mut NoVisitor);
            reasons.add(decision.reason);
            if decision.reason == Reason::Error {
                counts.errors = counts.errors.saturating_add(1);
            }
            let written;
            let variant = decision.choice.map(|choice| choice.variant);
            let kept = variant.and_then(|variant| slot.texts.iter().position(|kept| kept.variant == variant));
            let texts = match kept.and_then(|at| slot.texts.get_mut(at)) {
                Some(kept) => {
                    kept.chosen = kept.chosen.saturating_add(1);
                    &kept.texts
                }
                None => {
                    let Some(texts) = slot.write(ruleset, &decision, options) else {
                        slot.without_variant = slot.without_variant.saturating_add(1);
                        continue;
                    };
                    match variant {
                        Some(variant) => {
                            slot.texts.push(Kept { variant, texts, chosen: 1 });
                            let Some(kept) = slot.texts.last() else { continue };
                            &kept.texts
                        }
                        None => {
                            slot.without_variant = slot.without_variant.saturating_add(1);
                            written = texts;
                            &written
                        }
                    }
                }
            };
            if let Some(member) = &texts.member
                && !append(text, member, options.max_bytes)
            {
                counts.omitted = counts.omitted.saturating_add(1);
            }
            if let (Some(name), Some(value)) = (&slot.header, &texts.plain)
                && value.len() <= options.max_bytes
            {
                own(name, value);
            }
        }
        counts
    }

    /// Tells how often each flag got each variant since this was last asked, by their keys; the variant is empty where none was chosen.
    pub fn count(&mut self, ruleset: &Ruleset<'_>, counted: &mut impl FnMut(&str, &str, u64)) {
        for slot in &mut self.slots {
            let flag = ruleset.flag(slot.flag).map_or("", |flag| flag.key);
            for kept in &mut slot.texts {
                let chosen = std::mem::take(&mut kept.chosen);
                if chosen > 0 {
                    let variant = ruleset.variant(kept.variant);
                    let key =
                        variant.map_or("", |variant| if variant.key.is_empty() { variant.id } else { variant.key });
                    counted(flag, key, chosen);
                }
            }
            let without = std::mem::take(&mut slot.without_variant);
            if without > 0 {
                counted(flag, "", without);
            }
        }
    }

    /// How often each reason was given since this was last asked.
    pub fn count_reasons(&mut self) -> Reasons {
        std::mem::take(&mut self.reasons)
    }

    /// The value of the header as last written. Empty where no flag has a value: then there is no header (RFC 9651, section 4.1).
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The value of `X-Flags-Key`: SipHash 1-3 with a key of zeros over the header's value, so over exactly the members sent, in 16
    /// hexadecimal digits.
    #[must_use]
    pub fn key(&self) -> [u8; 16] {
        digest(self.text.as_bytes())
    }
}

/// Adds a member that is kept with the separator before it.
fn append(text: &mut String, separated: &str, max_bytes: usize) -> bool {
    let member = if text.is_empty() { separated.get(SEPARATOR.len()..).unwrap_or_default() } else { separated };
    if text.len().saturating_add(member.len()) > max_bytes {
        return false;
    }
    text.push_str(member);
    true
}

fn digest(bytes: &[u8]) -> [u8; 16] {
    let mut hasher = SipHasher13::new();
    hasher.write(bytes);
    let hash = hasher.finish();
    let mut shift = u64::BITS;
    [(); 16].map(|()| {
        shift = shift.saturating_sub(4);
        let nibble = u8::try_from(hash.wrapping_shr(shift) & 0xf).unwrap_or(0);
        if nibble < 10 { b'0'.wrapping_add(nibble) } else { b'a'.wrapping_add(nibble).wrapping_sub(10) }
    })
}

#[cfg(test)]
mod tests;
