//! What can be wrong with a node.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use anyhow::Context as _;
use anyhow::bail;

/// One fault of one node; written and read as its name, or as `name=value`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Fault {
    /// Nothing listens on the port.
    Refuse,
    /// The connection is accepted, and nothing is ever said on it.
    Hang,
    /// The connection ends in the middle of the key exchange.
    DropHandshake,
    /// The connection ends as soon as the login has succeeded.
    DropLogin,
    /// The connection brings letters without end in place of a greeting.
    Babble,
    /// A key is offered, and whether it is accepted is never said.
    HangLogin,
    /// From now on the server shows another host key than it did.
    Impostor,
    /// The connection ends after this many bytes of a command's standard output.
    DropAnswer(u64),
    /// Login works, commands start, and none ever answers.
    Mute,
    /// Every packet of the connections that are open vanishes, for ever and both ways, and nothing
    /// is closed; new ones are met by silence until this is healed.
    NetworkLost,
    /// The node goes down: its processes and connections end, and nobody listens. Healed it is up
    /// again, with what it reads from its files.
    Reboots,
    /// One connection starts this many commands and refuses all further ones.
    Sessions(usize),
    /// Standard output silently ends after this many bytes; the exit status is kept.
    Truncate(u64),
    /// Every packet waits this long, in both directions.
    Slow(Duration),
    /// Every command answers with zeros without end.
    Flood,
    /// Every command answers with the content of this file, an absolute path on the node.
    Recites(PathBuf),
    /// The server's host key is not the one in `known_hosts`.
    WrongHostKey,
    /// `known_hosts` has no line for the node.
    UnknownHostKey,
    /// No key is accepted.
    LoginRefused,
    /// `sudo` asks for a password.
    SudoLost,
    /// `/etc` is mounted read-only.
    ReadOnlyEtc,
    /// `/etc/kubernetes` is a file system without a free block.
    DiskFull,
    /// `/etc/kubernetes` is a file system without a free inode.
    NoInodes,
    /// All of `/etc` is a file system without a free block.
    EtcFull,
    /// All of `/etc` is a file system without a free inode.
    EtcNoInodes,
    /// The clock is off by so many seconds, also in what was noted before.
    ClockOff(i64),
    /// This file, an absolute path on the node, has the immutable attribute. Needs root.
    Immutable(PathBuf),
    /// There is no `docker` command.
    DockerMissing,
    /// The `docker` command never ends.
    DockerHangs,
    /// The `docker` command finds no daemon.
    DockerDown,
    /// The `docker` command finds no daemon once; then it is back, its containers started anew.
    DockerRestarts,
    /// The API server takes connections and answers nothing.
    ApiSilent,
    /// The API server answers that it is not well.
    ApiIll,
    /// This container does not exist.
    ContainerMissing(String),
    /// This container crashes again and again (rke.md section 4).
    ContainerCrashes(String),
}

impl Fault {
    /// True when only a new connection meets it.
    pub(crate) fn is_of_a_beginning(&self) -> bool {
        matches!(
            self,
            Self::Refuse
                | Self::Hang
                | Self::Babble
                | Self::DropHandshake
                | Self::DropLogin
                | Self::HangLogin
                | Self::LoginRefused
                | Self::Impostor
                | Self::Reboots
        )
    }

    /// True when nobody listens on the node's port.
    pub(crate) fn closes_the_door(&self) -> bool {
        matches!(self, Self::Refuse | Self::Reboots)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refuse => f.write_str("refuse"),
            Self::Hang => f.write_str("hang"),
            Self::DropHandshake => f.write_str("drop-handshake"),
            Self::DropLogin => f.write_str("drop-login"),
            Self::Babble => f.write_str("babble"),
            Self::HangLogin => f.write_str("hang-login"),
            Self::Impostor => f.write_str("impostor"),
            Self::DropAnswer(bytes) => write!(f, "drop-answer={bytes}"),
            Self::Mute => f.write_str("mute"),
            Self::NetworkLost => f.write_str("network-lost"),
            Self::Reboots => f.write_str("reboots"),
            Self::Sessions(count) => write!(f, "sessions={count}"),
            Self::Truncate(bytes) => write!(f, "truncate={bytes}"),
            Self::Slow(delay) => write!(f, "slow={}", delay.as_millis()),
            Self::Flood => f.write_str("flood"),
            Self::Recites(path) => write!(f, "recites={}", path.display()),
            Self::WrongHostKey => f.write_str("wrong-host-key"),
            Self::UnknownHostKey => f.write_str("unknown-host-key"),
            Self::LoginRefused => f.write_str("login-refused"),
            Self::SudoLost => f.write_str("sudo-lost"),
            Self::ReadOnlyEtc => f.write_str("read-only-etc"),
            Self::DiskFull => f.write_str("disk-full"),
            Self::NoInodes => f.write_str("no-inodes"),
            Self::EtcFull => f.write_str("etc-full"),
            Self::EtcNoInodes => f.write_str("etc-no-inodes"),
            Self::ClockOff(seconds) => write!(f, "clock-off={seconds}"),
            Self::Immutable(path) => write!(f, "immutable={}", path.display()),
            Self::DockerMissing => f.write_str("docker-missing"),
            Self::DockerHangs => f.write_str("docker-hangs"),
            Self::DockerDown => f.write_str("docker-down"),
            Self::DockerRestarts => f.write_str("docker-restarts"),
            Self::ApiSilent => f.write_str("api-silent"),
            Self::ApiIll => f.write_str("api-ill"),
            Self::ContainerMissing(name) => write!(f, "container-missing={name}"),
            Self::ContainerCrashes(name) => write!(f, "container-crashes={name}"),
        }
    }
}

