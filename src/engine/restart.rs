//! Restarts a component one node at a time and waits until it is well (T-22).

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;
use tokio::time::sleep;
use tokio::time::timeout_at;

use crate::engine::Run;
use crate::engine::health::API_SERVER;
use crate::event::EventKind;
use crate::event::Outcome;
use crate::facts::Observed;
use crate::facts::container::Container;
use crate::facts::container::State;
use crate::facts::question;
use crate::facts::question::Question;
use crate::inventory::Node;
use crate::node::frame::Answer;
use crate::node::request::Request;
use crate::plan::change::Restart;

/// The longest time between two looks.
const GLANCE: Duration = Duration::from_secs(1);

/// A component is looked at no less often until it must be up.
const LOOKS: u32 = 60;

/// Of a log line no more is told.
const LONGEST: usize = 300;

/// RKE's own (rke.md 4.1).
const SECURE_PORT: u16 = 6443;

/// A crash loop shows itself within so many looks in a row.
const STEADY_LOOKS: usize = 5;

impl Run {
    /// Restarts in the given order and stops at the first component that does not come back.
    pub(super) async fn restart_all(&self, restarts: &[Restart]) -> bool {
        if let Err(error) = self.can_ask_health(restarts) {
            self.fail(
                format!("nothing is restarted, because no API server could be asked afterwards how it is: {error}"),
                format!("{}; or pass `--no-kube`, and a container that stays up is enough", error.hint()),
            );
            for restart in restarts {
                self.skip_restart(restart);
            }
            return false;
        }
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
            // Behind the last one there is nothing left to be stopped.
            let is_last = remaining.len() == 0;
            if failed || (!is_last && self.is_interrupted()) {
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

    /// Waits until the component stays up, and an API server until it says that it is well.
    async fn wait_until_steady(&self, node: &Node, component: &str) -> Result<(), String> {
        let patience = self.job.restart;
        let deadline = Instant::now() + patience;
        let mut watch = Watch::default();
        let mut why = None;
        while Instant::now() < deadline {
            if let Some(port) = self.is_steady(node, component, &mut watch).await? {
                let well = match component {
                    API_SERVER => timeout_at(deadline, self.health(node, port)).await,
                    _ => Ok(Ok(())),
                };
                match well {
                    Ok(Ok(())) => return Ok(()),
                    Ok(Err(ill)) => why = Some(ill),
                    // What it said before tells more than that the deadline came in the middle of an answer.
                    Err(_) => why = why.or_else(|| Some("it does not answer".to_owned())),
                }
            }
            sleep(GLANCE.min(patience / LOOKS)).await;
        }
        Err(format!(
            "{component} did not come back to stay within {} s: {}{}",
            patience.as_secs(),
            why.as_deref().unwrap_or("it does not stay up"),
            self.last_words(node, component).await
        ))
    }

    /// One look; the port on which the component serves once it was up in enough of them in a row.
    async fn is_steady(
        &self,
        node: &Node,
        component: &str,
        watch: &mut Watch,
    ) -> Result<Option<u16>, String> {
        let questions = BTreeSet::from([Question::Container(component.to_owned())]);
        let answers = self.ask(node, &question::requests(&questions)).await;
        let answers = answers.map_err(|error| error.to_string())?;
        let facts = self.read(&questions, &answers);
        let Observed::Present(container) = facts.container(component) else {
            watch.looks = 0;
            return Ok(None);
        };
        watch.see(container);
        let is_steady = watch.looks >= STEADY_LOOKS;
        Ok(is_steady.then(|| port(container)))
    }

    /// The last lines of the component's log, as a part of a sentence; nothing where there are none.
    async fn last_words(&self, node: &Node, component: &str) -> String {
        let request = Request::Log(component.to_owned());
        let answers = self.ask(node, &[request]).await.unwrap_or_default();
        let text = answers.first().map(Answer::text).unwrap_or_default();
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let lines: Vec<String> = lines
            .map(|line| line.chars().take(LONGEST).collect())
            .collect();
        if lines.is_empty() {
            String::new()
        } else {
            format!("; its last words: {}", lines.join(" / "))
        }
    }
}

/// How often in a row a component was seen up, and since when it was.
#[derive(Debug, Default)]
struct Watch {
    looks: usize,
    started: Option<Timestamp>,
}

impl Watch {
    fn see(&mut self, container: &Container) {
        let is_same = self.looks > 0 && container.started_at == self.started;
        self.looks = match container.state {
            State::Running if is_same => self.looks + 1,
            State::Running => 1,
            _ => 0,
        };
        self.started = container.started_at;
    }
}

/// Where an API server serves with TLS.
fn port(container: &Container) -> u16 {
    let given = container.flag("secure-port");
    given
        .and_then(|port| port.parse().ok())
        .unwrap_or(SECURE_PORT)
}
