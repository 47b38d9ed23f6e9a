//! The findings, control by control.

use std::io;

use crate::report::digest::controls;
use crate::report::digest::controls::Block;
use crate::report::digest::controls::Control;
use crate::report::digest::controls::Detail;
use crate::report::digest::headline;
use crate::report::document::Document;
use crate::report::document::Evidence;
use crate::report::document::State;
use crate::report::document::Verdict;
use crate::report::table::page::Label;
use crate::report::table::page::Page;
use crate::report::table::page::Paint;
use crate::report::words::escaped;

pub(super) fn write(page: &mut Page<'_>, document: &Document) -> io::Result<()> {
    if let Some(run) = &document.run {
        let subject = headline::subject(run, document.nodes.len());
        page.line(0, Paint::None, &subject)?;
        page.line(0, Paint::Aside, &headline::sources(run))?;
    }
    let controls = controls::of(document, Detail::Trouble);
    let labels = controls.iter().flat_map(|control| &control.blocks);
    let width = labels
        .map(|block| block.label().chars().count())
        .max()
        .unwrap_or_default();
    for Control { id, title, blocks } in &controls {
        page.heading(&format!("{id}  {title}"))?;
        for block in blocks {
            write_block(page, block, width)?;
        }
    }
    Ok(())
}

fn write_block(page: &mut Page<'_>, block: &Block, width: usize) -> io::Result<()> {
    let label = Label {
        paint: paint(block.verdict),
        text: &block.label(),
        width,
    };
    let text = if block.why.is_empty() {
        block.nodes.clone()
    } else {
        format!("{}: {}", block.nodes, block.why)
    };
    page.labelled(2, &label, &text)?;
    let rows: Vec<Row> = block.evidence.iter().map(Row::of).collect();
    write_rows(page, width + 4, &rows)
}

/// A thing that is not as it should be, or that could not be read; escaped, so that it can be
/// measured.
struct Row {
    subject: String,
    wanted: String,
    verb: &'static str,
    seen: String,
}

impl Row {
    fn of(evidence: &Evidence) -> Self {
        Self {
            subject: escaped(&evidence.subject),
            wanted: escaped(&evidence.wanted),
            verb: match evidence.state {
                State::Met | State::Unmet => "seen",
                State::Unread => "unread",
            },
            seen: escaped(&evidence.seen),
        }
    }
}

/// Side by side where every row has room for that, else one below the other.
fn write_rows(page: &mut Page<'_>, indent: usize, rows: &[Row]) -> io::Result<()> {
    let widest = |part: fn(&Row) -> &str| {
        let lengths = rows.iter().map(|row| part(row).chars().count());
        lengths.max().unwrap_or_default()
    };
    let (subject, wanted) = (widest(|row| &row.subject), widest(|row| &row.wanted));
    let behind = widest(|row| row.verb) + 1 + widest(|row| &row.seen);
    let fits = subject + 2 + "wanted ".len() + wanted + 2 + behind <= page.room(indent);
    for row in rows {
        if fits {
            let line = format!(
                "{:subject$}  wanted {:wanted$}  {} {}",
                row.subject, row.wanted, row.verb, row.seen
            );
            page.unwrapped(indent, &line)?;
        } else {
            page.line(indent, Paint::None, &row.subject)?;
            for (name, text) in [("wanted", &row.wanted), (row.verb, &row.seen)] {
                let label = Label {
                    paint: Paint::Aside,
                    text: name,
                    width: "wanted".len(),
                };
                page.labelled(indent + 2, &label, text)?;
            }
        }
    }
    Ok(())
}

fn paint(verdict: Verdict) -> Paint {
    match verdict {
        Verdict::Pass => Paint::Good,
        Verdict::Fail => Paint::Bad,
        Verdict::Waived
        | Verdict::KnownFailure
        | Verdict::Documented
        | Verdict::Manual
        | Verdict::Unknown => Paint::Doubtful,
        Verdict::NotApplicable => Paint::Aside,
    }
}
