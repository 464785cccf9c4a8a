//! Targeting rules on their way into expressions.

use std::borrow::Cow;

use super::flag::Defect;
use super::{Fractional, Shared};
use crate::context::attribute_hash;
use crate::diagnostic::{Diagnostics, member_path};
use crate::evaluate::{MAX_DEPTH, Operator, detail, usable_total, weight};
use crate::same::start;
use crate::snapshot::Builder;
use crate::snapshot::layout::{Expression, Range};
use crate::value::{Value, number_text};

/// A rule may have this many expressions, shared evaluators copied into it included: far beyond any that was written by hand, and far
/// below what a session may evaluate.
const MAX_EXPRESSIONS: usize = 100_000;

const TOO_LARGE: &str = "simplify the rule, or let the application compute an attribute";

/// Stores a rule; the place of its root.
pub(super) fn lower(
    rule: &Value<'_>,
    path: &str,
    variants: &[Cow<'_, str>],
    shared: &Shared<'_>,
    builder: &mut Builder,
    diagnostics: &mut Diagnostics,
) -> Result<u32, Defect> {
    let mut lowering =
        Lowering { builder, shared, left: MAX_EXPRESSIONS.saturating_sub(1), open: Vec::new(), results: Vec::new() };
    let expression = lowering.expression(rule, At { path, element: false, result: true, depth: 0 })?;
    let results = std::mem::take(&mut lowering.results);
    let root = builder.share_expressions(vec![expression]).start;
    for (path, name) in results {
        if !variants.iter().any(|known| **known == *name) {
            let message = format!("gives `{name}`, which is no variant: whoever comes here gets an error");
            diagnostics.warning(&path, message, "name one of the variants, or null for the default");
        }
    }
    Ok(root)
}

struct Lowering<'b, 's, 'd> {
    builder: &'b mut Builder,
    shared: &'s Shared<'d>,
    /// How many parts the rule may have beside its root and those that it has.
    left: usize,
    /// The shared evaluators that are being copied in, outermost first.
    open: Vec<&'s str>,
    /// Texts that may become the result of the rule, and where they stand.
    results: Vec<(String, String)>,
}

/// Where in a rule something stands.
#[derive(Clone, Copy)]
struct At<'p> {
    path: &'p str,
    /// In the scope of an element of a list.
    element: bool,
    /// What it gives may be what the rule gives.
    result: bool,
    depth: u32,
}

impl<'s> Lowering<'_, 's, '_> {
    fn expression(&mut self, value: &Value<'_>, at: At<'_>) -> Result<Expression, Defect> {
        if at.depth > MAX_DEPTH {
            return Defect::new(at.path, format!("nests more than {MAX_DEPTH} deep"), TOO_LARGE);
        }
        let literal = |operator: Operator| Expression { operator: operator as u8, ..Expression::default() };
        Ok(match value {
            Value::Null => literal(Operator::Null),
            Value::Bool(false) => literal(Operator::False),
            Value::Bool(true) => literal(Operator::True),
            Value::Number(n) => Expression { more: n.to_bits(), ..literal(Operator::Number) },
            Value::String(text) => {
                if at.result {
                    self.results.push((at.path.to_owned(), text.clone().into_owned()));
                }
                Expression {
                    name: self.builder.text(text),
                    name_hash: start(text.as_bytes()),
                    ..literal(Operator::Text)
                }
            }
            Value::List(items) => {
                let operands = self.all(items.iter(), At { result: false, ..at }, |_| at.element)?;
                Expression { operands, ..literal(Operator::List) }
            }
            Value::Map(members) => match members.as_slice() {
                [(name, operand)] => self.operation(name, operand, at)?,
                members => self.object(members, at)?,
            },
        })
    }

