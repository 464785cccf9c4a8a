//! Writing a snapshot: tables that grow, text that is stored once.

use std::borrow::Cow;

use zerovec::ZeroVec;
use zerovec::ule::{AsULE, ULE as _};

use super::layout::{
    Assignment, Condition, Decision, Expression, FORMAT, Flag, Literal, MAGIC, Meta, Missing, NONE, Number, Range,
    Rule, Split, Stage, Tables, Terms, Text, Variant,
};
use super::{LiteralKind, digest};
use crate::names::Names;
use crate::value::Value;

/// A snapshot in the making.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    pub meta: Meta,
    text: Vec<u8>,
    /// Where each text begins, as [`Text::start`] has it.
    interned: Names<'static>,
    /// Where each run of records begins that may stand for others.
    runs: Names<'static>,
    pub flags: Vec<Flag>,
    pub setters: Vec<u32>,
    pub decisions: Vec<Decision>,
    pub rules: Vec<Rule>,
    pub terms: Vec<Terms>,
    pub stages: Vec<Stage>,
    pub splits: Vec<Split>,
    pub variants: Vec<Variant>,
    pub missing: Vec<Missing>,
    pub assignments: Vec<Assignment>,
    pub conditions: Vec<Condition>,
    pub literals: Vec<Literal>,
    pub numbers: Vec<Number>,
    pub segments: Vec<u32>,
    pub expressions: Vec<Expression>,
}

/// A table's next index. Sources are bounded far below 2^32 records (`MAX_SOURCE_BYTES`), so this never saturates in practice;
/// if it did, the reference would lead nowhere, which readers notice.
pub(crate) fn index<T>(table: &[T]) -> u32 {
    u32::try_from(table.len()).unwrap_or(NONE)
}

/// The records of `table` from `start` on.
pub(crate) fn since<T>(table: &[T], start: u32) -> Range {
    Range { start, len: index(table).saturating_sub(start) }
}

/// Tells runs of one table from those of others in [`Builder::runs`].
#[derive(Clone, Copy)]
pub(crate) enum Table {
    Conditions = 1,
    Literals = 2,
    Segments = 3,
    Splits = 4,
    Numbers = 5,
    Terms = 6,
    Expressions = 7,
}

/// Whether equal runs are stored once: a quarter less for a ruleset of 1,000 flags, and whatever is not there need not be loaded. Modules,
/// which seldom compile, have no code for it.
const SHARES: bool = !cfg!(target_family = "wasm");

/// The records of `records` from `start` on, which are complete: where equal ones stand in front of them, those, and these are taken away
/// again.
fn share<T: AsULE + Copy>(runs: &mut Names<'static>, table: Table, records: &mut Vec<T>, start: u32) -> Range {
    let range = since(records, start);
    if range.len == 0 {
        // Wherever it begins, or records that are otherwise equal would differ in it.
        return Range::default();
    }
    if !SHARES {
        return range;
    }
    let run: Vec<T::ULE> = records.iter().skip(start as usize).map(|record| record.to_unaligned()).collect();
    // As text, which names are: a character for each byte.
    let bytes = std::iter::once(table as u8).chain(T::ULE::slice_as_bytes(&run).iter().copied());
    let name: String = bytes.map(char::from).collect();
    if let Some(known) = runs.get(&name) {
        records.truncate(start as usize);
        return Range { start: known, ..range };
    }
    runs.insert(Cow::Owned(name), start);
    range
}

impl Builder {
    /// The conditions from `start` on, none of which has others behind it.
    pub fn share_conditions(&mut self, start: u32) -> Range {
        share(&mut self.runs, Table::Conditions, &mut self.conditions, start)
    }

    /// The literals in `run`, side by side.
    pub fn share_literals(&mut self, run: Vec<Literal>) -> Range {
        let start = index(&self.literals);
        self.literals.extend(run);
        share(&mut self.runs, Table::Literals, &mut self.literals, start)
    }

