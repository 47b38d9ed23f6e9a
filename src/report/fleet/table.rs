//! The fleet for people: what fails where, then the clusters that are not as they should be.

use std::io;

use crate::report::digest::headline::word;
use crate::report::document::Verdict;
use crate::report::fleet::Fleet;
use crate::report::fold::folded;
use crate::report::table::Look;
use crate::report::table::page::Label;
use crate::report::table::page::Page;
use crate::report::table::page::Paint;

/// Writes the whole view.
///
/// # Errors
/// Those of `out`.
pub fn write(out: &mut dyn io::Write, fleet: &Fleet, look: Look) -> io::Result<()> {
    let mut page = Page::new(out, look);
    for control in fleet.troubled() {
        page.heading(&format!("{}  {}", control.control, control.title))?;
        for (verdict, paint) in [
            (Verdict::Fail, Paint::Bad),
            (Verdict::Unknown, Paint::Doubtful),
        ] {
            let clusters = folded(fleet.with(&control.control, verdict));
            if !clusters.is_empty() {
                let label = Label {
                    paint,
                    text: verdict.word(),
                    width: "unknown".len(),
                };
                page.labelled(2, &label, &clusters)?;
            }
        }
    }
    page.heading("clusters")?;
    for cluster in &fleet.clusters {
        let paint = match cluster.exit_code {
            0 => Paint::Good,
            4 => Paint::Doubtful,
            _ => Paint::Bad,
        };
        let told = match &cluster.error {
            Some(error) => format!("{}: {error}", cluster.name),
            None => format!("{}: {}", cluster.name, cluster.controls.in_words()),
        };
        let label = Label {
            paint,
            text: word(cluster.exit_code, false),
            width: "not fully measured".len(),
        };
        page.labelled(2, &label, &told)?;
    }
    page.gap()?;
    page.line(0, Paint::Title, &fleet.sum())
}
