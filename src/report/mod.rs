//! What a run has to say: the fold of its events, and its renderings.
//!
//! stdout is the result and stderr is the story. A finished [`Report`] becomes a
//! [`document`], and every form of the result is made from that alone, so a
//! saved one gives the same bytes again; [`progress`] tells the same events
//! while they happen.

mod digest;
pub mod document;
mod escape;
pub mod fleet;
mod fold;
pub mod html;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod progress;
mod record;
#[cfg(test)]
mod sample;
pub mod sarif;
pub mod saved;
mod summary;
pub mod table;
pub mod trend;
mod words;

use std::sync::Arc;
use std::time::Duration;

use crate::event::Event;
use crate::event::EventKind;
use crate::event::Outcome;
use crate::event::RunStarted;
use crate::finding::Finding;
use crate::finding::Verdict;
use crate::plan::Plan;

pub(crate) use crate::report::digest::group;
pub(crate) use crate::report::fold::folded;
pub use crate::report::record::NodeChanges;
pub use crate::report::record::Notice;
pub use crate::report::record::Restarted;
pub use crate::report::record::RkeEnd;
pub use crate::report::record::RkeRun;
pub use crate::report::record::Skip;
pub use crate::report::record::Switched;
pub use crate::report::record::Unreachable;
pub use crate::report::record::WrittenFile;
pub use crate::report::summary::Counts;
pub use crate::report::summary::Summary;
pub(crate) use crate::report::words::escaped;

/// Everything a run has to say.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// `None` until the run has said what it is about.
    pub run: Option<RunStarted>,
    /// From the start to the latest event.
    pub elapsed: Duration,
    /// False when the run was stopped from outside.
    pub finished: bool,
    pub warnings: Vec<Notice>,
    pub unreachable: Vec<Unreachable>,
    /// The findings of a check, and those that an apply began with.
    pub before: Option<Vec<Finding>>,
    /// The findings that an apply ended with.
    pub after: Option<Vec<Finding>>,
    pub plan: Option<Arc<Plan>>,
    pub refusal: Option<Notice>,
    /// By node, in the order in which the nodes were begun.
    pub changes: Vec<NodeChanges>,
    pub cluster_file: Option<WrittenFile>,
    pub rke: Option<RkeRun>,
    pub restarts: Vec<Restarted>,
    pub drivers: Vec<Switched>,
    /// The name of the key that all Secrets lie under now, and how many were written again.
    pub secrets: Option<(String, usize)>,
    pub skips: Vec<Skip>,
    pub failures: Vec<Notice>,
    /// True when something was changed since the fleet was last judged.
    is_stale: bool,
}

impl Report {
    /// Takes in the next event; the order is that in which they happened.
    pub fn absorb(&mut self, event: Event) {
        self.elapsed = event.since_start;
        let node = event.node;
        match event.kind {
            EventKind::RunStarted(run) => self.run = Some(run),
            EventKind::Warned { message, hint } => {
                self.warnings.push(Notice::new(node, message, hint));
            }
            EventKind::Unreachable {
                address,
                error,
                hint,
            } => self.unreachable.push(Unreachable {
                node: node.unwrap_or_default(),
                address,
                error,
                hint,
            }),
            EventKind::Judged { findings } => self.judge(findings),
            EventKind::Planned(plan) => self.plan = Some(plan),
            EventKind::Refused { why, hint } => {
                self.refusal = Some(Notice::new(node, why, hint));
            }
            EventKind::ChangeFinished { subject, outcome } => {
                self.is_stale |= outcome != Outcome::Skipped;
                self.change(node.unwrap_or_default(), subject, outcome);
            }
            EventKind::ClusterFileWritten { file, backup } => {
                self.is_stale = true;
                self.cluster_file = Some(WrittenFile { file, backup });
            }
            EventKind::RkeStarted { version } => {
                self.is_stale = true;
                self.rke = Some(RkeRun { version, end: None });
            }
            EventKind::RkeFinished {
                recreated,
                failure,
                log,
            } => {
                let failure = failure.map(|(message, hint)| Notice::new(node, message, hint));
                self.end_rke(RkeEnd {
                    recreated,
                    failure,
                    log,
                });
            }
            EventKind::Restarted { component, outcome } => {
                self.is_stale |= outcome != Outcome::Skipped;
                self.restarts.push(Restarted {
                    node,
                    component,
                    outcome,
                });
            }
            EventKind::DriverSwitched {
                driver,
                activates,
                outcome,
            } => {
                self.is_stale |= outcome != Outcome::Skipped;
                self.drivers.push(Switched {
                    driver,
                    activates,
                    outcome,
                });
            }
            EventKind::SecretsRewritten { key, rewritten } => self.secrets = Some((key, rewritten)),
            EventKind::Skipped { what, why } => self.skips.push(Skip { node, what, why }),
            EventKind::Failed { message, hint } => {
                self.failures.push(Notice::new(node, message, hint));
            }
            EventKind::RunFinished => self.finished = true,
            EventKind::PhaseStarted(_)
            | EventKind::Connecting
            | EventKind::Connected
            | EventKind::Gathered { .. }
            | EventKind::RkeSaid { .. }
            | EventKind::Traced { .. } => {}
        }
    }

