//! Restarts a component one node at a time and waits until it stays up (T-22).

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;
use tokio::time::sleep;

use crate::engine::Run;
use crate::event::EventKind;
use crate::event::Outcome;
use crate::facts::Observed;
use crate::facts::answer;
use crate::facts::container::State;
use crate::facts::question;
use crate::facts::question::Question;
use crate::inventory::Node;
use crate::node::request::Request;
use crate::plan::change::Restart;

/// A component that is not up by then has failed.
const PATIENCE: Duration = Duration::from_secs(300);

/// Between two looks.
const GLANCE: Duration = Duration::from_secs(1);

/// A crash loop shows itself within so many looks in a row.
const STEADY_LOOKS: usize = 5;

impl Run {
    /// Restarts in the given order and stops at the first component that does not come back.
    pub(super) async fn restart_all(&self, restarts: &[Restart]) -> bool {
        let mut remaining = restarts.iter();
        while let Some(restart) = remaining.next() {
            let Some(node) = self.selected().find(|node| node.name == restart.node) else {
                continue;
            };
            let outcome = match self.restart(node, &restart.component).await {
                Ok(()) => Outcome::Changed,
                Err(why) => Outcome::Failed { why },
            };
            let failed = outcome != Outcome::Changed;
            let component = restart.component.clone();
            self.teller
                .tell_of(&node.name, EventKind::Restarted { component, outcome });
            if failed || self.is_interrupted() {
                remaining.for_each(|left| self.skip_restart(left));
                return false;
            }
        }
        true
    }

    fn skip_restart(&self, restart: &Restart) {
        let component = restart.component.clone();
        let outcome = Outcome::Skipped;
        self.teller
            .tell_of(&restart.node, EventKind::Restarted { component, outcome });
    }

    async fn restart(&self, node: &Node, component: &str) -> Result<(), String> {
        let request = Request::Restart(component.to_owned());
        let outcomes = self.carry_out(node, &[request]).await;
        if let Some(Outcome::Failed { why }) = outcomes.into_iter().next() {
            return Err(why);
        }
        self.wait_until_steady(node, component).await
    }

    async fn wait_until_steady(&self, node: &Node, component: &str) -> Result<(), String> {
        let questions = BTreeSet::from([Question::Container(component.to_owned())]);
        let requests = question::requests(&questions);
        let deadline = Instant::now() + PATIENCE;
        let mut looks = 0;
        let mut started = None;
        while Instant::now() < deadline {
            let answers = self
                .ask(node, &requests)
                .await
                .map_err(|error| error.to_string())?;
            let facts = answer::read(&questions, &answers);
            match facts.container(component) {
                Observed::Present(container) if container.state == State::Running => {
                    looks = if container.started_at == started {
                        looks + 1
                    } else {
                        1
                    };
                    started = container.started_at;
                }
                _ => looks = 0,
            }
            if looks == STEADY_LOOKS {
                return Ok(());
            }
            sleep(GLANCE).await;
        }
        Err(format!(
            "{component} did not stay up for {} s",
            PATIENCE.as_secs()
        ))
    }
}
