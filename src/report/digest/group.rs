//! Nodes of which the same is to be said.

use std::collections::HashMap;
use std::hash::Hash;

/// Stands for the node's own name; a noncharacter, so that no text has it.
const NAME: &str = "\u{fdd0}";

/// Stands for the node's address, likewise.
const ADDRESS: &str = "\u{fdd1}";

/// What is common, and whom it is about; in the order of first appearance.
pub(crate) fn grouped<K, T>(items: impl IntoIterator<Item = (K, T)>) -> Vec<(K, Vec<T>)>
where
    K: Clone + Eq + Hash,
{
    let mut groups: Vec<(K, Vec<T>)> = Vec::new();
    let mut known: HashMap<K, usize> = HashMap::new();
    for (key, item) in items {
        if let Some(index) = known.get(&key) {
            groups[*index].1.push(item);
        } else {
            known.insert(key.clone(), groups.len());
            groups.push((key, vec![item]));
        }
    }
    groups
}

/// `text` without the name of the node that it is about, so that nodes with one trouble compare
/// as equal.
pub(crate) fn anonymous(text: &str, node: &str) -> String {
    without(text, node, NAME)
}

/// `text` without the address of its node, likewise.
pub(crate) fn placeless(text: &str, address: &str) -> String {
    without(text, address, ADDRESS)
}

/// A text without its address, told of `address`.
pub(in crate::report) fn located(text: &str, address: &str) -> String {
    text.replace(ADDRESS, address)
}

fn without(text: &str, own: &str, stand_in: &str) -> String {
    if own.is_empty() {
        text.to_owned()
    } else {
        text.replace(own, stand_in)
    }
}

/// An anonymous text, told of `nodes`.
pub(in crate::report) fn told_of(text: &str, nodes: &str) -> String {
    text.replace(NAME, nodes)
}
