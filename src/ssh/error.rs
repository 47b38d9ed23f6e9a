//! What went wrong between us and a node, and what to type next.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::ssh::host_key::HostKey;
use crate::ssh::keys::KeyError;
use crate::ssh::known_hosts::Record;
use crate::ssh::target::Target;

/// Why a node could not be asked.
///
/// Every variant names the node; those about the network also name the address.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SshError {
    #[error("{}: `{}` does not resolve: {reason}", at.node, at.host)]
    Resolve { at: Arc<Target>, reason: String },

    #[error("{}: no connection to {}: {reason}", at.node, at.address())]
    Connect { at: Arc<Target>, reason: String },

    /// The server closed before it spoke SSH; `text` is what it wrote instead.
    #[error("{}: {} turned the connection away: {text}", at.node, at.address())]
    TurnedAway { at: Arc<Target>, text: String },

    /// The server closed without a word, as an overrun sshd before OpenSSH 8.5 does.
    #[error("{}: {} hung up without a word", at.node, at.address())]
    HungUp { at: Arc<Target> },

    #[error("{}: the SSH handshake with {} failed: {reason}", at.node, at.address())]
    Handshake { at: Arc<Target>, reason: String },

    #[error("{}: no host key on record for {}", at.node, at.address())]
    HostKeyUnknown { at: Arc<Target>, offered: HostKey },

    #[error("{}: the host key of {} changed since {record} was written", at.node, at.address())]
    HostKeyChanged {
        at: Arc<Target>,
        offered: HostKey,
        record: Record,
    },

    #[error(
        "{}: {} offers a host key of type {}, but {record} has one of type {recorded}",
        at.node, at.address(), offered.algorithm()
    )]
    HostKeyOther {
        at: Arc<Target>,
        offered: HostKey,
        record: Record,
        recorded: String,
    },

    #[error("{}: the host key of {} is revoked by {record}", at.node, at.address())]
    HostKeyRevoked {
        at: Arc<Target>,
        offered: HostKey,
        record: Record,
    },

    /// A certificate that proves nothing, for a key that is not on record either.
    #[error("{}: the host certificate of {} {reason}", at.node, at.address())]
    HostCertificate {
        at: Arc<Target>,
        offered: HostKey,
        reason: String,
    },

    /// A file of host keys that cannot be read or written; the only variant without a node.
    #[error("{}: {reason}", file.display())]
    KnownHosts { file: PathBuf, reason: String },

    #[error("{node}: {source}")]
    Key { node: String, source: KeyError },

    #[error("{}: {} refused the login of `{}` ({})", at.node, at.address(), at.user, tries(tried, accepts))]
    Login {
        at: Arc<Target>,
        /// Fingerprints or file names of the keys that were offered.
        tried: Vec<String>,
        /// Methods that the server would go on with, as it names them.
        accepts: Vec<String>,
    },

    #[error("{}: {}", at.node, overdue(at, *step, *limit))]
    Late {
        at: Arc<Target>,
        step: Step,
        limit: Duration,
    },

    #[error("{}: the connection to {} was lost during the {step}: {reason}", at.node, at.address())]
    Lost {
        at: Arc<Target>,
        step: Step,
        reason: String,
    },

    #[error("{}: {} refused to start a command: {reason}", at.node, at.address())]
    Refused { at: Arc<Target>, reason: String },

    /// Nothing was started; another connection may have room.
    #[error("{}: {} lets this connection run no further command", at.node, at.address())]
    Full { at: Arc<Target> },

    #[error("{}: a command wrote more than {limit} bytes", at.node)]
    TooMuch { at: Arc<Target>, limit: usize },

    /// The way to the node ends at a jump host.
    #[error("{}: {source}", at.node)]
    Jump {
        at: Arc<Target>,
        source: Box<SshError>,
    },
}

/// The part of a connection's life that did not end well.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Step {
    Connect,
    Handshake,
    Login,
    Run,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Connect => "connection attempt",
            Self::Handshake => "SSH handshake",
            Self::Login => "login",
            Self::Run => "command",
        })
    }
}

/// What kind of trouble a node has, for reports that count.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Kind {
    /// Nobody answers, or not with SSH.
    Unreachable,
    /// A host key that is not the one on record.
    Untrusted,
    /// Our key is bad, or the server does not take it.
    Denied,
    /// It worked, and then it stopped.
    Broken,
}

