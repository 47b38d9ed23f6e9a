//! Nodes of which the same is to be said.

use std::collections::HashMap;
use std::hash::Hash;

/// Stands for the node's own name; a noncharacter, so that no text has it.
const NAME: &str = "\u{fdd0}";

/// What is common, and whom it is about; in the order of first appearance.
pub(in crate::report) fn grouped<K, T>(items: impl IntoIterator<Item = (K, T)>) -> Vec<(K, Vec<T>)>
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
pub(in crate::report) fn anonymous(text: &str, node: &str) -> String {
    if node.is_empty() {
        text.to_owned()
    } else {
        text.replace(node, NAME)
    }
}

/// An anonymous text, told of `nodes`.
pub(in crate::report) fn told_of(text: &str, nodes: &str) -> String {
    text.replace(NAME, nodes)
}
