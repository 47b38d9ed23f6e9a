//! The findings, control by control.

use std::io;

use crate::report::digest::brief;
use crate::report::digest::brief::Brief;
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
use crate::report::words::counted;
use crate::report::words::escaped;

pub(super) fn write(page: &mut Page<'_>, document: &Document) -> io::Result<()> {
    if let Some(run) = &document.run {
        let subject = headline::subject(run, document.nodes.len());
        page.line(0, Paint::None, &subject)?;
        page.line(0, Paint::Aside, &headline::sources(run))?;
    }
    let controls = controls::of(document, Detail::Trouble);
    let (full, brief) = if page.tells_all() {
        (controls, Vec::new())
    } else {
        brief::parted(controls)
    };
    let labels = full.iter().flat_map(|control| &control.blocks);
    let labels = labels.map(Block::label);
    let in_brief = brief.iter().map(|(brief, _)| brief.label.clone());
    let width = labels
        .chain(in_brief)
        .map(|label| label.chars().count())
        .max()
        .unwrap_or_default();
    for Control { id, title, blocks } in &full {
        page.heading(&format!("{id}  {title}"))?;
        for block in blocks {
            write_block(page, block, width)?;
        }
    }
    write_briefs(page, &brief, width)
}

fn write_briefs(
    page: &mut Page<'_>,
    briefs: &[(Brief, Vec<&str>)],
    width: usize,
) -> io::Result<()> {
    if briefs.is_empty() {
        return Ok(());
    }
    let number: usize = briefs.iter().map(|(_, ids)| ids.len()).sum();
    page.heading(&format!(
        "{} in brief; `--all` tells each in full",
        counted(number, "control")
    ))?;
    for (brief, ids) in briefs {
        let label = Label {
            paint: paint(brief.verdict),
            text: &brief.label,
            width,
        };
        let ids = ids.join(", ");
        let text = if brief.why.is_empty() {
            ids
        } else {
            format!("{ids}: {}", brief.why)
        };
        page.labelled(2, &label, &text)?;
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

    fn in_columns(&self, subject: usize, wanted: usize) -> String {
        format!(
            "{:subject$}  wanted {:wanted$}  {} {}",
            self.subject, self.wanted, self.verb, self.seen
        )
    }

    fn says_the_same_as(&self, other: &Self) -> bool {
        self.wanted == other.wanted && self.verb == other.verb && self.seen == other.seen
    }
}

/// Side by side where every row has room for that; else each as it fits, and what is the same of
/// many things said once.
fn write_rows(page: &mut Page<'_>, indent: usize, rows: &[Row]) -> io::Result<()> {
    let widest = |part: fn(&Row) -> &str| {
        let lengths = rows.iter().map(|row| part(row).chars().count());
        lengths.max().unwrap_or_default()
    };
    let (subject, wanted) = (widest(|row| &row.subject), widest(|row| &row.wanted));
    let behind = widest(|row| row.verb) + 1 + widest(|row| &row.seen);
    let room = page.room(indent);
    if subject + 2 + "wanted ".len() + wanted + 2 + behind <= room {
        for row in rows {
            page.unwrapped(indent, &row.in_columns(subject, wanted))?;
        }
        return Ok(());
    }
    for alike in rows.chunk_by(Row::says_the_same_as) {
        let lines: Vec<String> = alike.iter().map(|row| row.in_columns(0, 0)).collect();
        if lines.iter().all(|line| line.chars().count() <= room) {
            for line in &lines {
                page.unwrapped(indent, line)?;
            }
        } else {
            write_stacked(page, indent, alike)?;
        }
    }
    Ok(())
}

/// Things of which the same is said, one below the other, and what is said of them.
fn write_stacked(page: &mut Page<'_>, indent: usize, rows: &[Row]) -> io::Result<()> {
    for row in rows {
        page.line(indent, Paint::None, &row.subject)?;
    }
    let Some(row) = rows.first() else {
        return Ok(());
    };
    for (name, text) in [("wanted", &row.wanted), (row.verb, &row.seen)] {
        let label = Label {
            paint: Paint::Aside,
            text: name,
            width: "wanted".len(),
        };
        page.labelled(indent + 2, &label, text)?;
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
