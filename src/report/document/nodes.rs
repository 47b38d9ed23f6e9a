//! The nodes of a run, and which of them answered.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;

use crate::report;
use crate::report::Report;

/// A node that the run was about.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Node {
    pub name: String,
    pub reached: bool,
    /// Where it was looked for, if it was not reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Why it was not reached.
    pub error: Option<String>,
    pub hint: Option<String>,
}

/// The selected nodes in the inventory's order; others that did not answer come last.
pub(super) fn of(report: &Report) -> Vec<Node> {
    let mut silent: BTreeMap<&str, &report::Unreachable> = report
        .unreachable
        .iter()
        .map(|silent| (silent.node.as_str(), silent))
        .collect();
    let selected = report.run.iter().flat_map(|run| &run.nodes);
    let mut nodes: Vec<Node> = selected
        .map(|name| Node::of(name, silent.remove(name.as_str())))
        .collect();
    nodes.extend(
        silent
            .into_iter()
            .map(|(name, notice)| Node::of(name, Some(notice))),
    );
    nodes
}

impl Node {
    fn of(name: &str, silent: Option<&report::Unreachable>) -> Self {
        Self {
            name: name.to_owned(),
            reached: silent.is_none(),
            address: silent.map(|silent| silent.address.clone()),
            error: silent.map(|silent| silent.error.clone()),
            hint: silent.map(|silent| silent.hint.clone()),
        }
    }
}
