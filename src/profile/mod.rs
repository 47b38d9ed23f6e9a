//! A benchmark as data: controls, and what each of them wants.

pub mod filter;
pub mod gates;
pub mod library;
pub mod load;
pub mod pattern;
pub mod playbook;
mod text;
pub mod variables;
pub mod version;
pub mod waiver;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt;

use serde::Deserialize;

use crate::inventory::Node;
use crate::inventory::Role;
use crate::profile::gates::Gates;
use crate::profile::version::Gate;
use crate::resource::Resource;
use crate::resource::listing::Listing;

/// A benchmark, loaded and checked: every template rendered, every variable replaced.
#[derive(Clone, Debug)]
pub struct Profile {
    pub name: String,
    pub guide: String,
    pub benchmark: String,
    /// The Kubernetes version that the benchmark is written for.
    pub kubernetes: Gate,
    /// Which version knows which flag and plug-in.
    pub gates: Gates,
    pub controls: Vec<Control>,
}

impl Profile {
    /// The paths of all files that are written.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        let audits = self
            .controls
            .iter()
            .filter_map(|control| match &control.rule {
                Rule::Audit(audit) if audit.is_mended() => Some(&audit.resources),
                _ => None,
            });
        audits.flatten().filter_map(|resource| match resource {
            Resource::File(file) => Some(file.path.as_str()),
            Resource::Encryption(encryption) => Some(encryption.path.as_str()),
            _ => None,
        })
    }
}

/// One rule of a benchmark.
#[derive(Clone, Debug)]
pub struct Control {
    pub id: ControlId,
    /// A sentence that is true when the control passes.
    pub title: String,
    pub level: u8,
    /// Whether the benchmark's score counts it; `None` where the source has no score.
    pub scored: Option<bool>,
    /// Where the guide says otherwise than the self-assessment (T-37), what it says.
    pub scored_by_guide: Option<bool>,
    pub scope: Scope,
    /// Controls of other benchmarks that this one supports, by namespace.
    pub refs: BTreeMap<String, Vec<String>>,
    /// Other Kubernetes versions than these make the control not applicable (T-28).
    pub kubernetes: Option<Gate>,
    /// Controls that must be applied with this one, or before it.
    pub needs: Vec<ControlId>,
    /// What it is good for; empty where the title says it.
    pub why: String,
    /// What else changes when it is applied (T-25).
    pub side_effects: Vec<String>,
    pub rule: Rule,
    /// What a person needs to see to judge a manual control.
    pub shows: Vec<Listing>,
}

impl Control {
    /// True when it is about the file with the key for Secrets.
    pub fn has_key(&self) -> bool {
        match &self.rule {
            Rule::Audit(audit) => audit
                .resources
                .iter()
                .any(|resource| matches!(resource, Resource::Encryption(_))),
            Rule::Manual(_) | Rule::NotApplicable(_) => false,
        }
    }
}

/// `guide:1.1.2` or `cis:1.1.2`: the namespaces share numbers and mean different things (T-01).
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ControlId(pub String);

impl fmt::Display for ControlId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What a control is about.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Scope {
    /// Every node with one of these roles.
    Nodes(BTreeSet<Role>),
    Cluster,
}

impl Scope {
    pub fn covers(&self, node: &Node) -> bool {
        match self {
            Self::Nodes(roles) => node.has_any(roles),
            Self::Cluster => false,
        }
    }
}

/// How a control comes to its verdict.
#[derive(Clone, Debug)]
pub enum Rule {
    Audit(Audit),
    /// A person must look; says what to look at.
    Manual(String),
    NotApplicable(String),
}

/// What is measured, and whose work it is to mend it.
#[derive(Clone, Debug)]
pub struct Audit {
    pub resources: Vec<Resource>,
    /// Empty: `apply` makes the resources so. Else the work belongs to these controls, or to `rke`.
    pub met_by: Vec<String>,
    /// The steps for a person, where nobody was named who could be asked.
    pub by_hand: Option<String>,
    /// The benchmark's own assessment does not pass here either.
    pub exception: Option<Exception>,
    /// All that is found where the exception holds; where anything else is found, the control fails.
    pub known_as: Vec<Resource>,
}

impl Audit {
    /// True when `apply` makes the resources so.
    pub fn is_mended(&self) -> bool {
        self.met_by.is_empty() && self.exception.is_none()
    }
}

/// What an assessment says where it does not pass, and why that is accepted.
///
/// The two are not one: the self-assessment lists its failures, and CIS 1.1.13 is not among them.
/// What it asks would break the cluster and something better stands in its place, so that it is
/// documented and neither passes nor fails; as a known failure the list would have one too many.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Exception {
    /// It fails; says what makes up for it.
    KnownFailure(String),
    /// It is left undone on purpose; says what is done instead.
    Documented(String),
}

/// What the data is written for.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum Platform {
    Rke1,
}
