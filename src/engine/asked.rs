//! What is asked of a node: worked out once for all nodes that have the same roles.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::audit;
use crate::engine::Run;
use crate::facts::layout::Layout;
use crate::facts::question;
use crate::facts::question::OS_RELEASE;
use crate::facts::question::Question;
use crate::inventory::Node;
use crate::inventory::Role;
use crate::node::request::Request;
use crate::plan;
use crate::plan::KUBELET_VALUES;

/// What a look asks of nodes with the same roles.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) questions: BTreeSet<Question>,
    /// The records that ask them.
    pub(super) requests: Vec<Request>,
    /// The records that ask them behind changes: what writes would meet was foretold before those.
    pub(super) behind: Vec<Request>,
    /// Of those, the records about what changes of files and kernel values touch.
    pub(super) touched: Vec<Request>,
}

impl Asked {
    pub(super) fn of(questions: BTreeSet<Question>) -> Self {
        let requests = question::requests(&questions);
        let behind = requests.iter().cloned().map(|request| match request {
            Request::Room(paths) => Request::Leftovers(paths),
            other => other,
        });
        let behind: Vec<Request> = behind.collect();
        let touched = behind
            .iter()
            .filter(|request| !matches!(request, Request::Containers(_) | Request::Tools(_)));
        Self {
            touched: touched.cloned().collect(),
            questions,
            behind,
            requests,
        }
    }
}

impl Run {
    /// What a look asks, for every set of roles that a selected node has.
    pub(super) fn asked(&self) -> BTreeMap<BTreeSet<Role>, Asked> {
        let mut asked = BTreeMap::new();
        for node in self.selected() {
            if !asked.contains_key(&node.roles) {
                let questions = Asked::of(self.questions(node));
                asked.insert(node.roles.clone(), questions);
            }
        }
        asked
    }

    fn questions(&self, node: &Node) -> BTreeSet<Question> {
        let declared = self.job.cluster.prefix(&self.job.inventory);
        let mut questions: BTreeSet<Question> = Layout::candidates(declared)
            .iter()
            .flat_map(|layout| self.questions_below(node, layout))
            .collect();
        questions.insert(Question::Content(OS_RELEASE.to_owned()));
        questions.extend(plan::TOOLS.map(|tool| Question::Tool(tool.to_owned())));
        questions.extend(KUBELET_VALUES.map(|(key, _)| Question::Kernel(key.to_owned())));
        if let (true, Some(path)) = (
            node.roles.contains(&Role::ControlPlane),
            plan::audit_log::path(&self.job.profile),
        ) {
            questions.insert(Question::Room(path.to_owned()));
        }
        questions
    }

    pub(super) fn questions_below(&self, node: &Node, layout: &Layout) -> BTreeSet<Question> {
        audit::questions(&self.job.profile, self.job.level, node, layout)
    }
}
