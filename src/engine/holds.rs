//! The locks of nodes, each held by a program there from the first change to the end of the run.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::StreamExt as _;
use futures::stream;
use tokio::sync::Mutex;

use crate::engine::Run;
use crate::engine::doors::Exchange;
use crate::inventory::Node;
use crate::inventory::Role;
use crate::node::frame::Answer;
use crate::node::request::Lock;
use crate::node::request::Request;
use crate::rke;
use crate::ssh::held::Held;
use crate::ssh::session::Session;

/// The programs that hold a lock, by node.
#[derive(Default)]
pub(super) struct Holds(Mutex<BTreeMap<String, Hold>>);

/// One of them, and the connection that it needs, whatever becomes of it elsewhere.
struct Hold {
    program: Held,
    session: Arc<Session>,
}

/// Which nodes are asked whether they are ours.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Asked {
    Everywhere,
    /// Where no program of ours holds the lock, as far as this machine knows.
    WhereNotHeld,
}

impl Holds {
    async fn has(&self, node: &Node) -> bool {
        let holds = self.0.lock().await;
        holds
            .get(&node.name)
            .is_some_and(|hold| !hold.program.is_over())
    }

    /// Gives every node back, each within its own short time.
    pub(super) async fn release(self) {
        stream::iter(self.0.into_inner().into_values())
            .for_each_concurrent(None, |hold| async {
                hold.program.release().await;
                drop(hold.session);
            })
            .await;
    }
}

impl Run {
    /// Keeps every other run away from the etcd and control-plane nodes; the other nodes are taken
    /// with their first change. True when all that can be asked are ours.
    ///
    /// So of two runs on one cluster the second is refused before it has changed anything, and no
    /// two of them run `rke up`. What was taken stays taken until the run ends; asked again, it is
    /// taken again where a connection was lost meanwhile.
    pub(super) async fn take_masters(&self) -> bool {
        self.masters_are_ours(Asked::WhereNotHeld).await
    }

    /// The same, and every node is asked: this machine may have slept through the three minutes after
    /// which another run may have it.
    pub(super) async fn confirm_masters(&self) -> bool {
        self.masters_are_ours(Asked::Everywhere).await
    }

    async fn masters_are_ours(&self, asked: Asked) -> bool {
        let is_master = |node: &&Node| node.roles.iter().any(|role| *role != Role::Worker);
        // Who did not answer the first look would only be waited for once more.
        let answers = |node: &&Node| {
            let facts = self.seen.get(&node.name);
            facts.is_none_or(|facts| !facts.is_empty())
        };
        let refused: Vec<String> = stream::iter(self.selected().filter(is_master).filter(answers))
            .map(|node| self.refusal(node, asked))
            .buffer_unordered(usize::MAX)
            .filter_map(async |refusal| refusal)
            .collect()
            .await;
        for why in &refused {
            self.fail(
                format!("{why}; nothing more is changed"),
                "wait until that run has ended; one whose machine is gone counts for three minutes, and until its last change is made",
            );
        }
        refused.is_empty()
    }

    /// Why `node` cannot be ours now. One that cannot be asked is no danger to others, and whatever
    /// needs it says so itself.
    async fn refusal(&self, node: &Node, asked: Asked) -> Option<String> {
        if asked == Asked::WhereNotHeld && self.holds.has(node).await {
            return None;
        }
        let lock = self.lock(node).await;
        let answers = self.ask(node, &[lock]).await.ok()?;
        let answer = answers.first().filter(|answer| is_refused(answer))?;
        Some(format!("{}: {}", node.name, answer.text()))
    }

    /// The record that makes `node` ours, or confirms that it is.
    pub(super) async fn lock(&self, node: &Node) -> Request {
        let site = self.job.lock.as_ref().map(rke::Lock::site);
        Request::Lock(Lock {
            holder: self.job.holder.clone(),
            site: site.unwrap_or_else(|| self.job.run.clone()),
            is_held: self.holds.has(node).await,
        })
    }

    /// Keeps the program of an exchange running where it took the lock; hands back its answers.
    pub(super) async fn hold(
        &self,
        node: &Node,
        session: &Arc<Session>,
        exchange: Exchange,
    ) -> Vec<Answer> {
        let is_taken = !exchange.answers.first().is_none_or(is_refused);
        if let (Some(program), true) = (exchange.held, is_taken) {
            let hold = Hold {
                program,
                session: session.clone(),
            };
            self.holds.0.lock().await.insert(node.name.clone(), hold);
        }
        exchange.answers
    }
}

fn is_refused(answer: &Answer) -> bool {
    answer.verb == "failed"
}
