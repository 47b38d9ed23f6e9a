//! What an apply would do, and what it did.

use std::collections::HashMap;
use std::io;

use crate::event::Outcome;
use crate::plan::Plan;
use crate::plan::change::Change;
use crate::plan::change::ClusterChange;
use crate::profile::ControlId;
use crate::report::NodeChanges;
use crate::report::Report;
use crate::report::RkeRun;
use crate::report::fold::folded;
use crate::report::table::group::grouped;
use crate::report::table::page::Label;
use crate::report::table::page::Page;
use crate::report::table::page::Paint;
use crate::report::words::counted;

/// The plan, when it was not carried out.
pub(super) fn write_planned(page: &mut Page<'_>, report: &Report) -> io::Result<()> {
    let Some(plan) = report.plan.as_deref().filter(|_| !has_begun(report)) else {
        return Ok(());
    };
    let is_over = report.finished || report.refusal.is_some();
    let title = match (report.is_apply() && is_over, plan.blockers.is_empty()) {
        _ if plan.is_empty() => return page.heading("apply would change nothing"),
        (true, _) => "planned, and not done",
        (false, true) => "apply would",
        (false, false) => "apply would refuse because of the blockers below; else it would",
    };
    page.heading(title)?;
    for (changes, nodes) in grouped(plan.nodes.iter().map(of_node)) {
        page.line(2, Paint::None, &format!("change on {}", folded(nodes)))?;
        for change in changes {
            page.line(4, Paint::None, &change.text())?;
            page.diff(6, change.diff)?;
        }
    }
    if let Some(cluster) = &plan.cluster {
        write_edits(page, cluster)?;
    }
    if let Some(why) = &plan.rke_up {
        page.line(2, Paint::None, &format!("run rke up, because {why}"))?;
    }
    let restarts = plan.restarts.iter();
    for (component, nodes) in grouped(restarts.map(|one| (&one.component, one.node.as_str()))) {
        let line = format!("restart {component} on {}", folded(nodes));
        page.line(2, Paint::None, &line)?;
    }
    if let Some(why) = &plan.secrets {
        let line = format!("write Secrets again through the Kubernetes API, because {why}");
        page.line(2, Paint::None, &line)?;
    }
    Ok(())
}

/// What an apply did, in the order of its stages.
pub(super) fn write_done(page: &mut Page<'_>, report: &Report) -> io::Result<()> {
    if !has_begun(report) && report.skips.is_empty() {
        return Ok(());
    }
    page.heading("done")?;
    write_outcomes(page, report)?;
    if let Some(written) = &report.cluster_file {
        let file = written.file.display();
        let line = match &written.backup {
            Some(backup) => format!("{file} written; before: {}", backup.display()),
            None => format!("{file} written; there was none before"),
        };
        page.line(2, Paint::None, &line)?;
        if let Some(cluster) = report.plan.as_ref().and_then(|plan| plan.cluster.as_ref()) {
            write_each_edit(page, cluster)?;
        }
    }
    if let Some(rke) = &report.rke {
        write_rke(page, rke)?;
    }
    write_restarts(page, report)?;
    if let Some((key, rewritten)) = &report.secrets {
        let secrets = counted(*rewritten, "Secret");
        let line = format!("{secrets} written again; all lie in etcd under {key}");
        page.line(2, Paint::None, &line)?;
    }
    let skips = report.skips.iter();
    let skips = skips.map(|one| ((&one.what, &one.why), one.node.as_deref()));
    for ((what, why), nodes) in grouped(skips) {
        let nodes: Vec<&str> = nodes.into_iter().flatten().collect();
        let on = if nodes.is_empty() {
            String::new()
        } else {
            format!(" on {}", folded(nodes))
        };
        let line = format!("left out: {what}{on}, because {why}");
        page.line(2, Paint::Doubtful, &line)?;
    }
    Ok(())
}

fn has_begun(report: &Report) -> bool {
    !report.changes.is_empty()
        || report.cluster_file.is_some()
        || report.rke.is_some()
        || !report.restarts.is_empty()
        || report.secrets.is_some()
}

fn write_outcomes(page: &mut Page<'_>, report: &Report) -> io::Result<()> {
    let planned = report.plan.as_deref().map(planned).unwrap_or_default();
    let done = report.changes.iter().map(|node| {
        let ends: Vec<End<'_>> = ends(node, &planned);
        (ends, node.node.as_str())
    });
    for (ends, nodes) in grouped(done) {
        page.line(2, Paint::None, &folded(nodes))?;
        for end in ends {
            end.write(page)?;
        }
    }
    Ok(())
}

/// The planned changes, found by node and subject.
fn planned(plan: &Plan) -> HashMap<(&str, &str), &Change> {
    plan.nodes
        .iter()
        .flat_map(|(node, changes)| {
            changes
                .iter()
                .map(|change| ((node.as_str(), change.subject.as_str()), change))
        })
        .collect()
}

