//! Where a failed apply stands: what is done, what is not, and how to go on.

use std::collections::HashMap;
use std::collections::HashSet;

use crate::report::document::Document;
use crate::report::document::Outcome;
use crate::report::document::Outcomes;
use crate::report::fold::folded;

/// What is done and what is not, and the way on from there.
#[derive(Debug, Eq, PartialEq)]
pub(in crate::report) struct Standing {
    pub(in crate::report) now: String,
    pub(in crate::report) next: String,
}

/// `None` unless an apply failed.
pub(in crate::report) fn of(document: &Document) -> Option<Standing> {
    if !document.is_apply() || !document.has_failed() {
        return None;
    }
    Some(Standing {
        now: now(document),
        next: next(document),
    })
}

fn now(document: &Document) -> String {
    if document.command() == "rotate-key" {
        let rotation = "the rotation is not at its end; no key was dropped that a Secret needs";
        let parts = [rotation.to_owned()].into_iter().chain(restarts(document));
        return parts.collect::<Vec<String>>().join("; ");
    }
    let mut parts = nodes(document);
    let done = &document.done;
    parts.push(match &done.cluster_file {
        Some(written) => match &written.backup {
            Some(backup) => format!("cluster.yml written (before: {backup})"),
            None => "cluster.yml made".to_owned(),
        },
        None => "cluster.yml untouched".to_owned(),
    });
    let rke = match &done.rke {
        None => "rke up not run",
        Some(rke) if !rke.ended => "rke up not seen to end",
        Some(rke) if rke.failure.is_some() => "rke up failed",
        Some(_) => "rke up done",
    };
    parts.push(rke.to_owned());
    parts.extend(restarts(document));
    parts.extend(drivers(document));
    parts.join("; ")
}

/// The nodes that are done, those that are half done, and those that were not begun.
fn nodes(document: &Document) -> Vec<String> {
    let mut left: Vec<(&str, usize)> = document
        .plan
        .iter()
        .flat_map(|plan| &plan.nodes)
        .map(|node| (node.node.as_str(), node.changes.len()))
        .collect();
    let planned: HashMap<&str, usize> = left.iter().copied().collect();
    let begun = &document.done.changes;
    let (mut done, mut half) = (Vec::new(), Vec::new());
    for outcomes in begun {
        let (node, ended) = (outcomes.node.as_str(), outcomes.changes.len());
        let changed = changed(outcomes);
        let all = planned.get(node).map_or(ended, |&all| all.max(ended));
        if changed == all {
            done.push(node);
        } else {
            half.push(format!("{node}: {changed} of {all} changes done"));
        }
    }
    let begun: HashSet<&str> = begun.iter().map(|one| one.node.as_str()).collect();
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

fn changed(node: &Outcomes) -> usize {
    let ends = node.changes.iter();
    ends.filter(|end| end.outcome == Outcome::Changed).count()
}

fn restarts(document: &Document) -> Option<String> {
    let missed = document
        .done
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

fn drivers(document: &Document) -> Option<String> {
    let missed = document.done.drivers.iter();
    let missed: Vec<&str> = missed
        .filter(|one| one.outcome != Outcome::Changed)
        .map(|one| one.driver.as_str())
        .collect();
    (!missed.is_empty()).then(|| format!("node drivers not switched: {}", missed.join(", ")))
}

fn next(document: &Document) -> String {
    let inventory = document.run.as_ref().map_or("", |run| &run.inventory);
    let again = match document.command() {
        "undo" => "run the same `harden undo` again: it puts back what is left".to_owned(),
        command => format!(
            "run `harden {command} {inventory}` again: it looks at everything anew and does what is left"
        ),
    };
    let hint = document
        .done
        .rke_failure()
        .into_iter()
        .chain(&document.failures)
        .map(|notice| notice.hint.as_str())
        .find(|hint| !hint.is_empty());
    match hint {
        Some(hint) if says_again(hint, document.command()) => hint.to_owned(),
        Some(hint) => format!("{hint}; then {again}"),
        None => format!("mend what is called failed above, then {again}"),
    }
}

/// True for a hint that itself ends in another run of `command`.
fn says_again(hint: &str, command: &str) -> bool {
    let is_this_command = hint.contains(&format!("`harden {command}"));
    hint.contains("run again") || (is_this_command && hint.contains("again"))
}
