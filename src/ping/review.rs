//! From one node's answers to its pulse.

use std::collections::BTreeSet;

use crate::facts::Facts;
use crate::facts::Observed;
use crate::facts::container::State;
use crate::facts::question::Question;
use crate::inventory::Inventory;
use crate::inventory::Node;
use crate::inventory::Role;
use crate::ping::KernelValue;
use crate::ping::Pulse;
use crate::ping::Trouble;
use crate::ping::cause;
use crate::ping::cause::NO_DAEMON;
use crate::ping::docker;
use crate::ping::docker::Deaf;
use crate::ping::docker::Taken;
use crate::ping::probe::Login;
use crate::plan::KUBELET_VALUES;

/// Where the guide lets kube-apiserver write (guide 1.1.4, 2.1.2).
const AUDIT_LOG: &str = "/var/log/kube-audit";

/// Six files of 100 MB: five backups and the one in use.
const AUDIT_BYTES: u64 = 600 << 20;

/// Everything that one node answered.
#[derive(Clone, Debug)]
pub struct Answers {
    /// What the login user sees; nothing where the user's shell answered nonsense.
    pub login: Option<Login>,
    /// Docker's answer through the login, as RKE would get it.
    pub socket: Result<Vec<u8>, Deaf>,
    /// What root sees; a trouble where nobody became root.
    pub facts: Result<Facts, Trouble>,
}

/// What is asked of `node` as root.
pub fn questions(node: &Node) -> BTreeSet<Question> {
    let mut questions: BTreeSet<Question> = components(node)
        .map(|name| Question::Container(name.to_owned()))
        .collect();
    questions.extend(KUBELET_VALUES.map(|(key, _)| Question::Kernel(key.to_owned())));
    if node.roles.contains(&Role::ControlPlane) {
        questions.insert(Question::Room(AUDIT_LOG.to_owned()));
    }
    questions
}

/// The pulse of a `node` that was logged in to.
pub fn review(pulse: Pulse, node: &Node, inventory: &Inventory, answers: &Answers) -> Pulse {
    let mut pulse = Pulse {
        reachable: true,
        host_key: Some(true),
        login: Some(true),
        ..pulse
    };
    match &answers.facts {
        Ok(facts) => of_root(&mut pulse, node, facts),
        Err(trouble) => {
            pulse.root = Some(false);
            pulse.troubles.push(trouble.clone());
        }
    }
    let before = pulse.troubles.len();
    of_rke(&mut pulse, node, inventory, answers);
    pulse.rke = Some(pulse.rke.unwrap_or(true) && pulse.troubles.len() == before);
    pulse
}

/// The containers that RKE makes on a node with these roles.
fn components(node: &Node) -> impl Iterator<Item = &'static str> {
    const OF_ROLES: [(&str, Option<Role>); 6] = [
        ("etcd", Some(Role::Etcd)),
        ("kube-apiserver", Some(Role::ControlPlane)),
        ("kube-controller-manager", Some(Role::ControlPlane)),
        ("kube-scheduler", Some(Role::ControlPlane)),
        ("kubelet", None),
        ("kube-proxy", None),
    ];
    let has = |role: Option<Role>| role.is_none_or(|role| node.roles.contains(&role));
    OF_ROLES
        .into_iter()
        .filter(move |(_, role)| has(*role))
        .map(|(name, _)| name)
}

fn of_root(pulse: &mut Pulse, node: &Node, facts: &Facts) {
    pulse.root = Some(true);
    for (key, wanted) in KUBELET_VALUES {
        let seen = match facts.kernel(key) {
            Observed::Present(value) => Some(value.to_owned()),
            Observed::Absent | Observed::Unread { .. } => None,
        };
        let value = KernelValue {
            wanted: wanted.to_owned(),
            seen,
        };
        pulse.kernel.insert(key.to_owned(), value);
    }
    of_containers(pulse, node, facts);
    if node.roles.contains(&Role::ControlPlane) {
        of_room(pulse, facts);
    }
}

