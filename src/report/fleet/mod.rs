//! Reports of many clusters as one view: which cluster fails which control.
//!
//! Reports are taken in one at a time and only their verdicts stay, so a
//! thousand of them need little more memory than the largest. What could not
//! be read stays in the view as a cluster that was not measured.

mod html;
mod junit;
mod markdown;
mod sarif;
mod table;

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::io;

use serde::Deserialize;
use serde::Serialize;

use crate::report::document::Document;
use crate::report::document::Verdict;
use crate::report::json::ReadError;
use crate::report::json::write_any;
use crate::report::summary::Counts;
use crate::report::words::counted;

pub use crate::report::fleet::html::write as write_html;
pub use crate::report::fleet::junit::write as write_junit;
pub use crate::report::fleet::markdown::write as write_markdown;
pub use crate::report::fleet::sarif::write as write_sarif;
pub use crate::report::fleet::table::write as write_table;

/// The version of the JSON format.
const VERSION: u32 = 1;

/// Not everything could be measured.
const UNMEASURED: u8 = 4;

/// Many clusters, each judged by its own run.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Fleet {
    version: u32,
    /// The version of the program that joined them.
    harden: String,
    exit_code: u8,
    summary: Sum,
    clusters: Vec<Cluster>,
    controls: Vec<Control>,
    /// Where each control stands in `controls`.
    #[serde(skip)]
    known: HashMap<String, usize>,
}

/// All clusters in numbers.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
struct Sum {
    clusters: usize,
    /// Reports that could not be read.
    unread: usize,
    nodes: usize,
    unreachable: usize,
    /// One for each control and cluster, with its worst verdict on any node.
    controls: Counts,
    /// One for each control and node.
    findings: Counts,
}

/// One report.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
struct Cluster {
    /// How its report is called.
    name: String,
    inventory: String,
    started: String,
    exit_code: u8,
    /// Why there is nothing to say of it.
    error: Option<String>,
    nodes: usize,
    unreachable: usize,
    controls: Counts,
    findings: Counts,
    /// By control, the worst of its nodes.
    verdicts: BTreeMap<String, Verdict>,
}

/// One control on all clusters.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[expect(
    clippy::struct_field_names,
    reason = "the name that reports give to the id"
)]
struct Control {
    control: String,
    title: String,
    /// One for each cluster.
    clusters: Counts,
}

impl Default for Fleet {
    fn default() -> Self {
        Self {
            version: VERSION,
            harden: env!("CARGO_PKG_VERSION").to_owned(),
            exit_code: 0,
            summary: Sum::default(),
            clusters: Vec::new(),
            controls: Vec::new(),
            known: HashMap::new(),
        }
    }
}

impl Fleet {
    /// Takes in the report that is called `name`; false where it is in the view already.
    pub fn absorb(&mut self, name: String, document: &Document) -> bool {
        let cluster = Cluster::of(name, document);
        if self.has(&cluster) {
            return false;
        }
        // Controls keep the order of the profile.
        for finding in &document.findings {
            self.control(&finding.control, &finding.title);
        }
        self.add(cluster);
        true
    }

    /// Takes in that the report called `name` could not be read.
    pub fn miss(&mut self, name: String, error: String) {
        self.add(Cluster {
            name,
            inventory: String::new(),
            started: String::new(),
            exit_code: UNMEASURED,
            error: Some(error),
            nodes: 0,
            unreachable: 0,
            controls: Counts::default(),
            findings: Counts::default(),
            verdicts: BTreeMap::new(),
        });
    }

    /// That of the cluster that is worst off; without any, nothing was measured.
    pub fn exit_code(&self) -> u8 {
        if self.clusters.is_empty() {
            UNMEASURED
        } else {
            self.exit_code
        }
    }

    /// Takes in every cluster of a view that was joined before; says which are in this one already.
    pub fn join(&mut self, other: &Self) -> Vec<String> {
        let mut known = Vec::new();
        for control in &other.controls {
            self.control(&control.control, &control.title);
        }
        for cluster in &other.clusters {
            if self.has(cluster) {
                known.push(cluster.name.clone());
                continue;
            }
            self.add(cluster.clone());
        }
        known
    }

    /// Whether a report of the same name and run is in the view.
    fn has(&self, cluster: &Cluster) -> bool {
        let is_same = |one: &Cluster| {
            one.error.is_none() && (&one.name, &one.started) == (&cluster.name, &cluster.started)
        };
        cluster.error.is_none() && self.clusters.iter().any(is_same)
    }

