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
    /// Where each attribute is, by the hash of its name: open addressing with linear probing, a power of two long and at most half full.
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

/// As many slots as a context with one attribute has: enough for what most have.
const FEWEST_SLOTS: usize = 16;

#[derive(Clone, Debug)]
struct Attribute<'a> {
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
        let known = self.place(hash, scope, name.as_bytes());
        if let Some(attribute) = known.and_then(|place| self.attributes.get_mut(place)) {
            attribute.value = value;
            return true;
        }
        let Some(place) = u32::try_from(self.attributes.len()).ok().filter(|_| self.len() < MAX_ATTRIBUTES) else {
            return false;
        };
        self.attributes.push(Attribute { scope, name, value });
        if self.attributes.len().saturating_mul(2) > self.slots.len() {
            let more = vec![Slot::EMPTY; self.slots.len().saturating_mul(2).max(FEWEST_SLOTS)];
            let placed = std::mem::replace(&mut self.slots, more);
            placed.into_iter().filter(|slot| !slot.is_empty()).for_each(|slot| self.put(slot));
        }
        self.put(Slot { hash, place });
        true
    }

    /// Takes the first empty slot that a look-up of the hash comes to.
    fn put(&mut self, slot: Slot) {
        let mask = self.slots.len().saturating_sub(1);
        let mut at = slot.hash as usize & mask;
        while let Some(there) = self.slots.get_mut(at) {
            self.shared |= there.hash == slot.hash && !there.is_empty();
            if there.is_empty() {
                *there = slot;
                return;
            }
            at = at.wrapping_add(1) & mask;
        }
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
        self.place(hash, scope, name).and_then(|place| self.attributes.get(place)).map(|a| &a.value)
    }

    #[inline(always)]
    fn place(&self, hash: u32, scope: Scope, name: &[u8]) -> Option<usize> {
        let mut at = hash;
        // There is always an empty one to come to.
        while let Some(slot) = self.slot(at) {
            if slot.hash == hash {
                let place = slot.place as usize;
                let attribute = self.attributes.get(place)?;
                if attribute.scope == scope && same(attribute.name.as_bytes(), name) {
                    return Some(place);
                }
            }
            at = at.wrapping_add(1);
        }
        None
    }

    /// The attribute `name` of whichever scope has it: for targeting rules, which know no scopes. The narrowest scope comes first.
    #[inline(never)]
    pub(crate) fn find_any(&self, hash: u32, name: &[u8]) -> Option<&Value<'a>> {
        if self.shared {
            return self.narrowest(hash, name);
        }
        let mut at = hash;
        while let Some(slot) = self.slot(at) {
            if slot.hash == hash {
                let only = self.attributes.get(slot.place as usize)?;
                return (only.scope != Scope::OptIn && same(only.name.as_bytes(), name)).then_some(&only.value);
            }
            at = at.wrapping_add(1);
        }
        None
    }

    #[inline(never)]
    fn narrowest(&self, hash: u32, name: &[u8]) -> Option<&Value<'a>> {
        let mut found: Option<&Attribute<'a>> = None;
        let mut at = hash;
        while let Some(slot) = self.slot(at) {
            let attribute = self.attributes.get(slot.place as usize)?;
            let narrower = attribute.scope != Scope::OptIn && found.is_none_or(|found| found.scope < attribute.scope);
            if slot.hash == hash && narrower && same(attribute.name.as_bytes(), name) {
                found = Some(attribute);
            }
            at = at.wrapping_add(1);
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
                    scope: a.scope,
                    name: Cow::Owned(a.name.into_owned()),
                    value: a.value.into_owned(),
                })
                .collect(),
        }
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
