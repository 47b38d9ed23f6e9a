//! Who is at work on what, as text; where it is shown is not known here.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::time::Duration;

use crate::event::Event;
use crate::event::EventKind;
use crate::event::Outcome;
use crate::event::Phase;
use crate::report::fold::folded;
use crate::report::progress::told::title;
use crate::report::words::counted;
use crate::report::words::escaped;

/// More lines than this are not read, and they fit a terminal of 24.
const MOST_LINES: usize = 10;

/// A node that has been at it for longer is shown with its time.
const LONG: Duration = Duration::from_secs(2);

/// How far a phase must be before the rest of it is estimated: its time and its nodes.
const EARLY: (Duration, usize) = (Duration::from_secs(2), 10);

/// The state of a run at this moment.
#[derive(Debug, Default)]
pub(super) struct Board {
    title: &'static str,
    /// Nodes that are through with this phase.
    pub(super) done: usize,
    /// Nodes that this phase is about; `None` where nodes are not what it counts.
    pub(super) total: Option<usize>,
    nodes: usize,
    /// By the order in which they turned out to be.
    unreachable: Vec<String>,
    failed: usize,
    /// By the order in which they began: the slowest in front.
    active: BTreeMap<u64, Active>,
    /// The key of each active node.
    places: HashMap<String, u64>,
    next: u64,
    /// When the phase began, and the latest event; since the start of the run.
    begun: Duration,
    now: Duration,
    /// By node: changes that are planned, and those that have ended.
    changes: HashMap<String, (usize, usize)>,
    rke: Option<String>,
}

/// A node at work.
#[derive(Debug)]
struct Active {
    node: String,
    state: State,
    since: Duration,
}

/// What a node is at.
#[derive(Clone, Debug, Eq, PartialEq)]
enum State {
    Connecting,
    Asking,
    /// Changes that ended, those planned, and the subject of the latest.
    Changing(usize, usize, String),
}

impl State {
    fn in_words(&self) -> String {
        match self {
            Self::Connecting => "connecting".to_owned(),
            Self::Asking => "asking".to_owned(),
            Self::Changing(ended, planned, subject) => {
                format!("changing: {ended} of {planned} done, {subject}")
            }
        }
    }
}