    /// Reads what [`Fleet::write_json`] wrote.
    ///
    /// # Errors
    /// What is no such view, or that of a newer version of the format.
    pub(in crate::report) fn read(text: &[u8]) -> Result<Self, ReadError> {
        let mut fleet: Self = serde_json::from_slice(text).map_err(ReadError::NotAReport)?;
        if fleet.version > VERSION {
            return Err(ReadError::Newer {
                version: fleet.version,
                known: VERSION,
            });
        }
        let ids = fleet.controls.iter().map(|one| one.control.clone());
        fleet.known = ids.enumerate().map(|(at, id)| (id, at)).collect();
        Ok(fleet)
    }

    /// Writes it for programs.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_json(&self, out: &mut dyn io::Write) -> io::Result<()> {
        write_any(out, self)
    }

    fn add(&mut self, cluster: Cluster) {
        for (id, verdict) in &cluster.verdicts {
            self.control(id, "").clusters.add(*verdict);
        }
        let sum = &mut self.summary;
        sum.clusters += 1;
        sum.unread += usize::from(cluster.error.is_some());
        sum.nodes += cluster.nodes;
        sum.unreachable += cluster.unreachable;
        sum.controls = sum.controls.plus(cluster.controls);
        sum.findings = sum.findings.plus(cluster.findings);
        self.exit_code = self.exit_code.max(cluster.exit_code);
        self.clusters.push(cluster);
    }

    fn control(&mut self, id: &str, title: &str) -> &mut Control {
        let index = self.known.get(id).copied().unwrap_or_else(|| {
            self.controls.push(Control {
                control: id.to_owned(),
                title: title.to_owned(),
                clusters: Counts::default(),
            });
            self.known.insert(id.to_owned(), self.controls.len() - 1);
            self.controls.len() - 1
        });
        &mut self.controls[index]
    }

    /// The clusters on which `control` has `verdict`.
    fn with<'a>(&'a self, control: &'a str, verdict: Verdict) -> impl Iterator<Item = &'a str> {
        let clusters = self.clusters.iter();
        let clusters = clusters.filter(move |one| one.verdicts.get(control) == Some(&verdict));
        clusters.map(|cluster| cluster.name.as_str())
    }

    /// The controls that fail or are unknown somewhere.
    fn troubled(&self) -> impl Iterator<Item = &Control> {
        let controls = self.controls.iter();
        controls.filter(|one| one.clusters.fail + one.clusters.unknown > 0)
    }

    fn title_of(&self, control: &str) -> &str {
        let index = self.known.get(control);
        index.map_or("", |index| self.controls[*index].title.as_str())
    }

    /// `1000 clusters, 4000 nodes: …`.
    fn sum(&self) -> String {
        let sum = &self.summary;
        let mut parts = vec![
            counted(sum.clusters, "cluster"),
            counted(sum.nodes, "node"),
            format!("controls: {}", sum.controls.in_words()),
        ];
        if sum.unreachable > 0 {
            parts.push(format!("{} unreachable", counted(sum.unreachable, "node")));
        }
        if sum.unread > 0 {
            parts.push(format!("{} not readable", counted(sum.unread, "report")));
        }
        parts.join(" · ")
    }
}

impl Cluster {
    fn of(name: String, document: &Document) -> Self {
        let run = document.run.as_ref();
        let mut verdicts: BTreeMap<String, Verdict> = BTreeMap::new();
        for finding in &document.findings {
            match verdicts.get_mut(&finding.control) {
                Some(known) if known.gravity() >= finding.verdict.gravity() => {}
                Some(known) => *known = finding.verdict,
                None => {
                    verdicts.insert(finding.control.clone(), finding.verdict);
                }
            }
        }
        Self {
            name,
            inventory: run.map_or_else(String::new, |run| run.inventory.clone()),
            started: run.map_or_else(String::new, |run| run.started.clone()),
            exit_code: document.exit_code,
            error: None,
            nodes: document.nodes.len(),
            unreachable: document.unreachable().count(),
            controls: document.summary.controls,
            findings: document.summary.findings,
            verdicts,
        }
    }

    fn with(&self, verdict: Verdict) -> impl Iterator<Item = &str> {
        let verdicts = self.verdicts.iter();
        verdicts
            .filter(move |(_, one)| **one == verdict)
            .map(|(control, _)| control.as_str())
    }
}

#[cfg(test)]
mod tests;
