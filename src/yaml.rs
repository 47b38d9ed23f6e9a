//! The one place that reads YAML.
//!
//! Typed reads and value trees both go through here, with the options that come
//! closest to RKE's own reader (YAML 1.1 booleans and octals, merge keys), but
//! strict where RKE is silent: a duplicate key is an error.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::Deserializer;
use serde::de::DeserializeOwned;
use serde::de::MapAccess;
use serde::de::SeqAccess;
use serde::de::Visitor;
use serde_saphyr::DuplicateKeyPolicy;
pub use serde_saphyr::Spanned;

use crate::source::Place;
use crate::source::Remark;
use crate::source::nearest;

/// A YAML document as values, comments and layout gone.
///
/// Equality is what "the same content" means for a file on a node or a part of
/// `cluster.yml`: mappings compare without order, `0` and `"0"` differ.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(String),
    List(Vec<Value>),
    Map(BTreeMap<String, Value>),
}

impl Value {
    /// The value at a path of mapping keys.
    pub fn at<'a>(&'a self, path: &[&str]) -> Option<&'a Value> {
        path.iter().try_fold(self, |value, key| match value {
            Value::Map(map) => map.get(*key),
            _ => None,
        })
    }

    /// True when mappings have at least the keys of `wanted`, lists at least its elements in any
    /// order, and everything else is equal.
    pub fn holds(&self, wanted: &Value) -> bool {
        match (self, wanted) {
            (Value::Map(found), Value::Map(wanted)) => wanted
                .iter()
                .all(|(key, wanted)| found.get(key).is_some_and(|value| value.holds(wanted))),
            (Value::List(found), Value::List(wanted)) => wanted
                .iter()
                .all(|wanted| found.iter().any(|value| value.holds(wanted))),
            (found, wanted) => found == wanted,
        }
    }

    /// The text of a string, nothing for any other kind.
    pub fn text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// In one line, for people.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("nothing"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Int(value) => write!(f, "{value}"),
            Self::Float(value) => write!(f, "{value}"),
            Self::Text(value) => f.write_str(value),
            Self::List(items) => {
                let items: Vec<String> = items.iter().map(ToString::to_string).collect();
                write!(f, "[{}]", items.join(", "))
            }
            Self::Map(map) => {
                let entries = map.iter().map(|(key, value)| format!("{key}: {value}"));
                let entries: Vec<String> = entries.collect();
                write!(f, "{{{}}}", entries.join(", "))
            }
        }
    }
}

/// Reads one document into a type.
///
/// # Errors
///
/// What is wrong, with its place in `text`; `file` only names it.
pub fn read<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, Remark> {
    serde_saphyr::from_str_with_options(text, options(text, DuplicateKeyPolicy::Error))
        .map_err(|error| remark(file, text, &error))
}

/// Reads every document of a stream as value trees; the last of two equal keys wins, as for RKE.
///
/// # Errors
///
/// What is wrong, with its place in `text`.
pub fn documents(file: &str, text: &str) -> Result<Vec<Value>, Remark> {
    stream(file, text, DuplicateKeyPolicy::LastWins)
}

/// Reads every document of a stream into a type that is shown every entry, equal keys too.
///
/// # Errors
///
/// What is wrong, with its place in `text`.
pub fn entries<T: DeserializeOwned>(file: &str, text: &str) -> Result<Vec<T>, Remark> {
    stream(file, text, DuplicateKeyPolicy::PassThrough)
}

/// The place of a spanned value, where the text uses it.
pub fn place<T>(value: &Spanned<T>) -> Place {
    position(value.referenced)
}

fn stream<T: DeserializeOwned>(
    file: &str,
    text: &str,
    duplicate_keys: DuplicateKeyPolicy,
) -> Result<Vec<T>, Remark> {
    serde_saphyr::from_multiple_with_options(text, options(text, duplicate_keys))
        .map_err(|error| remark(file, text, &error))
}

/// The budget grows with the text, so that a fleet of any size is read. What aliases add on top
/// stays limited by the reader's own cap on replayed events.
fn options(text: &str, duplicate_keys: DuplicateKeyPolicy) -> serde_saphyr::Options {
    serde_saphyr::options! {
        legacy_octal_numbers: true,
        duplicate_keys: duplicate_keys,
        with_snippet: false,
        budget: serde_saphyr::budget! {
            max_nodes: text.len().max(250_000),
            max_events: text.len().saturating_mul(2).max(1_000_000),
            max_aliases: text.len().max(50_000),
            max_merge_keys: text.len().max(10_000),
            // One anchor merged into every node of a fleet is usual, not an attack.
            enforce_alias_anchor_ratio: false,
        },
    }
}

