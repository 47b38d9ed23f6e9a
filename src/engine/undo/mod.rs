//! Puts back what a run replaced: look, say what would be done, do it, look again.
//!
//! An undo is a plan like any other and is carried out by the same code. What
//! it may do is decided from what is there now: a thing that somebody changed
//! since, and a thing that a running component still uses, is left and named.

mod cluster;
mod decide;
mod drivers;
mod reliance;

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;

use futures::StreamExt as _;
use futures::stream;

use crate::engine::ByNode;
use crate::engine::Run;
use crate::engine::journal::Deed;
use crate::engine::journal::Past;
use crate::engine::journal::whole;
use crate::engine::undo::decide::Decision;
use crate::engine::undo::decide::Left;
use crate::event::EventKind;
use crate::event::Phase;
use crate::facts::Facts;
use crate::facts::question::Question;
use crate::inventory::Node;
use crate::plan;
use crate::plan::Plan;

impl Run {
    /// Asks the nodes of `past` what is there now, plans their way back, and tells what is left
    /// as it is; gives both.
    pub async fn look_back(&mut self, past: &Past) -> (Arc<Plan>, Vec<Left>) {
        self.teller.tell(EventKind::PhaseStarted(Phase::Gather));
        let decision = self.decide(past).await;
        for left in &decision.left {
            self.tell_left(left);
        }
        self.tell_of_rke(past, &decision);
        let plan = Arc::new(decision.plan);
        self.teller.tell(EventKind::Planned(plan.clone()));
        (plan, decision.left)
    }

    /// Does what `plan` says, and looks whether all but what is `left` is so.
    pub async fn put_back(&mut self, past: &Past, plan: &Plan, left: &[Left]) {
        let mut done = self.take_masters().await;
        if done {
            done = self.change_nodes(plan).await;
        } else {
            self.leave_nodes(plan);
        }
        if let Some(change) = plan.cluster.as_ref().filter(|_| done) {
            done = !self.is_interrupted() && self.write_cluster_file(change);
        }
        if done && !plan.restarts.is_empty() && !self.is_interrupted() {
            self.teller.tell(EventKind::PhaseStarted(Phase::Restarts));
            done = self.restart_all(&plan.restarts).await;
        }
        if done {
            done = self.switch_drivers(&plan.drivers).await;
        } else {
            self.leave_drivers(&plan.drivers);
        }
        if self.stop.is_asked_for() {
            self.leave_proof();
        } else if done {
            self.prove_back(past, left).await;
        }
    }

    async fn prove_back(&mut self, past: &Past, left: &[Left]) {
        self.read_cluster_file();
        self.teller.tell(EventKind::PhaseStarted(Phase::Verify));
        let again = self.decide(past).await;
        let is_new = |one: &&Left| !left.iter().any(|known| one.is_about(known));
        // What is neither as it was nor as the run made it would be left, and was not before.
        for lost in again.left.iter().filter(is_new) {
            let what = match &lost.node {
                Some(node) => format!("{node}: {}", lost.what),
                None => lost.what.clone(),
            };
            self.fail(
                format!("{what} is not as it was before: {}", lost.why),
                "look at it, and put it back by hand",
            );
        }
        let again = again.plan;
        for (node, changes) in &again.nodes {
            for change in changes.iter() {
                self.fail(
                    format!("{node}: {} is not as it was before", change.subject),
                    "somebody else may have changed it in the meantime; `harden undo` again",
                );
            }
        }
        for switch in &again.drivers {
            self.fail(
                format!("node driver {} is not as it was before", switch.name),
                "somebody else may have switched it in the meantime; `harden undo` again",
            );
        }
    }

    async fn decide(&mut self, past: &Past) -> Decision {
        let facts = self.answers_about(past).await;
        let backup = cluster::backup_of(past).map(fs::read_to_string);
        let drivers = if drivers::is_concerned(past) {
            self.node_drivers().await
        } else {
            None
        };
        let server = self.job.rancher.as_ref().map(|access| access.url.as_str());
        let decision = decide::decide(&decide::Scene {
            past,
            run: &self.job.run,
            inventory: &self.job.inventory,
            selected: &self.job.selected,
            cluster: &self.job.cluster,
            backup: backup.and_then(Result::ok),
            facts: &facts,
            rancher: server.zip(drivers),
        });
        self.seen = facts;
        decision
    }

    async fn answers_about(&self, past: &Past) -> ByNode<Facts> {
        let asked = self.selected().filter_map(|node| {
            let questions = questions(past, node);
            (!questions.is_empty()).then_some((node, questions))
        });
        stream::iter(asked)
            .map(|(node, questions)| async move {
                let facts = self.facts_or_silence(node, questions).await;
                (node.name.clone(), facts)
            })
            .buffer_unordered(usize::MAX)
            .collect()
            .await
    }

    fn tell_left(&self, left: &Left) {
        let kind = EventKind::Skipped {
            what: left.what.clone(),
            why: left.why.clone(),
        };
        match &left.node {
            Some(node) => self.teller.tell_of(node, kind),
            None => self.teller.tell(kind),
        }
    }

    /// Containers and objects are beyond an undo: `rke` makes them from `cluster.yml`.
    fn tell_of_rke(&self, past: &Past, decision: &Decision) {
        let is_pending =
            decision.plan.cluster.is_some() || decision.left.iter().any(|left| left.is_in_use);
        if !past.ran_rke() || !is_pending {
            return;
        }
        let config = whole(&self.job.config);
        let dir = config.parent().unwrap_or(&config).display();
        let name = config.file_name().unwrap_or_default().to_string_lossy();
        self.teller.tell(EventKind::Skipped {
            what: "rke up".to_owned(),
            why: format!(
                "it cannot be undone: with cluster.yml as before, run `cd {dir} && rke up --config {name}`, then `harden undo {}` once more for what the components use until then; objects that addons made stay in the cluster",
                past.begun.run
            ),
        });
    }
}

/// Everything that the way back of `node` depends on.
fn questions(past: &Past, node: &Node) -> BTreeSet<Question> {
    let mut questions = BTreeSet::new();
    let items = past.begun_items();
    for item in items.filter(|item| item.node.as_deref() == Some(&node.name)) {
        match &item.deed {
            Deed::File { path, kept, .. } => {
                questions.insert(Question::Room(path.clone()));
                let contents = kept.iter().chain([path]);
                questions.extend(contents.cloned().map(Question::Content));
            }
            Deed::Attributes { path, .. } => {
                questions.insert(Question::Attributes(path.clone()));
            }
            Deed::Kernel { key, .. } => {
                questions.insert(Question::Kernel(key.clone()));
            }
            Deed::Restart { .. }
            | Deed::ClusterFile { .. }
            | Deed::Snapshot { .. }
            | Deed::RkeUp { .. }
            | Deed::Sweep { .. }
            | Deed::NodeDriver { .. } => {}
        }
    }
    if !questions.is_empty() {
        let components = reliance::COMPONENTS.map(|name| Question::Container(name.to_owned()));
        questions.extend(components);
        questions.extend(plan::TOOLS.map(|tool| Question::Tool(tool.to_owned())));
    }
    questions
}
