//! What an apply would do and what it did, nodes with the same steps as one.

use std::collections::HashMap;

use crate::report::digest::group::grouped;
use crate::report::document::Change;
use crate::report::document::ClusterPlan;
use crate::report::document::Document;
use crate::report::document::Driver;
use crate::report::document::Edit;
use crate::report::document::Ended;
use crate::report::document::Outcome;
use crate::report::document::Outcomes;
use crate::report::document::Plan;
use crate::report::document::Restarted;
use crate::report::document::Rewritten;
use crate::report::document::Rke;
use crate::report::document::Skipped;
use crate::report::document::Switched;
use crate::report::fold::folded;
use crate::report::words::counted;

/// A plan that was not carried out.
#[derive(Debug)]
pub(in crate::report) struct Planned<'a> {
    pub(in crate::report) title: String,
    /// Nodes, folded, and what would change on each of them.
    pub(in crate::report) nodes: Vec<(String, &'a [Change])>,
    pub(in crate::report) cluster: Option<&'a ClusterPlan>,
    /// `rke up`, the restarts, node drivers and Secrets.
    pub(in crate::report) rest: Vec<String>,
}

/// What an apply did.
#[derive(Debug)]
pub(in crate::report) struct Carried<'a> {
    /// Nodes, folded, and how each of their changes ended.
    pub(in crate::report) nodes: Vec<(String, Vec<End<'a>>)>,
    /// That `cluster.yml` was written, and what was edited.
    pub(in crate::report) cluster: Option<(String, Option<&'a ClusterPlan>)>,
    /// `rke up`, the restarts, node drivers, Secrets, and what was left out.
    pub(in crate::report) rest: Vec<Line>,
}

/// A change and how it ended.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(in crate::report) struct End<'a> {
    pub(in crate::report) ended: &'a Ended,
    change: Option<&'a Change>,
}

/// A thing that happened to the whole run.
#[derive(Debug, Eq, PartialEq)]
pub(in crate::report) struct Line {
    pub(in crate::report) outcome: Outcome,
    pub(in crate::report) text: String,
    pub(in crate::report) hint: String,
}

/// The plan, when nothing of it was begun.
pub(in crate::report) fn planned(document: &Document) -> Option<Planned<'_>> {
    let plan = document.plan.as_ref()?;
    if document.done.has_begun() {
        return None;
    }
    let is_over = document.finished || document.refusal.is_some();
    Some(Planned::of(
        plan,
        document.command(),
        document.is_apply() && is_over,
    ))
}

impl<'a> Planned<'a> {
    /// What `command` would do; `is_over` when it will not carry it out any more.
    pub(in crate::report) fn of(plan: &'a Plan, command: &str, is_over: bool) -> Self {
        let command = if command == "check" { "apply" } else { command };
        let title = match (is_over, plan.blockers.is_empty()) {
            _ if plan.is_empty() => format!("{command} would change nothing"),
            (true, _) => "planned, and not done".to_owned(),
            (false, true) => format!("{command} would"),
            (false, false) => {
                format!("{command} would refuse because of the blockers below; else it would")
            }
        };
        let nodes = plan.nodes.iter();
        let nodes = grouped(nodes.map(|node| (node.changes.as_slice(), node.node.as_str())));
        let restarts = plan.restarts.iter();
        let restarts = grouped(restarts.map(|one| (&one.component, one.node.as_str())));
        let rke_up = plan.rke_up.iter();
        let rke_up = rke_up.map(|why| format!("run rke up, because {why}"));
        let secrets = plan.secrets.iter();
        let secrets = secrets
            .map(|why| format!("write Secrets again through the Kubernetes API, because {why}"));
        let restarts = restarts
            .into_iter()
            .map(|(component, nodes)| format!("restart {component} on {}", folded(nodes)));
        let drivers = plan.drivers.iter().map(Driver::text);
        Self {
            title,
            nodes: nodes
                .into_iter()
                .map(|(changes, nodes)| (folded(nodes), changes))
                .collect(),
            cluster: plan.cluster_file.as_ref(),
            rest: rke_up
                .chain(restarts)
                .chain(drivers)
                .chain(secrets)
                .collect(),
        }
    }
}

/// What was done, where anything was begun or left out.
pub(in crate::report) fn carried(document: &Document) -> Option<Carried<'_>> {
    let done = &document.done;
    if !document.is_apply() || (!done.has_begun() && done.skipped.is_empty()) {
        return None;
    }
    let plan = document.plan.as_ref();
    let planned = plan.map(by_subject).unwrap_or_default();
    let nodes = done.changes.iter();
    let nodes = grouped(nodes.map(|node| (ends(node, &planned), node.node.as_str())));
    let cluster = done.cluster_file.as_ref().map(|written| {
        let line = match &written.backup {
            Some(backup) => format!("{} written; before: {backup}", written.file),
            None => format!("{} written; there was none before", written.file),
        };
        (line, plan.and_then(|plan| plan.cluster_file.as_ref()))
    });
    let mut rest: Vec<Line> = done.rke.iter().map(rke_up).collect();
    rest.extend(restarted(&done.restarts));
    rest.extend(done.drivers.iter().map(Switched::line));
    rest.extend(done.secrets.iter().map(rewritten));
    rest.extend(left_out(&done.skipped));
    Some(Carried {
        nodes: nodes
            .into_iter()
            .map(|(ends, nodes)| (folded(nodes), ends))
            .collect(),
        cluster,
        rest,
    })
}

