//! The text of a `cluster.yml` as a syntax tree that remembers every byte.

use std::ops::Range;
use std::str::FromStr;

use yaml_edit::Mapping;
use yaml_edit::ScalarValue;
use yaml_edit::YamlFile;
use yaml_edit::YamlNode;
use yaml_edit::YamlValue;

use crate::cluster_file::EditError;
use crate::cluster_file::intent::Intent;
use crate::cluster_file::intent::Wish;
use crate::source::Place;
use crate::yaml;
use crate::yaml::Value;

/// A mapping file as a syntax tree; edits change it in place.
pub(super) struct Syntax {
    tree: YamlFile,
    root: Mapping,
}

/// Where a path leaves what is written: the innermost mapping of its own on the way, and the
/// position in the path of the key that it must hold.
struct Ground<'a> {
    mapping: Mapping,
    path: &'a [String],
    depth: usize,
}

impl Syntax {
    /// Parses a plain text that the strict reader has accepted.
    pub(super) fn parse(file: &str, text: &str) -> Result<Self, EditError> {
        let unproved = |what: &str| EditError::Unproved {
            file: file.to_owned(),
            what: what.to_owned(),
        };
        let tree = YamlFile::from_str(text).map_err(|error| unproved(&error.to_string()))?;
        if tree.to_string() != text {
            return Err(unproved("its layout is not understood"));
        }
        let root = tree
            .documents()
            .find_map(|document| document.as_mapping())
            .ok_or_else(|| unproved("its root is not a mapping of its own"))?;
        Ok(Self { tree, root })
    }

    pub(super) fn text(&self) -> String {
        self.tree.to_string()
    }

    /// The comments outside of block scalars, in order.
    pub(super) fn comments(&self) -> Vec<String> {
        self.tree
            .comments()
            .map(|comment| comment.text().trim_end().to_owned())
            .collect()
    }

    /// True when the root is written in braces.
    pub(super) fn is_flow(&self) -> bool {
        self.root.is_flow_style()
    }

    /// Bytes of the key of a root entry, and of its value where one is written.
    pub(super) fn entry(&self, key: &str) -> Option<(Range<usize>, Option<Range<usize>>)> {
        let entry = self.root.find_entry_by_key(key)?;
        let value = entry.value_node().map(|node| bytes(&node));
        Some((bytes(&entry.key_node()?), value))
    }

    /// Removes a root entry.
    pub(super) fn remove(&self, key: &str) {
        self.root.remove(key);
    }

    /// Sets a root entry to a quoted text.
    pub(super) fn set_quoted(&self, key: &str, text: &str) {
        self.root.set(key, ScalarValue::double_quoted(text));
    }

    /// Sets a root entry to a text of several lines.
    pub(super) fn set_literal(&self, key: &str, text: &str) {
        self.root.set(key, ScalarValue::literal(text));
    }

    /// Writes all wishes. Where a path leaves the mappings that are written out (nothing there, a
    /// null, an alias, a merged key), the whole wanted value goes there.
    pub(super) fn write(&self, intent: &Intent) {
        let mut written: Vec<&[String]> = Vec::new();
        for wish in &intent.wishes {
            if written.iter().any(|path| wish.path().starts_with(path)) {
                continue;
            }
            let ground = self.ground(wish.path());
            if let (Wish::Item(_, item), Some(YamlNode::Sequence(list))) = (wish, ground.end()) {
                list.push(scalar(item));
                continue;
            }
            let path: Vec<&str> = ground.written().iter().map(String::as_str).collect();
            if let (Some(key), Some(value)) = (ground.key(), intent.tree.at(&path)) {
                ground.mapping.set(key, node(value));
                written.push(ground.written());
            }
        }
    }

    /// The bytes that writing `wish` may replace; `None` when it only adds lines.
    pub(super) fn reach(&self, wish: &Wish) -> Option<Range<usize>> {
        let ground = self.ground(wish.path());
        if let (Wish::Item(..), Some(YamlNode::Sequence(list))) = (wish, ground.end()) {
            return list
                .is_flow_style()
                .then(|| bytes(&YamlNode::Sequence(list)));
        }
        match ground.mapping.find_entry_by_key(ground.key()?) {
            Some(entry) => {
                let key = bytes(&entry.key_node()?);
                let end = entry
                    .value_node()
                    .map_or(key.end, |value| bytes(&value).end);
                Some(key.start..end)
            }
            None => ground
                .mapping
                .is_flow_style()
                .then(|| bytes(&YamlNode::Mapping(ground.mapping))),
        }
    }

