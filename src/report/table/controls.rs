//! The findings, control by control.

use std::collections::HashMap;
use std::collections::HashSet;
use std::io;

use crate::event::RunStarted;
use crate::finding::Attested;
use crate::finding::Finding;
use crate::finding::Verdict;
use crate::profile::ControlId;
use crate::report::Report;
use crate::report::fold::folded;
use crate::report::table::group::anonymous;
use crate::report::table::group::grouped;
use crate::report::table::group::told_of;
use crate::report::table::page::Label;
use crate::report::table::page::Page;
use crate::report::table::page::Paint;
use crate::report::words::counted;
use crate::report::words::escaped;
use crate::resource::Evidence;
use crate::resource::Seen;

/// What a finding about no single node is about.
const CLUSTER: &str = "cluster";

pub(super) fn write(page: &mut Page<'_>, report: &Report) -> io::Result<()> {
    if let Some(run) = &report.run {
        write_run(page, run)?;
    }
    let history = History::of(report);
    let controls = grouped(report.findings().iter().map(|one| (&one.control, one)));
    let controls: Vec<(&ControlId, Vec<Block>)> = controls
        .into_iter()
        .map(|(id, findings)| (id, history.blocks(&findings)))
        .collect();
    let labels = controls.iter().flat_map(|(_, blocks)| blocks);
    let width = labels
        .map(|block| block.label.chars().count())
        .max()
        .unwrap_or_default();
    for (id, blocks) in &controls {
        let title = blocks.first().map_or("", |block| block.title.as_str());
        page.heading(&format!("{id}  {title}"))?;
        for block in blocks {
            block.write(page, width)?;
        }
    }
    Ok(())
}

fn write_run(page: &mut Page<'_>, run: &RunStarted) -> io::Result<()> {
    let nodes = if run.nodes.len() == run.fleet {
        counted(run.fleet, "node")
    } else {
        format!("{} of {}", run.nodes.len(), counted(run.fleet, "node"))
    };
    let (command, inventory) = (&run.command, &run.inventory);
    page.line(
        0,
        Paint::None,
        &format!(
            "{command} {inventory}: {nodes}, profile {}, level {}",
            run.profile, run.level
        ),
    )?;
    let sources = format!("{}; {}", run.guide, run.benchmark);
    page.line(0, Paint::Aside, &sources)
}

/// What was found before, and who gave no answer.
struct History<'a> {
    before: HashMap<(&'a ControlId, Option<&'a str>), &'a Verdict>,
    unreachable: HashSet<&'a str>,
}

impl<'a> History<'a> {
    fn of(report: &'a Report) -> Self {
        let earlier = report.before.as_deref().filter(|_| report.after.is_some());
        Self {
            before: earlier
                .unwrap_or_default()
                .iter()
                .map(|one| ((&one.control, one.node.as_deref()), &one.verdict))
                .collect(),
            unreachable: report
                .unreachable
                .iter()
                .filter_map(|one| one.node.as_deref())
                .collect(),
        }
    }

