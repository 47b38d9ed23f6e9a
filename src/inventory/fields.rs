//! One mapping of an inventory, read field by field with RKE's types.
//!
//! Null is empty, as for RKE; a scalar where RKE wants text is its own
//! spelling; a quoted word is no bool (rke.md 1.3).

use crate::inventory::review::Review;
use crate::inventory::tree::Entry;
use crate::inventory::tree::Kind;
use crate::inventory::tree::Tree;
use crate::inventory::tree::spelling;
use crate::source::Place;
use crate::source::nearest;
use crate::yaml;

/// The entries of one mapping.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'t> {
    /// Where the mapping begins.
    pub(super) place: Place,
    entries: &'t [Entry],
}

/// A text that is not empty, and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Text {
    pub(super) value: String,
    pub(super) place: Place,
}

impl<'t> Fields<'t> {
    /// The fields of a mapping; a value of any other kind has none.
    pub(super) fn of(tree: &'t Tree) -> Self {
        let entries = match &tree.value {
            Kind::Map(entries) => entries.as_slice(),
            _ => &[],
        };
        Self {
            place: yaml::place(tree),
            entries,
        }
    }

    /// The value of `key`, nothing when it is empty.
    pub(super) fn value(&self, key: &str) -> Option<&'t Tree> {
        self.entry(key)
            .map(|(_, value)| value)
            .filter(|value| !value.value.is_empty())
    }

    /// The fields of the mapping at `key`.
    pub(super) fn inner(&self, key: &str) -> Option<Fields<'t>> {
        self.value(key).map(Fields::of)
    }

    /// The items of the list at `key`.
    pub(super) fn items(&self, key: &str) -> &'t [Tree] {
        match self.value(key).map(|tree| &tree.value) {
            Some(Kind::List(items)) => items,
            _ => &[],
        }
    }

    /// The entries of the mapping at `key`.
    pub(super) fn entries(&self, key: &str) -> &'t [Entry] {
        match self.value(key).map(|tree| &tree.value) {
            Some(Kind::Map(entries)) => entries,
            _ => &[],
        }
    }

    /// The text at `key`.
    pub(super) fn text(&self, key: &str, review: &mut Review) -> Option<Text> {
        let tree = self.value(key)?;
        let value = text(key, tree, review)?;
        let place = yaml::place(tree);
        Some(Text { value, place })
    }

    /// The text at `key`, which has no control characters.
    pub(super) fn line(&self, key: &str, review: &mut Review) -> Option<Text> {
        let text = self.text(key, review)?;
        if text.value.chars().any(char::is_control) {
            review.error(
                text.place,
                format!("`{key}` holds a line break or another control character"),
                "write it in one line, without quotes where none are needed",
            );
            return None;
        }
        Some(text)
    }

    /// The line at `key`; its absence is an error about `owner`.
    pub(super) fn required(&self, key: &str, owner: &str, review: &mut Review) -> Option<Text> {
        if self.value(key).is_none() {
            self.complain_of_missing(key, owner, review);
        }
        self.line(key, review)
    }

    /// The bool at `key`, false when it is not given.
    pub(super) fn flag(&self, key: &str, review: &mut Review) -> bool {
        let Some(tree) = self.value(key) else {
            return false;
        };
        match &tree.value {
            Kind::Bool(value) => return *value,
            Kind::Text(_) => review.error(
                yaml::place(tree),
                format!("`{key}` is text, and RKE wants true or false"),
                format!("write `{key}: true` or `{key}: false`, without quotes"),
            ),
            other => review.error(
                yaml::place(tree),
                format!("`{key}` must be true or false, not {}", other.name()),
                format!("write `{key}: true` or `{key}: false`"),
            ),
        }
        false
    }

    /// Where `key` itself stands, even when its value is empty.
    pub(super) fn place_of(&self, key: &str) -> Option<Place> {
        self.entry(key).map(|(key, _)| yaml::place(key))
    }

    /// All keys in order.
    pub(super) fn keys(&self) -> impl Iterator<Item = &'t str> {
        self.entries.iter().map(|(key, _)| key.value.as_str())
    }

    /// Says that `owner` has no `key`, at the key that was probably meant to be it.
    pub(super) fn complain_of_missing(&self, key: &str, owner: &str, review: &mut Review) {
        let message = format!("{owner} has no `{key}`");
        let mut others = self.entries.iter().filter(|(other, _)| other.value != key);
        let meant = nearest(key, others.clone().map(|(other, _)| other.value.as_str()));
        let (at, hint) = match others.find(|(other, _)| Some(other.value.as_str()) == meant) {
            Some((other, _)) => (
                yaml::place(other),
                format!("did you mean `{key}` where it says `{}`?", other.value),
            ),
            None => (
                self.place_of(key).unwrap_or(self.place),
                format!("add `{}`", example(key)),
            ),
        };
        review.error(at, message, hint);
    }

    fn entry(&self, key: &str) -> Option<&'t Entry> {
        self.entries.iter().find(|(other, _)| other.value == key)
    }
}

/// What a required key may look like.
fn example(key: &str) -> &'static str {
    match key {
        "address" => "address: 10.0.0.1",
        "role" => "role: [worker]",
        "user" => "user: rancher",
        _ => "nodes:",
    }
}

/// The text of a scalar, as RKE's reader would put it into a string field.
pub(super) fn text(key: &str, tree: &Tree, review: &mut Review) -> Option<String> {
    let rke = match &tree.value {
        Kind::Null => return Some(String::new()),
        Kind::Text(text) => return Some(text.clone()),
        Kind::Bool(value) => value.to_string(),
        Kind::Int(value) => value.to_string(),
        Kind::Float(value) => value.to_string(),
        other @ (Kind::List(_) | Kind::Map(_)) => {
            review.error(
                yaml::place(tree),
                format!("`{key}` must be one value, not {}", other.name()),
                format!("write `{key}:` and one text or number behind it"),
            );
            return None;
        }
    };
    let spelling = spelling(review.text, tree);
    if spelling.is_empty() {
        return Some(rke);
    }
    if spelling != rke {
        review.warn(
            yaml::place(tree),
            format!("`{key}` is written `{spelling}`, and RKE may read `{rke}`"),
            format!("put it in quotes: `{key}: \"{spelling}\"`"),
        );
    }
    Some(spelling.to_owned())
}
