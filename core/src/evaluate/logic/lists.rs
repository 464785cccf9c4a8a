//! Lists: `in`, `merge`, `map`, `filter`, `reduce`, `all`, `none`, `some`.

use super::coerce::{strictly_equal, text as to_text};
use super::got::{Got, Scalar};
use super::{Frame, Logic, Operator, Scope};
use crate::evaluate::FaultKind;
use crate::snapshot::layout::{Expression, Range};
use crate::value::Value;

/// A value is copied at this price for each of its parts: the memory of a session stays below some 10 MB.
const STEPS_PER_COPY: u32 = 8;

/// Values that rules build nest this deep at most, so that walking them cannot exhaust the stack; JSON is read up to 128 deep.
const MAX_NESTING: u32 = 256;

impl<'r, 'c> Logic<'r, 'c, '_> {
    /// Takes what copying `value` costs.
    pub(super) fn spend_on_copy(&mut self, value: &Value<'_>) -> Result<(), FaultKind> {
        self.spend_on_parts(value, 0)
    }

    fn spend_on_parts(&mut self, value: &Value<'_>, depth: u32) -> Result<(), FaultKind> {
        if depth > MAX_NESTING {
            return Err(FaultKind::TooComplex);
        }
        self.spend(STEPS_PER_COPY)?;
        let below = depth.saturating_add(1);
        match value {
            Value::String(text) => self.spend_on_text(text.len()),
            Value::List(items) => items.iter().try_for_each(|item| self.spend_on_parts(item, below)),
            Value::Map(members) => members.iter().try_for_each(|(name, value)| {
                self.spend_on_text(name.len())?;
                self.spend_on_parts(value, below)
            }),
            _ => Ok(()),
        }
    }

    #[inline(never)]
    pub(super) fn contains<'v>(&mut self, operands: Range, scope: Scope<'v>, depth: u32) -> Result<bool, FaultKind>
    where
        'r: 'v,
        'c: 'v,
    {
        let needle = self.at(operands, 0, scope, depth)?;
        let at = operands.start.saturating_add(1);
        let written = self.ruleset.tables.expressions.get(at as usize).filter(|_| operands.len > 1);
        // A list in the rule is not built: its items are looked at one by one.
        if let Some(list) = written
            && Operator::from_u8(list.operator) == Operator::List
            && self.visitor.is_none()
        {
            for place in 0..list.operands.len {
                let item = self.at(list.operands, place, scope, depth.saturating_add(1))?;
                if strictly_equal(needle.scalar(), item.scalar()) {
                    return Ok(true);
                }
            }
            return Ok(false);
        }
        let haystack = self.at(operands, 1, scope, depth)?;
        match haystack.scalar() {
            Scalar::Text(text) => {
                if matches!(needle.scalar(), Scalar::Null | Scalar::List | Scalar::Map) {
                    return Ok(false);
                }
                self.spend_on_text(text.len())?;
                Ok(memchr::memmem::find(text, to_text(&needle).as_bytes()).is_some())
            }
            Scalar::List => {
                let items = haystack.items();
                self.spend(u32::try_from(items.len()).unwrap_or(u32::MAX))?;
                Ok(items.iter().any(|item| strictly_equal(needle.scalar(), Scalar::of(item))))
            }
            _ => Ok(false),
        }
    }

    /// One level of lists becomes one list.
    pub(super) fn merge<'v>(&mut self, e: &Expression, scope: Scope<'v>, depth: u32) -> Result<Got<'v>, FaultKind>
    where
        'r: 'v,
        'c: 'v,
    {
        let mut merged = Vec::new();
        for place in 0..e.operands.len {
            let value = self.arg(e, place, scope, depth)?;
            match self.own(value)? {
                Value::List(items) => merged.extend(items),
                other => merged.push(other),
            }
        }
        self.built(Value::List(merged))
    }

    pub(super) fn map<'v>(&mut self, e: &Expression, scope: Scope<'v>, depth: u32) -> Result<Got<'v>, FaultKind>
    where
        'r: 'v,
        'c: 'v,
    {
        let list = self.arg(e, 0, scope, depth)?;
        let mut mapped = Vec::new();
        for item in list.items() {
            let frame = Frame::Element(item);
            let value = self.arg(e, 1, Some(&frame), depth)?;
            mapped.push(self.keep(value)?);
        }
        self.built(Value::List(mapped))
    }

    pub(super) fn filter<'v>(&mut self, e: &Expression, scope: Scope<'v>, depth: u32) -> Result<Got<'v>, FaultKind>
    where
        'r: 'v,
        'c: 'v,
    {
        let list = self.arg(e, 0, scope, depth)?;
        let mut kept = Vec::new();
        for item in list.items() {
            if self.test_at(e.operands, 1, Some(&Frame::Element(item)), depth)? {
                kept.push(self.keep(Got::borrowed(item))?);
            }
        }
        self.built(Value::List(kept))
    }

    pub(super) fn reduce<'v>(&mut self, e: &Expression, scope: Scope<'v>, depth: u32) -> Result<Got<'v>, FaultKind>
    where
        'r: 'v,
        'c: 'v,
    {
        let list = self.arg(e, 0, scope, depth)?;
        let init = self.arg(e, 2, scope, depth)?;
        let mut accumulator = self.own(init)?;
        for current in list.items() {
            let next = {
                let frame = Frame::Fold { current, accumulator: &accumulator };
                let value = self.arg(e, 1, Some(&frame), depth)?;
                self.keep(value)?
            };
            accumulator = next;
        }
        self.built(accumulator)
    }

    /// `all`, `none`, `some`; of nothing only `none` holds.
    pub(super) fn quantify<'v>(
        &mut self,
        operator: Operator,
        operands: Range,
        scope: Scope<'v>,
        depth: u32,
    ) -> Result<bool, FaultKind>
    where
        'r: 'v,
        'c: 'v,
    {
        let list = self.at(operands, 0, scope, depth)?;
        let items = list.items();
        if items.is_empty() {
            return Ok(operator == Operator::NoneOf);
        }
        for item in items {
            let holds = self.test_at(operands, 1, Some(&Frame::Element(item)), depth)?;
            match operator {
                Operator::All if !holds => return Ok(false),
                Operator::NoneOf if holds => return Ok(false),
                Operator::Some if holds => return Ok(true),
                _ => {}
            }
        }
        Ok(operator != Operator::Some)
    }

    /// A copy that outlives the list it may come from.
    fn keep(&mut self, value: Got<'_>) -> Result<Value<'static>, FaultKind> {
        let value = self.own(value)?;
        self.spend_on_copy(&value)?;
        Ok(value.into_owned())
    }

    /// A value that was put together: not nested too deep.
    fn built<'v>(&mut self, value: Value<'v>) -> Result<Got<'v>, FaultKind> {
        if nests_deeper(&value, MAX_NESTING) {
            return Err(FaultKind::TooComplex);
        }
        if let Value::List(items) = &value {
            self.spend(u32::try_from(items.len()).unwrap_or(u32::MAX))?;
        }
        Ok(Got::owned(value))
    }
}

fn nests_deeper(value: &Value<'_>, limit: u32) -> bool {
    let Some(below) = limit.checked_sub(1) else { return true };
    match value {
        Value::List(items) => items.iter().any(|item| nests_deeper(item, below)),
        Value::Map(members) => members.iter().any(|(_, value)| nests_deeper(value, below)),
        _ => false,
    }
}