    /// The findings of one control, those that say the same as one.
    fn blocks(&self, findings: &[&'a Finding]) -> Vec<Block> {
        let told = findings.iter().map(|finding| {
            let node = finding.node.as_deref();
            (self.block(finding), node.unwrap_or(CLUSTER))
        });
        grouped(told)
            .into_iter()
            .map(|(block, nodes)| Block {
                nodes: folded(nodes),
                ..block
            })
            .collect()
    }

    fn block(&self, finding: &Finding) -> Block {
        let node = finding.node.as_deref();
        let now = word(&finding.verdict);
        let before = self.before.get(&(&finding.control, node)).copied();
        let label = match before.map(word) {
            Some(before) if before != now => format!("{before} → {now}"),
            Some(_) | None => now.to_owned(),
        };
        let rows: Vec<Row> = finding.evidence.iter().filter_map(Row::of).collect();
        let why = match &finding.verdict {
            Verdict::Pass | Verdict::Fail => String::new(),
            Verdict::Unknown { .. } if !rows.is_empty() => String::new(),
            Verdict::Unknown { .. } if node.is_some_and(|one| self.unreachable.contains(one)) => {
                "not reached, see below".to_owned()
            }
            Verdict::Unknown { why }
            | Verdict::KnownFailure { why }
            | Verdict::Documented { why }
            | Verdict::NotApplicable { why } => why.clone(),
            Verdict::Waived { reason, by, until } => format!("{reason} ({by}, until {until})"),
            Verdict::Manual {
                what,
                attested: None,
            } => what.clone(),
            Verdict::Manual {
                what,
                attested: Some(said),
            } => looked_at(what, said),
        };
        Block {
            title: finding.title.clone(),
            label,
            paint: paint(&finding.verdict),
            why: anonymous(&why, node.unwrap_or_default()),
            rows: rows
                .into_iter()
                .map(|row| row.anonymous(node.unwrap_or_default()))
                .collect(),
            nodes: String::new(),
        }
    }
}

/// Who did what a person had to do, and what that was.
fn looked_at(what: &str, said: &Attested) -> String {
    let note = match said.note.as_str() {
        "" => String::new(),
        note => format!(" ({note})"),
    };
    let Attested {
        by,
        on,
        holds_until,
        ..
    } = said;
    format!("attested by {by} on {on}, until {holds_until}{note}: {what}")
}

/// One verdict with one reason, and the nodes that have it.
#[derive(Clone, Eq, Hash, PartialEq)]
struct Block {
    title: String,
    label: String,
    paint: Paint,
    why: String,
    rows: Vec<Row>,
    nodes: String,
}

impl Block {
    fn write(&self, page: &mut Page<'_>, width: usize) -> io::Result<()> {
        let label = Label {
            paint: self.paint,
            text: &self.label,
            width,
        };
        let text = if self.why.is_empty() {
            self.nodes.clone()
        } else {
            format!("{}: {}", self.nodes, told_of(&self.why, &self.nodes))
        };
        page.labelled(2, &label, &text)?;
        let rows: Vec<Row> = self
            .rows
            .iter()
            .map(|row| row.of_nodes(&self.nodes))
            .collect();
        write_rows(page, width + 4, &rows)
    }
}

/// A thing that is not as it should be, or that could not be read.
#[derive(Clone, Eq, Hash, PartialEq)]
struct Row {
    subject: String,
    wanted: String,
    verb: &'static str,
    seen: String,
}

impl Row {
    fn of(evidence: &Evidence) -> Option<Self> {
        let (verb, seen) = match &evidence.seen {
            Seen::Met(_) => return None,
            Seen::Unmet(seen) => ("seen", seen),
            Seen::Unread(why) => ("unread", why),
        };
        Some(Self {
            subject: evidence.subject.clone(),
            wanted: evidence.wanted.clone(),
            verb,
            seen: seen.clone(),
        })
    }

    fn anonymous(self, node: &str) -> Self {
        Self {
            seen: anonymous(&self.seen, node),
            ..self
        }
    }

    fn of_nodes(&self, nodes: &str) -> Self {
        Self {
            seen: escaped(&told_of(&self.seen, nodes)),
            subject: escaped(&self.subject),
            wanted: escaped(&self.wanted),
            verb: self.verb,
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

fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "fail",
        Verdict::Waived { .. } => "waived",
        Verdict::KnownFailure { .. } => "known failure",
        Verdict::Documented { .. } => "documented",
        Verdict::Manual { .. } => "manual",
        Verdict::NotApplicable { .. } => "not applicable",
        Verdict::Unknown { .. } => "unknown",
    }
}

fn paint(verdict: &Verdict) -> Paint {
    match verdict {
        Verdict::Pass => Paint::Good,
        Verdict::Fail => Paint::Bad,
        Verdict::Waived { .. }
        | Verdict::KnownFailure { .. }
        | Verdict::Documented { .. }
        | Verdict::Manual { .. }
        | Verdict::Unknown { .. } => Paint::Doubtful,
        Verdict::NotApplicable { .. } => Paint::Aside,
    }
}
