//! The trace of a targeting expression: what was evaluated, and to what.

use std::io::{self, Write};

use jackstaff_core::{ExpressionView, ExpressionVisitor, Operator, Value};
use serde::Serialize;
use serde_json::value::RawValue;

/// Values longer than this are cut when they are shown: lists of users have thousands.
const MAX_SHOWN: usize = 60;

/// More operands than this are counted, not listed.
const MAX_OPERANDS: usize = 8;

/// One expression that was evaluated, and those below it.
#[derive(Serialize)]
pub struct ExpressionTrace {
    operator: &'static str,
    /// What `var` reads.
    #[serde(skip_serializing_if = "String::is_empty")]
    path: String,
    /// Absent where a fault ended it before.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    operands: Vec<ExpressionTrace>,
    #[serde(skip)]
    literal: bool,
}

/// Writes down what it watches.
#[derive(Default)]
pub struct Expressions {
    /// Begun and not yet ended, outermost first.
    open: Vec<ExpressionTrace>,
    root: Option<ExpressionTrace>,
}

impl Expressions {
    /// What was watched since the last call. What a fault left open belongs to where it stands, without a value.
    pub fn take(&mut self) -> Option<ExpressionTrace> {
        while let Some(expression) = self.open.pop() {
            self.attach(expression);
        }
        self.root.take()
    }

    fn attach(&mut self, expression: ExpressionTrace) {
        match self.open.last_mut() {
            Some(parent) => parent.operands.push(expression),
            None => self.root = Some(expression),
        }
    }
}

impl ExpressionVisitor for Expressions {
    fn expression_begins(&mut self, expression: &ExpressionView<'_>) {
        let operator = expression.operator();
        self.open.push(ExpressionTrace {
            operator: operator.name(),
            path: expression.path(),
            value: None,
            operands: Vec::new(),
            literal: operator.is_literal() && !matches!(operator, Operator::List | Operator::Object),
        });
    }

    fn expression_ends(&mut self, _expression: &ExpressionView<'_>, value: &Value<'_>) {
        if let Some(mut expression) = self.open.pop() {
            expression.value = RawValue::from_string(value.to_json()).ok();
            // What is in a list of literals shows in its value.
            if expression.operands.iter().all(|operand| operand.literal) && expression.operator == "list" {
                expression.operands.clear();
                expression.literal = true;
            }
            self.attach(expression);
        }
    }
}

/// Writes the expressions as an indented outline. Literals stand beside the operator that takes them.
pub fn write_text(out: &mut dyn Write, expression: &ExpressionTrace, indent: usize) -> io::Result<()> {
    writeln!(out, "{:indent$}{} → {}", "", head(expression), value(expression))?;
    expression
        .operands
        .iter()
        .filter(|operand| !operand.literal)
        .try_for_each(|operand| write_text(out, operand, indent + 2))
}

fn head(expression: &ExpressionTrace) -> String {
    let name = name(expression);
    if expression.operands.is_empty() {
        return name;
    }
    let shown = expression.operands.iter().take(MAX_OPERANDS);
    let mut operands: Vec<String> =
        shown.map(|operand| if operand.literal { value(operand) } else { self::name(operand) }).collect();
    if let Some(more) = expression.operands.len().checked_sub(MAX_OPERANDS).filter(|more| *more > 0) {
        operands.push(format!("{more} more"));
    }
    format!("{name} ({})", operands.join(", "))
}

fn name(expression: &ExpressionTrace) -> String {
    if expression.path.is_empty() {
        expression.operator.to_owned()
    } else {
        format!("{} {}", expression.operator, expression.path)
    }
}

fn value(expression: &ExpressionTrace) -> String {
    let Some(value) = &expression.value else { return "a fault".to_owned() };
    let text = value.get();
    if text.chars().count() <= MAX_SHOWN {
        text.to_owned()
    } else {
        text.chars().take(MAX_SHOWN).chain(['…']).collect()
    }
}
