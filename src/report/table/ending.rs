//! What stands in the way, what went wrong, and the run in one line.

use std::io;

use crate::report::digest::headline;
use crate::report::digest::standing;
use crate::report::digest::troubles::Kind;
use crate::report::digest::troubles::Troubles;
use crate::report::document::Document;
use crate::report::table::page::Label;
use crate::report::table::page::Page;
use crate::report::table::page::Paint;

pub(super) fn write_troubles(page: &mut Page<'_>, troubles: &Troubles) -> io::Result<()> {
    if troubles.all.is_empty() {
        return Ok(());
    }
    let paint = match troubles.kind {
        Kind::Blockers | Kind::Unreachable | Kind::Failed => Paint::Bad,
        Kind::Warnings | Kind::Refused => Paint::Doubtful,
    };
    page.heading(troubles.kind.title())?;
    for trouble in &troubles.all {
        page.line(2, paint, &trouble.message)?;
        page.hint(2, &trouble.hint)?;
    }
    Ok(())
}

/// Where a failed apply stands.
pub(super) fn write_standing(page: &mut Page<'_>, document: &Document) -> io::Result<()> {
    let Some(standing) = standing::of(document) else {
        return Ok(());
    };
    page.gap()?;
    let label = |text| Label {
        paint: Paint::Bad,
        text,
        width: "half done".len(),
    };
    page.labelled(0, &label("half done"), &standing.now)?;
    page.labelled(0, &label("next"), &standing.next)
}

/// The last line: how much of what.
pub(super) fn write_summary(page: &mut Page<'_>, document: &Document) -> io::Result<()> {
    page.gap()?;
    page.line(0, Paint::Title, &headline::sum(document).join(" · "))
}
