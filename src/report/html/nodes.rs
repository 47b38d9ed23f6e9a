//! The nodes as the template wants them: counts, and links to what is wrong.

use std::collections::HashMap;

use serde::Serialize;

use crate::report::digest::controls::CLUSTER;
use crate::report::digest::controls::Control;
use crate::report::document::Document;
use crate::report::document::Verdict;
use crate::report::html::view::anchor;

#[derive(Serialize)]
pub(super) struct NodeView<'a> {
    name: &'a str,
    silent: bool,
    pass: usize,
    fail: usize,
    unknown: usize,
    other: usize,
    troubles: Vec<Link<'a>>,
}

#[derive(Serialize)]
struct Link<'a> {
    anchor: String,
    id: &'a str,
}

/// The selected nodes and the cluster as a whole, each with its counts.
pub(super) fn of<'a>(document: &'a Document, controls: &[Control<'a>]) -> Vec<NodeView<'a>> {
    let ids = controls.iter().enumerate();
    let ids: HashMap<&str, usize> = ids.map(|(index, control)| (control.id, index)).collect();
    let mut views: Vec<NodeView<'a>> = document
        .nodes
        .iter()
        .map(|node| NodeView::new(&node.name, !node.reached))
        .collect();
    let known = views.iter().enumerate();
    let mut known: HashMap<&str, usize> = known.map(|(index, one)| (one.name, index)).collect();
    for finding in &document.findings {
        let name = finding.node.as_deref().unwrap_or(CLUSTER);
        let index = *known.entry(name).or_insert_with(|| {
            views.push(NodeView::new(name, false));
            views.len() - 1
        });
        let view = &mut views[index];
        let is_trouble = match finding.verdict {
            Verdict::Pass => {
                view.pass += 1;
                false
            }
            Verdict::Fail => {
                view.fail += 1;
                true
            }
            Verdict::Unknown => {
                view.unknown += 1;
                true
            }
            _ => {
                view.other += 1;
                false
            }
        };
        if is_trouble {
            let id = finding.control.as_str();
            let anchor = anchor(ids.get(id).copied().unwrap_or_default());
            view.troubles.push(Link { anchor, id });
        }
    }
    views
}

impl<'a> NodeView<'a> {
    fn new(name: &'a str, silent: bool) -> Self {
        Self {
            name,
            silent,
            pass: 0,
            fail: 0,
            unknown: 0,
            other: 0,
            troubles: Vec::new(),
        }
    }
}
