//! What a rule reads: `var`, `missing`, `missing_some`, literals of lists and objects.

use std::borrow::Cow;

use super::coerce::{at_path, number as to_number, push_text, text as to_text};
use super::got::{Got, readable};
use super::{Frame, Logic, Operator, Scope, detail};
use crate::context::attribute_hash;
use crate::evaluate::FaultKind;
use crate::snapshot::layout::Expression;
use crate::sort;
use crate::value::Value;

/// The attribute that names the subject.
pub(super) const TARGETING_KEY: &str = "targetingKey";

/// The object that flagd adds to every context; a request cannot replace it.
const FLAGD: &str = "$flagd";

impl<'r, 'c> Logic<'r, 'c, '_> {
    pub(super) fn attribute<'v>(&mut self, e: &Expression, scope: Scope<'v>, depth: u32) -> Result<Got<'v>, FaultKind>
    where
        'r: 'v,
        'c: 'v,
    {
        let name = self.ruleset.bytes(e.name);
        let found = match self.context.find_any(e.name_hash, name) {
            Some(value) if e.path().len > 0 => {
                at_path(value, self.ruleset.bytes(e.path()), &mut self.steps).map_or(Got::Null, Got::borrowed)
            }
            Some(value) => Got::borrowed(value),
            None if e.path().len == 0 && name == TARGETING_KEY.as_bytes() => self.targeting_key(),
            None => Got::Null,
        };
        self.or_default(found, e, 0, scope, depth)
    }

    pub(super) fn element<'v>(&mut self, e: &Expression, scope: Scope<'v>, depth: u32) -> Result<Got<'v>, FaultKind>
    where
        'r: 'v,
        'c: 'v,
    {
        let found = in_scope(scope, self.ruleset.bytes(e.name), &mut self.steps);
        self.or_default(found, e, 0, scope, depth)
    }

    pub(super) fn computed<'v>(&mut self, e: &Expression, scope: Scope<'v>, depth: u32) -> Result<Got<'v>, FaultKind>
    where
        'r: 'v,
        'c: 'v,
    {
        let path = self.arg(e, 0, scope, depth)?;
        let path = to_text(&path);
        self.spend_on_text(path.len())?;
        let found = if Operator::from_u8(e.operator) == Operator::ComputedElement {
            in_scope(scope, path.as_bytes(), &mut self.steps)
        } else {
            self.in_context(&path)?
        };
        self.or_default(found, e, 1, scope, depth)
    }

    /// `found`, or where that is null the operand at `place`.
    fn or_default<'v>(
        &mut self,
        found: Got<'v>,
        e: &Expression,
        place: u32,
        scope: Scope<'v>,
        depth: u32,
    ) -> Result<Got<'v>, FaultKind>
    where
        'r: 'v,
        'c: 'v,
    {
        if found.is_null() && e.operands.len > place {
            return self.arg(e, place, scope, depth);
        }
        Ok(found)
    }

    /// What the context has on a path that is known only now.
    fn in_context<'v>(&mut self, path: &str) -> Result<Got<'v>, FaultKind>
    where
        'r: 'v,
        'c: 'v,
    {
        if path.is_empty() {
            return Ok(Got::owned(self.whole_context()?));
        }
        let (name, rest) = path.split_once('.').map_or((path, ""), |(name, rest)| (name, rest));
        if name == FLAGD {
            let properties = self.flagd_properties();
            let found = if rest.is_empty() {
                Some(&properties)
            } else {
                at_path(&properties, rest.as_bytes(), &mut self.steps)
            };
            return Ok(found.map_or(Got::Null, |found| Got::owned(found.clone().into_owned())));
        }
        Ok(match self.context.find_any(attribute_hash(name.as_bytes()), name.as_bytes()) {
            Some(value) if rest.is_empty() => Got::borrowed(value),
            Some(value) => at_path(value, rest.as_bytes(), &mut self.steps).map_or(Got::Null, Got::borrowed),
            None if path == TARGETING_KEY => self.targeting_key(),
            None => Got::Null,
        })
    }

    fn targeting_key<'v>(&self) -> Got<'v>
    where
        'c: 'v,
    {
        self.context.targeting_key().map_or(Got::Null, |key| Got::Text(key.as_bytes()))
    }

    /// The context as one object, in the order of names.
    pub(super) fn whole_context(&mut self) -> Result<Value<'static>, FaultKind> {
        let mut members: Vec<(Cow<'static, str>, Value<'static>)> = Vec::new();
        for (_, name, value) in self.context.attributes() {
            self.spend_on_copy(value)?;
            if name != FLAGD {
                members.push((Cow::Owned(name.to_owned()), value.clone().into_owned()));
            }
        }
        if let (Some(key), None) =
            (self.context.targeting_key(), members.iter().find(|(name, _)| name == TARGETING_KEY))
        {
            members.push((Cow::Borrowed(TARGETING_KEY), Value::String(Cow::Owned(key.to_owned()))));
        }
        members.push((Cow::Borrowed(FLAGD), self.flagd_properties()));
        sort(&mut members, |(a, _), (b, _)| a.cmp(b));
        Ok(Value::Map(members))
    }

    pub(super) fn flagd_properties(&self) -> Value<'static> {
        Value::Map(vec![
            (Cow::Borrowed("flagKey"), Value::String(Cow::Owned(readable(self.flag_key).to_owned()))),
            (Cow::Borrowed("timestamp"), Value::Number(self.now_seconds())),
        ])
    }

    pub(super) fn list<'v>(&mut self, e: &Expression, scope: Scope<'v>, depth: u32) -> Result<Got<'v>, FaultKind>
    where
        'r: 'v,
        'c: 'v,
    {
        let mut items = Vec::new();
        for place in 0..e.operands.len {
            let item = self.arg(e, place, scope, depth)?;
            items.push(self.own(item)?);
        }
        Ok(Got::owned(Value::List(items)))
    }

    pub(super) fn object<'v>(&mut self, e: &Expression, scope: Scope<'v>, depth: u32) -> Result<Got<'v>, FaultKind>
    where
        'r: 'v,
        'c: 'v,
    {
        let mut members = Vec::new();
        for place in 0..e.operands.len {
            let at = e.operands.start.saturating_add(place);
            let member = self.ruleset.tables.expressions.get(at as usize).ok_or(FaultKind::Corrupt)?;
            if Operator::from_u8(member.operator) != Operator::Member {
                return Err(FaultKind::Corrupt);
            }
            let value = self.arg(&member, 0, scope, depth)?;
            members.push((Cow::Borrowed(self.ruleset.text(member.name)), self.own(value)?));
        }
        Ok(Got::owned(Value::Map(members)))
    }

    pub(super) fn missing<'v>(&mut self, e: &Expression, scope: Scope<'v>, depth: u32) -> Result<Got<'v>, FaultKind>
    where
        'r: 'v,
        'c: 'v,
    {
        let mut names = Vec::new();
        self.each(e, scope, depth, &mut |logic, value| {
            match value {
                // One operand that is a list holds the names.
                Got::Owned(list) if matches!(*list, Value::List(_)) => {
                    if let Value::List(items) = *list {
                        names.extend(items);
                    }
                }
                other => names.push(logic.own(other)?),
            }
            Ok(())
        })?;
        Ok(Got::owned(Value::List(self.absent(names, e, scope)?)))
    }

    pub(super) fn missing_some<'v>(
        &mut self,
        e: &Expression,
        scope: Scope<'v>,
        depth: u32,
    ) -> Result<Got<'v>, FaultKind>
    where
        'r: 'v,
        'c: 'v,
    {
        let wanted = self.arg(e, 0, scope, depth)?;
        let wanted = to_number(wanted.scalar());
        let names = self.arg(e, 1, scope, depth)?;
        let names = match self.own(names)? {
            Value::List(names) => names,
            _ => Vec::new(),
        };
        let all = names.len();
        let absent = self.absent(names, e, scope)?;
        #[allow(clippy::cast_precision_loss, reason = "lists are shorter than 2^53")]
        let present = all.saturating_sub(absent.len()) as f64;
        Ok(Got::owned(Value::List(if present >= wanted { Vec::new() } else { absent })))
    }

    /// Those of `names` under which there is nothing.
    fn absent<'v>(
        &mut self,
        names: Vec<Value<'v>>,
        e: &Expression,
        scope: Scope<'v>,
    ) -> Result<Vec<Value<'v>>, FaultKind>
    where
        'r: 'v,
        'c: 'v,
    {
        let mut absent = Vec::new();
        for name in names {
            self.spend(1)?;
            let found = {
                let path = text_of(&name);
                self.spend_on_text(path.len())?;
                if e.detail & detail::ELEMENT != 0 {
                    in_scope(scope, path.as_bytes(), &mut self.steps)
                } else {
                    self.in_context(&path)?
                }
            };
            if found.is_null() {
                absent.push(name);
            }
        }
        Ok(absent)
    }
}

