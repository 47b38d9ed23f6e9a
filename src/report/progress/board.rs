//! Who is at work on what, as text; where it is shown is not known here.

use std::collections::HashMap;

use crate::event::Event;
use crate::event::EventKind;
use crate::event::Outcome;
use crate::event::Phase;
use crate::report::progress::told::title;
use crate::report::words::counted;
use crate::report::words::escaped;

/// More lines than this are not read.
const MOST_LINES: usize = 10;

/// The state of a run at this moment.
#[derive(Debug, Default)]
pub(super) struct Board {
    title: &'static str,
    /// Nodes that are through with this phase.
    pub(super) done: usize,
    /// Nodes that this phase is about; `None` where nodes are not what it counts.
    pub(super) total: Option<usize>,
    nodes: usize,
    unreachable: usize,
    failed: usize,
    /// Those that began first, and so the slowest, in front.
    active: Vec<(String, String)>,
    /// By node: changes that are planned, and those that have ended.
    changes: HashMap<String, (usize, usize)>,
    rke: Option<String>,
}

impl Board {
    pub(super) fn absorb(&mut self, event: &Event) {
        let node = event.node.as_deref().unwrap_or_default();
        match &event.kind {
            EventKind::RunStarted(run) => self.nodes = run.nodes.len(),
            EventKind::PhaseStarted(phase) => self.begin(*phase),
            EventKind::Connecting => self.set(node, "connecting"),
            EventKind::Connected => self.set(node, "asking"),
            EventKind::Unreachable { .. } => {
                self.unreachable += 1;
                self.leave(node);
            }
            EventKind::Gathered { .. } => self.leave(node),
            EventKind::Planned(plan) => {
                let planned = plan.nodes.iter();
                self.changes = planned
                    .map(|(node, changes)| (node.clone(), (changes.len(), 0)))
                    .collect();
            }
            EventKind::ChangeFinished { subject, outcome } => self.change(node, subject, outcome),
            EventKind::RkeStarted { version } => self.rke = Some(format!("{version} begins")),
            EventKind::RkeSaid { message } => self.rke = Some(message.clone()),
            EventKind::RkeFinished { .. } => self.rke = None,
            EventKind::Restarted { outcome, .. } => self.count(outcome),
            EventKind::Failed { .. } => self.failed += 1,
            EventKind::RunFinished => self.active.clear(),
            EventKind::Warned { .. }
            | EventKind::Judged { .. }
            | EventKind::Refused { .. }
            | EventKind::ClusterFileWritten { .. }
            | EventKind::Skipped { .. } => {}
        }
    }

    /// The phase, and what went wrong so far.
    pub(super) fn head(&self) -> String {
        let mut parts = vec![self.title.to_owned()];
        if self.unreachable > 0 {
            parts.push(format!("{} unreachable", counted(self.unreachable, "node")));
        }
        if self.failed > 0 {
            parts.push(format!("{} failed", self.failed));
        }
        parts.join(" · ")
    }

    /// A line for each node at work, but not more than can be read; then the last word of `rke`.
    pub(super) fn lines(&self) -> Vec<String> {
        let shown = &self.active[..self.active.len().min(MOST_LINES)];
        let names: Vec<String> = shown.iter().map(|(name, _)| escaped(name)).collect();
        let width = names.iter().map(|name| name.chars().count()).max();
        let width = width.unwrap_or_default();
        let mut lines: Vec<String> = names
            .iter()
            .zip(shown)
            .map(|(name, (_, state))| format!("  {name:width$}  {}", escaped(state)))
            .collect();
        let others = self.active.len() - shown.len();
        if others > 0 {
            lines.push(format!("  and {}", counted(others, "other")));
        }
        lines.extend(
            self.rke
                .iter()
                .map(|line| format!("  rke: {}", escaped(line))),
        );
        lines
    }

    fn begin(&mut self, phase: Phase) {
        self.title = title(phase);
        self.done = 0;
        self.active.clear();
        self.total = match phase {
            Phase::Gather | Phase::Confirm | Phase::Verify => {
                Some(self.nodes.saturating_sub(self.unreachable))
            }
            Phase::Nodes => Some(self.changes.len()),
            Phase::Snapshot | Phase::ClusterFile | Phase::RkeUp | Phase::Restarts => None,
        };
    }

    fn set(&mut self, node: &str, state: impl Into<String>) {
        let state = state.into();
        match self.active.iter_mut().find(|(name, _)| name == node) {
            Some((_, known)) => *known = state,
            None => self.active.push((node.to_owned(), state)),
        }
    }

    fn leave(&mut self, node: &str) {
        self.active.retain(|(name, _)| name != node);
        self.done += 1;
    }

    fn change(&mut self, node: &str, subject: &str, outcome: &Outcome) {
        self.count(outcome);
        let (planned, ended) = self.changes.entry(node.to_owned()).or_default();
        *ended += 1;
        let (planned, ended) = (*planned, *ended);
        if ended >= planned {
            self.leave(node);
        } else {
            self.set(
                node,
                format!("changing: {ended} of {planned} done, {subject}"),
            );
        }
    }

    fn count(&mut self, outcome: &Outcome) {
        self.failed += usize::from(matches!(outcome, Outcome::Failed { .. }));
    }
}