impl SshError {
    /// What kind of trouble this is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Resolve { .. }
            | Self::Connect { .. }
            | Self::TurnedAway { .. }
            | Self::HungUp { .. }
            | Self::Handshake { .. } => Kind::Unreachable,
            Self::HostKeyUnknown { .. }
            | Self::HostKeyChanged { .. }
            | Self::HostKeyOther { .. }
            | Self::HostKeyRevoked { .. }
            | Self::HostCertificate { .. }
            | Self::KnownHosts { .. } => Kind::Untrusted,
            Self::Key { .. } | Self::Login { .. } => Kind::Denied,
            Self::Late { step, .. } | Self::Lost { step, .. } => match step {
                Step::Connect | Step::Handshake => Kind::Unreachable,
                Step::Login | Step::Run => Kind::Broken,
            },
            Self::Refused { .. } | Self::Full { .. } | Self::TooMuch { .. } => Kind::Broken,
            Self::Jump { source, .. } => source.kind(),
        }
    }

    /// True when the host showed a key of which nothing is on record.
    pub(super) fn is_of_unknown_key(&self) -> bool {
        matches!(self, Self::HostKeyUnknown { .. })
    }

    /// True for a refusal that a busy server takes back after a while.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::HungUp { .. } => true,
            Self::TurnedAway { text, .. } => text.contains(MAX_STARTUPS) || text.contains(PENALTY),
            _ => false,
        }
    }

    /// The next thing to type or to look at.
    pub fn hint(&self) -> String {
        match self {
            Self::Resolve { at, .. } => {
                format!("correct the address of {} in the inventory", at.node)
            }
            Self::Connect { at, .. } => format!(
                "is {} up, is sshd on port {}, is a firewall between? try `{}`",
                at.node,
                at.port,
                at.by_hand()
            ),
            Self::TurnedAway { text, .. } => turned_away(text),
            Self::HungUp { at } => format!(
                "run again with a smaller `--jobs`; is port {} the one of sshd, and do `MaxStartups` and hosts.deny on {} let us in?",
                at.port, at.node
            ),
            Self::Handshake { at, .. } => format!("try `{} -v`", at.by_hand()),
            Self::HostKeyUnknown { at, offered } => format!(
                "compare {} with the machine's console, then run `{}`",
                offered.fingerprint(),
                trust(at)
            ),
            Self::HostKeyChanged {
                at,
                offered,
                record,
            }
            | Self::HostKeyOther {
                at,
                offered,
                record,
                ..
            } => if_rebuilt(at, offered, record),
            Self::HostKeyRevoked { record, .. } => format!(
                "stop here: whoever wrote {record} does not trust this key; give the machine a new one"
            ),
            Self::HostCertificate { at, .. } => format!(
                "look at `ssh-keygen -L -f HOST_KEY-cert.pub` on {}, and have its authority sign a new one",
                at.node
            ),
            Self::KnownHosts { file, .. } => format!("look at `ls -l {}`", file.display()),
            Self::Key { source, .. } => source.hint(),
            Self::Login { at, accepts, .. } => refused(at, accepts),
            Self::Late { at, step, .. } => late(at, *step),
            Self::Lost { at, .. } => format!("see the log of sshd on {}, then run again", at.node),
            Self::Refused { at, .. } => format!(
                "look for `ForceCommand` and the shell of `{}` on {}",
                at.user, at.node
            ),
            Self::Full { at } => format!(
                "raise `MaxSessions` in sshd_config on {}; its default is 10",
                at.node
            ),
            Self::TooMuch { at, .. } => format!("look for very large files on {}", at.node),
            Self::Jump { source, .. } => source.hint(),
        }
    }
}

const MAX_STARTUPS: &str = "MaxStartups";
const PENALTY: &str = "Not allowed at this time";

/// Known sentences of sshd before its banner.
fn turned_away(text: &str) -> String {
    if text.contains(MAX_STARTUPS) {
        "run again with a smaller `--jobs`, or raise `MaxStartups` in sshd_config".to_owned()
    } else if text.contains(PENALTY) {
        "sshd punishes earlier failed logins from this address (`PerSourcePenalties`): wait a minute, then run again"
            .to_owned()
    } else {
        "is this the port of sshd? correct `port` in the inventory".to_owned()
    }
}

fn if_rebuilt(at: &Target, offered: &HostKey, record: &Record) -> String {
    let name = match at.known_as() {
        (host, 22) => host.to_owned(),
        (host, port) => format!("'[{host}]:{port}'"),
    };
    format!(
        "if the machine was rebuilt, run `ssh-keygen -f {} -R {name}`, compare {} with its console, \
         and run `{}`; if not, somebody may be in between: stop here",
        record.file.display(),
        offered.fingerprint(),
        trust(at)
    )
}

/// What records the host key; those of jump hosts come along with any node's.
fn trust(at: &Target) -> String {
    if at.is_jump {
        "harden trust INVENTORY".to_owned()
    } else {
        format!("harden trust INVENTORY --on {}", at.node)
    }
}

