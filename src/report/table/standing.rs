//! Where a failed apply stands: what is done, what is not, and how to go on.

use std::collections::HashMap;
use std::collections::HashSet;
use std::io;

use crate::event::Outcome;
use crate::report::NodeChanges;
use crate::report::Report;
use crate::report::fold::folded;
use crate::report::table::page::Label;
use crate::report::table::page::Page;
use crate::report::table::page::Paint;

pub(super) fn write(page: &mut Page<'_>, report: &Report) -> io::Result<()> {
    if !report.is_apply() || !report.has_failed() {
        return Ok(());
    }
    page.gap()?;
    let half = |text| Label {
        paint: Paint::Bad,
        text,
        width: "half done".len(),
    };
    page.labelled(0, &half("half done"), &standing(report))?;
    page.labelled(0, &half("next"), &next(report))
}

fn standing(report: &Report) -> String {
    let mut parts = nodes(report);
    parts.push(match &report.cluster_file {
        Some(written) => match &written.backup {
            Some(backup) => format!("cluster.yml written (before: {})", backup.display()),
            None => "cluster.yml made".to_owned(),
        },
        None => "cluster.yml untouched".to_owned(),
    });
    parts.push(match &report.rke {
        None => "rke up not run".to_owned(),
        Some(rke) => match &rke.end {
            None => "rke up not seen to end".to_owned(),
            Some(end) if end.failure.is_some() => "rke up failed".to_owned(),
            Some(_) => "rke up done".to_owned(),
        },
    });
    parts.extend(restarts(report));
    parts.join("; ")
}

/// The nodes that are done, those that are half done, and those that were not begun.
fn nodes(report: &Report) -> Vec<String> {
    let mut left: Vec<(&str, usize)> = report
        .plan
        .iter()
        .flat_map(|plan| &plan.nodes)
        .map(|(node, changes)| (node.as_str(), changes.len()))
        .collect();
    let planned: HashMap<&str, usize> = left.iter().copied().collect();
    let (mut done, mut half) = (Vec::new(), Vec::new());
    for NodeChanges { node, outcomes } in &report.changes {
        let changed = changed(outcomes);
        let all = planned
            .get(node.as_str())
            .map_or(outcomes.len(), |&planned| planned.max(outcomes.len()));
        if changed == all {
            done.push(node.as_str());
        } else {
            half.push(format!("{node}: {changed} of {all} changes done"));
        }
    }
    let begun: HashSet<&str> = report.changes.iter().map(|one| one.node.as_str()).collect();
    left.retain(|(node, _)| !begun.contains(node));

    let mut parts = Vec::new();
    if !done.is_empty() {
        parts.push(format!("{}: all changes done", folded(done)));
    }
    parts.append(&mut half);
    if !left.is_empty() {
        let left = folded(left.into_iter().map(|(node, _)| node));
        parts.push(format!("{left}: not begun"));
    }
    parts
}

fn changed(outcomes: &[(String, Outcome)]) -> usize {
    outcomes
        .iter()
        .filter(|(_, outcome)| *outcome == Outcome::Changed)
        .count()
}

fn restarts(report: &Report) -> Option<String> {
    let missed = report
        .restarts
        .iter()
        .filter(|one| one.outcome != Outcome::Changed)
        .map(|one| match &one.node {
            Some(node) => format!("{} on {node}", one.component),
            None => one.component.clone(),
        });
    let missed: Vec<String> = missed.collect();
    (!missed.is_empty()).then(|| format!("not restarted: {}", missed.join(", ")))
}

fn next(report: &Report) -> String {
    let inventory = report.run.as_ref().map_or("", |run| &run.inventory);
    let again = format!(
        "run `harden apply {inventory}` again: it looks at everything anew and does what is left"
    );
    let hint = report
        .rke_failure()
        .into_iter()
        .chain(&report.failures)
        .map(|notice| notice.hint.as_str())
        .find(|hint| !hint.is_empty());
    match hint {
        Some(hint) => format!("{hint}; then {again}"),
        None => format!("mend what is called failed above, then {again}"),
    }
}
