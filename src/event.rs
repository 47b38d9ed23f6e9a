//! What happened, in the order in which it happened.
//!
//! The engine writes events and knows no terminal. A report is what is left
//! when all events of a run are folded, so it cannot say what no event said.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::finding::Finding;
use crate::plan::Plan;
use crate::source::Remark;

/// One thing that happened, and to which node; events without one are about the whole run.
#[derive(Clone, Debug)]
pub struct Event {
    pub since_start: Duration,
    pub node: Option<String>,
    pub kind: EventKind,
}

/// Matched without a wildcard by every reporter, so that a new kind of event does not compile
/// until each reporter has said what it does with it.
#[derive(Clone, Debug)]
pub enum EventKind {
    RunStarted(RunStarted),
    /// Something that RKE or harden would otherwise pass over in silence.
    Warned {
        message: String,
        hint: String,
    },
    PhaseStarted(Phase),
    Connecting,
    Connected,
    /// The node will not be asked again in this run.
    Unreachable {
        /// Where it was looked for.
        address: String,
        error: String,
        hint: String,
    },
    Gathered {
        unread: usize,
    },
    /// All findings at once; a second time after an apply.
    Judged {
        findings: Vec<Finding>,
    },
    Planned(Arc<Plan>),
    /// The operator said no, or a blocker did.
    Refused {
        why: String,
        hint: String,
    },
    ChangeFinished {
        subject: String,
        outcome: Outcome,
    },
    ClusterFileWritten {
        file: PathBuf,
        backup: Option<PathBuf>,
    },
    RkeStarted {
        version: String,
    },
    /// A line of `rke up`, its log decoration removed.
    RkeSaid {
        message: String,
    },
    RkeFinished {
        recreated: usize,
        /// What went wrong, and the next thing to do; `None` for a success.
        failure: Option<(String, String)>,
        log: PathBuf,
    },
    Restarted {
        component: String,
        outcome: Outcome,
    },
    /// A node driver of the Rancher server, and whether it is what it was to become.
    DriverSwitched {
        driver: String,
        /// True for a driver that was to become active again.
        activates: bool,
        outcome: Outcome,
    },
    /// Every Secret lies in etcd under this key now; so many had to be written again.
    SecretsRewritten {
        key: String,
        rewritten: usize,
    },
    /// A stage was left out, and why.
    Skipped {
        what: String,
        why: String,
    },
    /// A stage failed as a whole; what is already done stays done and is in the report.
    Failed {
        message: String,
        hint: String,
    },
    /// What only those hear who ask for it.
    Traced {
        depth: Depth,
        message: String,
    },
    RunFinished,
}

/// How closely somebody has to look to be told.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Depth {
    /// Which node is connected and asked, and how long it took.
    Node,
    /// What exactly is asked, changed or run.
    Step,
    /// What the connection is like: keys, methods, bytes.
    Wire,
}

impl EventKind {
    /// A warning with the words of a remark.
    pub fn warned(remark: Remark) -> Self {
        Self::Warned {
            message: remark.to_string(),
            hint: remark.hint,
        }
    }
}

/// What a run is about.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RunStarted {
    /// `check` or `apply`.
    pub command: String,
    /// In UTC: `2026-11-23T12:09:45Z`.
    pub started: String,
    pub inventory: String,
    pub profile: String,
    pub guide: String,
    pub benchmark: String,
    pub level: u8,
    /// The selected nodes, in the inventory's order.
    pub nodes: Vec<String>,
    /// All nodes of the inventory.
    pub fleet: usize,
    pub controls: usize,
}

/// The parts of a run, in order.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Phase {
    Gather,
    Nodes,
    /// All nodes are looked at again before the cluster is touched.
    Confirm,
    /// `rke` saves a snapshot of etcd.
    Snapshot,
    ClusterFile,
    RkeUp,
    Restarts,
    /// The steps of a key rotation (T-16).
    AddKey,
    PromoteKey,
    RewriteSecrets,
    DropKey,
    /// Node drivers of the Rancher server are switched.
    Rancher,
    Verify,
}

/// How a change ended.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Outcome {
    Changed,
    Failed {
        why: String,
    },
    /// An earlier failure came first.
    Skipped,
}
