//! Writing the tree as JSON, and remembering where everything stood.

use std::collections::HashMap;

use super::tree::{Kind, Node, error};
use super::{Document, Error};
use crate::yaml::scalar;

/// As deep as the core's reader goes: aliases can nest deeper than the text does.
const MAX_DEPTH: usize = 128;

/// The lines of a YAML document, by JSON path. Of a JSON document nothing is known.
#[derive(Default)]
pub struct Lines(HashMap<Vec<String>, usize>);

impl Lines {
    /// The line of what stands at `path`, or of the innermost that is known around it.
    pub fn find(&self, path: &str) -> Option<usize> {
        let mut segments = segments(path);
        loop {
            if let Some(line) = self.0.get(&segments) {
                return Some(*line);
            }
            segments.pop()?;
        }
    }

    /// Something is wrong with the whole document, at this line.
    pub fn of_whole(line: usize) -> Self {
        Self(HashMap::from([(Vec::new(), line)]))
    }
}

/// The members and places that a JSON path leads through: `$.flags["a.b"].variants[0]` has four of them.
fn segments(path: &str) -> Vec<String> {
    let mut segments = Vec::new();
    let mut rest = path.strip_prefix('$').unwrap_or(path);
    while !rest.is_empty() {
        let end = if let Some(quoted) = rest.strip_prefix("[\"") {
            let Some(name) = quoted.find("\"]").and_then(|end| quoted.get(..end)) else { break };
            segments.push(name.to_owned());
            name.len() + 4
        } else {
            let name = rest.get(1..).unwrap_or_default();
            let name = name.split(['.', '[', ']']).next().unwrap_or_default();
            segments.push(name.to_owned());
            name.len() + if rest.starts_with('[') { 2 } else { 1 }
        };
        rest = rest.get(end..).unwrap_or_default();
    }
    segments
}

/// Writes a tree.
pub struct Writer {
    json: String,
    path: Vec<String>,
    lines: Lines,
    max_bytes: usize,
}

impl Writer {
    pub fn new(max_bytes: usize) -> Self {
        Self { json: String::new(), path: Vec::new(), lines: Lines::default(), max_bytes }
    }

    pub fn finish(self) -> Document {
        Document { json: self.json, lines: self.lines }
    }

    pub fn write(&mut self, root: &Node) -> Result<(), Error> {
        self.lines.0.insert(Vec::new(), root.at.line());
        self.node(root, 0)
    }

    fn node(&mut self, node: &Node, depth: usize) -> Result<(), Error> {
        if self.json.len() > self.max_bytes {
            let message = format!("with its aliases the document grows beyond {} bytes of JSON", self.max_bytes);
            return Err(error(&node.at, message));
        }
        if depth > MAX_DEPTH {
            return Err(error(&node.at, format!("this nests deeper than {MAX_DEPTH} levels")));
        }
        match &node.kind {
            Kind::Scalar(json) => self.json.push_str(json),
            Kind::List(items) => {
                self.json.push('[');
                for (i, item) in items.iter().enumerate() {
                    self.comma(i);
                    self.below(i.to_string(), item.at.line(), item, depth)?;
                }
                self.json.push(']');
            }
            Kind::Map(members) => {
                self.json.push('{');
                for (i, member) in members.iter().enumerate() {
                    self.comma(i);
                    self.json.push_str(&scalar::string(&member.key));
                    self.json.push(':');
                    self.below(member.key.clone(), member.key_at.line(), &member.value, depth)?;
                }
                self.json.push('}');
            }
        }
        Ok(())
    }

    fn comma(&mut self, place: usize) {
        if place > 0 {
            self.json.push(',');
        }
    }

    fn below(&mut self, segment: String, line: usize, node: &Node, depth: usize) -> Result<(), Error> {
        self.path.push(segment);
        self.lines.0.entry(self.path.clone()).or_insert(line);
        self.node(node, depth + 1)?;
        self.path.pop();
        Ok(())
    }
}
