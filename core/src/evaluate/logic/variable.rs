//! What a rule reads: `var`, `missing`, `missing_some`, literals of lists and objects.

use std::borrow::Cow;

use super::coerce::{at_path, number as to_number, text as to_text};
use super::{Got, Logic, Operator, Scope, detail, null};
use crate::context::attribute_hash;
use crate::evaluate::{Fault, FaultKind};
use crate::snapshot::layout::Expression;
use crate::sort;
use crate::value::Value;

/// The attribute that names the subject.
const TARGETING_KEY: &str = "targetingKey";

/// The object that flagd adds to every context; a request cannot replace it.
const FLAGD: &str = "$flagd";

impl<'r, 'c> Logic<'r, 'c, '_, '_> {
    pub(super) fn attribute<'v>(&mut self, e: &Expression, scope: Scope<'v>, depth: u32) -> Result<Got<'v>, Fault<'r>>
    where
        'r: 'v,
        'c: 'v,
    {
        let name = self.ruleset.bytes(e.name);
        let found = match self.context.find_any(e.name_hash, name) {
            Some(value) if e.path.len > 0 => {
                at_path(value, self.ruleset.text(e.path), self.steps).map_or_else(null, Cow::Borrowed)
            }
            Some(value) => Cow::Borrowed(value),
            None if e.path.len == 0 && name == TARGETING_KEY.as_bytes() => self.targeting_key(),
            None => null(),
        };
        self.or_default(found, e, 0, scope, depth)
    }

    pub(super) fn element<'v>(&mut self, e: &Expression, scope: Scope<'v>, depth: u32) -> Result<Got<'v>, Fault<'r>>
    where
        'r: 'v,
        'c: 'v,
    {
        let found = in_scope(scope, self.ruleset.text(e.name), self.steps);
        self.or_default(found, e, 0, scope, depth)
    }

    pub(super) fn computed<'v>(&mut self, e: &Expression, scope: Scope<'v>, depth: u32) -> Result<Got<'v>, Fault<'r>>
    where
        'r: 'v,
        'c: 'v,
    {
        let path = self.arg(e, 0, scope, depth)?;
        let path = to_text(&path);
        self.spend_on_text(path.len())?;
        let found = if Operator::from_u8(e.operator) == Operator::ComputedElement {
            in_scope(scope, &path, self.steps)
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
    ) -> Result<Got<'v>, Fault<'r>>
    where
        'r: 'v,
        'c: 'v,
    {
        if matches!(*found, Value::Null) && e.operands.len > place {
            return self.arg(e, place, scope, depth);
        }
        Ok(found)
    }

    /// What the context has on a path that is known only now.
    fn in_context<'v>(&mut self, path: &str) -> Result<Got<'v>, Fault<'r>>
    where
        'r: 'v,
        'c: 'v,
    {
        if path.is_empty() {
            return Ok(Cow::Owned(self.whole_context()?));
        }
        let (name, rest) = path.split_once('.').map_or((path, ""), |(name, rest)| (name, rest));
        if name == FLAGD {
            let properties = self.flagd_properties();
            let found = if rest.is_empty() { Some(&properties) } else { at_path(&properties, rest, self.steps) };
            return Ok(found.map_or_else(null, |found| Cow::Owned(found.clone().into_owned())));
        }
        Ok(match self.context.find_any(attribute_hash(name.as_bytes()), name.as_bytes()) {
            Some(value) if rest.is_empty() => Cow::Borrowed(value),
            Some(value) => at_path(value, rest, self.steps).map_or_else(null, Cow::Borrowed),
            None if path == TARGETING_KEY => self.targeting_key(),
            None => null(),
        })
    }

    fn targeting_key<'v>(&self) -> Got<'v>
    where
        'c: 'v,
    {
        self.context.targeting_key().map_or_else(null, super::borrowed_text)
    }

    /// The context as one object, in the order of names.
    pub(super) fn whole_context(&mut self) -> Result<Value<'static>, Fault<'r>> {
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
            (Cow::Borrowed("flagKey"), Value::String(Cow::Owned(self.flag_key.to_owned()))),
            (Cow::Borrowed("timestamp"), Value::Number(self.now_seconds())),
        ])
    }

    pub(super) fn list<'v>(&mut self, e: &Expression, scope: Scope<'v>, depth: u32) -> Result<Got<'v>, Fault<'r>>
    where
        'r: 'v,
        'c: 'v,
    {
        let mut items = Vec::new();
        for place in 0..e.operands.len {
            let item = self.arg(e, place, scope, depth)?;
            items.push(self.own(item)?);
        }
        Ok(Cow::Owned(Value::List(items)))
    }

    pub(super) fn object<'v>(&mut self, e: &Expression, scope: Scope<'v>, depth: u32) -> Result<Got<'v>, Fault<'r>>
    where
        'r: 'v,
        'c: 'v,
    {
        let mut members = Vec::new();
        for place in 0..e.operands.len {
            let at = e.operands.start.saturating_add(place);
            let member =
                self.ruleset.tables.expressions.get(at as usize).ok_or_else(|| Fault::of(FaultKind::Corrupt))?;
            if Operator::from_u8(member.operator) != Operator::Member {
                return Err(Fault::of(FaultKind::Corrupt));
            }
            let value = self.arg(&member, 0, scope, depth)?;
            members.push((Cow::Borrowed(self.ruleset.text(member.name)), self.own(value)?));
        }
        Ok(Cow::Owned(Value::Map(members)))
    }

    pub(super) fn missing<'v>(&mut self, e: &Expression, scope: Scope<'v>, depth: u32) -> Result<Got<'v>, Fault<'r>>
    where
        'r: 'v,
        'c: 'v,
    {
        let mut names = Vec::new();
        self.each(e, scope, depth, &mut |logic, value| {
            match value {
                // One operand that is a list holds the names.
                Cow::Owned(Value::List(items)) => names.extend(items),
                other => names.push(logic.own(other)?),
            }
            Ok(())
        })?;
        Ok(Cow::Owned(Value::List(self.absent(names, e, scope)?)))
    }

    pub(super) fn missing_some<'v>(
        &mut self,
        e: &Expression,
        scope: Scope<'v>,
        depth: u32,
    ) -> Result<Got<'v>, Fault<'r>>
    where
        'r: 'v,
        'c: 'v,
    {
        let wanted = self.arg(e, 0, scope, depth)?;
        let wanted = to_number(&wanted);
        let names = self.arg(e, 1, scope, depth)?;
        let names = match self.own(names)? {
            Value::List(names) => names,
            _ => Vec::new(),
        };
        let all = names.len();
        let absent = self.absent(names, e, scope)?;
        #[allow(clippy::cast_precision_loss, reason = "lists are shorter than 2^53")]
        let present = all.saturating_sub(absent.len()) as f64;
        Ok(Cow::Owned(Value::List(if present >= wanted { Vec::new() } else { absent })))
    }

    /// Those of `names` under which there is nothing.
    fn absent<'v>(
        &mut self,
        names: Vec<Value<'v>>,
        e: &Expression,
        scope: Scope<'v>,
    ) -> Result<Vec<Value<'v>>, Fault<'r>>
    where
        'r: 'v,
        'c: 'v,
    {
        let mut absent = Vec::new();
        for name in names {
            self.spend(1)?;
            let found = {
                let path = to_text(&name);
                self.spend_on_text(path.len())?;
                if e.detail & detail::ELEMENT != 0 {
                    in_scope(scope, &path, self.steps)
                } else {
                    self.in_context(&path)?
                }
            };
            if matches!(*found, Value::Null) {
                absent.push(name);
            }
        }
        Ok(absent)
    }
}

/// What the element has on `path`; all of it where that is empty.
fn in_scope<'v>(scope: Scope<'v>, path: &str, steps: &mut u32) -> Got<'v> {
    match scope {
        Scope::Context => null(),
        Scope::Element(value) if path.is_empty() => Cow::Borrowed(value),
        Scope::Element(value) => at_path(value, path, steps).map_or_else(null, Cow::Borrowed),
        Scope::Fold { current, accumulator } => {
            if path.is_empty() {
                return Cow::Owned(Value::Map(vec![
                    (Cow::Borrowed("current"), current.clone()),
                    (Cow::Borrowed("accumulator"), accumulator.clone()),
                ]));
            }
            let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
            let value = match name {
                "current" => current,
                "accumulator" => accumulator,
                _ => return null(),
            };
            rest.map_or(Some(value), |rest| at_path(value, rest, steps)).map_or_else(null, Cow::Borrowed)
        }
    }
}
