//! `@shard=3/16`: a part of the nodes, so that several runs share one inventory.

use std::fmt;

use sha2::Digest as _;
use sha2::Sha256;

/// One of several parts, counted from 1.
///
/// A node's part depends on its name alone: adding or removing others moves it nowhere.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Shard {
    part: u64,
    parts: u64,
}

impl Shard {
    /// Reads `3/16`; `None` for what is no part of a whole.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (part, parts) = text.split_once('/')?;
        let shard = Self {
            part: part.parse().ok()?,
            parts: parts.parse().ok()?,
        };
        (1..=shard.parts).contains(&shard.part).then_some(shard)
    }

    pub(super) fn has(self, node: &str) -> bool {
        let digest = Sha256::digest(node.as_bytes());
        let number = digest
            .iter()
            .take(8)
            .fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        number % self.parts + 1 == self.part
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.part, self.parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_node_is_in_exactly_one_part_and_the_parts_are_of_a_size() {
        let names: Vec<String> = (1..=1600).map(|n| format!("worker-{n:04}")).collect();
        let mut sizes = Vec::new();
        for part in 1..=16 {
            let shard = Shard { part, parts: 16 };
            sizes.push(names.iter().filter(|name| shard.has(name)).count());
        }
        assert_eq!(sizes.iter().sum::<usize>(), 1600);
        assert!(
            sizes.iter().all(|size| (70..=130).contains(size)),
            "{sizes:?}"
        );
    }

    #[test]
    fn a_node_stays_where_it_was_in_every_version() {
        let part_of = |name| (1..=4).find(|&part| Shard { part, parts: 4 }.has(name));
        let parts = ["cp-1", "cp-2", "worker-1", "worker-2"].map(part_of);
        assert_eq!(parts, [Some(4), Some(3), Some(2), Some(2)]);
    }

    #[test]
    fn a_part_of_nothing_and_one_beyond_the_last_are_none() {
        for text in ["0/4", "5/4", "1/0", "1", "a/b", "", "-1/4", "1/4/2"] {
            assert_eq!(Shard::parse(text), None, "{text}");
        }
        assert_eq!(Shard::parse("4/4").unwrap().to_string(), "4/4");
    }
}