fn refused(at: &Target, accepts: &[String]) -> String {
    if !accepts.is_empty() && !accepts.iter().any(|method| method == "publickey") {
        return format!(
            "allow keys on {}: `PubkeyAuthentication yes` and no second factor for `{}`",
            at.node, at.user
        );
    }
    format!(
        "put the public key into `~{}/.ssh/authorized_keys` on {}, or correct `user` and `ssh_key_path`; try `{}`",
        at.user,
        at.node,
        at.by_hand()
    )
}

fn late(at: &Target, step: Step) -> String {
    match step {
        Step::Connect => format!(
            "is {} up, is a firewall between? try `{}`",
            at.node,
            at.by_hand()
        ),
        Step::Handshake | Step::Login => {
            format!("is {} overloaded? try `{} -v`", at.node, at.by_hand())
        }
        Step::Run => format!("look at {} with `{}` and `ps`", at.node, at.by_hand()),
    }
}

fn tries(tried: &[String], accepts: &[String]) -> String {
    let tried = match tried {
        [] => "no key was offered".to_owned(),
        tried => format!("offered {}", tried.join(", ")),
    };
    match accepts {
        [] => tried,
        accepts => format!("{tried}; it accepts {}", accepts.join(", ")),
    }
}

fn overdue(at: &Target, step: Step, limit: Duration) -> String {
    let address = at.address();
    let limit = match limit.subsec_millis() {
        0 => format!("{} s", limit.as_secs()),
        _ => format!("{} ms", limit.as_millis()),
    };
    match step {
        Step::Connect => format!("no answer from {address} within {limit}"),
        step => format!("{address} answers, but the {step} was not finished within {limit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(port: u16) -> Arc<Target> {
        Arc::new(Target {
            node: "cp-1".to_owned(),
            host: "10.0.0.11".to_owned(),
            port,
            user: "rancher".to_owned(),
            ..Target::default()
        })
    }

    fn offered() -> HostKey {
        HostKey::from_blob(b"\0\0\0\x0bssh-ed25519\0\0\0\x01x".to_vec()).unwrap()
    }

    fn record() -> Record {
        Record {
            file: "inventory/known_hosts".into(),
            line: 4,
        }
    }

    /// Message and hint, as the user sees them together.
    fn told(error: &SshError) -> String {
        format!("{error}\n{}", error.hint())
    }

    #[test]
    fn an_unknown_host_key_asks_for_a_comparison() {
        let error = SshError::HostKeyUnknown {
            at: at(22),
            offered: offered(),
        };

        insta::assert_snapshot!(told(&error), @r"
        cp-1: no host key on record for 10.0.0.11:22
        compare SHA256:ezAj8vaYEfVdmf6j1ib4nKevYqit8KrUdF0OY3aQFVA with the machine's console, then run `harden trust INVENTORY --on cp-1`
        ");
    }

    #[test]
    fn a_changed_host_key_tells_both_stories() {
        for (port, name) in [(22, "-R 10.0.0.11,"), (2222, "-R '[10.0.0.11]:2222',")] {
            let hint = SshError::HostKeyChanged {
                at: at(port),
                offered: offered(),
                record: record(),
            }
            .hint();

            assert!(hint.replace('`', "").contains(name), "{hint}");
            assert!(hint.contains("stop here"), "{hint}");
        }
    }

    #[test]
    fn a_refused_login_names_user_keys_and_methods() {
        let error = SshError::Login {
            at: at(2222),
            tried: vec!["`~/.ssh/id`".to_owned()],
            accepts: vec!["publickey".to_owned(), "password".to_owned()],
        };

        insta::assert_snapshot!(told(&error), @r"
        cp-1: 10.0.0.11:2222 refused the login of `rancher` (offered `~/.ssh/id`; it accepts publickey, password)
        put the public key into `~rancher/.ssh/authorized_keys` on cp-1, or correct `user` and `ssh_key_path`; try `ssh -p 2222 rancher@10.0.0.11`
        ");
    }

    #[test]
    fn a_server_that_takes_no_keys_is_not_asked_to_take_another() {
        let hint = SshError::Login {
            at: at(22),
            tried: Vec::new(),
            accepts: vec!["keyboard-interactive".to_owned()],
        }
        .hint();

        assert!(hint.contains("PubkeyAuthentication yes"), "{hint}");
    }

    #[test]
    fn a_late_step_names_its_limit() {
        let error = SshError::Late {
            at: at(22),
            step: Step::Connect,
            limit: Duration::from_secs(10),
        };

        insta::assert_snapshot!(told(&error), @r"
        cp-1: no answer from 10.0.0.11:22 within 10 s
        is cp-1 up, is a firewall between? try `ssh rancher@10.0.0.11`
        ");
    }

    #[test]
    fn an_ipv6_address_stands_in_brackets() {
        let mut target = (*at(22)).clone();
        target.host = "fe80::1".to_owned();

        assert_eq!(target.address(), "[fe80::1]:22");
    }
}
