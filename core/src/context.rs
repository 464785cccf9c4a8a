//! The evaluation context: who asks, and what is known about them.

use std::borrow::Cow;

use crate::hash::murmur3;
use crate::same::same;
use crate::value::Value;

/// Where an attribute comes from. The same name may stand in several scopes; a condition says which scopes it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Scope {
    /// The subject's own fields: `email`, `country`, `appVersion`…
    Profile = 0,
    /// What the application adds.
    Custom = 1,
    /// What the application adds for this evaluation only, never to be stored or reported.
    Private = 2,
    /// Decisions, by id, which the subject asked to be part of.
    OptIn = 3,
}

/// Bounds the work per condition and the memory per request; the largest context seen in use has some 60 attributes.
pub const MAX_ATTRIBUTES: usize = 1_000;

/// Whom flags are decided for. Build it once, decide any number of flags with it.
///
/// ```
/// use jackstaff_core::{Context, Scope, Value};
/// let context = Context::new("user-1").with(Scope::Custom, "stars", Value::Number(120.0));
/// assert_eq!(context.get(Scope::Custom, "stars"), Some(&Value::Number(120.0)));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Context<'a> {
    targeting_key: Option<Cow<'a, str>>,
    attributes: Vec<Attribute<'a>>,
    /// Where each attribute is, by the hash of its name: open addressing with linear probing, a power of two long and at most half full. None
    /// while there are at most [`FEW`] attributes: looking at all of them is faster than making room.
    slots: Vec<Slot>,
    /// Two attributes have names of one hash, as a name in two scopes has.
    shared: bool,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    hash: u32,
    /// A place in `attributes`, or [`Slot::EMPTY`]'s.
    place: u32,
}

impl Slot {
    const EMPTY: Self = Self { hash: 0, place: u32::MAX };

    const fn is_empty(self) -> bool {
        self.place == Self::EMPTY.place
    }
}

/// So many attributes need no slots.
const FEW: usize = 8;
/// As many slots as there are first.
const FEWEST_SLOTS: usize = 32;

#[derive(Clone, Debug)]
struct Attribute<'a> {
    hash: u32,
    scope: Scope,
    name: Cow<'a, str>,
    value: Value<'a>,
}

/// The hash by which an attribute is found; snapshots hold it beside each name, so it never changes.
pub(crate) fn attribute_hash(name: &[u8]) -> u32 {
    murmur3(name, 0)
}

impl<'a> Context<'a> {
    /// A context for the subject `targeting_key`, with no attributes yet.
    pub fn new(targeting_key: impl Into<Cow<'a, str>>) -> Self {
        Self { targeting_key: Some(targeting_key.into()), ..Self::default() }
    }

    /// A context that names no subject: flags that must split users cannot be decided for it.
    #[must_use]
    pub fn anonymous() -> Self {
        Self::default()
    }

    /// The subject's id, by which users are split.
    #[must_use]
    #[inline(always)]
    pub fn targeting_key(&self) -> Option<&str> {
        match &self.targeting_key {
            Some(key) => Some(key),
            None => None,
        }
    }

    /// Names the subject.
    pub fn set_targeting_key(&mut self, key: impl Into<Cow<'a, str>>) {
        self.targeting_key = Some(key.into());
    }

    /// Sets an attribute, replacing an earlier one of the same scope and name.
    /// Returns false, and changes nothing, where [`MAX_ATTRIBUTES`] is reached.
    pub fn set(&mut self, scope: Scope, name: impl Into<Cow<'a, str>>, value: Value<'a>) -> bool {
        let name = name.into();
        let hash = attribute_hash(name.as_bytes());
        let (mut at, mut shares) = (self.begin(hash), false);
        while let Some(place) = self.next(hash, &mut at) {
            shares = true;
            if let Some(attribute) = self.attributes.get_mut(place)
                && attribute.scope == scope
                && same(attribute.name.as_bytes(), name.as_bytes())
            {
                attribute.value = value;
                return true;
            }
        }
        let Some(place) = u32::try_from(self.attributes.len()).ok().filter(|_| self.len() < MAX_ATTRIBUTES) else {
            return false;
        };
        self.shared |= shares;
        self.attributes.push(Attribute { hash, scope, name, value });
        if self.slots.is_empty() && self.attributes.len() <= FEW {
            return true;
        }
        if self.attributes.len().saturating_mul(2) > self.slots.len() {
            self.slots = vec![Slot::EMPTY; self.slots.len().saturating_mul(2).max(FEWEST_SLOTS)];
            for (place, attribute) in (0..).zip(&self.attributes) {
                put(&mut self.slots, Slot { hash: attribute.hash, place });
            }
        } else {
            put(&mut self.slots, Slot { hash, place });
        }
        true
    }

