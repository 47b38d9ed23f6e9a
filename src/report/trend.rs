//! Two reports of one fleet, one after the other: what changed in between.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::collections::HashSet;
use std::io;

use serde::Serialize;

use crate::report::digest::controls::CLUSTER;
use crate::report::digest::group::grouped;
use crate::report::document::Document;
use crate::report::document::Finding;
use crate::report::document::Verdict;
use crate::report::fold::folded;
use crate::report::json::write_any;
use crate::report::words::counted;
use crate::report::words::escaped;

/// The version of the JSON format.
const VERSION: u32 = 1;

/// Everything that is not as it was.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Trend {
    version: u32,
    old: Side,
    new: Side,
    /// How many of each kind; every kind is there.
    summary: BTreeMap<Kind, usize>,
    changes: Vec<Change>,
}

/// Which report it was.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
struct Side {
    inventory: String,
    started: String,
    exit_code: u8,
}

/// One control on one node, or on the cluster, that is not as it was.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Change {
    pub kind: Kind,
    pub control: String,
    pub title: String,
    /// Null for what is about the cluster as a whole.
    pub node: Option<String>,
    /// Null for what is new.
    pub before: Option<Verdict>,
    /// Null for what is gone.
    pub now: Option<Verdict>,
}

/// What a change means.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It fails now, or cannot be measured any more, and did not fail before.
    Regressed,
    /// It failed or was unknown, and passes.
    Mended,
    /// Another verdict, neither better nor worse: waived, not applicable, no longer measured.
    Changed,
    /// A control or a node that was not there before, whatever its verdict.
    New,
    Gone,
}

impl Kind {
    const ALL: [Self; 5] = [
        Self::Regressed,
        Self::Mended,
        Self::Changed,
        Self::New,
        Self::Gone,
    ];

    fn word(self) -> &'static str {
        match self {
            Self::Regressed => "regressed",
            Self::Mended => "mended",
            Self::Changed => "changed",
            Self::New => "new",
            Self::Gone => "gone",
        }
    }

    /// `None` where nothing changed.
    fn of(before: Verdict, now: Verdict) -> Option<Self> {
        let is_bad = |verdict| matches!(verdict, Verdict::Fail | Verdict::Unknown);
        match (before, now) {
            (before, now) if before == now => None,
            (_, Verdict::Fail) => Some(Self::Regressed),
            (before, Verdict::Unknown) if !is_bad(before) => Some(Self::Regressed),
            (before, Verdict::Pass) if is_bad(before) => Some(Self::Mended),
            _ => Some(Self::Changed),
        }
    }
}

impl Trend {
    /// What changed from `old` to `new`, in the order of `new`.
    pub fn between(old: &Document, new: &Document) -> Self {
        let before: HashMap<_, &Finding> = old.findings.iter().map(|one| (key(one), one)).collect();
        let now: HashSet<_> = new.findings.iter().map(key).collect();
        let still = new.findings.iter().filter_map(|finding| {
            let before = before.get(&key(finding)).map(|one| one.verdict);
            let kind = match before {
                Some(before) => Kind::of(before, finding.verdict)?,
                None => Kind::New,
            };
            Some(Change::of(kind, finding, before, Some(finding.verdict)))
        });
        let gone = old.findings.iter().filter(|one| !now.contains(&key(one)));
        let gone = gone.map(|one| Change::of(Kind::Gone, one, Some(one.verdict), None));
        let changes: Vec<Change> = still.chain(gone).collect();
        let mut summary: BTreeMap<Kind, usize> = Kind::ALL.map(|kind| (kind, 0)).into();
        for change in &changes {
            *summary.entry(change.kind).or_default() += 1;
        }
        Self {
            version: VERSION,
            old: Side::of(old),
            new: Side::of(new),
            summary,
            changes,
        }
    }

    /// 3 where anything regressed, else 0: a gate on drift and not on state.
    pub fn exit_code(&self) -> u8 {
        if self.count(Kind::Regressed) > 0 {
            3
        } else {
            0
        }
    }

    fn count(&self, kind: Kind) -> usize {
        self.summary.get(&kind).copied().unwrap_or_default()
    }

    /// Writes it for people.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_text(&self, out: &mut dyn io::Write) -> io::Result<()> {
        for kind in Kind::ALL {
            let changes = self.changes.iter().filter(|change| change.kind == kind);
            let told = grouped(changes.map(|one| ((&one.control, &one.title), one)));
            if !told.is_empty() {
                writeln!(out, "{}", kind.word())?;
            }
            for ((control, title), changes) in told {
                writeln!(out, "  {}  {}", escaped(control), escaped(title))?;
                for (step, nodes) in grouped(changes.into_iter().map(Change::step)) {
                    writeln!(out, "    {step}  {}", escaped(&folded(nodes)))?;
                }
            }
            if self.count(kind) > 0 {
                writeln!(out)?;
            }
        }
        let counts = Kind::ALL.map(|kind| format!("{} {}", self.count(kind), kind.word()));
        let number = counted(self.changes.len(), "difference");
        let since = escaped(&self.old.started);
        writeln!(out, "{number} since {since}: {}", counts.join(", "))
    }

    /// Writes it for programs.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_json(&self, out: &mut dyn io::Write) -> io::Result<()> {
        write_any(out, self)
    }
}

fn key(finding: &Finding) -> (&str, Option<&str>) {
    (&finding.control, finding.node.as_deref())
}

impl Side {
    fn of(document: &Document) -> Self {
        let run = document.run.as_ref();
        Self {
            inventory: run.map_or_else(String::new, |run| run.inventory.clone()),
            started: run.map_or_else(String::new, |run| run.started.clone()),
            exit_code: document.exit_code,
        }
    }
}

impl Change {
    fn of(kind: Kind, finding: &Finding, before: Option<Verdict>, now: Option<Verdict>) -> Self {
        Self {
            kind,
            control: finding.control.clone(),
            title: finding.title.clone(),
            node: finding.node.as_deref().map(str::to_owned),
            before,
            now,
        }
    }

    /// `pass → fail`, and where.
    fn step(&self) -> (String, &str) {
        let words: Vec<&str> = [self.before, self.now]
            .into_iter()
            .flatten()
            .map(Verdict::word)
            .collect();
        (words.join(" → "), self.node.as_deref().unwrap_or(CLUSTER))
    }
}

#[cfg(test)]
mod tests;
