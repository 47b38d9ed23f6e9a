//! What an apply did; empty for a check.

use std::path::Path;

use serde::Deserialize;
use serde::Serialize;

use crate::event;
use crate::report;
use crate::report::NodeChanges;
use crate::report::Report;
use crate::report::document::Notice;

/// Everything that was done, in the order of the stages.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Done {
    pub changes: Vec<Outcomes>,
    pub cluster_file: Option<Written>,
    pub rke: Option<Rke>,
    pub restarts: Vec<Restarted>,
    /// The Secrets that were written again; null when none had to be.
    #[serde(default)]
    pub secrets: Option<Rewritten>,
    /// Node drivers that were to be switched on the Rancher server.
    #[serde(default)]
    pub drivers: Vec<Switched>,
    pub skipped: Vec<Skipped>,
}

/// What became of the changes of one node.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Outcomes {
    pub node: String,
    pub changes: Vec<Ended>,
}

/// A change and how it ended.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct Ended {
    pub subject: String,
    pub outcome: Outcome,
    /// Why it failed.
    pub why: Option<String>,
}

/// How a change ended.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Changed,
    Failed,
    /// An earlier failure came first.
    Skipped,
}

/// The `cluster.yml` that was written.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Written {
    pub file: String,
    /// Where the previous content is; null when there was none.
    pub backup: Option<String>,
}

/// A run of `rke up`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Rke {
    pub version: String,
    /// False when it was not seen to end.
    pub ended: bool,
    /// Containers that were made anew.
    pub recreated: Option<usize>,
    pub failure: Option<Notice>,
    pub log: Option<String>,
}

/// A component that had to be restarted, and whether it was.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Restarted {
    pub node: Option<String>,
    pub component: String,
    pub outcome: Outcome,
    pub why: Option<String>,
}

/// A node driver that was to be switched, and whether it was.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Switched {
    pub driver: String,
    /// True for a driver that was to become active again.
    pub activates: bool,
    pub outcome: Outcome,
    pub why: Option<String>,
}

/// A stage that was left out.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Skipped {
    pub node: Option<String>,
    pub what: String,
    pub why: String,
}

/// Secrets that were written again, and the key that all of them lie under now.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Rewritten {
    pub count: usize,
    pub key: String,
}

impl Rewritten {
    fn of((key, count): &(String, usize)) -> Self {
        let (count, key) = (*count, key.clone());
        Self { count, key }
    }
}

impl Done {
    pub(super) fn of(report: &Report) -> Self {
        let written = report.cluster_file.as_ref().map(|written| Written {
            file: text(&written.file),
            backup: written.backup.as_deref().map(text),
        });
        let skipped = report.skips.iter().map(|skip| Skipped {
            node: skip.node.clone(),
            what: skip.what.clone(),
            why: skip.why.clone(),
        });
        Self {
            changes: report.changes.iter().map(Outcomes::of).collect(),
            cluster_file: written,
            rke: report.rke.as_ref().map(Rke::of),
            restarts: report.restarts.iter().map(Restarted::of).collect(),
            secrets: report.secrets.as_ref().map(Rewritten::of),
            drivers: report.drivers.iter().map(Switched::of).collect(),
            skipped: skipped.collect(),
        }
    }

    /// True when something was begun, whether or not it ended well.
    pub fn has_begun(&self) -> bool {
        !self.changes.is_empty()
            || self.cluster_file.is_some()
            || self.rke.is_some()
            || !self.restarts.is_empty()
            || self.secrets.is_some()
            || !self.drivers.is_empty()
    }

    /// Why `rke up` failed, when it did.
    pub fn rke_failure(&self) -> Option<&Notice> {
        self.rke.as_ref()?.failure.as_ref()
    }

    pub(super) fn has_failed(&self) -> bool {
        let ends = self.changes.iter().flat_map(|node| &node.changes);
        let ends = ends.map(|end| end.outcome);
        let restarts = self.restarts.iter().map(|one| one.outcome);
        let drivers = self.drivers.iter().map(|one| one.outcome);
        let mut ends = ends.chain(restarts).chain(drivers);
        self.rke_failure().is_some() || ends.any(|end| end == Outcome::Failed)
    }
}

impl Outcomes {
    fn of(node: &NodeChanges) -> Self {
        let changes = node.outcomes.iter().map(|(subject, outcome)| {
            let (outcome, why) = Outcome::of(outcome);
            Ended {
                subject: subject.clone(),
                outcome,
                why,
            }
        });
        Self {
            node: node.node.clone(),
            changes: changes.collect(),
        }
    }
}

impl Outcome {
    fn of(outcome: &event::Outcome) -> (Self, Option<String>) {
        match outcome {
            event::Outcome::Changed => (Self::Changed, None),
            event::Outcome::Failed { why } => (Self::Failed, Some(why.clone())),
            event::Outcome::Skipped => (Self::Skipped, None),
        }
    }
}

impl Rke {
    fn of(rke: &report::RkeRun) -> Self {
        let end = rke.end.as_ref();
        let failure = end.and_then(|end| end.failure.clone());
        Self {
            version: rke.version.clone(),
            ended: end.is_some(),
            recreated: end.map(|end| end.recreated),
            failure: failure.map(Notice::of),
            log: end.map(|end| text(&end.log)),
        }
    }
}

impl Restarted {
    fn of(restarted: &report::Restarted) -> Self {
        let (outcome, why) = Outcome::of(&restarted.outcome);
        Self {
            node: restarted.node.clone(),
            component: restarted.component.clone(),
            outcome,
            why,
        }
    }
}

impl Switched {
    fn of(switched: &report::Switched) -> Self {
        let (outcome, why) = Outcome::of(&switched.outcome);
        Self {
            driver: switched.driver.clone(),
            activates: switched.activates,
            outcome,
            why,
        }
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}