impl FromStr for Fault {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some((name, value)) => with_value(name, value),
            None => plain(text),
        }
    }
}

fn plain(name: &str) -> Result<Fault, anyhow::Error> {
    Ok(match name {
        "refuse" => Fault::Refuse,
        "hang" => Fault::Hang,
        "drop-handshake" => Fault::DropHandshake,
        "drop-login" => Fault::DropLogin,
        "babble" => Fault::Babble,
        "hang-login" => Fault::HangLogin,
        "impostor" => Fault::Impostor,
        "mute" => Fault::Mute,
        "network-lost" => Fault::NetworkLost,
        "reboots" => Fault::Reboots,
        "flood" => Fault::Flood,
        "wrong-host-key" => Fault::WrongHostKey,
        "unknown-host-key" => Fault::UnknownHostKey,
        "login-refused" => Fault::LoginRefused,
        "sudo-lost" => Fault::SudoLost,
        "read-only-etc" => Fault::ReadOnlyEtc,
        "disk-full" => Fault::DiskFull,
        "no-inodes" => Fault::NoInodes,
        "etc-full" => Fault::EtcFull,
        "etc-no-inodes" => Fault::EtcNoInodes,
        "docker-missing" => Fault::DockerMissing,
        "docker-hangs" => Fault::DockerHangs,
        "docker-down" => Fault::DockerDown,
        "docker-restarts" => Fault::DockerRestarts,
        "api-silent" => Fault::ApiSilent,
        "api-ill" => Fault::ApiIll,
        _ => bail!("no fault is called `{name}`, or it needs a value"),
    })
}

fn with_value(name: &str, value: &str) -> Result<Fault, anyhow::Error> {
    let number = || {
        value
            .parse()
            .with_context(|| format!("{name}: `{value}` is not a number"))
    };
    Ok(match name {
        "drop-answer" => Fault::DropAnswer(number()?),
        "sessions" => Fault::Sessions(
            value
                .parse()
                .with_context(|| format!("{name}: `{value}` is not a number"))?,
        ),
        "truncate" => Fault::Truncate(number()?),
        "slow" => Fault::Slow(Duration::from_millis(number()?)),
        "clock-off" => Fault::ClockOff(
            value
                .parse()
                .with_context(|| format!("{name}: `{value}`"))?,
        ),
        "recites" => Fault::Recites(PathBuf::from(value)),
        "immutable" => Fault::Immutable(PathBuf::from(value)),
        "container-missing" => Fault::ContainerMissing(value.to_owned()),
        "container-crashes" => Fault::ContainerCrashes(value.to_owned()),
        _ => bail!("no fault with a value is called `{name}`"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_read_back_from_what_it_is_written_as() {
        let faults = [
            Fault::Refuse,
            Fault::Hang,
            Fault::DropHandshake,
            Fault::DropLogin,
            Fault::Babble,
            Fault::HangLogin,
            Fault::Impostor,
            Fault::DropAnswer(7),
            Fault::Mute,
            Fault::NetworkLost,
            Fault::Reboots,
            Fault::Sessions(1),
            Fault::Truncate(9),
            Fault::Slow(Duration::from_millis(20)),
            Fault::Flood,
            Fault::WrongHostKey,
            Fault::UnknownHostKey,
            Fault::LoginRefused,
            Fault::SudoLost,
            Fault::ReadOnlyEtc,
            Fault::DiskFull,
            Fault::NoInodes,
            Fault::EtcFull,
            Fault::EtcNoInodes,
            Fault::ClockOff(-86_400),
            Fault::Recites(PathBuf::from("/lies")),
            Fault::Immutable(PathBuf::from("/etc/sysctl.conf")),
            Fault::DockerMissing,
            Fault::DockerHangs,
            Fault::DockerDown,
            Fault::DockerRestarts,
            Fault::ApiSilent,
            Fault::ApiIll,
            Fault::ContainerMissing("etcd".to_owned()),
            Fault::ContainerCrashes("kubelet".to_owned()),
        ];
        for fault in faults {
            assert_eq!(fault.to_string().parse::<Fault>().unwrap(), fault);
        }
    }

    #[test]
    fn an_unknown_fault_and_a_missing_value_are_errors() {
        assert!("fire".parse::<Fault>().is_err());
        assert!("truncate".parse::<Fault>().is_err());
        assert!("truncate=many".parse::<Fault>().is_err());
    }
}