fn remark(file: &str, text: &str, error: &serde_saphyr::Error) -> Remark {
    let message = error.without_snippet().to_string();
    // The library ends its sentences with the place; ours begin with it.
    let message = message
        .rsplit_once(" at line ")
        .map_or(message.as_str(), |(before, _)| before)
        .to_owned();
    if text.trim().is_empty() {
        return Remark::of_file(file, "there is nothing in it");
    }
    let Some(location) = error.location() else {
        return Remark::of_file(file, message);
    };
    let at = position(location);
    if message.contains("tab")
        && let Some(tab) = tab_from(text, at)
    {
        let message = "a tab in the indentation, where YAML takes only spaces";
        return Remark::at(file, text, tab, message).hinted("replace the tab with spaces");
    }
    let hint = hint(&message);
    Remark::at(file, text, at, message).hinted(hint)
}

/// What to write instead, where the reader names it.
fn hint(message: &str) -> String {
    let named = message.split('`').nth(1).unwrap_or_default();
    if let Some((_, known)) = message.split_once(", expected one of ") {
        let meant = nearest(named, known.split(", "));
        meant.map_or_else(String::new, |meant| format!("did you mean `{meant}`?"))
    } else if message.starts_with("missing field") {
        format!("add `{named}: …`")
    } else {
        String::new()
    }
}

/// The first indenting tab from the line of `at` on; the reader points at what stands before it.
fn tab_from(text: &str, at: Place) -> Option<Place> {
    (1..)
        .zip(text.lines())
        .skip(at.line.saturating_sub(1))
        .find_map(|(line, content)| {
            let indent = content.len() - content.trim_start().len();
            let column = content[..indent].find('\t')? + 1;
            Some(Place { line, column })
        })
}

fn position(location: serde_saphyr::Location) -> Place {
    Place {
        line: usize::try_from(location.line()).unwrap_or(usize::MAX),
        column: usize::try_from(location.column()).unwrap_or(usize::MAX),
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Int(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Int(value.into()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Value, E> {
        Ok(Value::Int(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = BTreeMap::new();
        while let Some((key, value)) = entries.next_entry::<Key, Value>()? {
            map.insert(key.0, value);
        }
        Ok(Value::Map(map))
    }
}

/// A mapping key as its text: `1:` and `true:` are keys too.
struct Key(String);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Value {
        documents("x.yml", text).unwrap().remove(0)
    }

    #[test]
    fn a_mistake_has_its_line_and_what_to_write() {
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Site {
            #[expect(dead_code, reason = "only read")]
            profile: String,
        }
        let told = |text: &str| {
            let remark = read::<Site>("p.yml", text).unwrap_err();
            let first = remark.to_string().lines().next().unwrap().to_owned();
            (first, remark.hint)
        };

        assert_eq!(told("profil: a\n").1, "did you mean `profile`?");
        assert_eq!(told("{}").1, "add `profile: …`");
        let (tab, hint) = told("profile: a\n\tb: c\n");
        assert!(tab.starts_with("p.yml:2:1: a tab"), "{tab}");
        assert_eq!(hint, "replace the tab with spaces");
        assert_eq!(told(" \n").0, "p.yml: there is nothing in it");
    }

    #[test]
    fn zero_text_zero_and_nothing_are_three_values() {
        assert_ne!(one("a: 0"), one("a: '0'"));
        assert_ne!(one("a: 0"), one("a:"));
        assert_eq!(one("a: 0\nb: 1"), one("b: 1\na: 0"));
    }

    #[test]
    fn merge_keys_and_all_documents_are_read() {
        let text = "base: &b {x: 1}\nother:\n  <<: *b\n  y: 2\n---\nsecond: true\n";

        let documents = documents("x.yml", text).unwrap();

        assert_eq!(documents[0].at(&["other", "x"]), Some(&Value::Int(1)));
        assert_eq!(documents[1].at(&["second"]), Some(&Value::Bool(true)));
    }

    #[test]
    fn more_than_is_wanted_is_held_and_less_or_else_is_not() {
        let found = one("kind: A\nplugins: [{name: X, path: /x}, {name: Y}]\n");

        assert!(found.holds(&one("plugins: [{name: Y}, {name: X}]")));
        assert!(!found.holds(&one("plugins: [{name: Z}]")));
        assert!(!found.holds(&one("kind: B")));
        assert!(!found.holds(&one("other: A")));
    }

    #[test]
    fn a_mistake_is_reported_at_its_place() {
        let error = read::<BTreeMap<String, u8>>("x.yml", "a: 1\nb: hello\n").unwrap_err();

        assert_eq!(error.place, Some(Place { line: 2, column: 4 }));
        assert!(!error.message.contains("at line"), "{}", error.message);
    }

    #[test]
    fn one_anchor_may_be_merged_into_every_node_of_a_fleet() {
        let text = format!("base: &b {{x: 1}}\nall:\n{}", "- <<: *b\n".repeat(500));

        let documents = documents("x.yml", &text).unwrap();

        assert!(matches!(documents[0].at(&["all"]), Some(Value::List(all)) if all.len() == 500));
    }

    #[test]
    fn a_duplicate_key_is_an_error_for_a_typed_read() {
        let error = read::<BTreeMap<String, u8>>("x.yml", "a: 1\nb: 1\na: 2\n").unwrap_err();

        assert_eq!(error.place.unwrap().line, 3);
    }
}
