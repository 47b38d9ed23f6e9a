//! The part of the document about changes: what is planned, and what was done.

use std::path::Path;

use serde::Serialize;

use crate::event::Outcome;
use crate::plan;
use crate::plan::change;
use crate::report;
use crate::report::NodeChanges;
use crate::report::Report;
use crate::report::json::document::Notice;
use crate::report::json::document::ids;

/// What an apply would do, or set out to do.
#[derive(Serialize)]
pub(super) struct Plan<'a> {
    nodes: Vec<NodePlan<'a>>,
    cluster_file: Option<ClusterPlan<'a>>,
    /// Why `rke up` must run; null when it need not.
    rke_up: Option<&'a str>,
    restarts: Vec<Restart<'a>>,
    blockers: Vec<Blocker>,
}

#[derive(Serialize)]
struct NodePlan<'a> {
    node: &'a str,
    changes: Vec<Change<'a>>,
}

#[derive(Serialize)]
struct Change<'a> {
    subject: &'a str,
    seen: &'a str,
    wanted: &'a str,
    controls: Vec<&'a str>,
    /// A unified diff; empty where there is no content.
    diff: &'a str,
}

#[derive(Serialize)]
struct ClusterPlan<'a> {
    creates: bool,
    edits: Vec<Edit<'a>>,
    diff: &'a str,
}

#[derive(Serialize)]
struct Edit<'a> {
    path: &'a str,
    wanted: &'a str,
    controls: Vec<&'a str>,
}

#[derive(Serialize)]
struct Restart<'a> {
    node: &'a str,
    component: &'a str,
}

#[derive(Serialize)]
struct Blocker {
    message: String,
    hint: String,
    /// True when `--allow-incomplete` waves it through.
    incomplete: bool,
}

/// What an apply did; empty for a check.
#[derive(Serialize)]
pub(super) struct Done<'a> {
    changes: Vec<Outcomes<'a>>,
    cluster_file: Option<Written>,
    rke: Option<Rke<'a>>,
    restarts: Vec<Restarted<'a>>,
    skipped: Vec<Skipped<'a>>,
}

#[derive(Serialize)]
struct Outcomes<'a> {
    node: &'a str,
    changes: Vec<Ended<'a>>,
}

#[derive(Serialize)]
struct Ended<'a> {
    subject: &'a str,
    outcome: &'static str,
    why: Option<&'a str>,
}

#[derive(Serialize)]
struct Written {
    file: String,
    /// Where the previous content is; null when there was none.
    backup: Option<String>,
}

#[derive(Serialize)]
struct Rke<'a> {
    version: &'a str,
    /// False when it was not seen to end.
    ended: bool,
    /// Containers that were made anew.
    recreated: Option<usize>,
    failure: Option<Notice<'a>>,
    log: Option<String>,
}

#[derive(Serialize)]
struct Restarted<'a> {
    node: Option<&'a str>,
    component: &'a str,
    outcome: &'static str,
    why: Option<&'a str>,
}

#[derive(Serialize)]
struct Skipped<'a> {
    node: Option<&'a str>,
    what: &'a str,
    why: &'a str,
}

impl<'a> Plan<'a> {
    pub(super) fn of(plan: &'a plan::Plan) -> Self {
        let blockers = plan.blockers.iter().map(|blocker| Blocker {
            message: blocker.to_string(),
            hint: blocker.hint(),
            incomplete: blocker.is_incompleteness(),
        });
        let restarts = plan.restarts.iter().map(|restart| Restart {
            node: &restart.node,
            component: &restart.component,
        });
        let nodes = plan.nodes.iter().map(|(node, changes)| NodePlan {
            node,
            changes: changes.iter().map(Change::of).collect(),
        });
        Self {
            nodes: nodes.collect(),
            cluster_file: plan.cluster.as_ref().map(ClusterPlan::of),
            rke_up: plan.rke_up.as_deref(),
            restarts: restarts.collect(),
            blockers: blockers.collect(),
        }
    }
}

impl<'a> Change<'a> {
    fn of(change: &'a change::Change) -> Self {
        Self {
            subject: &change.subject,
            seen: &change.seen,
            wanted: &change.wanted,
            controls: ids(&change.controls),
            diff: &change.diff,
        }
    }
}

impl<'a> ClusterPlan<'a> {
    fn of(cluster: &'a change::ClusterChange) -> Self {
        let edits = cluster.edits.iter().map(|edit| Edit {
            path: &edit.path,
            wanted: &edit.wanted,
            controls: ids(&edit.controls),
        });
        Self {
            creates: cluster.creates,
            edits: edits.collect(),
            diff: &cluster.diff,
        }
    }
}

impl<'a> Done<'a> {
    pub(super) fn of(report: &'a Report) -> Self {
        let written = report.cluster_file.as_ref().map(|written| Written {
            file: text(&written.file),
            backup: written.backup.as_deref().map(text),
        });
        let skipped = report.skips.iter().map(|skip| Skipped {
            node: skip.node.as_deref(),
            what: &skip.what,
            why: &skip.why,
        });
        Self {
            changes: report.changes.iter().map(Outcomes::of).collect(),
            cluster_file: written,
            rke: report.rke.as_ref().map(Rke::of),
            restarts: report.restarts.iter().map(Restarted::of).collect(),
            skipped: skipped.collect(),
        }
    }
}

impl<'a> Outcomes<'a> {
    fn of(node: &'a NodeChanges) -> Self {
        let changes = node.outcomes.iter().map(|(subject, outcome)| {
            let (outcome, why) = told(outcome);
            Ended {
                subject,
                outcome,
                why,
            }
        });
        Self {
            node: &node.node,
            changes: changes.collect(),
        }
    }
}

impl<'a> Rke<'a> {
    fn of(rke: &'a report::RkeRun) -> Self {
        let end = rke.end.as_ref();
        Self {
            version: &rke.version,
            ended: end.is_some(),
            recreated: end.map(|end| end.recreated),
            failure: end.and_then(|end| end.failure.as_ref()).map(Notice::of),
            log: end.map(|end| text(&end.log)),
        }
    }
}

impl<'a> Restarted<'a> {
    fn of(restarted: &'a report::Restarted) -> Self {
        let (outcome, why) = told(&restarted.outcome);
        Self {
            node: restarted.node.as_deref(),
            component: &restarted.component,
            outcome,
            why,
        }
    }
}

fn told(outcome: &Outcome) -> (&'static str, Option<&str>) {
    match outcome {
        Outcome::Changed => ("changed", None),
        Outcome::Failed { why } => ("failed", Some(why)),
        Outcome::Skipped => ("skipped", None),
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}