    /// True when the entry at `path` is followed by a `<<` of the same mapping.
    pub(super) fn has_late_merge(&self, path: &[String]) -> bool {
        (1..=path.len()).any(|length| {
            let ground = self.ground(&path[..length]);
            let position = |key| ground.mapping.find_entry_index_by_key(key);
            let own = ground.key().and_then(position);
            own.is_some() && own < position("<<")
        })
    }

    /// The part of `path` down to the first value that is not a mapping of its own.
    pub(super) fn own_part<'a>(&self, path: &'a [String]) -> &'a [String] {
        self.ground(path).written()
    }

    /// The place of the deepest key on `path` that is written in this file.
    pub(super) fn place(&self, path: &[String]) -> Option<Place> {
        let at = (1..=path.len()).rev().find_map(|length| {
            let ground = self.ground(&path[..length]);
            let entry = ground.mapping.find_entry_by_key(ground.key()?)?;
            Some(bytes(&entry.key_node()?).start)
        })?;
        let text = self.text();
        let before = text.get(..at)?;
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Some(Place {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        })
    }

    fn ground<'a>(&self, path: &'a [String]) -> Ground<'a> {
        let mut mapping = self.root.clone();
        let mut depth = 0;
        while depth + 1 < path.len() {
            match mapping.get(path[depth].as_str()) {
                Some(node @ YamlNode::Mapping(_)) if is_vacant(&mapping, &node) => break,
                Some(YamlNode::Mapping(inner)) => mapping = inner,
                _ => break,
            }
            depth += 1;
        }
        Ground {
            mapping,
            path,
            depth,
        }
    }
}

impl<'a> Ground<'a> {
    fn key(&self) -> Option<&'a str> {
        self.path.get(self.depth).map(String::as_str)
    }

    /// The path down to the key that is written.
    fn written(&self) -> &'a [String] {
        self.path.get(..=self.depth).unwrap_or_default()
    }

    /// What is written at the end of the path.
    fn end(&self) -> Option<YamlNode> {
        let at_end = self.depth + 1 == self.path.len();
        let node = at_end.then(|| self.mapping.get(self.key()?)).flatten()?;
        (!is_vacant(&self.mapping, &node)).then_some(node)
    }
}

/// True for `{}` and `[]` on a line of their own, which read better as a block once they are filled.
fn is_vacant(parent: &Mapping, node: &YamlNode) -> bool {
    let text = match node {
        YamlNode::Mapping(mapping) => mapping.to_string(),
        YamlNode::Sequence(list) => list.to_string(),
        _ => return false,
    };
    let inside = text.trim().trim_matches(['{', '}', '[', ']']);
    !parent.is_flow_style() && inside.trim_matches(' ').is_empty()
}

fn bytes(node: &YamlNode) -> Range<usize> {
    let range = node.byte_range();
    range.start as usize..range.end as usize
}

fn node(value: &Value) -> YamlValue {
    match value {
        Value::Null => ScalarValue::null().into(),
        Value::Bool(truth) => ScalarValue::from(*truth).into(),
        Value::Int(number) => ScalarValue::parse(number.to_string()).into(),
        Value::Float(number) => ScalarValue::from(*number).into(),
        Value::Text(text) => scalar(text).into(),
        Value::List(list) => YamlValue::Sequence(list.iter().map(node).collect()),
        Value::Map(map) => {
            YamlValue::Mapping(map.iter().map(|(k, v)| (k.clone(), node(v))).collect())
        }
    }
}

/// A text, in double quotes wherever some YAML reader might take it for something else.
fn scalar(text: &str) -> ScalarValue {
    if text.contains('\n') || is_plainly_text(text) {
        ScalarValue::string(text)
    } else {
        ScalarValue::double_quoted(text)
    }
}

/// Texts that begin like a number or are a word of YAML 1.1 are not (rust-stack 3.3, rule 4).
fn is_plainly_text(text: &str) -> bool {
    const WORDS: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    let begins_with_letter = text.starts_with(|c: char| c.is_alphabetic() || c == '/');
    let read = yaml::documents("", &format!("k: {text}\n"));
    begins_with_letter
        && !WORDS.contains(&text.to_lowercase().as_str())
        && read.is_ok_and(|documents| {
            matches!(&documents[..], [one] if one.at(&["k"]).and_then(Value::text) == Some(text))
        })
}