/// The planned changes, found by node and subject.
fn by_subject(plan: &Plan) -> HashMap<(&str, &str), &Change> {
    plan.nodes
        .iter()
        .flat_map(|node| {
            let changes = node.changes.iter();
            changes.map(|change| ((node.node.as_str(), change.subject.as_str()), change))
        })
        .collect()
}

fn ends<'a>(node: &'a Outcomes, planned: &HashMap<(&'a str, &'a str), &'a Change>) -> Vec<End<'a>> {
    let ends = node.changes.iter().map(|ended| End {
        ended,
        change: planned
            .get(&(node.node.as_str(), ended.subject.as_str()))
            .copied(),
    });
    ends.collect()
}

impl End<'_> {
    pub(in crate::report) fn text(&self) -> String {
        self.change
            .map_or_else(|| self.ended.subject.clone(), Change::text)
    }

    /// The content before and after, where it was changed.
    pub(in crate::report) fn diff(&self) -> &str {
        match (self.change, self.ended.outcome) {
            (Some(change), Outcome::Changed) => &change.diff,
            _ => "",
        }
    }
}

impl Change {
    /// `kernel kernel.panic: 0 → 10 (guide:1.1.1)`.
    pub(in crate::report) fn text(&self) -> String {
        let step = if self.seen.is_empty() {
            self.wanted.clone()
        } else {
            format!("{} → {}", self.seen, self.wanted)
        };
        format!("{}: {step}{}", self.subject, asked_by(&self.controls))
    }
}

impl ClusterPlan {
    pub(in crate::report) fn title(&self) -> &'static str {
        if self.creates {
            "make cluster.yml"
        } else {
            "edit cluster.yml"
        }
    }
}

impl Edit {
    /// `services.kubelet.…: "true" (guide:2.1.1)`.
    pub(in crate::report) fn text(&self) -> String {
        let asked_by = asked_by(&self.controls);
        format!("{}: {}{asked_by}", self.path, self.wanted)
    }
}

impl Outcome {
    pub(in crate::report) fn word(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

pub(super) fn asked_by(controls: &[String]) -> String {
    if controls.is_empty() {
        String::new()
    } else {
        format!(" ({})", controls.join(", "))
    }
}

fn rke_up(rke: &Rke) -> Line {
    let version = &rke.version;
    let made = counted(rke.recreated.unwrap_or_default(), "container");
    let log = rke.log.as_deref().unwrap_or_default();
    match &rke.failure {
        _ if !rke.ended => Line {
            outcome: Outcome::Failed,
            text: format!("rke up ({version}) was not seen to end"),
            hint: String::new(),
        },
        None => Line {
            outcome: Outcome::Changed,
            text: format!("rke up ({version}) ran: {made} made anew; log: {log}"),
            hint: String::new(),
        },
        Some(failure) => Line {
            outcome: Outcome::Failed,
            text: format!(
                "rke up ({version}) failed: {}; {made} made anew; log: {log}",
                failure.message
            ),
            hint: failure.hint.clone(),
        },
    }
}

fn rewritten(secrets: &Rewritten) -> Line {
    let count = counted(secrets.count, "Secret");
    let key = &secrets.key;
    Line {
        outcome: Outcome::Changed,
        text: format!("{count} written again; all lie in etcd under {key}"),
        hint: String::new(),
    }
}

fn restarted(restarts: &[Restarted]) -> Vec<Line> {
    let restarts = restarts.iter();
    let restarts = restarts.map(|one| {
        (
            (&one.component, one.outcome, one.why.as_deref()),
            one.node.as_deref(),
        )
    });
    let lines = grouped(restarts)
        .into_iter()
        .map(|((component, outcome, why), nodes)| {
            let nodes = folded(nodes.into_iter().flatten());
            let text = match outcome {
                Outcome::Changed => format!("restarted {component} on {nodes}"),
                Outcome::Failed => format!(
                    "{component} on {nodes} was not restarted: {}",
                    why.unwrap_or_default()
                ),
                Outcome::Skipped => format!(
                    "{component} on {nodes} was not restarted: an earlier failure came first"
                ),
            };
            Line {
                outcome,
                text,
                hint: String::new(),
            }
        });
    lines.collect()
}

fn left_out(skipped: &[Skipped]) -> Vec<Line> {
    let skips = skipped.iter();
    let skips = grouped(skips.map(|one| ((&one.what, &one.why), one.node.as_deref())));
    let lines = skips.into_iter().map(|((what, why), nodes)| {
        let nodes: Vec<&str> = nodes.into_iter().flatten().collect();
        let on = if nodes.is_empty() {
            String::new()
        } else {
            format!(" on {}", folded(nodes))
        };
        Line {
            outcome: Outcome::Skipped,
            text: format!("left out: {what}{on}, because {why}"),
            hint: String::new(),
        }
    });
    lines.collect()
}