fn of_containers(pulse: &mut Pulse, node: &Node, facts: &Facts) {
    pulse.docker = Some(true);
    for name in components(node) {
        let state = match facts.container(name) {
            Observed::Present(container) => said(&container.state),
            Observed::Absent => "absent".to_owned(),
            Observed::Unread { why } => {
                if pulse.docker == Some(true) {
                    pulse.docker = Some(false);
                    pulse.troubles.push(Trouble {
                        message: format!("{}: root cannot ask Docker: {why}", node.name),
                        hint: format!(
                            "look at `systemctl status docker` and `docker ps` on {}",
                            node.name
                        ),
                        rke_says: Some(NO_DAEMON.to_owned()),
                    });
                }
                continue;
            }
        };
        pulse.containers.insert(name.to_owned(), state);
    }
    let is_built = pulse.containers.values().any(|state| state != "absent");
    for (name, state) in &pulse.containers {
        if is_built && state != "running" {
            pulse.troubles.push(Trouble {
                message: format!("{}: {name} is {state}", node.name),
                hint: format!("look at `docker logs --tail 50 {name}` on {}", node.name),
                rke_says: None,
            });
        }
    }
}

fn said(state: &State) -> String {
    match state {
        State::Running => "running".to_owned(),
        State::CrashLooping { restarts } => format!("crash-looping after {restarts} restarts"),
        State::Stopped { status } => status.clone(),
    }
}

fn of_room(pulse: &mut Pulse, facts: &Facts) {
    let Observed::Present(room) = facts.room(AUDIT_LOG) else {
        return;
    };
    pulse.audit_log_free_bytes = Some(room.free_bytes);
    let why = if room.read_only {
        format!("{} is read-only", room.near)
    } else if room.free_bytes < AUDIT_BYTES {
        format!(
            "{} MiB are free, and the audit log may grow to 600 MiB",
            room.free_bytes >> 20
        )
    } else {
        return;
    };
    pulse.troubles.push(Trouble {
        message: format!("{}: no room for {AUDIT_LOG}: {why}", pulse.node),
        hint: format!("give {AUDIT_LOG} a file system with room"),
        rke_says: None,
    });
}

/// What RKE meets on its way: the same login, no `sudo`, and Docker's socket through it.
fn of_rke(pulse: &mut Pulse, node: &Node, inventory: &Inventory, answers: &Answers) {
    let trouble = match &answers.socket {
        Ok(answer) => match docker::version(answer) {
            Some(version) => {
                let trouble = of_version(&version, node, inventory);
                pulse.docker_version = Some(version);
                trouble
            }
            None => Some(Trouble {
                message: format!(
                    "{}: what answers at {} is not Docker",
                    node.name, node.docker_socket
                ),
                hint: "correct `docker_socket` in the inventory".to_owned(),
                rke_says: Some(NO_DAEMON.to_owned()),
            }),
        },
        Err(deaf) => Some(cause::trouble(*deaf, node, answers.login.as_ref())),
    };
    pulse.troubles.extend(trouble);
}

fn of_version(version: &str, node: &Node, inventory: &Inventory) -> Option<Trouble> {
    if inventory.ignore_docker_version {
        return None;
    }
    let who = match docker::taken(version, inventory.kubernetes_version.as_deref()) {
        Taken::Yes | Taken::Unknown => return None,
        Taken::Later => "`rke` before v0.1.17 does not take",
        Taken::No => "`rke` does not take",
    };
    Some(Trouble {
        message: format!("{}: {who} Docker {version} for Kubernetes 1.11", node.name),
        hint: "set `ignore_docker_version: true` (from `rke` v1.1.3 on pass `--ignore-docker-version`), or install Docker 17.03"
            .to_owned(),
        rke_says: Some(format!(
            "Unsupported Docker version found [{version}], supported versions are [...]"
        )),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Room;

    fn pulse(room: Room) -> Pulse {
        let mut facts = Facts::default();
        facts.room.insert(AUDIT_LOG.into(), Observed::Present(room));
        let mut pulse = Pulse {
            node: "cp-1".to_owned(),
            ..Pulse::default()
        };
        of_room(&mut pulse, &facts);
        pulse
    }

    fn room(free_bytes: u64, read_only: bool) -> Room {
        Room {
            near: "/var/log".into(),
            read_only,
            immutable: false,
            free_bytes,
            free_inodes: None,
        }
    }

    #[test]
    fn a_disk_that_the_audit_log_would_fill_is_named() {
        assert_eq!(pulse(room(AUDIT_BYTES, false)).troubles, []);

        let small = pulse(room(10 << 20, false));
        assert_eq!(
            small.troubles[0].message,
            "cp-1: no room for /var/log/kube-audit: 10 MiB are free, and the audit log may grow to 600 MiB"
        );
        let fixed = pulse(room(AUDIT_BYTES, true));
        assert!(fixed.troubles[0].message.ends_with("/var/log is read-only"));
    }
}
