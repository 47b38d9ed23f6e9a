//! What is asked of a node: worked out once for all nodes that have the same roles.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::audit;
use crate::engine::Run;
use crate::facts::question;
use crate::facts::question::Question;
use crate::inventory::Node;
use crate::inventory::Role;
use crate::node::request::Request;
use crate::plan;
use crate::plan::KUBELET_VALUES;
use crate::resource::Layout;

/// The questions of a first look, and the records that ask them.
pub(super) struct Asked {
    pub(super) questions: BTreeSet<Question>,
    pub(super) requests: Vec<Request>,
}

/// By the roles that nodes have.
pub(super) type AskedByRoles<'n> = BTreeMap<&'n BTreeSet<Role>, Asked>;

impl Run {
    /// For every set of roles that a selected node has.
    pub(super) fn asked(&self) -> AskedByRoles<'_> {
        let mut asked = AskedByRoles::new();
        for node in self.selected() {
            asked.entry(&node.roles).or_insert_with(|| {
                let questions = self.questions(node);
                let requests = question::requests(&questions);
                Asked {
                    questions,
                    requests,
                }
            });
        }
        asked
    }

    fn questions(&self, node: &Node) -> BTreeSet<Question> {
        let layout = Layout::of(&self.job.inventory);
        let mut questions = audit::questions(&self.job.profile, self.job.level, node, &layout);
        questions.extend(plan::TOOLS.map(|tool| Question::Tool(tool.to_owned())));
        questions.extend(KUBELET_VALUES.map(|(key, _)| Question::Kernel(key.to_owned())));
        questions
    }
}