    /// As [`set`](Self::set), for building in one expression.
    #[must_use]
    pub fn with(mut self, scope: Scope, name: impl Into<Cow<'a, str>>, value: Value<'a>) -> Self {
        self.set(scope, name, value);
        self
    }

    /// The attribute `name` of `scope`.
    #[must_use]
    pub fn get(&self, scope: Scope, name: &str) -> Option<&Value<'a>> {
        self.find(attribute_hash(name.as_bytes()), scope, name.as_bytes())
    }

    /// All attributes, in no order that means anything.
    pub fn attributes(&self) -> impl Iterator<Item = (Scope, &str, &Value<'a>)> {
        self.attributes.iter().map(|a| (a.scope, &*a.name, &a.value))
    }

    /// How many attributes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.attributes.len()
    }

    /// Whether there are no attributes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.attributes.is_empty()
    }

    /// Look-up with the hash at hand, as snapshots have it.
    #[inline]
    pub(crate) fn find(&self, hash: u32, scope: Scope, name: &[u8]) -> Option<&Value<'a>> {
        let mut at = self.begin(hash);
        while let Some(place) = self.next(hash, &mut at) {
            let attribute = self.attributes.get(place)?;
            if attribute.scope == scope && same(attribute.name.as_bytes(), name) {
                return Some(&attribute.value);
            }
        }
        None
    }

    /// Where to begin looking for attributes whose names have this hash.
    #[inline(always)]
    const fn begin(&self, hash: u32) -> u32 {
        if self.slots.is_empty() { 0 } else { hash }
    }

    /// The place of the next attribute whose name has this hash.
    #[inline(always)]
    fn next(&self, hash: u32, at: &mut u32) -> Option<usize> {
        if self.slots.is_empty() {
            while let Some(attribute) = self.attributes.get(*at as usize) {
                let place = *at as usize;
                *at = at.wrapping_add(1);
                if attribute.hash == hash {
                    return Some(place);
                }
            }
            return None;
        }
        // There is always an empty one to come to.
        while let Some(slot) = self.slot(*at) {
            *at = at.wrapping_add(1);
            if slot.hash == hash {
                return Some(slot.place as usize);
            }
        }
        None
    }

    /// The attribute `name` of whichever scope has it: for targeting rules, which know no scopes. The narrowest scope comes first.
    #[inline(never)]
    pub(crate) fn find_any(&self, hash: u32, name: &[u8]) -> Option<&Value<'a>> {
        if self.shared {
            return self.narrowest(hash, name);
        }
        let only = self.attributes.get(self.next(hash, &mut self.begin(hash))?)?;
        (only.scope != Scope::OptIn && same(only.name.as_bytes(), name)).then_some(&only.value)
    }

    #[inline(never)]
    fn narrowest(&self, hash: u32, name: &[u8]) -> Option<&Value<'a>> {
        let mut found: Option<&Attribute<'a>> = None;
        let mut at = self.begin(hash);
        while let Some(place) = self.next(hash, &mut at) {
            let attribute = self.attributes.get(place)?;
            let narrower = attribute.scope != Scope::OptIn && found.is_none_or(|found| found.scope < attribute.scope);
            if narrower && same(attribute.name.as_bytes(), name) {
                found = Some(attribute);
            }
        }
        found.map(|attribute| &attribute.value)
    }

    /// The slot for a hash, or the one so many behind it; none where it is empty.
    #[inline]
    fn slot(&self, at: u32) -> Option<Slot> {
        let mask = self.slots.len().wrapping_sub(1);
        self.slots.get(at as usize & mask).copied().filter(|slot| !slot.is_empty())
    }

    /// Copies what is borrowed, so that the context can outlive the request it was read from.
    #[must_use]
    pub fn into_owned(self) -> Context<'static> {
        Context {
            targeting_key: self.targeting_key.map(|key| Cow::Owned(key.into_owned())),
            slots: self.slots,
            shared: self.shared,
            attributes: self
                .attributes
                .into_iter()
                .map(|a| Attribute {
                    hash: a.hash,
                    scope: a.scope,
                    name: Cow::Owned(a.name.into_owned()),
                    value: a.value.into_owned(),
                })
                .collect(),
        }
    }
}

