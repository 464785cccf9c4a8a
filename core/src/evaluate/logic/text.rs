//! Text: `cat`, `substr`, `starts_with`, `ends_with`, `sem_ver`.

use std::borrow::Cow;

use super::coerce::{number as to_number, push_got, text as to_text};
use super::got::{Got, Scalar};
use super::{Logic, Operator, Scope, detail, semver};
use crate::evaluate::FaultKind;
use crate::snapshot::layout::Expression;
use crate::value::{Value, number_text};

/// Text that a rule puts together may be this long: four times what a request body holds that a user comes in.
const MAX_TEXT: usize = 1_048_576;

impl<'r, 'c> Logic<'r, 'c, '_> {
    pub(super) fn cat<'v>(&mut self, e: &Expression, scope: Scope<'v>, depth: u32) -> Result<Got<'v>, FaultKind>
    where
        'r: 'v,
        'c: 'v,
    {
        let mut out = String::new();
        self.each(e, scope, depth, &mut |logic, value| {
            if let Some(value) = value.compound() {
                logic.spend_on_copy(value)?;
            }
            if value.is_null() && e.detail & detail::NULL_AS_TEXT != 0 {
                out.push_str("null");
            } else {
                push_got(&value, &mut out);
            }
            logic.spend_on_text(out.len())?;
            if out.len() > MAX_TEXT { Err(FaultKind::TooComplex) } else { Ok(()) }
        })?;
        Ok(Got::owned(Value::String(Cow::Owned(out))))
    }

    /// Counts characters. A negative start counts from the end, a negative length leaves out so many at the end.
    pub(super) fn substr<'v>(&mut self, e: &Expression, scope: Scope<'v>, depth: u32) -> Result<Got<'v>, FaultKind>
    where
        'r: 'v,
        'c: 'v,
    {
        let subject = self.arg(e, 0, scope, depth)?;
        let start = to_number(self.arg(e, 1, scope, depth)?.scalar());
        let length = if e.operands.len > 2 { Some(to_number(self.arg(e, 2, scope, depth)?.scalar())) } else { None };
        let text = to_text(&subject);
        self.spend_on_text(text.len().saturating_mul(4))?;
        let all = text.chars().count();
        let start = place(start, all);
        let end = match length {
            None => all,
            Some(length) if length < 0.0 => place(length, all),
            Some(length) => start.saturating_add(whole(length)).min(all),
        };
        let part: String = text.chars().skip(start).take(end.saturating_sub(start)).collect();
        Ok(Got::owned(Value::String(Cow::Owned(part))))
    }

    /// Null unless there are two operands, both text.
    pub(super) fn affix<'v>(
        &mut self,
        operator: Operator,
        e: &Expression,
        scope: Scope<'v>,
        depth: u32,
    ) -> Result<Got<'v>, FaultKind>
    where
        'r: 'v,
        'c: 'v,
    {
        if e.operands.len != 2 {
            return Ok(Got::Null);
        }
        let subject = self.arg(e, 0, scope, depth)?;
        let affix = self.arg(e, 1, scope, depth)?;
        Ok(self.compare(operator, subject.scalar(), affix.scalar())?.map_or(Got::Null, Got::Bool))
    }

    pub(super) fn sem_ver<'v>(&mut self, e: &Expression, scope: Scope<'v>, depth: u32) -> Result<Got<'v>, FaultKind>
    where
        'r: 'v,
        'c: 'v,
    {
        if e.operands.len != 3 {
            return Ok(Got::Null);
        }
        let left = self.arg(e, 0, scope, depth)?;
        let op = self.arg(e, 1, scope, depth)?;
        let right = self.arg(e, 2, scope, depth)?;
        let Scalar::Text(op) = op.scalar() else { return Ok(Got::Null) };
        Ok(self.sem_ver_of(left.scalar(), op, right.scalar())?.map_or(Got::Null, Got::Bool))
    }

    /// None for null.
    pub(super) fn sem_ver_of(
        &mut self,
        left: Scalar<'_>,
        op: &[u8],
        right: Scalar<'_>,
    ) -> Result<Option<bool>, FaultKind> {
        let mut buffers = [ryu_js::Buffer::new(), ryu_js::Buffer::new()];
        let [left_number, right_number] = &mut buffers;
        let (Some(left), Some(right)) = (version(left, left_number), version(right, right_number)) else {
            return Ok(None);
        };
        self.spend_on_text(left.len().saturating_add(right.len()))?;
        Ok(semver::compare(left, op, right))
    }
}

/// The text that may be a version: text, or that of a number.
fn version<'g>(value: Scalar<'g>, number: &'g mut ryu_js::Buffer) -> Option<&'g [u8]> {
    match value {
        Scalar::Text(text) => Some(text),
        Scalar::Number(n) => Some(number_text(n, number).as_bytes()),
        _ => None,
    }
}

/// A place among `all` characters, counted from the end where it is negative.
fn place(at: f64, all: usize) -> usize {
    if at < 0.0 { all.saturating_sub(whole(-at)) } else { whole(at).min(all) }
}

/// Without the fraction; 0 for NaN. Beyond the range it stays at its end.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, which is meant")]
const fn whole(n: f64) -> usize {
    n as usize
}
