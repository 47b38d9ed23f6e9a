//! Questions out, facts in: all nodes at once, one round trip each.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;

use futures::StreamExt as _;
use futures::stream;

use crate::audit;
use crate::engine::ByNode;
use crate::engine::Connections;
use crate::engine::Run;
use crate::engine::asked::Asked;
use crate::engine::doors::AskError;
use crate::engine::doors::ask;
use crate::event::EventKind;
use crate::facts::Facts;
use crate::facts::File;
use crate::facts::Observed;
use crate::facts::answer;
use crate::facts::layout::Layout;
use crate::facts::question;
use crate::facts::question::Question;
use crate::fleet::Fleet;
use crate::inventory::Node;
use crate::node::frame::Answer;
use crate::node::request::Request;
use crate::shared::Shared;
use crate::shared::Text;
use crate::ssh::SshError;
use crate::ssh::session::Session;

impl Run {
    /// The facts of every selected node, those in `known` unasked; one that gives none is silent
    /// and delays nobody.
    pub(super) async fn gather(&self, mut known: ByNode<Facts>) -> ByNode<Facts> {
        stream::iter(self.selected())
            .map(|node| {
                let known = known.remove(&node.name);
                async move {
                    let facts = match (known, self.asked.get(&node.roles)) {
                        (Some(facts), _) => self.gathered(node, facts),
                        (None, Some(asked)) => self.look_at(node, asked).await,
                        (None, None) => Facts::silent("nothing is asked of nodes with these roles"),
                    };
                    if self.job.connections == Connections::Brief {
                        self.doors.leave(node).await;
                    }
                    (node.name.clone(), facts)
                }
            })
            // Waiting costs nothing: handshakes are bounded where they happen.
            .buffer_unordered(usize::MAX)
            .collect()
            .await
    }

    /// The answers to `asked` and to what follows from them.
    async fn look_at(&self, node: &Node, asked: &Asked) -> Facts {
        let look = async {
            let mut facts = self.facts_of(node, asked).await;
            if !facts.is_empty() {
                Box::pin(self.ask_after(node, &asked.questions, &mut facts)).await;
            }
            facts
        };
        // On the heap: all nodes begin at once, and a future that is handed on stands twice in its
        // caller's.
        self.unless_stopped(Box::pin(look)).await
    }

    /// The answers to `questions`, or why there are none; a stop ends the waiting.
    pub(super) async fn facts_or_silence(
        &self,
        node: &Node,
        questions: BTreeSet<Question>,
    ) -> Facts {
        let asked = Asked::of(questions);
        self.unless_stopped(self.facts_of(node, &asked)).await
    }

    async fn unless_stopped(&self, facts: impl Future<Output = Facts>) -> Facts {
        tokio::select! {
            facts = facts => facts,
            () = self.stop.asked_for() => Facts::silent("the run was interrupted"),
        }
    }

    /// The facts in a node's answers; what others said, too, they have in common with those.
    pub(super) fn read(&self, questions: &BTreeSet<Question>, answers: &[Answer]) -> Facts {
        let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        answer::read(questions, answers, &mut store)
    }

    async fn facts_of(&self, node: &Node, asked: &Asked) -> Facts {
        match self.ask(node, &asked.requests).await {
            Ok(answers) => self.gathered(node, self.read(&asked.questions, &answers)),
            Err(error) => {
                let kind = EventKind::Unreachable {
                    address: node.address.clone(),
                    error: error.to_string(),
                    hint: error.hint(),
                };
                self.teller.tell_of(&node.name, kind);
                Facts::silent(error.to_string())
            }
        }
    }

    fn gathered(&self, node: &Node, facts: Facts) -> Facts {
        let unread = unread(&facts);
        self.teller
            .tell_of(&node.name, EventKind::Gathered { unread });
        facts
    }

    /// Asks what the first answers named; what stays unanswered stays unread.
    pub(super) async fn ask_after(
        &self,
        node: &Node,
        asked: &BTreeSet<Question>,
        facts: &mut Facts,
    ) {
        let job = &self.job;
        let declared = job.cluster.prefix(&job.inventory);
        let layout = Layout::of(declared, facts);
        let mut questions = audit::questions_after(&job.profile, job.level, node, facts);
        if !Layout::candidates(declared).contains(&layout) {
            let below = self.questions_below(node, &layout);
            questions.extend(below.difference(asked).cloned());
        }
        if questions.is_empty() {
            return;
        }
        if let Ok(answers) = self.ask(node, &question::requests(&questions)).await {
            let more = self.read(&questions, &answers);
            facts.files.extend(more.files);
            facts.room.extend(more.room);
        }
    }