/// Takes the first empty slot that a look-up of the hash comes to.
fn put(slots: &mut [Slot], slot: Slot) {
    let mask = slots.len().saturating_sub(1);
    let mut at = slot.hash as usize & mask;
    while let Some(there) = slots.get_mut(at) {
        if there.is_empty() {
            *there = slot;
            return;
        }
        at = at.wrapping_add(1) & mask;
    }
}

/// The same subject and the same attributes, in whatever order they were set.
impl PartialEq for Context<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.targeting_key == other.targeting_key
            && self.len() == other.len()
            && self.attributes().all(|(scope, name, value)| other.get(scope, name) == Some(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_attributes_makes_no_difference() {
        let one = Context::new("u").with(Scope::Custom, "a", Value::Null).with(Scope::Private, "b", Value::Null);
        let other = Context::new("u").with(Scope::Private, "b", Value::Null).with(Scope::Custom, "a", Value::Null);
        assert_eq!(one, other);
        assert_ne!(one, other.clone().with(Scope::Custom, "c", Value::Null));
        assert_ne!(one, other.with(Scope::Custom, "a", Value::Bool(true)));
        assert_ne!(one, Context::new("u").with(Scope::Custom, "a", Value::Null).with(Scope::Custom, "b", Value::Null));
    }

    #[test]
    fn scopes_keep_apart_and_the_last_value_stays() {
        let mut context = Context::new("u");
        assert!(context.set(Scope::Custom, "plan", Value::Number(1.0)));
        assert!(context.set(Scope::Private, "plan", Value::Number(2.0)));
        assert!(context.set(Scope::Custom, "plan", Value::Number(3.0)));
        assert_eq!(context.get(Scope::Custom, "plan"), Some(&Value::Number(3.0)));
        assert_eq!(context.get(Scope::Private, "plan"), Some(&Value::Number(2.0)));
        assert_eq!(context.get(Scope::Profile, "plan"), None);
        assert_eq!(context.len(), 2);
    }

    /// About the number from which on there are slots, and when they grow.
    #[test]
    fn attributes_are_found_however_many_there_are() {
        for count in [0, 1, FEW - 1, FEW, FEW + 1, FEWEST_SLOTS / 2, FEWEST_SLOTS / 2 + 1, 100] {
            let name = |nth: usize| format!("attribute-{nth}");
            let mut context = Context::new("u");
            for nth in 0..count {
                let scope = [Scope::Profile, Scope::Custom, Scope::Private, Scope::OptIn][nth % 4];
                assert!(context.set(scope, name(nth), Value::Number(nth as f64)));
            }
            let found = |nth| name(nth).into_bytes();
            for nth in 0..count + 1 {
                let there = (nth < count).then_some(Value::Number(nth as f64));
                let in_scope = [Scope::Profile, Scope::Custom, Scope::Private, Scope::OptIn]
                    .map(|scope| context.get(scope, &name(nth)).cloned());
                assert_eq!(in_scope.iter().flatten().collect::<Vec<_>>(), Vec::from_iter(&there), "{nth} of {count}");
                let any = context.find_any(attribute_hash(&found(nth)), &found(nth));
                assert_eq!(any, there.as_ref().filter(|_| nth % 4 != 3), "{nth} of {count}");
            }
            // The narrowest scope comes first, whichever was set last.
            context.set(Scope::Private, "twice", Value::Bool(true));
            context.set(Scope::Profile, "twice", Value::Bool(false));
            assert_eq!(context.find_any(attribute_hash(b"twice"), b"twice"), Some(&Value::Bool(true)), "{count}");
            assert_eq!(context.len(), count + 2);
            assert_eq!(context.clone().into_owned(), context);
        }
    }

    #[test]
    fn attributes_beyond_the_limit_are_refused() {
        let mut context = Context::anonymous();
        for i in 0..MAX_ATTRIBUTES {
            assert!(context.set(Scope::Custom, i.to_string(), Value::Null));
        }
        assert!(!context.set(Scope::Custom, "one more", Value::Null));
        assert!(context.set(Scope::Custom, "7", Value::Bool(true)));
        assert_eq!(context.get(Scope::Custom, "7"), Some(&Value::Bool(true)));
    }
}
