//! What stands in the way, what went wrong, and the run in one line.

use std::io;

use crate::report::Notice;
use crate::report::Report;
use crate::report::fold::folded;
use crate::report::table::group::anonymous;
use crate::report::table::group::grouped;
use crate::report::table::group::told_of;
use crate::report::table::page::Page;
use crate::report::table::page::Paint;
use crate::report::words::counted;
use crate::report::words::named;

pub(super) fn write_blockers(page: &mut Page<'_>, report: &Report) -> io::Result<()> {
    let Some(plan) = &report.plan else {
        return Ok(());
    };
    let blockers = plan.blockers.iter().map(|blocker| Notice {
        node: blocker.node().map(str::to_owned),
        message: format!("{blocker} ({})", blocker.id()),
        hint: blocker.hint(),
    });
    let blockers: Vec<Notice> = blockers.collect();
    write_list(page, "blockers", Paint::Bad, &blockers)
}

pub(super) fn write_notices(page: &mut Page<'_>, report: &Report) -> io::Result<()> {
    write_list(page, "unreachable", Paint::Bad, &report.unreachable)?;
    write_list(page, "warnings", Paint::Doubtful, &report.warnings)?;
    write_list(page, "failed", Paint::Bad, &report.failures)?;
    write_list(page, "refused", Paint::Doubtful, report.refusal.as_slice())
}

/// The last line: how much of what.
pub(super) fn write_summary(page: &mut Page<'_>, report: &Report) -> io::Result<()> {
    let summary = report.summary();
    let controls = summary.controls;
    let mut parts = vec![format!(
        "{} on {}: {}",
        counted(controls.total(), "control"),
        counted(summary.nodes, "node"),
        controls.in_words()
    )];
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
    if !report.finished {
        parts.push("stopped before the end".to_owned());
    }
    page.gap()?;
    page.line(0, Paint::Title, &parts.join(" · "))
}

fn write_list(
    page: &mut Page<'_>,
    title: &str,
    paint: Paint,
    notices: &[Notice],
) -> io::Result<()> {
    if notices.is_empty() {
        return Ok(());
    }
    page.heading(title)?;
    let told = notices.iter().map(|notice| {
        let node = notice.node.as_deref();
        let message = named(node, &notice.message);
        let text = [&message, &notice.hint].map(|text| anonymous(text, node.unwrap_or_default()));
        (text, node)
    });
    for ([message, hint], nodes) in grouped(told) {
        let nodes = folded(nodes.into_iter().flatten());
        page.line(2, paint, &told_of(&message, &nodes))?;
        page.hint(2, &told_of(&hint, &nodes))?;
    }
    Ok(())
}