fn ends<'a>(
    node: &'a NodeChanges,
    planned: &HashMap<(&'a str, &'a str), &'a Change>,
) -> Vec<End<'a>> {
    let ends = node.outcomes.iter().map(|(subject, outcome)| {
        let change = planned.get(&(node.node.as_str(), subject.as_str()));
        End {
            subject,
            step: change.copied().map(Step::of),
            outcome,
        }
    });
    ends.collect()
}

/// A change and how it ended.
#[derive(Clone, Eq, Hash, PartialEq)]
struct End<'a> {
    subject: &'a str,
    step: Option<Step<'a>>,
    outcome: &'a Outcome,
}

impl End<'_> {
    fn write(&self, page: &mut Page<'_>) -> io::Result<()> {
        let (paint, text) = match self.outcome {
            Outcome::Changed => (Paint::Good, "changed"),
            Outcome::Failed { .. } => (Paint::Bad, "failed"),
            Outcome::Skipped => (Paint::Doubtful, "skipped"),
        };
        let label = Label {
            paint,
            text,
            width: "changed".len(),
        };
        let told = self
            .step
            .as_ref()
            .map_or_else(|| self.subject.to_owned(), Step::text);
        page.labelled(4, &label, &told)?;
        if let Outcome::Failed { why } = self.outcome {
            page.line(4 + label.width + 2, Paint::Bad, why)?;
        }
        match (&self.step, self.outcome) {
            (Some(step), Outcome::Changed) => page.diff(6, step.diff),
            _ => Ok(()),
        }
    }
}

/// What is told of a change; two nodes with equal steps are told as one.
#[derive(Clone, Eq, Hash, PartialEq)]
struct Step<'a> {
    subject: &'a str,
    seen: &'a str,
    wanted: &'a str,
    controls: &'a [ControlId],
    diff: &'a str,
}

impl<'a> Step<'a> {
    fn of(change: &'a Change) -> Self {
        Self {
            subject: &change.subject,
            seen: &change.seen,
            wanted: &change.wanted,
            controls: &change.controls,
            diff: &change.diff,
        }
    }

    fn text(&self) -> String {
        let step = if self.seen.is_empty() {
            self.wanted.to_owned()
        } else {
            format!("{} → {}", self.seen, self.wanted)
        };
        format!("{}: {step}{}", self.subject, asked_by(self.controls))
    }
}

fn of_node((node, changes): &(String, Vec<Change>)) -> (Vec<Step<'_>>, &str) {
    (changes.iter().map(Step::of).collect(), node)
}

fn asked_by(controls: &[ControlId]) -> String {
    let controls: Vec<&str> = controls.iter().map(|id| id.0.as_str()).collect();
    if controls.is_empty() {
        String::new()
    } else {
        format!(" ({})", controls.join(", "))
    }
}

fn write_edits(page: &mut Page<'_>, cluster: &ClusterChange) -> io::Result<()> {
    let title = if cluster.creates {
        "make cluster.yml"
    } else {
        "edit cluster.yml"
    };
    page.line(2, Paint::None, title)?;
    write_each_edit(page, cluster)
}

fn write_each_edit(page: &mut Page<'_>, cluster: &ClusterChange) -> io::Result<()> {
    for edit in &cluster.edits {
        let asked_by = asked_by(&edit.controls);
        let line = format!("{}: {}{asked_by}", edit.path, edit.wanted);
        page.line(4, Paint::None, &line)?;
    }
    page.diff(6, &cluster.diff)
}

fn write_rke(page: &mut Page<'_>, rke: &RkeRun) -> io::Result<()> {
    let version = &rke.version;
    let Some(end) = &rke.end else {
        let line = format!("rke up ({version}) was not seen to end");
        return page.line(2, Paint::Bad, &line);
    };
    let made = format!("{} made anew", counted(end.recreated, "container"));
    let log = end.log.display();
    match &end.failure {
        None => {
            let line = format!("rke up ({version}) ran: {made}; log: {log}");
            page.line(2, Paint::None, &line)
        }
        Some(failure) => {
            let message = &failure.message;
            let line = format!("rke up ({version}) failed: {message}; {made}; log: {log}");
            page.line(2, Paint::Bad, &line)?;
            page.hint(2, &failure.hint)
        }
    }
}

fn write_restarts(page: &mut Page<'_>, report: &Report) -> io::Result<()> {
    let restarts = report.restarts.iter();
    let restarts = restarts.map(|one| ((&one.component, &one.outcome), one.node.as_deref()));
    for ((component, outcome), nodes) in grouped(restarts) {
        let nodes = folded(nodes.into_iter().flatten());
        let (paint, line) = match outcome {
            Outcome::Changed => (Paint::None, format!("restarted {component} on {nodes}")),
            Outcome::Failed { why } => (
                Paint::Bad,
                format!("{component} on {nodes} was not restarted: {why}"),
            ),
            Outcome::Skipped => (
                Paint::Doubtful,
                format!("{component} on {nodes} was not restarted: an earlier failure came first"),
            ),
        };
        page.line(2, paint, &line)?;
    }
    Ok(())
}
