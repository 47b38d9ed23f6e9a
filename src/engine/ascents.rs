//! How to become root on each node: found out once a node, before its first question.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::Mutex;

use crate::engine::doors::AskError;
use crate::inventory::Node;
use crate::inventory::Privilege;
use crate::node::ascent;
use crate::node::ascent::Ascent;
use crate::node::ascent::Refusal;
use crate::secret::Secret;
use crate::ssh::Output;
use crate::ssh::Remote;
use crate::ssh::Status;

/// The ways to root of a run.
#[derive(Debug)]
pub(super) struct Ascents {
    privilege: Privilege,
    /// Given with `--ask-sudo`, which wins over the inventory.
    password: Option<Secret>,
    trial: Mutex<Trial>,
    known: Mutex<BTreeMap<String, Ascent>>,
}

/// What is known of the password for `sudo`. While it is open, one node tries and the others wait,
/// so that a mistyped password is not a failed login on five hundred nodes.
#[derive(Debug, Default)]
enum Trial {
    #[default]
    Open,
    Right,
    WrongOn(String),
}

impl Ascents {
    pub(super) fn new(privilege: Privilege, password: Option<Secret>) -> Self {
        Self {
            privilege,
            password,
            trial: Mutex::default(),
            known: Mutex::default(),
        }
    }

    /// The way to root on `node`. Root's own login and `sudo` without a password cost nothing;
    /// the others are tried with a command of their own at first.
    pub(super) async fn of(
        &self,
        node: &Node,
        remote: &impl Remote,
        deadline: Duration,
    ) -> Result<Ascent, AskError> {
        if node.user == "root" {
            return Ok(Ascent::Root);
        }
        if let Some(known) = self.known.lock().await.get(&node.name) {
            return Ok(known.clone());
        }
        let found = match (&self.password, self.privilege) {
            (Some(password), _) => self.with_password(node, remote, password, deadline).await?,
            (None, Privilege::Docker) => through_docker(node, remote, deadline).await?,
            (None, Privilege::Sudo) => return Ok(Ascent::Sudo),
        };
        let mut known = self.known.lock().await;
        known.insert(node.name.clone(), found.clone());
        Ok(found)
    }

    async fn with_password(
        &self,
        node: &Node,
        remote: &impl Remote,
        password: &Secret,
        deadline: Duration,
    ) -> Result<Ascent, AskError> {
        let mut trial = self.trial.lock().await;
        match &*trial {
            Trial::Right => {
                drop(trial);
                return try_password(node, remote, password, deadline).await;
            }
            Trial::WrongOn(other) => {
                let node_of_trial = other.clone();
                return Err(refused(
                    node,
                    Refusal::PasswordWrongOn {
                        node: node_of_trial,
                    },
                ));
            }
            Trial::Open => {}
        }
        let tried = try_password(node, remote, password, deadline).await;
        match &tried {
            Ok(Ascent::Password(_)) => *trial = Trial::Right,
            Err(AskError::Root {
                refusal: Refusal::PasswordWrong,
                ..
            }) => {
                *trial = Trial::WrongOn(node.name.clone());
            }
            // A node that asked for none, or could not be asked, says nothing about the password.
            _ => {}
        }
        tried
    }
}

async fn try_password(
    node: &Node,
    remote: &impl Remote,
    password: &Secret,
    deadline: Duration,
) -> Result<Ascent, AskError> {
    let way = Ascent::Password(password.clone());
    let stdin = way.stdin(Secret::new(Vec::new()));
    let output = remote
        .run(&ascent::password_trial(), stdin, deadline)
        .await?;
    match ascent::took_password(&text(&output.stdout)) {
        Some(true) => Ok(way),
        Some(false) => Ok(Ascent::Sudo),
        None => {
            let stderr = text(&output.stderr);
            let refusal = Refusal::of_sudo(&stderr, code(&output));
            let refusal = refusal.unwrap_or_else(|| Refusal::Sudo {
                said: stderr.trim().to_owned(),
            });
            Err(refused(node, refusal))
        }
    }
}

