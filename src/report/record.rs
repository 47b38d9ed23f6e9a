//! What a report remembers of single events.

use std::path::PathBuf;

use crate::event::Outcome;

/// A message and the next thing to do; empty where there is nothing to do.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Notice {
    /// `None` for what is about the whole run.
    pub node: Option<String>,
    pub message: String,
    pub hint: String,
}

/// A node that could not be asked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unreachable {
    pub node: String,
    /// Where it was looked for.
    pub address: String,
    pub error: String,
    pub hint: String,
}

/// What became of the changes of one node, in the order in which they were made.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NodeChanges {
    pub node: String,
    /// The subject of each change and its end.
    pub outcomes: Vec<(String, Outcome)>,
}

/// The `cluster.yml` that was written, and where its previous content is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct WrittenFile {
    pub file: PathBuf,
    pub backup: Option<PathBuf>,
}

/// A run of `rke up`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RkeRun {
    pub version: String,
    /// `None` when it was not seen to end.
    pub end: Option<RkeEnd>,
}

/// How `rke up` ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RkeEnd {
    /// The number of containers that were made anew.
    pub recreated: usize,
    pub failure: Option<Notice>,
    pub log: PathBuf,
}

/// A component that had to be restarted, and whether it was.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Restarted {
    pub node: Option<String>,
    pub component: String,
    pub outcome: Outcome,
}

/// A node driver of the Rancher server that was to be switched, and whether it was.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Switched {
    pub driver: String,
    pub activates: bool,
    pub outcome: Outcome,
}

/// A stage that was left out.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Skip {
    pub node: Option<String>,
    pub what: String,
    pub why: String,
}

impl Notice {
    pub(super) fn new(node: Option<String>, message: String, hint: String) -> Self {
        Self {
            node,
            message,
            hint,
        }
    }
}
