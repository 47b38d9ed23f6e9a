//! What nodes said behind their changes, in the same program run: a look that is not taken again
//! while it is young and nothing was done since.

use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;

use crate::engine::ByNode;
use crate::facts::Facts;

/// How long a look counts. Most fleets are changed in less, and nobody waits for the first nodes
/// of a large one to be looked at twice.
const YOUNG: Duration = Duration::from_secs(30);

/// How long what the plan was made on counts behind changes, too, where these do not touch it.
pub(super) const FRESH: Duration = Duration::from_secs(15);

/// The looks of a run, each with the moment in which it was begun.
#[derive(Debug, Default)]
pub(super) struct Looks(Mutex<ByNode<(Instant, Facts)>>);

impl Looks {
    /// Keeps what `node` said to questions of the moment `since`.
    pub(super) fn keep(&self, node: &str, since: Instant, facts: Facts) {
        self.lock().insert(node.to_owned(), (since, facts));
    }

    /// The young ones; none is kept.
    pub(super) fn take(&self) -> ByNode<Facts> {
        let kept = std::mem::take(&mut *self.lock()).into_iter();
        kept.filter(|(_, (since, _))| since.elapsed() < YOUNG)
            .map(|(node, (_, facts))| (node, facts))
            .collect()
    }

    /// When the first of the young ones was begun.
    pub(super) fn oldest(&self) -> Option<Instant> {
        let looks = self.lock();
        let moments = looks.values().map(|(since, _)| *since);
        moments.filter(|since| since.elapsed() < YOUNG).min()
    }

    fn lock(&self) -> MutexGuard<'_, ByNode<(Instant, Facts)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_counts_once_and_only_while_it_is_young() {
        let looks = Looks::default();
        let now = Instant::now();
        looks.keep("young", now, Facts::default());
        if let Some(before) = now.checked_sub(YOUNG) {
            looks.keep("old", before, Facts::default());
        }

        let taken: Vec<String> = looks.take().into_keys().collect();

        assert_eq!(taken, ["young"]);
        assert!(looks.take().is_empty());
    }
}
