//! The matrix as data: what is done for a kind of weather at a step, and what is expected of it.

use std::fmt;

use harden_lab::Fault;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Weather {
    Refuse,
    Hang,
    Drop,
    Truncate,
    Flood,
    Slow,
    WrongHostKey,
    SudoLost,
    DiskFull,
    ReadOnly,
    NoInodes,
    ClockJump,
    DockerRestart,
    CrashLoop,
    NetworkLost,
    Reboot,
}

pub(super) const WEATHERS: [Weather; 16] = [
    Weather::Refuse,
    Weather::Hang,
    Weather::Drop,
    Weather::Truncate,
    Weather::Flood,
    Weather::Slow,
    Weather::WrongHostKey,
    Weather::SudoLost,
    Weather::DiskFull,
    Weather::ReadOnly,
    Weather::NoInodes,
    Weather::ClockJump,
    Weather::DockerRestart,
    Weather::CrashLoop,
    Weather::NetworkLost,
    Weather::Reboot,
];

/// A step of an apply, as a node sees it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Phase {
    Connect,
    Login,
    Gather,
    Write,
    /// `rke up`: components start with what was written.
    Load,
    Verify,
}

pub(super) const PHASES: [Phase; 6] = [
    Phase::Connect,
    Phase::Login,
    Phase::Gather,
    Phase::Write,
    Phase::Load,
    Phase::Verify,
];

/// A node of one role.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    ControlPlane,
    Etcd,
    Worker,
}

impl Kind {
    pub(super) const ALL: [Self; 3] = [Self::ControlPlane, Self::Etcd, Self::Worker];

    pub(super) fn node(self) -> &'static str {
        match self {
            Self::ControlPlane => "cp-1",
            Self::Etcd => "etcd-1",
            Self::Worker => "w-1",
        }
    }

    fn component(self) -> &'static str {
        match self {
            Self::ControlPlane => "kube-apiserver",
            Self::Etcd => "etcd",
            Self::Worker => "kubelet",
        }
    }
}

/// What happens to the node.
#[derive(Clone, Debug)]
pub(super) enum Blow {
    Fault(Fault),
    /// Its connections end; it would answer new ones.
    Cut,
    /// Its own component crashes.
    Crash,
}

impl Blow {
    /// The fault for a node of this kind; nothing for a cut.
    pub(super) fn fault(&self, kind: Kind) -> Option<Fault> {
        match self {
            Self::Fault(fault) => Some(fault.clone()),
            Self::Crash => Some(Fault::ContainerCrashes(kind.component().to_owned())),
            Self::Cut => None,
        }
    }
}

/// What the run has to end with; whatever it says has to be true besides.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Expect {
    /// All is done although it happened.
    Done,
    /// Nothing was changed, because not everything could be measured.
    Untouched,
    /// Nothing was changed, because the plan could not be carried out.
    Refused,
    /// A change failed.
    Failed,
    /// The proof is missing.
    Unproved,
    /// Anything but success.
    NotDone,
    /// Anything that is true.
    Truth,
}

