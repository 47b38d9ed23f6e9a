//! Stage nodes: every change of a plan on every node, and who goes first.

use std::collections::BTreeMap;
use std::time::Instant;

use futures::StreamExt as _;
use futures::stream;

use crate::engine::Run;
use crate::engine::asked::Asked;
use crate::engine::doors::AskError;
use crate::engine::gather::unread;
use crate::engine::journal::Deed;
use crate::engine::looks::FRESH;
use crate::event::EventKind;
use crate::event::Outcome;
use crate::event::Phase;
use crate::facts::Facts;
use crate::facts::Observed;
use crate::inventory::Node;
use crate::inventory::Role;
use crate::node::frame::Answer;
use crate::node::request::Request;
use crate::plan::Plan;
use crate::plan::change::Change;

impl Run {
    /// Changes etcd and control-plane nodes one at a time, then workers in the playbook's width.
    /// After a failed etcd or control-plane node, or as many failed workers as the playbook says,
    /// no further node is begun.
    pub(super) async fn change_nodes(&self, plan: &Plan) -> bool {
        if plan.nodes.is_empty() {
            return true;
        }
        self.teller.tell(EventKind::PhaseStarted(Phase::Nodes));
        let (workers, masters): (Vec<_>, Vec<_>) = self
            .planned(plan)
            .into_iter()
            .partition(|(node, _)| node.roles.iter().all(|role| *role == Role::Worker));
        let width = self.job.rollout.workers.of(workers.len());
        let bearable = self.job.rollout.stop_after.get();
        if !self.change_group(masters, 1, 1).await {
            self.skip_all(workers);
            return false;
        }
        self.change_group(workers, width, bearable).await
    }

    /// Tells that no node is changed.
    pub(super) fn leave_nodes(&self, plan: &Plan) {
        self.skip_all(self.planned(plan));
    }

    fn planned<'a>(&'a self, plan: &'a Plan) -> Vec<(&'a Node, &'a [Change])> {
        let selected: BTreeMap<&str, &Node> = self
            .selected()
            .map(|node| (node.name.as_str(), node))
            .collect();
        let planned = plan.nodes.iter().filter_map(|(name, changes)| {
            let node = *selected.get(name.as_str())?;
            Some((node, changes.as_slice()))
        });
        planned.collect()
    }

    /// Changes nodes `width` at a time, until `bearable` of them have failed.
    pub(super) async fn change_group(
        &self,
        group: Vec<(&Node, &[Change])>,
        width: usize,
        bearable: usize,
    ) -> bool {
        let mut remaining = group.into_iter();
        let mut failed = 0;
        loop {
            let batch: Vec<_> = remaining.by_ref().take(width).collect();
            if batch.is_empty() {
                return failed == 0;
            }
            if self.is_interrupted() {
                self.skip_all(batch.into_iter().chain(remaining));
                return false;
            }
            let outcomes = stream::iter(batch)
                .map(|(node, changes)| self.change_node(node, changes))
                .buffer_unordered(width)
                .collect::<Vec<bool>>()
                .await;
            failed += outcomes.into_iter().filter(|done| !done).count();
            if failed >= bearable {
                self.skip_all(remaining);
                return false;
            }
        }
    }

    fn skip_all<'a>(&self, left: impl IntoIterator<Item = (&'a Node, &'a [Change])>) {
        for (node, changes) in left {
            for change in changes {
                self.tell_outcome(node, change, Outcome::Skipped);
            }
        }
    }

    /// All changes of one node, and a look at it behind them, in one program run; true when every
    /// change is done.
    async fn change_node(&self, node: &Node, changes: &[Change]) -> bool {
        let requests: Vec<Request> = changes
            .iter()
            .map(|change| change.request.clone())
            .collect();
        let began = Instant::now();
        let asked = self.asked.get(&node.roles);
        let (outcomes, facts) = self.carry_out_and_look(node, &requests, asked).await;
        for (change, outcome) in changes.iter().zip(&outcomes) {
            self.tell_outcome(node, change, outcome.clone());
        }
        if let (Some(asked), Some(mut facts)) = (asked, facts) {
            self.ask_after(node, &asked.questions, &mut facts).await;
            // What could be read before and not now may be readable again a moment later.
            let before = self.seen.get(&node.name);
            if unread(&facts) <= before.map_or(0, unread) {
                self.looks.keep(&node.name, began, facts);
            }
        }
        outcomes.iter().all(|outcome| *outcome == Outcome::Changed)
    }

    /// What a node said a moment ago: what no change of files and kernel values touches is not asked
    /// again behind those.
    fn known(&self, node: &Node) -> Option<&Facts> {
        let is_fresh = self.asked_at.is_some_and(|since| since.elapsed() < FRESH);
        let facts = self.seen.get(&node.name).filter(|_| is_fresh)?;
        let mut containers = facts.containers.values();
        let is_read = containers.all(|seen| !matches!(seen, Observed::Unread { .. }));
        (is_read && !facts.containers.is_empty()).then_some(facts)
    }

    /// Sends changes to a node, written down before and after; one outcome for each of them.
    pub(super) async fn carry_out(&self, node: &Node, requests: &[Request]) -> Vec<Outcome> {
        self.carry_out_and_look(node, requests, None).await.0
    }

    /// The same with a look behind the changes, and what it saw.
    async fn carry_out_and_look(
        &self,
        node: &Node,
        requests: &[Request],
        asked: Option<&Asked>,
    ) -> (Vec<Outcome>, Option<Facts>) {
        let nothing = Facts::default();
        let before = self.seen.get(&node.name).unwrap_or(&nothing);
        let deeds = self.will(Some(&node.name), |salt| {
            let deeds = requests.iter();
            deeds
                .filter_map(|request| Deed::of(request, before, salt))
                .collect()
        });
        let first = match deeds {
            Ok(first) => first,
            Err(unwritten) => {
                self.fail(&unwritten.message, unwritten.hint);
                return (all_failed(requests, &unwritten.message), None);
            }
        };
        let known = self.known(node);
        let behind = asked.map_or(&[][..], |asked| match known {
            Some(_) => &asked.touched,
            None => &asked.behind,
        });
        let (outcomes, facts) = match self.change(node, requests, behind).await {
            Ok(mut answers) => {
                let others = answers.split_off(requests.len().min(answers.len()));
                let outcomes = (0..requests.len()).map(|index| outcome(answers.get(index)));
                let mut outcomes: Vec<Outcome> = outcomes.collect();
                let facts = asked
                    .filter(|_| !others.is_empty())
                    .map(|asked| self.read_behind(node, asked, &others, known));
                if let Some(facts) = &facts {
                    disprove(requests, &mut outcomes, facts);
                }
                (outcomes, facts)
            }
            // The connection broke: which of the changes are done, the last look will tell.
            Err(error) => {
                let why = format!("not known to be done: {error}");
                (all_failed(requests, &why), None)
            }
        };
        self.did(first, &outcomes);
        (outcomes, facts)
    }

    /// The facts in answers that stand behind changes, with those that were not asked for there.
    fn read_behind(
        &self,
        node: &Node,
        asked: &Asked,
        answers: &[Answer],
        known: Option<&Facts>,
    ) -> Facts {
        let mut facts = self.read(&asked.questions, answers);
        if let Some(before) = self.seen.get(&node.name) {
            facts.room.clone_from(&before.room);
        }
        if let Some(known) = known {
            facts.containers.clone_from(&known.containers);
            facts.operating_system.clone_from(&known.operating_system);
            facts.missing_tools.clone_from(&known.missing_tools);
        }
        facts
    }

    /// The node's answers to changes, made while no other run changes it, and to the questions
    /// behind them, which have their own time.
    async fn change(
        &self,
        node: &Node,
        requests: &[Request],
        behind: &[Request],
    ) -> Result<Vec<Answer>, AskError> {
        let limit = self.job.answer * if behind.is_empty() { 1 } else { 2 };
        let mut locked = vec![self.lock(node).await];
        locked.extend_from_slice(requests);
        locked.extend_from_slice(behind);
        let mut answers = self.ask_within(node, &locked, limit).await?;
        if answers.is_empty() {
            return Ok(answers);
        }
        let lock = answers.remove(0);
        if lock.verb == "failed"
            && let Some(first) = answers.first_mut()
        {
            *first = lock;
        }
        Ok(answers)
    }

    fn tell_outcome(&self, node: &Node, change: &Change, outcome: Outcome) {
        let subject = change.subject.clone();
        self.teller
            .tell_of(&node.name, EventKind::ChangeFinished { subject, outcome });
    }
}