    /// Stores `values` side by side; `element` says by place which of them stand in the scope of an element.
    fn all<'v, 'd: 'v>(
        &mut self,
        values: impl ExactSizeIterator<Item = &'v Value<'d>>,
        at: At<'_>,
        element: impl Fn(usize) -> bool,
    ) -> Result<Range, Defect> {
        let run = self.each(values, at, element)?;
        Ok(self.builder.share_expressions(run))
    }

    /// Lowers `values`, without storing them.
    fn each<'v, 'd: 'v>(
        &mut self,
        values: impl ExactSizeIterator<Item = &'v Value<'d>>,
        at: At<'_>,
        element: impl Fn(usize) -> bool,
    ) -> Result<Vec<Expression>, Defect> {
        let len = values.len();
        let mut run = self.reserve(len, at)?;
        for (i, value) in values.enumerate() {
            let path = format!("{}[{i}]", at.path);
            // Of an `if`, every second operand and the last one.
            let result = at.result && (i % 2 == 1 || i.saturating_add(1) == len);
            let place = At { path: &path, element: element(i), result, depth: at.depth.saturating_add(1) };
            run.push(self.expression(value, place)?);
        }
        Ok(run)
    }

    /// Room for `count` parts of the rule.
    fn reserve(&mut self, count: usize, at: At<'_>) -> Result<Vec<Expression>, Defect> {
        match self.left.checked_sub(count) {
            Some(left) => self.left = left,
            None => return Defect::new(at.path, format!("the rule has more than {MAX_EXPRESSIONS} parts"), TOO_LARGE),
        }
        Ok(Vec::with_capacity(count))
    }

    /// Anything but one member is data, not an operation.
    fn object(&mut self, members: &[(Cow<'_, str>, Value<'_>)], at: At<'_>) -> Result<Expression, Defect> {
        let mut run = self.reserve(members.len(), at)?;
        let below = At { result: false, depth: at.depth.saturating_add(1), ..at };
        for (name, value) in members {
            let operands = self.all(std::iter::once(value), below, |_| at.element)?;
            let name = self.builder.text(name);
            run.push(Expression { operator: Operator::Member as u8, name, operands, ..Expression::default() });
        }
        let operands = self.builder.share_expressions(run);
        Ok(Expression { operator: Operator::Object as u8, operands, ..Expression::default() })
    }

    fn operation(&mut self, name: &str, operand: &Value<'_>, at: At<'_>) -> Result<Expression, Defect> {
        let path = member_path(at.path, name);
        let inner = At { path: &path, ..at };
        if name == "$ref" {
            return self.shared_rule(operand, inner);
        }
        // An evaluator may also stand for the list of operands.
        if let Some(evaluator) = reference(operand)
            && let Some((known, list @ Value::List(_))) = self.shared.evaluator(evaluator)
        {
            return self.within(known, inner, |lowering| lowering.operation_on(at, name, list, inner));
        }
        self.operation_on(at, name, operand, inner)
    }

    fn operation_on(
        &mut self,
        at: At<'_>,
        name: &str,
        operand: &Value<'_>,
        inner: At<'_>,
    ) -> Result<Expression, Defect> {
        let operands = match operand {
            Value::List(items) => items.as_slice(),
            single => std::slice::from_ref(single),
        };
        if name == "var" {
            return self.variable(operands, inner);
        }
        if name == "fractional" {
            return self.fractional(operand, inner);
        }
        let Some(operator) = Operator::named(name) else {
            return Defect::new(
                at.path,
                format!("`{name}` is no operator"),
                "use an operator of JSONLogic or flagd; `log` is not among them",
            );
        };
        // The second operand of these looks at one element.
        let of_element = matches!(
            operator,
            Operator::Map | Operator::Filter | Operator::Reduce | Operator::All | Operator::NoneOf | Operator::Some
        );
        let result = at.result && operator == Operator::If;
        let range =
            self.all(operands.iter(), At { result, ..inner }, |place| at.element || (of_element && place == 1))?;
        let spread = if matches!(operand, Value::List(_)) { 0 } else { detail::SPREAD };
        let element = if at.element { detail::ELEMENT } else { 0 };
        let generation = match (operator, self.shared.fractional) {
            (Operator::Cat, Fractional::V3) => detail::NULL_AS_TEXT,
            _ => 0,
        };
        let detail = spread | element | generation;
        let expression = Expression { operator: operator as u8, detail, operands: range, ..Expression::default() };
        Ok(self.plain(operator, range).map_or(expression, |plain| Expression {
            operator: expression.operator,
            detail: detail | plain.detail,
            operands: range,
            ..plain
        }))
    }

    /// What a plain condition has beside its operands: see [`detail::WITH`].
    fn plain(&self, operator: Operator, operands: Range) -> Option<Expression> {
        use Operator as O;
        let kind = |e: &Expression| Operator::from_u8(e.operator);
        let range = |range: Range| {
            let start = range.start as usize;
            self.builder.expressions.get(start..start.saturating_add(range.len as usize))
        };
        let (subject, literal, version) = match range(operands)? {
            [subject, literal] => (subject, literal, None),
            [subject, comparison, version] if operator == O::SemVer => (subject, comparison, Some(version)),
            _ => return None,
        };
        if kind(subject) != O::Attribute || subject.operands.len != 0 {
            return None;
        }
        let on_path = if subject.path().len == 0 { 0 } else { detail::WITH_PATH };
        let with = |detail| Expression {
            detail: detail | on_path,
            name: subject.name,
            name_hash: subject.name_hash,
            ..Expression::default()
        };
        let compares = matches!(
            operator,
            O::Equal
                | O::NotEqual
                | O::StrictEqual
                | O::StrictNotEqual
                | O::Greater
                | O::GreaterOrEqual
                | O::Less
                | O::LessOrEqual
                | O::StartsWith
                | O::EndsWith
        );
        Some(match kind(literal) {
            O::Text if version.is_some_and(|version| kind(version) == O::Text) => {
                Expression { more: Expression::with_path(version?.name), ..with(detail::WITH_VERSION) }
            }
            O::Text if compares => Expression { more: Expression::with_path(literal.name), ..with(detail::WITH_TEXT) },
            O::Number if compares => Expression { more: literal.more, ..with(detail::WITH_NUMBER) },
            O::True if compares => Expression { more: 1.0_f64.to_bits(), ..with(detail::WITH_BOOL) },
            O::False if compares => with(detail::WITH_BOOL),
            O::List if operator == O::In && range(literal.operands)?.iter().all(|item| kind(item) == O::Text) => {
                Expression { more: Expression::with_items(literal.operands), ..with(detail::WITH_LIST) }
            }
            _ => return None,
        })
    }

    /// `$ref`: a copy of the evaluator, whose parts are shared by nobody.
    fn shared_rule(&mut self, name: &Value<'_>, at: At<'_>) -> Result<Expression, Defect> {
        let found = name.as_str().and_then(|name| self.shared.evaluator(name));
        let Some((known, rule)) = found else {
            let message = format!("there is no shared evaluator {}", name.to_json());
            return Defect::new(at.path, message, "add it to `$evaluators`, or correct the name");
        };
        self.within(known, at, |lowering| lowering.expression(rule, At { depth: at.depth.saturating_add(1), ..at }))
    }

    /// Copies in the evaluator `name`, unless that is what is already being done.
    fn within(
        &mut self,
        name: &'s str,
        at: At<'_>,
        copy: impl FnOnce(&mut Self) -> Result<Expression, Defect>,
    ) -> Result<Expression, Defect> {
        if self.open.contains(&name) {
            let message = format!("the shared evaluator `{name}` refers to itself");
            return Defect::new(at.path, message, "write one of the rules out");
        }
        self.open.push(name);
        let copied = copy(self);
        self.open.pop();
        copied
    }

    /// `var`: what is read, then perhaps what counts where there is nothing.
    fn variable(&mut self, operands: &[Value<'_>], at: At<'_>) -> Result<Expression, Defect> {
        let element = if at.element { detail::ELEMENT } else { 0 };
        let at = At { result: false, ..at };
        let mut buffer = ryu_js::Buffer::new();
        let path = match operands.first() {
            None | Some(Value::Null) => "",
            Some(Value::String(path)) => path,
            Some(Value::Number(n)) => number_text(*n, &mut buffer),
            Some(_) => {
                let operands = self.all(operands.iter().take(2), at, |_| at.element)?;
                let operator = if at.element { Operator::ComputedElement } else { Operator::ComputedAttribute };
                return Ok(Expression { operator: operator as u8, detail: element, operands, ..Expression::default() });
            }
        };
        let default = self.all(operands.iter().skip(1).take(1), at, |_| at.element)?;
        let read = |operator: Operator| Expression {
            operator: operator as u8,
            detail: element,
            operands: default,
            ..Expression::default()
        };
        if at.element {
            return Ok(Expression { name: self.builder.text(path), ..read(Operator::Element) });
        }
        Ok(match path {
            "" => read(Operator::WholeContext),
            "$flagd" => read(Operator::FlagdProperties),
            "$flagd.flagKey" => read(Operator::FlagKey),
            "$flagd.timestamp" => read(Operator::Now),
            path => {
                let (name, rest) = path.split_once('.').unwrap_or((path, ""));
                Expression {
                    name: self.builder.text(name),
                    name_hash: attribute_hash(name.as_bytes()),
                    more: Expression::with_path(self.builder.text(rest)),
                    ..read(Operator::Attribute)
                }
            }
        })
    }

    /// `fractional`: where every entry is written out, the sums of the weights are stored with them.
    fn fractional(&mut self, operand: &Value<'_>, at: At<'_>) -> Result<Expression, Defect> {
        let Value::List(items) = operand else {
            // flagd gives null for what is no list.
            return Ok(Expression::default());
        };
        let operator = match self.shared.fractional {
            Fractional::V2 => Operator::FractionalText,
            Fractional::V3 => Operator::FractionalCbor,
        };
        let inner = At { result: false, ..at };
        let mut run = self.each(items.iter(), inner, |_| at.element)?;
        let skip = usize::from(!matches!(items.first(), Some(Value::List(_))));
        let entries = items.get(skip..).unwrap_or_default();
        let mut constant = 0;
        if let Some(sums) = sums(entries) {
            constant = detail::CONSTANT;
            for (entry, sum) in run.iter_mut().skip(skip).zip(sums) {
                entry.name_hash = sum;
            }
            for (i, entry) in entries.iter().enumerate().filter(|_| at.result) {
                if let Value::List(entry) = entry
                    && let Some(Value::String(name)) = entry.first()
                {
                    let path = format!("{}[{}]", at.path, i.saturating_add(skip));
                    self.results.push((path, name.clone().into_owned()));
                }
            }
        }
        let element = if at.element { detail::ELEMENT } else { 0 };
        let operands = self.builder.share_expressions(run);
        Ok(Expression { operator: operator as u8, detail: constant | element, operands, ..Expression::default() })
    }
}

/// The name in `{"$ref": name}`.
fn reference<'v>(value: &'v Value<'_>) -> Option<&'v str> {
    match value {
        Value::Map(members) => match members.as_slice() {
            [(name, target)] if name == "$ref" => target.as_str(),
            _ => None,
        },
        _ => None,
    }
}

/// The sums of the weights up to and with each entry, where all are literal and the distribution can choose.
fn sums(entries: &[Value<'_>]) -> Option<Vec<u32>> {
    let mut sum = 0_u64;
    let mut sums = Vec::new();
    for entry in entries {
        let Value::List(entry) = entry else { return None };
        let weight = match entry.as_slice() {
            [_] => 1,
            [_, Value::Number(n)] => weight(*n)?,
            _ => return None,
        };
        if matches!(entry.first(), Some(Value::List(_) | Value::Map(_))) {
            return None;
        }
        sum = sum.saturating_add(weight);
        sums.push(if sum == 0 { 0 } else { usable_total(sum)? });
    }
    usable_total(sum).map(|_| sums)
}
