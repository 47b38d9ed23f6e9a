//! A finished run as a document: what is saved, and what every form of the result is made from.
//!
//! The types are those of the JSON format and are frozen with it: within a
//! version a field may be added, and what is there keeps its name and its
//! meaning. Evidence and diffs are redacted before they become part of a
//! report, and what is sent to a node is no part of it at all.

mod done;
mod finding;
mod nodes;
mod plan;

use serde::Deserialize;
use serde::Serialize;

use crate::event::RunStarted;
use crate::report;
use crate::report::Report;
use crate::report::Summary;

pub use crate::report::document::done::Done;
pub use crate::report::document::done::Ended;
pub use crate::report::document::done::Outcome;
pub use crate::report::document::done::Outcomes;
pub use crate::report::document::done::Restarted;
pub use crate::report::document::done::Rewritten;
pub use crate::report::document::done::Rke;
pub use crate::report::document::done::Skipped;
pub use crate::report::document::done::Switched;
pub use crate::report::document::done::Written;
pub use crate::report::document::finding::Attestation;
pub use crate::report::document::finding::Evidence;
pub use crate::report::document::finding::Finding;
pub use crate::report::document::finding::Ruling;
pub use crate::report::document::finding::State;
pub use crate::report::document::finding::Verdict;
pub use crate::report::document::finding::Waiver;
pub use crate::report::document::nodes::Node;
pub use crate::report::document::plan::Blocker;
pub use crate::report::document::plan::Change;
pub use crate::report::document::plan::ClusterPlan;
pub use crate::report::document::plan::Driver;
pub use crate::report::document::plan::Edit;
pub use crate::report::document::plan::NodePlan;
pub use crate::report::document::plan::Plan;
pub use crate::report::document::plan::Restart;

/// The version of the format.
pub const VERSION: u32 = 1;

/// Everything that a run has to say.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Document {
    pub version: u32,
    /// The version of the program that ran.
    #[serde(default)]
    pub harden: String,
    /// Null when the run ended before it had begun.
    pub run: Option<Run>,
    /// False when the run was stopped from outside.
    pub finished: bool,
    /// How long it took, to the millisecond.
    pub seconds: f64,
    pub exit_code: u8,
    pub summary: Summary,
    pub nodes: Vec<Node>,
    /// As it is now: of an apply, afterwards.
    pub findings: Vec<Finding>,
    /// What an apply began with; null where the fleet was judged once.
    pub findings_before: Option<Vec<Finding>>,
    pub plan: Option<Plan>,
    pub done: Done,
    pub warnings: Vec<Notice>,
    pub failures: Vec<Notice>,
    pub refusal: Option<Notice>,
}

/// What the run was about.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Run {
    /// `check`, `apply`, `undo` or `rotate-key`.
    pub command: String,
    /// When it began, in UTC: `2026-11-23T12:09:45Z`.
    #[serde(default)]
    pub started: String,
    pub inventory: String,
    pub profile: String,
    pub guide: String,
    pub benchmark: String,
    pub level: u8,
    pub controls: usize,
    /// Nodes of the inventory, selected or not.
    pub fleet: usize,
}

/// A message and what to do about it; the hint is empty where there is nothing to do.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Notice {
    /// Null for what is about the whole run.
    pub node: Option<String>,
    pub message: String,
    pub hint: String,
}

impl Document {
    /// What remains of `report` when nothing but the result is kept.
    pub fn of(report: Report) -> Self {
        let nodes = nodes::of(&report);
        let done = Done::of(&report);
        let notices = |all: Vec<report::Notice>| all.into_iter().map(Notice::of).collect();
        let (exit_code, summary) = (report.exit_code(), report.summary());
        let (now, before) = match (report.before, report.after) {
            (before, Some(after)) => (after, before),
            (only, None) => (only.unwrap_or_default(), None),
        };
        Self {
            version: VERSION,
            harden: env!("CARGO_PKG_VERSION").to_owned(),
            run: report.run.map(Run::of),
            finished: report.finished,
            seconds: f64::from(u32::try_from(report.elapsed.as_millis()).unwrap_or(u32::MAX))
                / 1000.0,
            exit_code,
            summary,
            nodes,
            findings: finding::of(now),
            findings_before: before.map(finding::of),
            plan: report.plan.as_deref().map(Plan::of),
            done,
            warnings: notices(report.warnings),
            failures: notices(report.failures),
            refusal: report.refusal.map(Notice::of),
        }
    }

    /// The command of this run; `check` where none began.
    pub fn command(&self) -> &str {
        self.run.as_ref().map_or("check", |run| &run.command)
    }

    /// True for a run that was asked to change something.
    pub fn is_apply(&self) -> bool {
        self.command() != "check"
    }

    /// True when a change, `rke up`, a restart or a stage failed.
    pub fn has_failed(&self) -> bool {
        !self.failures.is_empty() || self.done.has_failed()
    }

    /// The nodes that did not answer.
    pub fn unreachable(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(|node| !node.reached)
    }
}

impl Run {
    fn of(run: RunStarted) -> Self {
        Self {
            command: run.command,
            started: run.started,
            inventory: run.inventory,
            profile: run.profile,
            guide: run.guide,
            benchmark: run.benchmark,
            level: run.level,
            controls: run.controls,
            fleet: run.fleet,
        }
    }
}

impl Notice {
    fn of(notice: report::Notice) -> Self {
        Self {
            node: notice.node,
            message: notice.message,
            hint: notice.hint,
        }
    }
}

#[cfg(test)]
mod tests;