    /// Asks the few nodes that run certain pods what only they can tell; what stays unanswered stays
    /// unread. A connection that was closed is opened once more for that.
    pub(super) async fn ask_hosts_of_pods(&self, fleet: &mut Fleet) {
        let job = &self.job;
        let objects = &fleet.objects;
        let asked = audit::questions_by_node(&job.profile, job.level, objects, &fleet.inventory);
        let asked = self.selected().filter_map(|node| {
            let is_reached = !fleet.facts.get(&node.name)?.is_empty();
            let questions = asked.get(&node.name).filter(|_| is_reached)?;
            Some((node, questions))
        });
        let told: Vec<(String, Facts)> = stream::iter(asked)
            .map(|(node, questions)| async move {
                let more = self.unless_stopped(self.more_of(node, questions)).await;
                (node.name.clone(), more)
            })
            .buffer_unordered(usize::MAX)
            .collect()
            .await;
        for (node, more) in told {
            if let Some(facts) = fleet.facts.get_mut(&node) {
                facts.files.extend(more.files);
            }
        }
    }

    async fn more_of(&self, node: &Node, questions: &BTreeSet<Question>) -> Facts {
        let answers = self.ask(node, &question::requests(questions)).await;
        if self.job.connections == Connections::Brief {
            self.doors.leave(node).await;
        }
        match answers {
            Ok(answers) => self.read(questions, &answers),
            Err(error) => Facts {
                files: unread_files(questions, &error.to_string()),
                ..Facts::default()
            },
        }
    }

    /// Asks within the time that one question may take.
    pub(super) async fn ask(
        &self,
        node: &Node,
        requests: &[Request],
    ) -> Result<Vec<Answer>, AskError> {
        self.ask_within(node, requests, self.job.answer).await
    }

    /// Asks over the node's connection, and once more over a new one when the old one was lost:
    /// questions may be repeated, changes may not.
    pub(super) async fn ask_within(
        &self,
        node: &Node,
        requests: &[Request],
        limit: Duration,
    ) -> Result<Vec<Answer>, AskError> {
        let repeatable = !requests.iter().any(Request::changes);
        let began = Instant::now();
        match self.ask_once(node, requests, limit).await {
            // What found no room was not even begun.
            Err((AskError::Ssh(SshError::Full { .. }), true)) => {
                self.doors.forget(node).await;
                let left = limit.saturating_sub(began.elapsed());
                self.ask_once(node, requests, left)
                    .await
                    .map_err(|(error, _)| error)
            }
            Err((AskError::Ssh(SshError::Lost { .. }), true)) if repeatable => {
                self.doors.forget(node).await;
                self.ask_once(node, requests, limit)
                    .await
                    .map_err(|(error, _)| error)
            }
            other => other.map_err(|(error, _)| error),
        }
    }

    /// The connection to a node, opened and told where there is none yet, and whether there was one.
    pub(super) async fn door(&self, node: &Node) -> Result<(Arc<Session>, bool), SshError> {
        let job = &self.job;
        let is_old = self.doors.is_open(node).await;
        let begin = || self.teller.tell_of(&node.name, EventKind::Connecting);
        let start = Instant::now();
        let session = self.doors.to(node, &job.keys, &job.options, begin).await?;
        if !is_old {
            self.teller.tell_of(&node.name, EventKind::Connected);
            self.trace_door(node, &session, start.elapsed());
        }
        Ok((session, is_old))
    }

    /// The answer, or the error and whether the connection was an old one.
    async fn ask_once(
        &self,
        node: &Node,
        requests: &[Request],
        limit: Duration,
    ) -> Result<Vec<Answer>, (AskError, bool)> {
        let door = self.door(node).await;
        let (session, is_old) = door.map_err(|error| (error.into(), false))?;
        // On the heap: thousands of nodes wait for their turn and have nothing to exchange yet.
        let answers = Box::pin(async {
            let ascent = self.ascents.of(node, &*session, limit).await?;
            self.trace_requests(node, requests);
            let began = Instant::now();
            let exchange = ask(&session, node, &ascent, requests, limit).await?;
            self.trace_exchange(node, &exchange, began.elapsed());
            Ok(self.hold(node, &session, exchange).await)
        });
        answers.await.map_err(|error| (error, is_old))
    }
}

fn unread_files(
    questions: &BTreeSet<Question>,
    why: &str,
) -> BTreeMap<Text, Observed<Shared<File>>> {
    let paths = questions.iter().filter_map(|question| match question {
        Question::Attributes(path) | Question::Content(path) => Some(path.as_str()),
        _ => None,
    });
    paths
        .map(|path| (path.into(), Observed::unread(why)))
        .collect()
}

/// How many questions have no answer.
pub(super) fn unread(facts: &Facts) -> usize {
    fn count<K, T>(answers: &BTreeMap<K, Observed<T>>) -> usize {
        let unread = |answer: &&Observed<T>| matches!(answer, Observed::Unread { .. });
        answers.values().filter(unread).count()
    }
    count(&facts.kernel) + count(&facts.files) + count(&facts.containers) + count(&facts.room)
}