pub(super) enum Cell {
    Runs { blow: Blow, expect: Expect },
    Never(&'static str),
}

pub(super) fn cell(weather: Weather, phase: Phase) -> Cell {
    match weather {
        Weather::Refuse | Weather::WrongHostKey => begins_anew(weather, phase),
        Weather::Hang | Weather::Drop => connection(weather, phase),
        Weather::Truncate | Weather::Flood => answer(weather, phase),
        Weather::Slow => match phase {
            Phase::Connect => runs(
                Fault::Slow(std::time::Duration::from_millis(20)),
                Expect::Done,
            ),
            _ => Cell::Never(
                "a run has one connection, and all its steps are slow in the run of connect",
            ),
        },
        Weather::SudoLost => sudo(phase),
        Weather::DiskFull => disk(Fault::EtcFull, phase),
        Weather::ReadOnly => disk(Fault::ReadOnlyEtc, phase),
        Weather::NoInodes => disk(Fault::EtcNoInodes, phase),
        Weather::ClockJump => clock(phase),
        Weather::DockerRestart => docker(phase),
        Weather::CrashLoop => crash(phase),
        Weather::NetworkLost => network(phase),
        Weather::Reboot => reboot(phase),
    }
}

fn runs(fault: Fault, expect: Expect) -> Cell {
    Cell::Runs {
        blow: Blow::Fault(fault),
        expect,
    }
}

/// From connect on, a node that no longer lets anybody in has lost its connections too.
fn begins_anew(weather: Weather, phase: Phase) -> Cell {
    let fault = match (weather, phase) {
        (Weather::WrongHostKey, Phase::Login) => {
            return Cell::Never("the host key is shown before any login");
        }
        (Weather::WrongHostKey, _) => Fault::Impostor,
        (_, Phase::Login) => Fault::LoginRefused,
        _ => Fault::Refuse,
    };
    match (weather, phase) {
        // Then `rke` itself does not reach the nodes.
        (Weather::Refuse, Phase::Load) => runs(fault, Expect::Failed),
        _ => runs(fault, unmeasured(phase)),
    }
}

fn connection(weather: Weather, phase: Phase) -> Cell {
    let hang = weather == Weather::Hang;
    let fault = match phase {
        Phase::Connect if hang => Fault::Hang,
        Phase::Connect => Fault::DropHandshake,
        Phase::Login if hang => Fault::HangLogin,
        Phase::Login => Fault::DropLogin,
        Phase::Load if hang => return Cell::Never(ASKED_NEXT),
        Phase::Load => {
            return Cell::Runs {
                blow: Blow::Cut,
                expect: Expect::Done,
            };
        }
        _ if hang => Fault::Mute,
        Phase::Write => Fault::DropAnswer(5),
        Phase::Gather | Phase::Verify => Fault::DropAnswer(100),
    };
    runs(fault, unmeasured(phase))
}

const ASKED_NEXT: &str = "nodes are asked nothing while rke runs, and next in verify";

fn answer(weather: Weather, phase: Phase) -> Cell {
    let flood = weather == Weather::Flood;
    let fault = match phase {
        Phase::Connect if flood => Fault::Babble,
        Phase::Connect => {
            return Cell::Never("a greeting that ends early is a connection that ends: see drop");
        }
        Phase::Login => return Cell::Never("of a login only its success is read"),
        Phase::Load => return Cell::Never(ASKED_NEXT),
        _ if flood => Fault::Flood,
        Phase::Write => Fault::Truncate(15),
        Phase::Gather | Phase::Verify => Fault::Truncate(200),
    };
    runs(fault, unmeasured(phase))
}

fn unmeasured(phase: Phase) -> Expect {
    match phase {
        Phase::Connect | Phase::Login | Phase::Gather => Expect::Untouched,
        Phase::Write => Expect::Failed,
        Phase::Load | Phase::Verify => Expect::Unproved,
    }
}

fn sudo(phase: Phase) -> Cell {
    match phase {
        Phase::Connect | Phase::Login => Cell::Never("nobody is root before the first question"),
        Phase::Load => Cell::Never(ASKED_NEXT),
        _ => runs(Fault::SudoLost, unmeasured(phase)),
    }
}

fn disk(fault: Fault, phase: Phase) -> Cell {
    match phase {
        Phase::Connect | Phase::Login => {
            Cell::Never("the disk is looked at with the first question")
        }
        Phase::Gather => runs(fault, Expect::Refused),
        Phase::Write => runs(fault, Expect::Failed),
        Phase::Load => Cell::Never("harden writes nothing on a node while rke runs"),
        Phase::Verify => runs(fault, Expect::Done),
    }
}

fn clock(phase: Phase) -> Cell {
    let day = 86_400;
    match phase {
        Phase::Connect | Phase::Login => Cell::Never("no time is read before the first question"),
        Phase::Gather | Phase::Write => runs(Fault::ClockOff(day), Expect::Truth),
        Phase::Load => runs(Fault::ClockOff(-day), Expect::Truth),
        Phase::Verify => {
            Cell::Never("times are only noted when something is written or started: see load")
        }
    }
}

fn docker(phase: Phase) -> Cell {
    match phase {
        Phase::Connect | Phase::Login => Cell::Never("Docker is asked with the first question"),
        Phase::Gather => runs(Fault::DockerRestarts, Expect::Untouched),
        // Whether it is asked once more before the cluster is touched depends on how long that took.
        Phase::Write | Phase::Load => runs(Fault::DockerRestarts, Expect::Truth),
        Phase::Verify => Cell::Never("Docker is asked next in verify after a restart in load, too"),
    }
}

fn crash(phase: Phase) -> Cell {
    let (blow, expect) = match phase {
        Phase::Connect | Phase::Login => {
            return Cell::Never("containers are looked at with the first question");
        }
        Phase::Gather | Phase::Write => (Blow::Crash, Expect::Truth),
        Phase::Load => (Blow::Crash, Expect::NotDone),
        Phase::Verify => return Cell::Never("what crashes after rke has ended is the run of load"),
    };
    Cell::Runs { blow, expect }
}

/// The connection dies without a word, in write with half of a change on its way.
fn network(phase: Phase) -> Cell {
    match phase {
        Phase::Connect | Phase::Login => Cell::Never("silence from the first packet on: see hang"),
        Phase::Load => Cell::Never(ASKED_NEXT),
        _ => runs(Fault::NetworkLost, unmeasured(phase)),
    }
}

/// The node goes down, in write with half of a change done, and is up again for the next run.
fn reboot(phase: Phase) -> Cell {
    match phase {
        Phase::Connect | Phase::Login => Cell::Never("nobody listens: see refuse"),
        Phase::Load => runs(Fault::Reboots, Expect::Failed),
        _ => runs(Fault::Reboots, unmeasured(phase)),
    }
}

impl fmt::Display for Weather {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refuse => "refuse",
            Self::Hang => "hang",
            Self::Drop => "drop",
            Self::Truncate => "truncate",
            Self::Flood => "flood",
            Self::Slow => "slow",
            Self::WrongHostKey => "wrong host key",
            Self::SudoLost => "sudo lost",
            Self::DiskFull => "disk full",
            Self::ReadOnly => "read-only",
            Self::NoInodes => "out of inodes",
            Self::ClockJump => "clock jump",
            Self::DockerRestart => "docker restart",
            Self::CrashLoop => "container crash-loop",
            Self::NetworkLost => "network lost",
            Self::Reboot => "reboot",
        })
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "connect",
            Self::Login => "login",
            Self::Gather => "gather",
            Self::Write => "write",
            Self::Load => "load",
            Self::Verify => "verify",
        })
    }
}

impl fmt::Display for Expect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Done => "done, 0",
            Self::Untouched => "untouched, 4",
            Self::Refused => "untouched, 3",
            Self::Failed => "failed, 5",
            Self::Unproved => "unproved, 4",
            Self::NotDone => "not 0",
            Self::Truth => "the truth",
        })
    }
}