async fn through_docker(
    node: &Node,
    remote: &impl Remote,
    deadline: Duration,
) -> Result<Ascent, AskError> {
    let nothing = Secret::new(Vec::new());
    let output = remote
        .run(&ascent::image_search(), nothing, deadline)
        .await?;
    ascent::image_found(&text(&output.stdout), &text(&output.stderr))
        .map_err(|refusal| refused(node, refusal))
}

/// That `node` does not let its user become root.
pub(super) fn refused(node: &Node, refusal: Refusal) -> AskError {
    AskError::Root {
        node: node.name.clone(),
        user: node.user.clone(),
        refusal,
    }
}

/// The exit code, when there is one.
pub(super) fn code(output: &Output) -> Option<u32> {
    match output.status {
        Status::Code(code) => Some(code),
        Status::Signal(_) | Status::Running => None,
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;
    use std::sync::atomic::AtomicUsize;
    use std::sync::atomic::Ordering;

    use futures::future::join_all;

    use crate::inventory::KeySource;
    use crate::ssh::SshError;

    /// Nodes that all answer alike, and count how often they were asked.
    struct Nodes {
        stdout: &'static str,
        stderr: &'static str,
        asked: AtomicUsize,
    }

    impl Remote for Nodes {
        fn run(
            &self,
            _command: &str,
            stdin: Secret,
            _deadline: Duration,
        ) -> impl Future<Output = Result<Output, SshError>> + Send {
            assert_eq!(stdin.expose(), b"sesame\n");
            self.asked.fetch_add(1, Ordering::Relaxed);
            async {
                tokio::task::yield_now().await;
                Ok(Output {
                    stdout: self.stdout.into(),
                    stderr: self.stderr.into(),
                    status: Status::Code(u32::from(self.stdout.is_empty())),
                })
            }
        }
    }

    fn node(number: usize) -> Node {
        Node {
            name: format!("w-{number}"),
            address: "10.0.0.1".to_owned(),
            port: 22,
            has_port: true,
            internal_address: "10.0.0.1".to_owned(),
            roles: [].into(),
            user: "op".to_owned(),
            docker_socket: "/var/run/docker.sock".to_owned(),
            key: KeySource::Agent,
            labels: [].into(),
            taints: Vec::new(),
        }
    }

    async fn rise(
        stdout: &'static str,
        stderr: &'static str,
    ) -> (usize, Vec<Result<Ascent, AskError>>) {
        let remote = Nodes {
            stdout,
            stderr,
            asked: AtomicUsize::new(0),
        };
        let ascents = Ascents::new(Privilege::Sudo, Some(Secret::from("sesame".to_owned())));
        let nodes: Vec<Node> = (0..500).map(node).collect();
        let all = nodes
            .iter()
            .map(|node| ascents.of(node, &remote, Duration::MAX));
        let found = join_all(all).await;
        (remote.asked.into_inner(), found)
    }

    #[tokio::test]
    async fn a_wrong_password_is_tried_on_one_node_of_five_hundred() {
        let (asked, found) = rise("", "sudo: 1 incorrect password attempt").await;

        assert_eq!(asked, 1);
        assert!(found.iter().all(Result::is_err));
        assert_eq!(
            found[499].as_ref().unwrap_err().to_string(),
            "w-499: op may not become root: the password for sudo was wrong on w-0, so it was not tried here"
        );
    }

    #[tokio::test]
    async fn a_right_password_is_proved_on_every_node_and_only_once() {
        let (asked, found) = rise("motd\nharden: asked\n", "").await;

        assert_eq!(asked, 500);
        assert!(
            found
                .iter()
                .all(|found| matches!(found, Ok(Ascent::Password(_))))
        );
    }

    #[tokio::test]
    async fn a_node_that_asks_for_no_password_is_not_given_it_again() {
        let (_, found) = rise("harden: unasked\n", "").await;

        assert!(found.iter().all(|found| matches!(found, Ok(Ascent::Sudo))));
    }
}
