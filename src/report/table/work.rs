//! What an apply would do, and what it did.

use std::io;

use crate::report::digest::steps;
use crate::report::digest::steps::End;
use crate::report::digest::steps::Planned;
use crate::report::document::ClusterPlan;
use crate::report::document::Document;
use crate::report::document::Outcome;
use crate::report::table::page::Label;
use crate::report::table::page::Page;
use crate::report::table::page::Paint;

pub(super) fn write_planned(page: &mut Page<'_>, planned: &Planned<'_>) -> io::Result<()> {
    page.heading(&planned.title)?;
    for (nodes, changes) in &planned.nodes {
        page.line(2, Paint::None, &format!("change on {nodes}"))?;
        for change in *changes {
            page.line(4, Paint::None, &change.text())?;
            page.diff(6, &change.diff)?;
        }
    }
    if let Some(cluster) = planned.cluster {
        page.line(2, Paint::None, cluster.title())?;
        write_edits(page, cluster)?;
    }
    for line in &planned.rest {
        page.line(2, Paint::None, line)?;
    }
    Ok(())
}

/// What an apply did, in the order of its stages.
pub(super) fn write_done(page: &mut Page<'_>, document: &Document) -> io::Result<()> {
    let Some(carried) = steps::carried(document) else {
        return Ok(());
    };
    page.heading("done")?;
    for (nodes, ends) in &carried.nodes {
        page.line(2, Paint::None, nodes)?;
        for end in ends {
            write_end(page, end)?;
        }
    }
    if let Some((line, cluster)) = &carried.cluster {
        page.line(2, Paint::None, line)?;
        if let Some(cluster) = cluster {
            write_edits(page, cluster)?;
        }
    }
    for line in &carried.rest {
        let paint = match line.outcome {
            Outcome::Changed => Paint::None,
            Outcome::Failed => Paint::Bad,
            Outcome::Skipped => Paint::Doubtful,
        };
        page.line(2, paint, &line.text)?;
        page.hint(2, &line.hint)?;
    }
    Ok(())
}

fn write_end(page: &mut Page<'_>, end: &End<'_>) -> io::Result<()> {
    let outcome = end.ended.outcome;
    let label = Label {
        paint: match outcome {
            Outcome::Changed => Paint::Good,
            Outcome::Failed => Paint::Bad,
            Outcome::Skipped => Paint::Doubtful,
        },
        text: outcome.word(),
        width: "changed".len(),
    };
    page.labelled(4, &label, &end.text())?;
    if let Some(why) = &end.ended.why {
        page.line(4 + label.width + 2, Paint::Bad, why)?;
    }
    page.diff(6, end.diff())
}

fn write_edits(page: &mut Page<'_>, cluster: &ClusterPlan) -> io::Result<()> {
    for edit in &cluster.edits {
        page.line(4, Paint::None, &edit.text())?;
    }
    page.diff(6, &cluster.diff)
}
