//! Audience filters as conditions.

use std::borrow::Cow;

use super::wire::{Members, member};
use super::{Lowering, wire};
use crate::context::attribute_hash;
use crate::diagnostic::member_path;
use crate::evaluate::{Comparator, MAX_DEPTH, Test, clean_version, version_parts};
use crate::names::Names;
use crate::snapshot::layout::{Condition, Literal, NONE, Range};
use crate::snapshot::{LiteralKind, ValueKind, index, since};
use crate::sort;
use crate::value::{Value, number_text};

/// Where a filter stands.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// At the top of an audience: an operator, whatever it says.
    Root,
    /// Within another: an operator only if its `operator` is truthy (facts 1).
    Nested,
}

impl<'v> Lowering<'_, 'v> {
    /// Fills the reserved condition at `at` from the filter `node`.
    pub(super) fn condition(&mut self, at: u32, node: &Value<'v>, place: Place, path: &str, depth: u32) {
        let operator = member(node, "operator");
        let record = if depth > MAX_DEPTH {
            let message = format!("filters nest deeper than {MAX_DEPTH}; users who reach this have no feature");
            self.diagnostics.error(path, message, "flatten the audience");
            self.invalid_record("filters nest too deep")
        } else if place == Place::Root || operator.is_some_and(Value::is_truthy) {
            self.group(operator, node, path, depth)
        } else if matches!(node, Value::Map(_)) {
            self.leaf(node, path)
        } else {
            self.diagnostics.error(
                path,
                "a filter must be an object; users who reach this have no feature",
                "remove it",
            );
            self.invalid_record("a filter is no object")
        };
        if let Some(reserved) = self.builder.conditions.get_mut(at as usize) {
            *reserved = record;
        }
    }

    /// Marks the reserved condition at `at` as unusable.
    pub(super) fn invalid(&mut self, at: u32, why: &str) {
        let record = self.invalid_record(why);
        if let Some(reserved) = self.builder.conditions.get_mut(at as usize) {
            *reserved = record;
        }
    }

    fn invalid_record(&mut self, why: &str) -> Condition {
        Condition { test: Test::Invalid as u8, name: self.builder.text(why), ..Condition::default() }
    }

    /// Children of one group lie side by side.
    fn group(&mut self, operator: Option<&Value<'v>>, node: &Value<'v>, path: &str, depth: u32) -> Condition {
        let filters = match member(node, "filters") {
            Some(Value::List(filters)) => filters.as_slice(),
            _ => &[],
        };
        if filters.is_empty() {
            self.diagnostics.warning(path, "no filters: nobody matches", "add an `all` filter, or remove the target");
        }
        let test = match operator.and_then(Value::as_str) {
            Some("or") => Test::AnyOf,
            Some("and") => Test::AllOf,
            other => {
                let message = format!(
                    "the operator `{}` is neither `and` nor `or`; it is taken as `and`",
                    other.unwrap_or_default()
                );
                self.diagnostics.warning(&format!("{path}.operator"), message, "write `and` or `or`");
                Test::AllOfImplied
            }
        };
        let start = index(&self.builder.conditions);
        self.builder
            .conditions
            .resize(self.builder.conditions.len().saturating_add(filters.len()), Condition::default());
        let operands = since(&self.builder.conditions, start);
        for ((i, filter), at) in filters.iter().enumerate().zip(start..) {
            self.condition(at, filter, Place::Nested, &format!("{path}.filters[{i}]"), depth.saturating_add(1));
        }
        let whole = since(&self.builder.conditions, start) == operands;
        let operands = if whole { self.builder.share_conditions(start) } else { operands };
        Condition { test: test as u8, operands, ..Condition::default() }
    }

    fn leaf(&mut self, node: &Value<'v>, path: &str) -> Condition {
        let kind = member(node, "type").and_then(Value::as_str).unwrap_or_default();
        let test = match kind {
            "all" => Test::Always,
            "optIn" => Test::OptedIn,
            "audienceMatch" => return self.audience_match(node, path),
            "user" => return self.user_filter(node, path),
            _ => {
                let message = format!("the filter type `{kind}` is unknown: nobody matches");
                self.diagnostics.warning(&format!("{path}.type"), message, "use all, user, audienceMatch or optIn");
                Test::Never
            }
        };
        Condition { test: test as u8, ..Condition::default() }
    }

    fn audience_match(&mut self, node: &Value<'v>, path: &str) -> Condition {
        let comparator = self.comparator(node, path);
        let ids = match member(node, "_audiences") {
            Some(Value::List(ids)) => Some(ids),
            _ => None,
        };
        let start = index(&self.builder.segments);
        for (i, id) in ids.into_iter().flatten().enumerate() {
            let root = id.as_str().and_then(|id| self.audiences.get(id));
            if root.is_none() {
                let message = format!("there is no audience {}: nobody matches", id.to_json());
                self.diagnostics.warning(
                    &format!("{path}._audiences[{i}]"),
                    message,
                    "add it to `audiences`, or remove it here",
                );
            }
            self.builder.segments.push(root.unwrap_or(NONE));
        }
        Condition {
            test: Test::Segments as u8,
            comparator: comparator as u8,
            has_operands: u8::from(ids.is_some()),
            operands: self.builder.share_segments(start),
            ..Condition::default()
        }
    }

    fn user_filter(&mut self, node: &Value<'v>, path: &str) -> Condition {
        let sub_type = member(node, "subType").filter(|s| s.is_truthy());
        let Some(sub_type) = sub_type else {
            let message = "a user filter needs a subType; users who reach this have no feature";
            self.diagnostics.error(path, message, "add the subType, or remove the filter");
            return self.invalid_record("a user filter without subType");
        };
        let comparator = self.comparator(node, path);
        let values = operand_values(node);
        let name = sub_type.as_str().unwrap_or_default();
        let record = Condition {
            comparator: comparator as u8,
            has_operands: u8::from(!values.is_empty()),
            name: self.builder.text(name),
            name_hash: attribute_hash(name.as_bytes()),
            ..Condition::default()
        };
        match name {
            "user_id" => {
                Condition { test: Test::TargetingKey as u8, operands: self.strings(comparator, &values), ..record }
            }
            "email" | "country" | "platform" | "deviceModel" => {
                Condition { test: Test::ProfileString as u8, operands: self.strings(comparator, &values), ..record }
            }
            "appVersion" | "platformVersion" if comparator == Comparator::Equal => {
                Condition { test: Test::ProfileString as u8, operands: self.strings(comparator, &values), ..record }
            }
            "appVersion" | "platformVersion" => {
                let wanted = member(node, "comparator").and_then(Value::as_str).unwrap_or_default();
                let operands = self.versions(comparator, &values);
                Condition { test: Test::ProfileVersion as u8, detail: orderings(wanted), operands, ..record }
            }
            "customData" => self.custom_filter(node, comparator, &values, record),
            _ => {
                self.diagnostics.warning(
                    &format!("{path}.subType"),
                    format!("the subType `{name}` is unknown: nobody matches"),
                    "remove the filter",
                );
                Condition { test: Test::Never as u8, ..record }
            }
        }
    }

    fn custom_filter(
        &mut self,
        node: &Value<'v>,
        comparator: Comparator,
        values: &[&Value<'v>],
        record: Condition,
    ) -> Condition {
        let key = match member(node, "dataKey") {
            Some(Value::String(key)) if !key.is_empty() => &**key,
            // The reference takes a filter without a usable key as met.
            other => {
                let shown = other
                    .map_or_else(|| "undefined".to_owned(), |v| v.as_str().map_or_else(|| v.to_json(), str::to_owned));
                return Condition { test: Test::CustomUnnamed as u8, name: self.builder.text(&shown), ..record };
            }
        };
        let record = Condition {
            test: Test::CustomAny as u8,
            name: self.builder.text(key),
            name_hash: attribute_hash(key.as_bytes()),
            ..record
        };
        let kind = match values.first() {
            Some(Value::Bool(_)) => ValueKind::Boolean,
            Some(Value::Number(_)) => ValueKind::Number,
            Some(Value::String(_)) => ValueKind::String,
            _ => ValueKind::Structure,
        };
        let operands = if kind == ValueKind::String {
            self.strings(comparator, values)
        } else {
            let literals: Vec<Literal> = values.iter().map(|value| self.builder.literal(value)).collect();
            self.builder.share_literals(literals)
        };
        Condition { detail: kind as u8, operands, ..record }
    }

    fn comparator(&mut self, node: &Value<'v>, path: &str) -> Comparator {
        match member(node, "comparator").and_then(Value::as_str) {
            Some("=") => Comparator::Equal,
            Some("!=") => Comparator::NotEqual,
            Some(">") => Comparator::Greater,
            Some(">=") => Comparator::GreaterOrEqual,
            Some("<") => Comparator::Less,
            Some("<=") => Comparator::LessOrEqual,
            Some("exist") => Comparator::Exists,
            Some("!exist") => Comparator::NotExists,
            Some("contain") => Comparator::Contains,
            Some("!contain") => Comparator::NotContains,
            Some("startWith") => Comparator::StartsWith,
            Some("!startWith") => Comparator::NotStartsWith,
            Some("endWith") => Comparator::EndsWith,
            Some("!endWith") => Comparator::NotEndsWith,
            other => {
                if let Some(other) = other {
                    let message = format!("the comparator `{other}` is unknown");
                    self.diagnostics.warning(
                        &format!("{path}.comparator"),
                        message,
                        "use =, !=, exist, contain, startWith, endWith or their kin",
                    );
                }
                Comparator::Other
            }
        }
    }

    /// The operands of the string rules: what can match, in the form in which it is compared.
    fn strings(&mut self, comparator: Comparator, values: &[&Value<'v>]) -> Range {
        let coerces = matches!(comparator, Comparator::Contains | Comparator::NotContains);
        let mut texts: Vec<(Cow<'_, str>, bool)> = values
            .iter()
            .filter_map(|value| match value {
                Value::String(text) => Some((Cow::Borrowed(&**text), !text.is_empty())),
                Value::Number(n) if coerces => {
                    Some((Cow::Owned(number_text(*n, &mut ryu_js::Buffer::new()).to_owned()), value.is_truthy()))
                }
                Value::Bool(b) if coerces => Some((Cow::Owned(b.to_string()), *b)),
                _ => None,
            })
            .collect();
        if matches!(comparator, Comparator::Equal | Comparator::NotEqual) {
            // Membership only: sorted by bytes, as the evaluation bisects.
            sort(&mut texts, Ord::cmp);
            texts.dedup();
        }
        let literals = texts
            .into_iter()
            .map(|(text, truthy)| Literal {
                kind: if truthy { LiteralKind::String } else { LiteralKind::Untrue } as u8,
                text: self.builder.text(&text),
            })
            .collect();
        self.builder.share_literals(literals)
    }

    /// The operands of the version rules; those that could never compare are left out.
    fn versions(&mut self, comparator: Comparator, values: &[&Value<'v>]) -> Range {
        let mut literals = Vec::new();
        for value in values.iter().filter_map(|value| value.as_str()) {
            let parts = if comparator == Comparator::NotEqual {
                version_parts(value)
            } else {
                version_parts(&clean_version(value))
            };
            if let Some(parts) = parts {
                literals.push(self.builder.version(parts));
            }
        }
        self.builder.share_literals(literals)
    }

    /// Audiences that refer to themselves recurse in the reference until its stack ends; here the depth limit ends it.
    pub(super) fn report_cycles(&mut self, audiences: Members<'v>) {
        let mut places = Names::default();
        // To which audiences each refers, and during which search it was seen last.
        let mut refers = Vec::new();
        for (id, audience) in audiences {
            let mut ids = Vec::new();
            if let Some(filters) = member(audience, "filters") {
                collect_references(filters, &mut ids);
            }
            places.insert(Cow::Borrowed(&**id), index(&refers));
            refers.push((ids, None));
        }
        for (search, (id, _)) in audiences.iter().enumerate() {
            let mut open: Vec<&str> = refers.get(search).map(|(ids, _)| ids.clone()).unwrap_or_default();
            while let Some(next) = open.pop() {
                if next == &**id {
                    let message = "this audience refers to itself; users who reach it have no feature";
                    self.diagnostics.error(&member_path("$.audiences", id), message, "break the circle");
                    break;
                }
                if let Some((ids, seen)) = places.get(next).and_then(|place| refers.get_mut(place as usize))
                    && seen.replace(search) != Some(search)
                {
                    open.extend(ids.iter());
                }
            }
        }
    }
}

fn collect_references<'v>(node: &'v Value<'_>, into: &mut Vec<&'v str>) {
    if let Some(Value::List(ids)) = member(node, "_audiences") {
        into.extend(ids.iter().filter_map(Value::as_str));
    }
    if let Some(Value::List(filters)) = member(node, "filters") {
        for filter in filters {
            collect_references(filter, into);
        }
    }
}

/// The values of a filter, without nulls (facts 2.5).
fn operand_values<'n, 'v>(node: &'n Value<'v>) -> Vec<&'n Value<'v>> {
    match wire::member(node, "values") {
        Some(Value::List(values)) => values.iter().filter(|value| !matches!(value, Value::Null)).collect(),
        _ => Vec::new(),
    }
}

/// Which orderings satisfy a version comparator: whatever signs stand in its text. For `!=` it says what must not be.
fn orderings(comparator: &str) -> u8 {
    use crate::evaluate::order;
    comparator.bytes().fold(0, |bits, sign| {
        bits | match sign {
            b'=' => order::EQUAL,
            b'>' => order::GREATER,
            b'<' => order::LESS,
            _ => 0,
        }
    })
}
