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
    /// Why it was not reached.
    pub error: Option<String>,
    pub hint: Option<String>,
}

/// The selected nodes in the inventory's order; others that did not answer come last.
pub(super) fn of(report: &Report) -> Vec<Node> {
    let mut silent: BTreeMap<&str, &report::Notice> = report
        .unreachable
        .iter()
        .map(|notice| (notice.node.as_deref().unwrap_or_default(), notice))
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
    fn of(name: &str, trouble: Option<&report::Notice>) -> Self {
        Self {
            name: name.to_owned(),
            reached: trouble.is_none(),
            error: trouble.map(|notice| notice.message.clone()),
            hint: trouble.map(|notice| notice.hint.clone()),
        }
    }
}
