//! An event as a line.

use std::path::Path;

use crate::event::Depth;
use crate::event::Event;
use crate::event::EventKind;
use crate::event::Outcome;
use crate::event::Phase;
use crate::plan::Plan;
use crate::report::summary::by_control;
use crate::report::words::counted;
use crate::report::words::escaped;
use crate::report::words::named;
use crate::report::words::switching;

/// How much a line matters.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Tone {
    /// Told with `-vvv`, `-vv`, `-v`.
    Wire,
    Step,
    Node,
    /// One of many; bars show the same.
    Passing,
    Story,
    Warning,
    Failure,
}

impl From<Depth> for Tone {
    fn from(depth: Depth) -> Self {
        match depth {
            Depth::Node => Self::Node,
            Depth::Step => Self::Step,
            Depth::Wire => Self::Wire,
        }
    }
}

/// What is told of an event.
pub(super) struct Told {
    pub(super) tone: Tone,
    message: String,
    hint: String,
}

impl Told {
    /// `None` for what is told better by a later event.
    pub(super) fn of(event: &Event) -> Option<Self> {
        let node = event.node.as_deref();
        let told = match &event.kind {
            EventKind::RunStarted(run) => Self::story(format!(
                "{} {}: {} on {}, profile {}",
                run.command,
                run.inventory,
                counted(run.controls, "control"),
                counted(run.nodes.len(), "node"),
                run.profile
            )),
            EventKind::Warned { message, hint } => {
                Self::warning(&named(node, message), hint.clone())
            }
            EventKind::PhaseStarted(phase) => Self::passing(title(*phase).to_owned()),
            EventKind::Connected => Self::passing(named(node, "connected")),
            EventKind::Unreachable { error, hint, .. }
            | EventKind::Failed {
                message: error,
                hint,
            } => Self::failure(&named(node, error), hint),
            EventKind::Gathered { unread } if *unread > 0 => {
                let line = format!("{} could not be read", counted(*unread, "answer"));
                Self::warning(&named(node, &line), String::new())
            }
            EventKind::Judged { findings } => {
                Self::story(format!("controls: {}", by_control(findings).in_words()))
            }
            EventKind::Planned(plan) => Self::story(planned(plan)),
            EventKind::Refused { why, hint } => {
                Self::warning(&named(node, &format!("refused: {why}")), hint.clone())
            }
            EventKind::ChangeFinished { subject, outcome } => {
                Self::ended(node, "changed", subject, outcome)
            }
            EventKind::ClusterFileWritten { file, backup } => {
                let before = backup.as_ref().map_or_else(String::new, |backup| {
                    format!(", what was before is in {}", backup.display())
                });
                Self::story(format!("{} written{before}", file.display()))
            }
            EventKind::RkeStarted { version } => Self::story(format!("rke: {version} begins")),
            EventKind::RkeSaid { message } => Self::passing(format!("rke: {message}")),
            EventKind::RkeFinished {
                recreated,
                failure,
                log,
            } => Self::rke_ended(*recreated, failure.as_ref(), log),
            EventKind::Restarted { component, outcome } => {
                Self::ended(node, "restarted", component, outcome)
            }
            EventKind::DriverSwitched {
                driver,
                activates,
                outcome,
            } => {
                let verb = format!("{}d", switching(*activates));
                Self::ended(node, &verb, &format!("node driver {driver}"), outcome)
            }
            EventKind::SecretsRewritten { key, rewritten } => Self::story(format!(
                "{} written again, all lie in etcd under {key}",
                counted(*rewritten, "Secret")
            )),
            EventKind::Skipped { what, why } => {
                Self::story(named(node, &format!("left out: {what}, because {why}")))
            }
            EventKind::Traced { depth, message } => Self {
                tone: Tone::from(*depth),
                ..Self::passing(named(node, message))
            },
            EventKind::RunFinished => {
                let seconds = event.since_start.as_secs_f64();
                Self::story(format!("finished after {seconds:.1} s"))
            }
            EventKind::Connecting | EventKind::Gathered { .. } => return None,
        };
        Some(told)
    }

    /// The line, and a second one for the hint.
    pub(super) fn text(&self) -> String {
        let message = escaped(&self.message);
        if self.hint.is_empty() {
            message
        } else {
            format!("{message}\n  hint: {}", escaped(&self.hint))
        }
    }

    fn rke_ended(recreated: usize, failure: Option<&(String, String)>, log: &Path) -> Self {
        let log = log.display();
        match failure {
            None => Self::story(format!(
                "rke: done, {} made anew, log in {log}",
                counted(recreated, "container")
            )),
            Some((message, hint)) => {
                Self::failure(&format!("rke up: {message}, log in {log}"), hint)
            }
        }
    }

    fn ended(node: Option<&str>, verb: &str, thing: &str, outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Changed => Self::passing(named(node, &format!("{verb} {thing}"))),
            Outcome::Failed { why } => Self::failure(&named(node, &format!("{thing}: {why}")), ""),
            Outcome::Skipped => Self::warning(
                &named(node, &format!("{thing} not {verb}, a failure came first")),
                String::new(),
            ),
        }
    }

    fn passing(message: String) -> Self {
        Self {
            tone: Tone::Passing,
            message,
            hint: String::new(),
        }
    }

    fn story(message: String) -> Self {
        Self {
            tone: Tone::Story,
            ..Self::passing(message)
        }
    }

    fn warning(message: &str, hint: String) -> Self {
        Self {
            tone: Tone::Warning,
            message: format!("warning: {message}"),
            hint,
        }
    }

    fn failure(message: &str, hint: &str) -> Self {
        Self {
            tone: Tone::Failure,
            message: format!("error: {message}"),
            hint: hint.to_owned(),
        }
    }
}

fn planned(plan: &Plan) -> String {
    let changes = plan.nodes.iter().map(|(_, changes)| changes.len()).sum();
    let edits = plan.cluster.as_ref().map_or(0, |file| file.edits.len());
    format!(
        "planned: {} on nodes, {} of cluster.yml, {}",
        counted(changes, "change"),
        counted(edits, "edit"),
        counted(plan.blockers.len(), "blocker")
    )
}

/// What goes on in a phase.
pub(super) fn title(phase: Phase) -> &'static str {
    match phase {
        Phase::Gather => "asking the nodes",
        Phase::Nodes => "changing the nodes",
        Phase::Confirm => "looking at all nodes again before the cluster is touched",
        Phase::Snapshot => "saving a snapshot of etcd",
        Phase::ClusterFile => "writing cluster.yml",
        Phase::RkeUp => "running rke up",
        Phase::Restarts => "restarting what reads a changed file",
        Phase::AddKey => "adding the new key as the second one",
        Phase::PromoteKey => "making the new key the first one",
        Phase::RewriteSecrets => "writing Secrets again through the Kubernetes API",
        Phase::DropKey => "dropping the old key",
        Phase::Rancher => "switching node drivers of the Rancher server",
        Phase::Verify => "asking the nodes again",
    }
}
