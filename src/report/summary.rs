//! A run in numbers.

use std::collections::HashMap;

use serde::Deserialize;
use serde::Serialize;

use crate::event::Outcome;
use crate::finding::Finding;
use crate::profile::ControlId;
use crate::report::Report;
use crate::report::document::Verdict;

/// How many of what. Its fields are part of the JSON format.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Summary {
    /// A control counts once, with its worst verdict on any node.
    pub controls: Counts,
    /// One for each control and node.
    pub findings: Counts,
    /// Findings of which some part could not be measured, whatever their verdict.
    pub incomplete: usize,
    /// Nodes of this run.
    pub nodes: usize,
    pub unreachable: usize,
    /// Changes on nodes, edits of `cluster.yml`, and node drivers that are switched.
    pub planned: usize,
    /// Those of them that are done.
    pub changed: usize,
    pub failed: usize,
    pub skipped: usize,
}

/// How many of each verdict. Its fields are part of the JSON format.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Counts {
    pub pass: usize,
    pub fail: usize,
    /// Failures that the site accepts for a time.
    #[serde(default)]
    pub waived: usize,
    pub known_failure: usize,
    pub manual: usize,
    pub not_applicable: usize,
    pub unknown: usize,
}

impl Counts {
    /// Counts one more.
    pub(super) fn add(&mut self, verdict: Verdict) {
        let count = match verdict {
            Verdict::Pass => &mut self.pass,
            Verdict::Fail => &mut self.fail,
            Verdict::Waived => &mut self.waived,
            Verdict::KnownFailure | Verdict::Documented => &mut self.known_failure,
            Verdict::Manual => &mut self.manual,
            Verdict::NotApplicable => &mut self.not_applicable,
            Verdict::Unknown => &mut self.unknown,
        };
        *count += 1;
    }

    /// Both together.
    #[must_use]
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            pass: self.pass + other.pass,
            fail: self.fail + other.fail,
            waived: self.waived + other.waived,
            known_failure: self.known_failure + other.known_failure,
            manual: self.manual + other.manual,
            not_applicable: self.not_applicable + other.not_applicable,
            unknown: self.unknown + other.unknown,
        }
    }

    pub fn total(&self) -> usize {
        self.pass
            + self.fail
            + self.waived
            + self.known_failure
            + self.manual
            + self.not_applicable
            + self.unknown
    }

    /// `4 pass, 5 fail, 0 unknown`; the rarer verdicts only where there are any.
    pub fn in_words(&self) -> String {
        let always = [
            (self.pass, "pass"),
            (self.fail, "fail"),
            (self.unknown, "unknown"),
        ];
        let sometimes = [
            (self.waived, "waived"),
            (self.known_failure, "known to fail"),
            (self.manual, "manual"),
            (self.not_applicable, "not applicable"),
        ];
        let sometimes = sometimes.into_iter().filter(|(number, _)| *number > 0);
        let words: Vec<String> = always
            .into_iter()
            .chain(sometimes)
            .map(|(number, word)| format!("{number} {word}"))
            .collect();
        words.join(", ")
    }
}

impl Report {
    pub fn summary(&self) -> Summary {
        let findings = self.findings();
        let ends = |wanted: fn(&Outcome) -> bool| self.outcomes().filter(|end| wanted(end)).count();
        let written = self.cluster_file.as_ref().map_or(0, |_| self.edits());
        Summary {
            controls: by_control(findings),
            findings: by_finding(findings),
            incomplete: findings.iter().filter(|one| one.is_incomplete()).count(),
            nodes: self.run.as_ref().map_or(0, |run| run.nodes.len()),
            unreachable: self.unreachable.len(),
            planned: self.planned(),
            changed: ends(|end| matches!(end, Outcome::Changed)) + written,
            failed: ends(|end| matches!(end, Outcome::Failed { .. })),
            skipped: ends(|end| matches!(end, Outcome::Skipped)),
        }
    }

    fn planned(&self) -> usize {
        let nodes = self.plan.iter().flat_map(|plan| &plan.nodes);
        let drivers = self.plan.as_ref().map_or(0, |plan| plan.drivers.len());
        nodes.map(|(_, changes)| changes.len()).sum::<usize>() + self.edits() + drivers
    }

    /// The planned edits of `cluster.yml`.
    fn edits(&self) -> usize {
        let cluster = self.plan.as_ref().and_then(|plan| plan.cluster.as_ref());
        cluster.map_or(0, |cluster| cluster.edits.len())
    }
}

/// The counts of the controls, each with its worst verdict.
pub(super) fn by_control(findings: &[Finding]) -> Counts {
    let mut worst: HashMap<&ControlId, Verdict> = HashMap::new();
    for finding in findings {
        let verdict = Verdict::of(&finding.verdict);
        let known = worst.entry(&finding.control).or_insert(verdict);
        if verdict.gravity() > known.gravity() {
            *known = verdict;
        }
    }
    counts(worst.into_values())
}

fn by_finding(findings: &[Finding]) -> Counts {
    counts(findings.iter().map(|one| Verdict::of(&one.verdict)))
}

fn counts(verdicts: impl Iterator<Item = Verdict>) -> Counts {
    let mut counts = Counts::default();
    for verdict in verdicts {
        counts.add(verdict);
    }
    counts
}