    /// The version with these parts.
    pub fn version(&mut self, parts: Vec<f64>) -> Literal {
        let start = index(&self.numbers);
        self.numbers.extend(parts.into_iter().map(|number| Number { number, text: Text::default() }));
        let range = share(&mut self.runs, Table::Numbers, &mut self.numbers, start);
        // A version has few parts.
        let text = Text { start: range.start, len: Text::short_len(range.len as usize) };
        Literal { kind: LiteralKind::Version as u8, text }
    }

    /// The segments from `start` on.
    pub fn share_segments(&mut self, start: u32) -> Range {
        share(&mut self.runs, Table::Segments, &mut self.segments, start)
    }

    /// The splits from `start` on.
    pub fn share_splits(&mut self, start: u32) -> Range {
        share(&mut self.runs, Table::Splits, &mut self.splits, start)
    }

    /// The expressions in `run`, which are complete, side by side.
    pub fn share_expressions(&mut self, run: Vec<Expression>) -> Range {
        let start = index(&self.expressions);
        self.expressions.extend(run);
        share(&mut self.runs, Table::Expressions, &mut self.expressions, start)
    }

    /// Where this value stands.
    pub fn value(&mut self, value: Literal) -> u32 {
        stand(&mut self.runs, Table::Literals, &mut self.literals, value)
    }

    /// Where these terms stand; nowhere, where they say nothing.
    pub fn terms(&mut self, terms: Terms) -> u32 {
        if terms == Terms::default() {
            return NONE;
        }
        // Modules share this much: in many sources every rule says that it has no rollout.
        if self.terms.last() == Some(&terms) {
            return index(&self.terms).saturating_sub(1);
        }
        stand(&mut self.runs, Table::Terms, &mut self.terms, terms)
    }

    /// What a split refers to where there is no variant with this id.
    pub fn absent(&mut self, id: &str) -> u32 {
        let of = Split::ABSENT | index(&self.missing);
        let id = self.text(id);
        self.missing.push(Missing { of, id });
        of
    }

    /// Notes that the variant about to be added sets a flag that does not exist.
    pub fn incomplete(&mut self, flag: &str) {
        let missing = Missing { of: index(&self.variants), id: self.text(flag) };
        self.missing.push(missing);
    }

    /// Stores `text`, once however often it is asked for.
    pub fn text(&mut self, text: &str) -> Text {
        let len = Text::short_len(text.len());
        if let Some(start) = self.interned.get(text) {
            return Text { start, len };
        }
        let mut start = index(&self.text);
        if len == Text::LONG {
            start = NONE.saturating_sub(start);
            self.text.extend_from_slice(&u32::try_from(text.len()).unwrap_or(0).to_le_bytes());
        }
        self.text.extend_from_slice(text.as_bytes());
        self.interned.insert(Cow::Owned(text.to_owned()), start);
        Text { start, len }
    }

    /// A literal for a number and its JSON text.
    pub fn number(&mut self, number: f64, text: &str) -> Literal {
        let text = self.text(text);
        let start = stand(&mut self.runs, Table::Numbers, &mut self.numbers, Number { number, text });
        Literal { kind: LiteralKind::Number as u8, text: Text { start, len: 0 } }
    }

    /// A literal for a JSON value.
    pub fn literal(&mut self, value: &Value<'_>) -> Literal {
        let (kind, text) = match value {
            Value::Null => (LiteralKind::Null, self.text("null")),
            Value::Bool(false) => (LiteralKind::False, Text::default()),
            Value::Bool(true) => (LiteralKind::True, Text::default()),
            Value::Number(n) => return self.number(*n, &value.to_json()),
            Value::String(text) => (LiteralKind::String, self.text(text)),
            Value::List(_) | Value::Map(_) => (LiteralKind::Json, self.text(&value.to_json())),
        };
        Literal { kind: kind as u8, text }
    }

