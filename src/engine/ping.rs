//! One round trip to every node: what we would meet there, and what RKE would.

use std::time::Duration;

use futures::StreamExt as _;
use futures::stream;
use tokio::sync::Semaphore;

use crate::engine::ascents::Ascents;
use crate::engine::doors::AskError;
use crate::engine::doors::ask;
use crate::facts::Facts;
use crate::facts::answer;
use crate::facts::question;
use crate::facts::store::Store;
use crate::inventory::Inventory;
use crate::inventory::Node;
use crate::ping;
use crate::ping::Answers;
use crate::ping::Pulse;
use crate::ping::Trouble;
use crate::ping::cause::NO_DAEMON;
use crate::ping::docker;
use crate::ping::docker::Deaf;
use crate::ping::probe;
use crate::ping::probe::Login;
use crate::secret::Secret;
use crate::ssh::Remote as _;
use crate::ssh::SshError;
use crate::ssh::error::Kind;
use crate::ssh::keys::KeyError;
use crate::ssh::keys::Keys;
use crate::ssh::obstacle::Obstacle;
use crate::ssh::session::Options;
use crate::ssh::session::Session;
use crate::ssh::socket::SocketError;

/// What a round of pings needs to know.
#[derive(Debug)]
pub struct Round {
    pub inventory: Inventory,
    pub keys: Keys,
    pub options: Options,
    /// Handshakes at once.
    pub jobs: usize,
    /// For one answer.
    pub answer: Duration,
    /// For `sudo`, where it asks for one.
    pub sudo_password: Option<Secret>,
}

impl Round {
    /// The pulses of `nodes`, in their order.
    pub async fn ping(&self, nodes: &[&Node]) -> Vec<Pulse> {
        let handshakes = Semaphore::new(self.jobs);
        let privilege = self.inventory.site.privilege;
        let ascents = Ascents::new(privilege, self.sudo_password.clone());
        // Waiting costs nothing: handshakes are bounded where they happen.
        let pulses = stream::iter(nodes.iter().copied())
            .map(|node| self.pulse(node, &handshakes, &ascents))
            .buffered(usize::MAX)
            .collect()
            .await;
        self.options.close().await;
        pulses
    }

    async fn pulse(&self, node: &Node, handshakes: &Semaphore, ascents: &Ascents) -> Pulse {
        let at = self.options.routes.to(node).end.at;
        let pulse = Pulse {
            node: node.name.clone(),
            target: format!("{}@{}", at.user, at.address()),
            ..Pulse::default()
        };
        // The semaphore is never closed.
        let permit = handshakes.acquire().await.ok();
        let session = Session::connect(node, &self.keys, &self.options).await;
        drop(permit);
        match session {
            Ok(session) => self.inside(pulse, node, session, ascents).await,
            Err(error) => outside(pulse, &error),
        }
    }

    async fn inside(
        &self,
        pulse: Pulse,
        node: &Node,
        session: Session,
        ascents: &Ascents,
    ) -> Pulse {
        let (login, socket, facts) = futures::join!(
            self.login(node, &session),
            self.socket(node, &session),
            self.facts(node, &session, ascents)
        );
        let answers = Answers {
            login,
            socket,
            facts: facts.map_err(|error| Trouble {
                message: error.to_string(),
                hint: error.hint(),
                rke_says: None,
            }),
        };
        let mut pulse = ping::review(pulse, node, &self.inventory, &answers);
        if let Some(obstacle) = session.obstacle() {
            pulse.rke = Some(false);
            pulse.troubles.push(barred(&node.name, obstacle));
        }
        session.close().await;
        pulse
    }

    async fn login(&self, node: &Node, session: &Session) -> Option<Login> {
        let path = Secret::from(format!("{}\n", node.docker_socket));
        let output = session.run(probe::PROBE, path, self.answer).await.ok()?;
        Login::read(&output.stdout)
    }

    async fn socket(&self, node: &Node, session: &Session) -> Result<Vec<u8>, Deaf> {
        const PATIENCE: Duration = Duration::from_secs(10);
        let limit = PATIENCE.min(self.answer);
        let asked = session.ask_socket(&node.docker_socket, docker::REQUEST, limit);
        asked.await.map_err(|error| match error {
            SocketError::Forbidden => Deaf::Forbidden,
            SocketError::Failed => Deaf::Failed,
            SocketError::Silent => Deaf::Silent,
            SocketError::Lost => Deaf::Lost,
        })
    }

    async fn facts(
        &self,
        node: &Node,
        session: &Session,
        ascents: &Ascents,
    ) -> Result<Facts, AskError> {
        let ascent = ascents.of(node, session, self.answer).await?;
        let questions = ping::questions(node);
        let requests = question::requests(&questions);
        let exchange = ask(session, node, &ascent, &requests, self.answer).await?;
        let answers = exchange.answers;
        Ok(answer::read(&questions, &answers, &mut Store::default()))
    }
}

fn barred(node: &str, obstacle: Obstacle) -> Trouble {
    let said = match obstacle {
        Obstacle::LockedKey => LOCKED,
        Obstacle::RsaKey => NO_METHOD,
        Obstacle::OnlyConfigured => NO_DAEMON,
    };
    Trouble {
        message: format!("{node}: {}", obstacle.message(node)),
        hint: obstacle.hint().to_owned(),
        rke_says: Some(said.to_owned()),
    }
}

/// The pulse of a node on which nothing could be asked.
fn outside(pulse: Pulse, error: &SshError) -> Pulse {
    let is_jump = matches!(error, SshError::Jump { .. });
    let kind = if is_jump {
        Kind::Unreachable
    } else {
        error.kind()
    };
    let is_known = matches!(kind, Kind::Denied | Kind::Broken);
    // A key that cannot be used is found before the network is.
    let is_before = matches!(error, SshError::Key { .. });
    Pulse {
        reachable: !is_before && kind != Kind::Unreachable,
        host_key: match kind {
            Kind::Untrusted => Some(false),
            _ => (is_known && !is_before).then_some(true),
        },
        login: is_known.then_some(false),
        rke: says(error).is_some().then_some(false),
        troubles: vec![Trouble {
            message: error.to_string(),
            hint: error.hint(),
            rke_says: says(error).map(str::to_owned),
        }],
        ..pulse
    }
}

const NO_METHOD: &str =
    "ssh: unable to authenticate, attempted methods [none publickey], no supported methods remain";
const LOCKED: &str = "Using encrypted private keys is only supported using ssh-agent. Please configure the option `ssh_agent_auth: true`";

/// What RKE says where we fail with `error` (rke.md 1.4); nothing where it would go on, because
/// it looks at no host key, or where it does not come to that point.
fn says(error: &SshError) -> Option<&'static str> {
    match error {
        SshError::Jump { .. } => Some(NO_DAEMON),
        SshError::Key { source, .. } => match source {
            KeyError::Missing { .. } | KeyError::Unreadable { .. } => {
                Some("Can't establish dialer connection: Error while reading SSH key file: open")
            }
            KeyError::Encrypted { .. } | KeyError::Passphrase { .. } | KeyError::OldForm { .. } => {
                Some(LOCKED)
            }
            KeyError::Agent { .. } | KeyError::EmptyAgent { .. } => Some(NO_DAEMON),
            _ => Some("Error configuring SSH: ssh: no key found"),
        },
        other => match other.kind() {
            Kind::Unreachable => Some(NO_DAEMON),
            Kind::Denied => Some(NO_METHOD),
            Kind::Untrusted | Kind::Broken => None,
        },
    }
}