fn all_failed(requests: &[Request], why: &str) -> Vec<Outcome> {
    let why = why.to_owned();
    vec![Outcome::Failed { why }; requests.len()]
}

/// A kernel may take a value and keep another.
fn disprove(requests: &[Request], outcomes: &mut [Outcome], facts: &Facts) {
    for (request, outcome) in requests.iter().zip(outcomes) {
        let (Request::Assign { key, value }, Outcome::Changed) = (request, &*outcome) else {
            continue;
        };
        match facts.kernel(key) {
            Observed::Present(now) if now.split_whitespace().ne(value.split_whitespace()) => {
                let why = format!("{key} is {now} after {value} was written");
                *outcome = Outcome::Failed { why };
            }
            _ => {}
        }
    }
}

fn outcome(answer: Option<&Answer>) -> Outcome {
    match answer {
        Some(answer) if answer.verb == "done" => Outcome::Changed,
        Some(answer) if answer.verb == "skipped" => Outcome::Skipped,
        Some(answer) => Outcome::Failed {
            why: answer.text().into_owned(),
        },
        None => Outcome::Failed {
            why: "the node did not say whether it was done".to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_the_kernel_took_and_did_not_keep_is_a_failure() {
        let assign = |key: &str, value: &str| Request::Assign {
            key: key.to_owned(),
            value: value.to_owned(),
        };
        let requests = [
            assign("kernel.panic", "10"),
            assign("net.ipv4.tcp_rmem", "4096 87380 6291456"),
            assign("vm.overcommit_memory", "1"),
            assign("vm.panic_on_oom", "0"),
        ];
        let mut facts = Facts::default();
        for (key, now) in [
            ("kernel.panic", "0"),
            ("net.ipv4.tcp_rmem", "4096\t87380\t6291456"),
            ("vm.panic_on_oom", "2"),
        ] {
            let now = Observed::Present(now.to_owned());
            facts.kernel.insert(key.to_owned(), now);
        }
        let mut outcomes = vec![Outcome::Changed; 3];
        outcomes.push(Outcome::Skipped);

        disprove(&requests, &mut outcomes, &facts);

        let why = "kernel.panic is 0 after 10 was written".to_owned();
        assert_eq!(outcomes[0], Outcome::Failed { why });
        assert_eq!(outcomes[1..3], [Outcome::Changed, Outcome::Changed]);
        assert_eq!(outcomes[3], Outcome::Skipped);
    }
}
