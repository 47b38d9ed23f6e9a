//! A run in a few lines: what it was about, and how much of what it found and did.

use crate::report::document::Document;
use crate::report::document::Run;
use crate::report::words::counted;

/// `check inventory.yml: 4 nodes, profile rancher-2.1, level 1`.
pub(in crate::report) fn subject(run: &Run, selected: usize) -> String {
    let nodes = if selected == run.fleet {
        counted(run.fleet, "node")
    } else {
        format!("{selected} of {}", counted(run.fleet, "node"))
    };
    let (command, inventory) = (&run.command, &run.inventory);
    format!(
        "{command} {inventory}: {nodes}, profile {}, level {}",
        run.profile, run.level
    )
}

/// The guide and the benchmark that the profile follows.
pub(in crate::report) fn sources(run: &Run) -> String {
    format!("{}; {}", run.guide, run.benchmark)
}

/// The run in a word or two; the exit code decides.
pub(in crate::report) fn verdict(document: &Document) -> &'static str {
    word(document.exit_code, document.refusal.is_some())
}

/// What an exit code means.
pub(in crate::report) fn word(exit_code: u8, is_refused: bool) -> &'static str {
    match exit_code {
        0 => "passes",
        3 if is_refused => "refused",
        3 => "fails",
        4 => "not fully measured",
        _ => "went wrong",
    }
}

/// How much of what: `9 controls on 4 nodes: 0 pass, 9 fail, 0 unknown`, and what there is beside.
pub(in crate::report) fn sum(document: &Document) -> Vec<String> {
    let summary = &document.summary;
    let controls = summary.controls;
    let mut parts = vec![if document.command() == "undo" {
        format!("undo on {}", counted(summary.nodes, "node"))
    } else {
        format!(
            "{} on {}: {}",
            counted(controls.total(), "control"),
            counted(summary.nodes, "node"),
            controls.in_words()
        )
    }];
    let mut add = |number: usize, text: String| {
        if number > 0 {
            parts.push(text);
        }
    };
    add(
        summary.incomplete,
        format!(
            "{} not fully measured",
            counted(summary.incomplete, "finding")
        ),
    );
    add(
        summary.unreachable,
        format!("{} unreachable", counted(summary.unreachable, "node")),
    );
    add(
        summary.planned,
        format!("{} planned", counted(summary.planned, "change")),
    );
    add(summary.changed, format!("{} done", summary.changed));
    add(summary.failed, format!("{} failed", summary.failed));
    add(summary.skipped, format!("{} skipped", summary.skipped));
    if !document.finished {
        parts.push("stopped before the end".to_owned());
    }
    parts
}