    /// The finished snapshot.
    pub fn finish(mut self) -> Vec<u8> {
        let index = self.key_index();
        crate::sort(&mut self.missing, |a, b| a.of.cmp(&b.of));
        let tables = Tables {
            meta: self.meta,
            text: &self.text,
            flags: owned(&self.flags),
            index: owned(&index),
            setters: owned(&self.setters),
            decisions: owned(&self.decisions),
            rules: owned(&self.rules),
            terms: owned(&self.terms),
            stages: owned(&self.stages),
            splits: owned(&self.splits),
            variants: owned(&self.variants),
            missing: owned(&self.missing),
            assignments: owned(&self.assignments),
            conditions: owned(&self.conditions),
            literals: owned(&self.literals),
            numbers: owned(&self.numbers),
            segments: owned(&self.segments),
            expressions: owned(&self.expressions),
        };
        // Writing tables into memory has no way to fail; an empty body would be refused on opening.
        let body = postcard::to_allocvec(&tables).unwrap_or_default();
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&FORMAT.to_le_bytes());
        bytes.extend_from_slice(&digest(&body).to_le_bytes());
        bytes.extend_from_slice(&body);
        bytes
    }

    /// The bytes of a text.
    pub fn bytes(&self, text: Text) -> &[u8] {
        let start = text.start as usize;
        let short = self.text.get(start..start.saturating_add(text.len.into()));
        short.or_else(|| Text::long(text.start, &self.text)).unwrap_or_default()
    }
}

/// Where `record` stands in `records`.
fn stand<T: AsULE + Copy>(runs: &mut Names<'static>, table: Table, records: &mut Vec<T>, record: T) -> u32 {
    let start = index(records);
    records.push(record);
    share(runs, table, records, start).start
}

fn owned<T: AsULE + Copy>(table: &[T]) -> ZeroVec<'static, T> {
    ZeroVec::alloc_from_slice(table)
}

#[cfg(test)]
mod tests {
    use crate::{CompileOptions, Ruleset, compile};

    /// A feature for two countries, and the variable that it sets.
    fn feature(i: usize) -> [String; 2] {
        let filter = r#"{"type":"user","subType":"country","comparator":"=","values":["DE","FR"]}"#;
        [
            format!(
                r#"{{"_id":"f{i}","key":"f{i}","type":"release",
                "variations":[{{"_id":"v{i}","key":"on","name":"On","variables":[{{"_var":"x{i}","value":true}}]}}],
                "configuration":{{"_id":"c{i}","targets":[{{"_id":"t{i}","distribution":[{{"_variation":"v{i}","percentage":1}}],
                "_audience":{{"_id":"","filters":{{"operator":"and","filters":[{filter},{filter}]}}}}}}]}}}}"#
            ),
            format!(r#"{{"_id":"x{i}","key":"x{i}","type":"Boolean"}}"#),
        ]
    }

    #[test]
    fn equal_runs_stand_once() {
        let lengths = |features: usize| {
            let [all, variables] =
                [0, 1].map(|part| (0..features).map(|i| feature(i)[part].clone()).collect::<Vec<_>>().join(","));
            let source = format!(
                r#"{{"project":{{"_id":"p","key":"p","settings":{{}}}},"environment":{{"_id":"e","key":"e"}},
                "variables":[{variables}],"features":[{all}]}}"#
            );
            let snapshot = compile(source.as_bytes(), &CompileOptions::default()).unwrap().snapshot;
            let ruleset = Ruleset::verify(&snapshot).unwrap();
            let tables = &ruleset.tables;
            [tables.rules.len(), tables.conditions.len(), tables.literals.len()]
        };
        // Each group with its two filters, which have one run of operands, beside it the value; the second group is equal to the first.
        assert_eq!(lengths(1), [1, 3, 3]);
        assert_eq!(lengths(2), [2, 4, 3]);
        assert_eq!(lengths(5), [5, 4, 3]);
    }
}
