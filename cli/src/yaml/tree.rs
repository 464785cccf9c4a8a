//! From YAML's events to a tree.

use std::collections::HashMap;
use std::rc::Rc;

use granit_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Tag};

use super::{Error, scalar};

/// A node and where it begins.
pub struct Node {
    pub kind: Kind,
    pub at: Marker,
}

/// What a node is. Aliases share what they refer to.
pub enum Kind {
    /// JSON text.
    Scalar(String),
    List(Vec<Rc<Node>>),
    Map(Vec<Member>),
}

/// A member of a mapping.
#[derive(Clone)]
pub struct Member {
    pub key: String,
    pub key_at: Marker,
    pub value: Rc<Node>,
}

/// A collection that is not complete yet.
struct Open {
    at: Marker,
    anchor: usize,
    content: Content,
}

enum Content {
    List(Vec<Rc<Node>>),
    Map { members: Vec<Member>, merged: Vec<Rc<Node>>, key: Option<(Key, Marker)> },
}

enum Key {
    Name(String),
    Merge,
}

/// What an event adds to the tree.
struct Leaf<'t> {
    node: Rc<Node>,
    /// The text, where it may be a key.
    text: Option<&'t str>,
    plain: bool,
}

pub fn error(at: &Marker, message: impl Into<String>) -> Error {
    Error { line: at.line().max(1), column: at.col() + 1, message: message.into() }
}

fn syntax(found: &ScanError) -> Error {
    error(found.marker(), format!("this is no YAML: {}", found.info()))
}