    /// The findings that hold now.
    pub fn findings(&self) -> &[Finding] {
        self.after
            .as_deref()
            .or(self.before.as_deref())
            .unwrap_or_default()
    }

    /// True for a run that was asked to change something.
    pub fn is_apply(&self) -> bool {
        self.run.as_ref().is_some_and(|run| run.command != "check")
    }

    /// True for a run that puts back what another one changed; it judges no control.
    pub fn is_undo(&self) -> bool {
        self.run.as_ref().is_some_and(|run| run.command == "undo")
    }

    /// The worst thing that happened decides: 5 something that an apply did failed, 4 not
    /// everything could be measured, 3 a control fails or the run was refused, 0 none of them.
    ///
    /// An unmeasured fleet is never clean, so a run without findings is 4.
    pub fn exit_code(&self) -> u8 {
        if self.is_apply() && self.has_failed() {
            5
        } else if self.is_unmeasured() {
            4
        } else if self.refusal.is_some()
            || self.plan.as_ref().is_some_and(|plan| plan.concerns_a_key())
            || self
                .findings()
                .iter()
                .any(|finding| finding.verdict == Verdict::Fail)
        {
            3
        } else {
            0
        }
    }

    /// True when a change, `rke up`, a restart or a stage failed.
    pub fn has_failed(&self) -> bool {
        let failed = |outcome: &Outcome| matches!(outcome, Outcome::Failed { .. });
        !self.failures.is_empty()
            || self.rke_failure().is_some()
            || self.restarts.iter().any(|one| failed(&one.outcome))
            || self.outcomes().any(failed)
    }

    /// Why `rke up` failed, when it did.
    pub fn rke_failure(&self) -> Option<&Notice> {
        self.rke.as_ref()?.end.as_ref()?.failure.as_ref()
    }

    /// How the changes on the nodes and on the Rancher server ended.
    pub fn outcomes(&self) -> impl Iterator<Item = &Outcome> {
        let nodes = self.changes.iter();
        nodes
            .flat_map(|node| node.outcomes.iter().map(|(_, outcome)| outcome))
            .chain(self.drivers.iter().map(|driver| &driver.outcome))
    }

    fn is_unmeasured(&self) -> bool {
        let is_unjudged = if self.is_undo() {
            self.plan.is_none()
        } else {
            self.before.is_none() || self.is_stale
        };
        is_unjudged
            || !self.unreachable.is_empty()
            || !self.failures.is_empty()
            || self.findings().iter().any(|one| one.is_incomplete())
    }

    fn judge(&mut self, findings: Vec<Finding>) {
        self.is_stale = false;
        if self.before.is_none() {
            self.before = Some(findings);
        } else {
            self.after = Some(findings);
        }
    }

    fn change(&mut self, node: String, subject: String, outcome: Outcome) {
        let known = self.changes.iter_mut().rfind(|known| known.node == node);
        if let Some(known) = known {
            known.outcomes.push((subject, outcome));
        } else {
            let outcomes = vec![(subject, outcome)];
            self.changes.push(NodeChanges { node, outcomes });
        }
    }

    fn end_rke(&mut self, end: RkeEnd) {
        let run = self.rke.get_or_insert_with(|| RkeRun {
            version: String::new(),
            end: None,
        });
        run.end = Some(end);
    }
}

#[cfg(test)]
mod tests;