impl Board {
    pub(super) fn absorb(&mut self, event: &Event) {
        self.now = event.since_start;
        let node = event.node.as_deref().unwrap_or_default();
        match &event.kind {
            EventKind::RunStarted(run) => self.nodes = run.nodes.len(),
            EventKind::PhaseStarted(phase) => self.begin(*phase),
            EventKind::Connecting => self.set(node, State::Connecting),
            EventKind::Connected => self.set(node, State::Asking),
            EventKind::Unreachable { .. } => {
                self.unreachable.push(node.to_owned());
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
            EventKind::Restarted { outcome, .. } | EventKind::DriverSwitched { outcome, .. } => {
                self.count(outcome);
            }
            EventKind::Failed { .. } => self.failed += 1,
            EventKind::RunFinished => self.clear(),
            EventKind::Warned { .. }
            | EventKind::Judged { .. }
            | EventKind::Refused { .. }
            | EventKind::ClusterFileWritten { .. }
            | EventKind::SecretsRewritten { .. }
            | EventKind::Skipped { .. }
            | EventKind::Traced { .. } => {}
        }
    }

    /// The time went on, and nothing happened.
    pub(super) fn wait(&mut self, time: Duration) {
        self.now = self.now.max(time);
    }

    /// The phase, what went wrong so far, and how long it may take; what matters most is in front,
    /// because a narrow terminal cuts the end off.
    pub(super) fn head(&self) -> String {
        let mut parts = vec![self.title.to_owned()];
        if !self.unreachable.is_empty() {
            parts.push(format!("{} unreachable", self.unreachable.len()));
        }
        if self.failed > 0 {
            parts.push(format!("{} failed", self.failed));
        }
        parts.extend(self.estimate());
        parts.join(" · ")
    }

    /// How long the rest takes when it goes on like this.
    fn estimate(&self) -> Option<String> {
        let total = self.total?;
        let spent = self.now.saturating_sub(self.begun);
        if spent < EARLY.0 || self.done < EARLY.1 || self.done >= total {
            return None;
        }
        let each = spent / u32::try_from(self.done).ok()?;
        let left = each * u32::try_from(total - self.done).ok()?;
        Some(format!("about {} s left", left.as_secs().max(1)))
    }

    /// A line for each node at work, the slowest first, but not more than can be read; how many
    /// are at what, who is unreachable, and the last word of `rke`.
    pub(super) fn lines(&self) -> Vec<String> {
        let shown: Vec<&Active> = self.active.values().take(MOST_LINES).collect();
        let names: Vec<String> = shown.iter().map(|one| escaped(&one.node)).collect();
        let width = names.iter().map(|name| name.chars().count()).max();
        let width = width.unwrap_or_default();
        let mut lines: Vec<String> = names
            .iter()
            .zip(&shown)
            .map(|(name, one)| {
                let state = escaped(&one.state.in_words());
                format!("  {name:width$}  {state}{}", self.time_of(one))
            })
            .collect();
        let others = self.active.len() - shown.len();
        if others > 0 {
            let others = counted(others, "other");
            lines.push(format!("  and {others}; in all {}", self.states()));
        }
        if self.unreachable.len() > 1 {
            let names = self.unreachable.iter().map(String::as_str);
            lines.push(format!("  unreachable: {}", escaped(&folded(names))));
        }
        lines.extend(
            self.rke
                .iter()
                .map(|line| format!("  rke: {}", escaped(line))),
        );
        lines
    }

    /// How many nodes are at what.
    fn states(&self) -> String {
        let (mut connecting, mut asking, mut changing) = (0, 0, 0);
        for one in self.active.values() {
            *match one.state {
                State::Connecting => &mut connecting,
                State::Asking => &mut asking,
                State::Changing(..) => &mut changing,
            } += 1;
        }
        [
            (connecting, "connecting"),
            (asking, "asking"),
            (changing, "changing"),
        ]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect::<Vec<_>>()
        .join(", ")
    }

    fn time_of(&self, one: &Active) -> String {
        let spent = self.now.saturating_sub(one.since);
        if spent < LONG {
            return String::new();
        }
        format!(", for {} s", spent.as_secs())
    }

    fn begin(&mut self, phase: Phase) {
        self.title = title(phase);
        self.done = 0;
        self.begun = self.now;
        self.clear();
        self.total = match phase {
            Phase::Gather | Phase::Confirm | Phase::Verify => {
                Some(self.nodes.saturating_sub(self.unreachable.len()))
            }
            Phase::Nodes => Some(self.changes.len()),
            Phase::Snapshot
            | Phase::ClusterFile
            | Phase::RkeUp
            | Phase::Restarts
            | Phase::AddKey
            | Phase::PromoteKey
            | Phase::RewriteSecrets
            | Phase::DropKey
            | Phase::Rancher => None,
        };
    }

    fn clear(&mut self) {
        self.active.clear();
        self.places.clear();
    }

    fn set(&mut self, node: &str, state: State) {
        if let Some(one) = self.places.get(node).and_then(|at| self.active.get_mut(at)) {
            one.state = state;
            return;
        }
        let one = Active {
            node: node.to_owned(),
            state,
            since: self.now,
        };
        self.places.insert(node.to_owned(), self.next);
        self.active.insert(self.next, one);
        self.next += 1;
    }

    fn leave(&mut self, node: &str) {
        if let Some(place) = self.places.remove(node) {
            self.active.remove(&place);
        }
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
            self.set(node, State::Changing(ended, planned, subject.to_owned()));
        }
    }

    fn count(&mut self, outcome: &Outcome) {
        self.failed += usize::from(matches!(outcome, Outcome::Failed { .. }));
    }
}