/// What the element has on `path`; all of it where that is empty.
fn in_scope<'v>(scope: Scope<'v>, path: &[u8], steps: &mut u32) -> Got<'v> {
    match scope {
        None => Got::Null,
        Some(Frame::Element(value)) if path.is_empty() => Got::borrowed(value),
        Some(Frame::Element(value)) => at_path(value, path, steps).map_or(Got::Null, Got::borrowed),
        Some(Frame::Fold { current, accumulator }) => {
            if path.is_empty() {
                return Got::owned(Value::Map(vec![
                    (Cow::Borrowed("current"), (*current).clone()),
                    (Cow::Borrowed("accumulator"), (*accumulator).clone()),
                ]));
            }
            let (name, rest) = match path.iter().position(|b| *b == b'.') {
                Some(dot) => (path.get(..dot).unwrap_or_default(), path.get(dot.saturating_add(1)..)),
                None => (path, None),
            };
            let value = match name {
                b"current" => *current,
                b"accumulator" => *accumulator,
                _ => return Got::Null,
            };
            rest.map_or(Some(value), |rest| at_path(value, rest, steps)).map_or(Got::Null, Got::borrowed)
        }
    }
}

/// The text of a name that `missing` looks for.
fn text_of<'v>(name: &'v Value<'_>) -> Cow<'v, str> {
    match name {
        Value::String(text) => Cow::Borrowed(text),
        other => {
            let mut out = String::new();
            push_text(other, &mut out);
            Cow::Owned(out)
        }
    }
}
