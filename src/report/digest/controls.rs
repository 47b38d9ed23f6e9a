//! The findings, control by control, nodes of which the same was found as one.

use std::collections::HashMap;
use std::collections::HashSet;

use crate::report::digest::group::anonymous;
use crate::report::digest::group::grouped;
use crate::report::digest::group::told_of;
use crate::report::document::Attestation;
use crate::report::document::Document;
use crate::report::document::Evidence;
use crate::report::document::Finding;
use crate::report::document::State;
use crate::report::document::Verdict;
use crate::report::fold::folded;

/// What a finding about no single node is about.
pub(in crate::report) const CLUSTER: &str = "cluster";

/// How much of the evidence is told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::report) enum Detail {
    /// What is not as it should be, or could not be read.
    Trouble,
    Everything,
}

/// A control and all that was found of it.
#[derive(Debug)]
pub(in crate::report) struct Control<'a> {
    pub(in crate::report) id: &'a str,
    pub(in crate::report) title: &'a str,
    pub(in crate::report) blocks: Vec<Block>,
}

/// One verdict with one reason, and the nodes that have it.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(in crate::report) struct Block {
    pub(in crate::report) verdict: Verdict,
    /// What it was before, where that was something else.
    pub(in crate::report) before: Option<Verdict>,
    /// Empty where the evidence says it all.
    pub(in crate::report) why: String,
    pub(in crate::report) evidence: Vec<Evidence>,
    /// Folded, or how many there are where that would be a long list of no use.
    pub(in crate::report) nodes: String,
    /// The nodes gave no answer at all.
    pub(in crate::report) is_silent: bool,
}

/// Longer lists of nodes are given as a number where it is clear who is meant.
const LONG_LIST: usize = 40;

/// All controls in the order of the findings.
pub(in crate::report) fn of(document: &Document, detail: Detail) -> Vec<Control<'_>> {
    let history = History::of(document, detail);
    let findings = document.findings.iter();
    grouped(findings.map(|one| (one.control.as_str(), one)))
        .into_iter()
        .map(|(id, findings)| Control {
            id,
            title: findings.first().map_or("", |one| one.title.as_str()),
            blocks: history.blocks(&findings),
        })
        .collect()
}

impl Control<'_> {
    /// The verdict that speaks for the control.
    pub(in crate::report) fn worst(&self) -> Verdict {
        let verdicts = self.blocks.iter().map(|block| block.verdict);
        verdicts
            .max_by_key(|verdict| verdict.gravity())
            .unwrap_or(Verdict::Unknown)
    }
}

/// What was found before, and who gave no answer.
struct History<'a> {
    before: HashMap<(&'a str, Option<&'a str>), Verdict>,
    unreachable: HashSet<&'a str>,
    detail: Detail,
}

impl<'a> History<'a> {
    fn of(document: &'a Document, detail: Detail) -> Self {
        let before = document.findings_before.iter().flatten();
        Self {
            before: before
                .map(|one| ((one.control.as_str(), one.node.as_deref()), one.verdict))
                .collect(),
            unreachable: document
                .unreachable()
                .map(|node| node.name.as_str())
                .collect(),
            detail,
        }
    }

    /// The findings of one control, those that say the same as one.
    fn blocks(&self, findings: &[&'a Finding]) -> Vec<Block> {
        let told = findings.iter().map(|finding| {
            let node = finding.node.as_deref();
            (self.block(finding), node.unwrap_or(CLUSTER))
        });
        let groups = grouped(told);
        let is_halved = groups.len() == 2 && groups.iter().any(|(block, _)| block.is_silent);
        let told = groups.into_iter().map(|(block, nodes)| {
            let is_silent = block.is_silent;
            let number = nodes.len();
            let mut block = block.told_of(folded(nodes));
            if self.detail == Detail::Trouble && block.nodes.len() > LONG_LIST {
                if is_silent {
                    block.nodes = format!("{number} nodes");
                } else if is_halved {
                    block.nodes = format!("the other {number} nodes");
                }
            }
            block
        });
        told.collect()
    }

    fn block(&self, finding: &Finding) -> Block {
        let node = finding.node.as_deref();
        let own_name = node.unwrap_or_default();
        let before = self.before.get(&(&finding.control, node)).copied();
        let evidence: Vec<Evidence> = finding
            .evidence
            .iter()
            .filter(|one| self.detail == Detail::Everything || one.state != State::Met)
            .map(|one| Evidence {
                seen: anonymous(&one.seen, own_name),
                ..one.clone()
            })
            .collect();
        let is_silent = node.is_some_and(|node| self.unreachable.contains(node));
        let why = match finding.verdict {
            Verdict::Unknown if evidence.iter().any(|one| one.state != State::Met) => String::new(),
            Verdict::Unknown if is_silent => "not reached, see below".to_owned(),
            _ => reason(finding),
        };
        Block {
            verdict: finding.verdict,
            before: before.filter(|before| before.word() != finding.verdict.word()),
            why: anonymous(&why, own_name),
            evidence,
            nodes: String::new(),
            is_silent: is_silent && finding.verdict == Verdict::Unknown,
        }
    }
}

/// Why the verdict is what it is, and on whose word; empty where the evidence is the reason.
pub(in crate::report) fn reason(finding: &Finding) -> String {
    let why = finding.why.as_deref().unwrap_or_default();
    match (&finding.waiver, &finding.attestation) {
        (Some(waiver), _) => format!("{why} ({}, until {})", waiver.by, waiver.until),
        (None, Some(said)) => looked_at(why, said),
        (None, None) => why.to_owned(),
    }
}

/// Who did what a person had to do, and what that was.
fn looked_at(what: &str, said: &Attestation) -> String {
    let note = match said.note.as_str() {
        "" => String::new(),
        note => format!(" ({note})"),
    };
    let Attestation {
        by,
        on,
        holds_until,
        ..
    } = said;
    format!("attested by {by} on {on}, until {holds_until}{note}: {what}")
}

impl Block {
    /// `fail → pass`, or only what it is now.
    pub(in crate::report) fn label(&self) -> String {
        let now = self.verdict.word();
        match self.before {
            Some(before) => format!("{} → {now}", before.word()),
            None => now.to_owned(),
        }
    }

    fn told_of(self, nodes: String) -> Self {
        let evidence = self.evidence.into_iter().map(|one| Evidence {
            seen: told_of(&one.seen, &nodes),
            ..one
        });
        Self {
            evidence: evidence.collect(),
            why: told_of(&self.why, &nodes),
            nodes,
            ..self
        }
    }
}
