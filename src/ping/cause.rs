//! Why RKE's way to Docker ends, told apart where RKE gives one text for many causes (rke.md 1.4).

use crate::inventory::Node;
use crate::ping::Trouble;
use crate::ping::docker::Deaf;
use crate::ping::probe::Login;
use crate::ping::probe::Socket;

/// What RKE says whatever keeps it from Docker.
pub const NO_DAEMON: &str = "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?";

/// What stands between a login and Docker's socket.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Cause {
    Lost,
    Silent,
    Missing,
    NoSocket,
    NoRight,
    NoForwarding,
    /// RKE cannot use root on Red Hat's systems.
    NoForwardingForRoot,
    Stale,
}

/// What keeps RKE from Docker on `node`: what its SSH server said and what the user sees, together.
pub(super) fn trouble(deaf: Deaf, node: &Node, login: Option<&Login>) -> Trouble {
    let nobody = Login::default();
    let cause = Cause::of(deaf, login.unwrap_or(&nobody));
    Trouble {
        message: format!(
            "{}: {}",
            node.name,
            cause.message(node, login.unwrap_or(&nobody))
        ),
        hint: cause.hint(node),
        rke_says: Some(cause.in_rkes_words(node)),
    }
}

impl Cause {
    fn of(deaf: Deaf, login: &Login) -> Self {
        match (deaf, login.socket) {
            (Deaf::Lost, _) => Self::Lost,
            (Deaf::Silent, _) => Self::Silent,
            (_, Socket::Missing) => Self::Missing,
            (_, Socket::Other) => Self::NoSocket,
            _ if !login.is_usable => Self::NoRight,
            // OpenSSH 9 says that it failed where it was never to try.
            (Deaf::Failed, _) if !login.is_listening => Self::Stale,
            _ if login.is_root && is_red_hat(&login.system) => Self::NoForwardingForRoot,
            _ => Self::NoForwarding,
        }
    }

    fn message(self, node: &Node, login: &Login) -> String {
        let (path, user) = (&node.docker_socket, &node.user);
        match self {
            Self::Lost => "the connection was lost while Docker was asked".to_owned(),
            Self::Silent => format!("Docker does not answer at {path}"),
            Self::Missing => format!("there is no socket {path}"),
            Self::NoSocket => format!("{path} is no socket"),
            Self::NoRight if login.owner.is_empty() => format!("{user} may not look at {path}"),
            Self::NoRight => format!(
                "{user} may not use {path} ({}); {user} is in {}",
                login.owner,
                login.groups.join(", ")
            ),
            Self::NoForwarding => format!("{user} may use {path}, but sshd does not forward to it"),
            Self::NoForwardingForRoot => {
                format!("sshd does not forward root to {path} on this system")
            }
            Self::Stale => format!("nothing listens at {path}, though the socket is there"),
        }
    }

    fn hint(self, node: &Node) -> String {
        let (name, user) = (&node.name, &node.user);
        match self {
            Self::Lost => format!("see the log of sshd on {name}, then run again"),
            Self::Silent => format!("look at `systemctl status docker` on {name}, and restart it"),
            Self::Missing => format!(
                "start Docker on {name} (`systemctl start docker`), or correct `docker_socket` in the inventory"
            ),
            Self::NoSocket => "correct `docker_socket` in the inventory".to_owned(),
            Self::NoRight => {
                format!("run `usermod -aG docker {user}` on {name}; the next login has the group")
            }
            Self::NoForwarding => format!(
                "on {name}: `AllowTcpForwarding yes` and `AllowStreamLocalForwarding yes` in sshd_config, no `restrict` and no `no-port-forwarding` before the key of {user}, and OpenSSH 6.7 or newer"
            ),
            Self::NoForwardingForRoot => {
                "give the inventory a user of the group `docker` instead of root".to_owned()
            }
            Self::Stale => format!("restart Docker on {name}: `systemctl restart docker`"),
        }
    }

    fn in_rkes_words(self, node: &Node) -> String {
        let path = &node.docker_socket;
        match self {
            Self::Lost | Self::Silent | Self::NoSocket | Self::Stale => NO_DAEMON.to_owned(),
            Self::Missing => format!(
                "Unable to access the service on {path}. The service might be still starting up."
            ),
            Self::NoRight | Self::NoForwarding | Self::NoForwardingForRoot => format!(
                "Unable to access the Docker socket ({path}). Please check if the configured user can execute `docker ps`"
            ),
        }
    }
}

fn is_red_hat(system: &str) -> bool {
    ["rhel", "centos", "ol", "rocky", "almalinux"].contains(&system)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root_on(system: &str) -> Login {
        Login {
            is_root: true,
            socket: Socket::There,
            is_usable: true,
            is_listening: true,
            system: system.to_owned(),
            ..Login::default()
        }
    }

    #[test]
    fn root_is_told_of_another_user_only_where_rke_cannot_use_root() {
        assert_eq!(
            Cause::of(Deaf::Forbidden, &root_on("centos")),
            Cause::NoForwardingForRoot
        );
        assert_eq!(
            Cause::of(Deaf::Forbidden, &root_on("debian")),
            Cause::NoForwarding
        );
    }

    #[test]
    fn a_silent_daemon_is_not_taken_for_a_missing_right() {
        assert_eq!(Cause::of(Deaf::Silent, &Login::default()), Cause::Silent);
        assert_eq!(Cause::of(Deaf::Failed, &Login::default()), Cause::NoRight);
    }
}
