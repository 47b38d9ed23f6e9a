//! What is wrong with a file's keys, and with the kind of its values.
//!
//! RKE takes unknown keys, equal keys and keys in the wrong case without a word
//! (rke.md fact 12); here each is named.

use std::collections::HashMap;

use crate::inventory::review::Review;
use crate::inventory::schema::ROOT;
use crate::inventory::schema::Shape;
use crate::inventory::tree::Entry;
use crate::inventory::tree::Kind;
use crate::inventory::tree::Tree;
use crate::inventory::tree::spelling;
use crate::source::nearest;
use crate::yaml;
use crate::yaml::Spanned;

/// Names every unknown key, every equal key and every wrong kind of value.
pub(super) fn check(root: &Tree, review: &mut Review) {
    check_keys(root, review);
    check_shape("the file", root, &ROOT, review);
}

fn check_keys(tree: &Tree, review: &mut Review) {
    match &tree.value {
        Kind::List(items) => {
            for item in items {
                check_keys(item, review);
            }
        }
        Kind::Map(entries) => {
            check_equal_keys(entries, review);
            for (_, value) in entries {
                check_keys(value, review);
            }
        }
        _ => {}
    }
}

fn check_equal_keys(entries: &[Entry], review: &mut Review) {
    let mut lines = HashMap::new();
    for (key, _) in entries {
        let at = yaml::place(key);
        if let Some(first) = lines.get(key.value.as_str()) {
            review.error(
                at,
                format!("`{}` is given twice, first in line {}", key.value, first),
                "keep one of them: RKE would silently merge the two",
            );
        } else {
            lines.insert(key.value.as_str(), at.line);
        }
    }
}

fn check_shape(name: &str, tree: &Tree, shape: &Shape, review: &mut Review) {
    match (shape, &tree.value) {
        (Shape::Open, _) | (_, Kind::Null) => {}
        (Shape::List(item_shape), Kind::List(items)) => {
            let name = format!("an item of `{name}`");
            for item in items {
                check_shape(&name, item, item_shape, review);
            }
        }
        (Shape::List(_), other) => review.error(
            yaml::place(tree),
            format!("`{name}` must be a list, not {}", other.name()),
            list_hint(name, tree, review.text),
        ),
        (Shape::Map(known), Kind::Map(entries)) => check_entries(name, entries, known, review),
        (Shape::Map(_), other) => review.error(
            yaml::place(tree),
            format!("{} must be a mapping, not {}", quoted(name), other.name()),
            "write `key: value` lines, indented, below it",
        ),
    }
}

fn check_entries(
    name: &str,
    entries: &[Entry],
    known: &[(&'static str, &'static Shape)],
    review: &mut Review,
) {
    for (key, value) in entries {
        match known.iter().find(|(known, _)| *known == key.value) {
            Some((key, shape)) => check_shape(key, value, shape, review),
            None if known.is_empty() || is_for_anchors(name, &key.value) => {}
            None => warn_of_unknown(name, key, known, review),
        }
    }
}

/// `x-…` at cluster level is the customary place for anchors that nodes merge.
fn is_for_anchors(name: &str, key: &str) -> bool {
    name == "the file" && key.starts_with("x-")
}

fn warn_of_unknown(
    name: &str,
    key: &Spanned<String>,
    known: &[(&'static str, &'static Shape)],
    review: &mut Review,
) {
    let keys = || known.iter().map(|(key, _)| *key);
    let hint = if let Some(meant) = nearest(&key.value, keys()) {
        format!("did you mean `{meant}`?")
    } else if keys().any(|key| key == "extra_args") {
        format!("an argument of `{name}` belongs under `extra_args`, one level deeper")
    } else {
        format!(
            "remove it, or use one of {}",
            keys().collect::<Vec<_>>().join(", ")
        )
    };
    review.warn(
        yaml::place(key),
        format!(
            "unknown key `{}` in {}, it has no effect",
            key.value,
            quoted(name)
        ),
        hint,
    );
}

fn list_hint(name: &str, tree: &Tree, text: &str) -> String {
    match &tree.value {
        Kind::List(_) | Kind::Map(_) => format!("begin each item of `{name}` with `- `"),
        _ => format!("write `{name}: [{}]`", spelling(text, tree)),
    }
}

fn quoted(name: &str) -> String {
    if name.contains(' ') {
        name.to_owned()
    } else {
        format!("`{name}`")
    }
}