/// The tree of the one document in `yaml`.
pub fn read(yaml: &str) -> Result<Rc<Node>, Error> {
    let mut builder = Builder::default();
    let mut documents = 0;
    for next in Parser::new_from_str(yaml) {
        let (event, span) = next.map_err(|found| syntax(&found))?;
        match event {
            Event::DocumentStart(..) => {
                documents += 1;
                if documents > 1 {
                    return Err(error(&span.start, "a second document begins here: put it into a file of its own"));
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain;
                let json = tagged(&text, plain, tag.as_deref()).map_err(|message| error(&span.start, message))?;
                let node = Rc::new(Node { kind: Kind::Scalar(json), at: span.start });
                builder.anchors.insert(anchor, Some(Rc::clone(&node)));
                builder.add(Leaf { node, text: Some(&text), plain })?;
            }
            Event::Alias(id) => {
                let Some(Some(node)) = builder.anchors.get(&id).cloned() else {
                    return Err(error(
                        &span.start,
                        "this alias stands inside of what it refers to: JSON cannot hold it",
                    ));
                };
                // Where it is used, not where it is defined.
                builder.alias(node, span.start)?;
            }
            Event::SequenceStart(_, anchor, tag) => {
                collection_tag(tag.as_deref(), "seq").map_err(|message| error(&span.start, message))?;
                builder.open(anchor, span.start, Content::List(Vec::new()))?;
            }
            Event::MappingStart(_, anchor, tag) => {
                collection_tag(tag.as_deref(), "map").map_err(|message| error(&span.start, message))?;
                builder.open(
                    anchor,
                    span.start,
                    Content::Map { members: Vec::new(), merged: Vec::new(), key: None },
                )?;
            }
            Event::SequenceEnd | Event::MappingEnd => builder.close()?,
            _ => {}
        }
    }
    builder.root.ok_or_else(|| error(&Marker::new(0, 1, 0), "there is no document"))
}

/// The JSON of a scalar, whose tag may say what it is.
fn tagged(text: &str, plain: bool, tag: Option<&Tag>) -> Result<String, String> {
    match tag {
        None if plain => scalar::plain(text),
        None => Ok(scalar::string(text)),
        Some(tag) => match tag.core_suffix() {
            Some("str") => Ok(scalar::string(text)),
            Some("null" | "bool" | "int" | "float") => scalar::plain(text),
            // The tag `!` says: whatever a quoted scalar would be.
            None if tag.to_string() == "!" => Ok(scalar::string(text)),
            _ => Err(no_tag(tag)),
        },
    }
}

fn collection_tag(tag: Option<&Tag>, suffix: &str) -> Result<(), String> {
    match tag {
        Some(tag) if !tag.is_yaml_core_schema_tag(suffix) => Err(no_tag(tag)),
        _ => Ok(()),
    }
}

fn no_tag(tag: &Tag) -> String {
    format!("the tag `{tag}` means nothing here: remove it")
}

#[derive(Default)]
struct Builder {
    root: Option<Rc<Node>>,
    open: Vec<Open>,
    /// What anchors name, by the parser's ids; nothing yet where it is still open.
    anchors: HashMap<usize, Option<Rc<Node>>>,
}

impl Builder {
    fn open(&mut self, anchor: usize, at: Marker, content: Content) -> Result<(), Error> {
        if let Some(Content::Map { key: None, .. }) = self.open.last().map(|open| &open.content) {
            return Err(error(&at, "a key must be a scalar, not a list or mapping: JSON has no other keys"));
        }
        self.anchors.insert(anchor, None);
        self.open.push(Open { at, anchor, content });
        Ok(())
    }

    fn close(&mut self) -> Result<(), Error> {
        let Some(Open { at, anchor, content }) = self.open.pop() else { return Ok(()) };
        let kind = match content {
            Content::List(items) => Kind::List(items),
            Content::Map { mut members, merged, .. } => {
                for node in merged {
                    merge(&mut members, &node)?;
                }
                Kind::Map(members)
            }
        };
        let node = Rc::new(Node { kind, at });
        self.anchors.insert(anchor, Some(Rc::clone(&node)));
        self.add(Leaf { node, text: None, plain: false })
    }

    /// An alias as a key is the text of its scalar.
    fn alias(&mut self, target: Rc<Node>, at: Marker) -> Result<(), Error> {
        let text = match &target.kind {
            Kind::Scalar(json) => Some(serde_json::from_str::<String>(json).unwrap_or_else(|_| json.clone())),
            Kind::List(_) | Kind::Map(_) => None,
        };
        self.add(Leaf { node: target, text: text.as_deref(), plain: false }).map_err(|mut error| {
            (error.line, error.column) = (at.line(), at.col() + 1);
            error
        })
    }

    fn add(&mut self, Leaf { node, text, plain }: Leaf<'_>) -> Result<(), Error> {
        match self.open.last_mut().map(|open| &mut open.content) {
            None => self.root = Some(node),
            Some(Content::List(items)) => items.push(node),
            Some(Content::Map { members, merged, key }) => match key.take() {
                None => {
                    let name = text.ok_or_else(|| {
                        error(&node.at, "a key must be a scalar, not a list or mapping: JSON has no other keys")
                    })?;
                    let name = if plain && name == "<<" { Key::Merge } else { Key::Name(name.to_owned()) };
                    *key = Some((name, node.at));
                }
                Some((Key::Merge, _)) => merged.push(node),
                Some((Key::Name(key), key_at)) => {
                    if let Some(earlier) = members.iter().find(|member| member.key == key) {
                        let line = earlier.key_at.line();
                        let message =
                            format!("the key `{key}` is given twice, at first in line {line}: keep one of them");
                        return Err(error(&key_at, message));
                    }
                    members.push(Member { key, key_at, value: node });
                }
            },
        }
        Ok(())
    }
}

/// Adds what `<<` names: keys that are there already stay as they are.
fn merge(members: &mut Vec<Member>, source: &Node) -> Result<(), Error> {
    match &source.kind {
        Kind::Map(merged) => {
            for member in merged {
                if !members.iter().any(|known| known.key == member.key) {
                    members.push(member.clone());
                }
            }
            Ok(())
        }
        Kind::List(sources) if sources.iter().all(|source| matches!(source.kind, Kind::Map(_))) => {
            sources.iter().try_for_each(|source| merge(members, source))
        }
        _ => Err(error(&source.at, "what `<<` merges must be a mapping or a list of mappings")),
    }
}
