//! What an apply would do, or set out to do.

use serde::Deserialize;
use serde::Serialize;

use crate::plan;
use crate::plan::blocker;
use crate::plan::change;
use crate::profile::ControlId;
use crate::shared::Shared;
use crate::shared::Turned;

/// Everything that would change, and what forbids it.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Plan {
    pub nodes: Vec<NodePlan>,
    pub cluster_file: Option<ClusterPlan>,
    /// Why `rke up` must run; null when it need not.
    pub rke_up: Option<String>,
    pub restarts: Vec<Restart>,
    /// Why Secrets are written again; null when none lies in etcd in plain text.
    #[serde(default)]
    pub secrets: Option<String>,
    /// Node drivers that are switched on the Rancher server.
    #[serde(default)]
    pub drivers: Vec<Driver>,
    pub blockers: Vec<Blocker>,
}

/// The changes of one node, in the order in which they are made.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct NodePlan {
    pub node: String,
    pub changes: Shared<Vec<Change>>,
}

/// One step from what is seen to what is wanted.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct Change {
    pub subject: String,
    pub seen: String,
    pub wanted: String,
    pub controls: Vec<String>,
    /// A unified diff; empty where there is no content.
    pub diff: String,
}

/// All edits of `cluster.yml` together.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ClusterPlan {
    /// True when the file is made and not edited.
    pub creates: bool,
    pub edits: Vec<Edit>,
    pub diff: String,
}

/// One edit of `cluster.yml`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Edit {
    /// Keys joined by dots.
    pub path: String,
    pub wanted: String,
    pub controls: Vec<String>,
}

/// A component that must be restarted to see a changed file.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Restart {
    pub node: String,
    pub component: String,
}

/// A node driver that is switched on the Rancher server.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Driver {
    pub driver: String,
    /// True for a driver that becomes active again.
    pub activates: bool,
    pub controls: Vec<String>,
}

/// A reason to touch nothing, and the way out.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Blocker {
    /// Null for what is about the whole cluster.
    #[serde(default)]
    pub node: Option<String>,
    /// A stable name; `docs/blockers/ID.md` says more.
    #[serde(default)]
    pub id: String,
    pub message: String,
    pub hint: String,
    /// True when `--allow-incomplete` waves it through.
    pub incomplete: bool,
}

impl Plan {
    /// The plan without what is sent to the nodes.
    pub fn of(plan: &plan::Plan) -> Self {
        let restarts = plan.restarts.iter().map(|restart| Restart {
            node: restart.node.clone(),
            component: restart.component.clone(),
        });
        let mut alike = Turned::default();
        let nodes = plan.nodes.iter().map(|(node, changes)| NodePlan {
            node: node.clone(),
            changes: alike.of(changes, |changes| changes.iter().map(Change::of).collect()),
        });
        Self {
            nodes: nodes.collect(),
            cluster_file: plan.cluster.as_ref().map(ClusterPlan::of),
            rke_up: plan.rke_up.clone(),
            restarts: restarts.collect(),
            secrets: plan.secrets.clone(),
            drivers: plan.drivers.iter().map(Driver::of).collect(),
            blockers: plan.blockers.iter().map(Blocker::of).collect(),
        }
    }

    /// True when nothing would change.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
            && self.cluster_file.is_none()
            && self.rke_up.is_none()
            && self.restarts.is_empty()
            && self.secrets.is_none()
            && self.drivers.is_empty()
    }
}

impl Change {
    fn of(change: &change::Change) -> Self {
        Self {
            subject: change.subject.clone(),
            seen: change.seen.clone(),
            wanted: change.wanted.clone(),
            controls: ids(&change.controls),
            diff: change.diff.clone(),
        }
    }
}

impl ClusterPlan {
    fn of(cluster: &change::ClusterChange) -> Self {
        let edits = cluster.edits.iter().map(|edit| Edit {
            path: edit.path.clone(),
            wanted: edit.wanted.clone(),
            controls: ids(&edit.controls),
        });
        Self {
            creates: cluster.creates,
            edits: edits.collect(),
            diff: cluster.diff.clone(),
        }
    }
}

impl Driver {
    fn of(switch: &change::DriverSwitch) -> Self {
        Self {
            driver: switch.name.clone(),
            activates: switch.activates,
            controls: ids(&switch.controls),
        }
    }
}

impl Blocker {
    fn of(blocker: &blocker::Blocker) -> Self {
        Self {
            node: blocker.node().map(str::to_owned),
            id: blocker.id().to_owned(),
            message: blocker.to_string(),
            hint: blocker.hint(),
            incomplete: blocker.is_incompleteness(),
        }
    }
}

fn ids(controls: &[ControlId]) -> Vec<String> {
    controls.iter().map(|id| id.0.clone()).collect()
}
