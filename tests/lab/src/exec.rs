//! One command of one channel: its streams, its end, its death.

use std::collections::VecDeque;
use std::future;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::sync::Arc;

use russh::Channel;
use russh::ChannelId;
use russh::ChannelMsg;
use russh::ChannelReadHalf;
use russh::ChannelWriteHalf;
use russh::Sig;
use russh::server::Handle;
use russh::server::Msg;
use rustix::process::Pid;
use rustix::process::Signal;
use rustix::process::kill_process_group;
use tokio::io::AsyncRead;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Child;
use tokio::process::ChildStdin;
use tokio::sync::Notify;

use crate::fault::Fault;
use crate::machine::Machine;
use crate::mounts;

/// Bytes that may wait for a command to read them, before it is killed.
const BACKLOG: usize = 64 << 20;

/// What a command needs besides its text.
pub(crate) struct Exec {
    /// Counted from 1 since the fleet started.
    pub(crate) number: u64,
    pub(crate) machine: Arc<Machine>,
    pub(crate) user: String,
    /// Ends the whole connection when notified.
    pub(crate) cut: Arc<Notify>,
    pub(crate) session: Handle,
}

impl Exec {
    /// Runs `line` for `channel` until it ends or the channel closes, whichever is first; in the
    /// second case its whole process group is killed.
    pub(crate) async fn run(self, channel: Channel<Msg>, line: Vec<u8>) {
        let id = channel.id();
        let (mut input, output) = channel.split();
        let early = if self.machine.waits_for_a_verb() && !brings_records(&line) {
            Early::first_record(&mut input).await
        } else {
            Early::default()
        };
        let met = self.machine.meet(self.number, early.verb().as_deref());
        let faults = self.machine.faults();
        let line = replaced(&faults).unwrap_or(line);
        let mut command = mounts::command(&self.machine.dir, &self.user, &line);
        let spawned = met.map_err(io::Error::other).and_then(|()| command.spawn());
        let status = match spawned {
            Ok(child) => {
                let input = Input::new(&self.machine, input, early);
                self.attend(child, input, &output, &faults).await
            }
            Err(error) => Some(cannot_start(&output, &error).await),
        };
        if let Some(status) = status {
            self.finish(id, status).await;
        }
        let _ = output.close().await;
    }

    /// The exit status, or nothing when the channel closed first.
    async fn attend(
        &self,
        mut child: Child,
        input: Input<'_>,
        output: &ChannelWriteHalf<Msg>,
        faults: &[Fault],
    ) -> Option<ExitStatus> {
        let mut group = Group::of(&child, &self.machine);
        let (stdin, stdout, stderr) = (
            child.stdin.take(),
            child.stdout.take()?,
            child.stderr.take()?,
        );
        let work = async {
            let _ = tokio::join!(
                self.answer(stdout, output, faults),
                copy(stderr, output.make_writer_ext(Some(1))),
            );
            child.wait().await
        };
        tokio::select! {
            status = work => {
                group.reaped();
                status.ok()
            }
            () = input.feed(stdin) => None,
        }
    }

    async fn answer(
        &self,
        mut stdout: impl AsyncRead + Unpin,
        output: &ChannelWriteHalf<Msg>,
        faults: &[Fault],
    ) -> io::Result<()> {
        for fault in faults {
            let (Fault::DropAnswer(bytes) | Fault::Truncate(bytes)) = fault else {
                continue;
            };
            copy((&mut stdout).take(*bytes), output.make_writer()).await?;
            if matches!(fault, Fault::DropAnswer(_)) {
                self.cut.notify_one();
                return future::pending().await;
            }
            tokio::io::copy(&mut stdout, &mut tokio::io::sink()).await?;
        }
        copy(stdout, output.make_writer()).await
    }

    async fn finish(&self, channel: ChannelId, status: ExitStatus) {
        let _ = self.session.eof(channel).await;
        let _ = match (status.code(), status.signal()) {
            (Some(code), _) => {
                self.session
                    .exit_status_request(channel, code.unsigned_abs())
                    .await
            }
            (None, signal) => {
                let name = signal_name(signal.unwrap_or_default());
                self.session
                    .exit_signal_request(channel, name, false, String::new(), String::new())
                    .await
            }
        };
    }
}

/// True for a command that has its records beside it: its input may stay open and empty.
fn brings_records(line: &[u8]) -> bool {
    line.ends_with(br"3\0011end\0012'")
}

/// The command that a fault puts in place of every other.
fn replaced(faults: &[Fault]) -> Option<Vec<u8>> {
    faults.iter().find_map(|fault| match fault {
        Fault::Mute => Some(b"cat >/dev/null; exec sleep 1000000".to_vec()),
        Fault::Flood => Some(b"exec cat /dev/zero".to_vec()),
        Fault::Recites(file) => Some(format!("exec cat '{}'", file.display()).into_bytes()),
        _ => None,
    })
}

/// What the channel has brought before its command is started.
#[derive(Default)]
struct Early {
    bytes: VecDeque<u8>,
    is_complete: bool,
}

impl Early {
    /// Reads until the first record is there, which stands behind the line with their length, or
    /// nothing more will come.
    async fn first_record(input: &mut ChannelReadHalf) -> Self {
        let mut early = Self::default();
        let lines = |early: &Self| early.bytes.iter().filter(|byte| **byte == b'\n').count();
        while !early.is_complete && lines(&early) < 2 {
            match input.wait().await {
                Some(ChannelMsg::Data { data }) => early.bytes.extend(data),
                Some(ChannelMsg::Eof | ChannelMsg::Close) | None => early.is_complete = true,
                Some(_) => {}
            }
        }
        early
    }

    /// The second field of the first record, behind its length.
    fn verb(&self) -> Option<String> {
        let is_letter = |byte: &u8| !matches!(byte, b'\t' | b'\n');
        let records = self.bytes.iter().copied().skip_while(|byte| *byte != b'\n');
        let fields = records.skip(1);
        let verb = fields.skip_while(is_letter).skip(1).take_while(is_letter);
        String::from_utf8(verb.collect()).ok()
    }
}

async fn cannot_start(output: &ChannelWriteHalf<Msg>, error: &io::Error) -> ExitStatus {
    let text = format!("the simulated node cannot start `unshare`: {error}\n");
    let _ = output.extended_data_bytes(1, text).await;
    ExitStatus::from_raw(255 << 8)
}

/// What a channel brings for a command.
struct Input<'a> {
    machine: &'a Machine,
    verb: Option<String>,
    channel: ChannelReadHalf,
    pending: VecDeque<u8>,
    is_complete: bool,
    /// Bytes that the command is still given before something happens to the node.
    left: Option<usize>,
}

impl<'a> Input<'a> {
    fn new(machine: &'a Machine, channel: ChannelReadHalf, early: Early) -> Self {
        let verb = early.verb();
        Self {
            left: machine.limit(verb.as_deref()),
            machine,
            verb,
            channel,
            pending: early.bytes,
            is_complete: early.is_complete,
        }
    }

    /// Hands the channel's data to the process; returns when the channel has closed, or when more
    /// than [`BACKLOG`] is waiting.
    ///
    /// The channel is always read at once: russh opens the window again when data arrives, not when
    /// it is taken, and a full queue would stop the whole connection, the answer included.
    async fn feed(mut self, mut stdin: Option<ChildStdin>) {
        while self.pending.len() <= BACKLOG {
            if self.left == Some(0) {
                // The process goes on waiting for the rest.
                let _ = self.machine.meet_limit(self.verb.as_deref());
                return future::pending().await;
            }
            if self.is_complete && self.pending.is_empty() {
                stdin = None;
            }
            tokio::select! {
                message = self.channel.wait() => match message {
                    Some(ChannelMsg::Data { data }) => self.pending.extend(data),
                    Some(ChannelMsg::Eof) => self.is_complete = true,
                    Some(ChannelMsg::Close) | None => return,
                    Some(_) => {}
                },
                written = write(&mut stdin, &mut self.pending, self.left), if !self.pending.is_empty() => {
                    match (written, &mut self.left) {
                        (Ok(written), Some(left)) => *left -= written,
                        (Ok(_), None) => {}
                        (Err(_), _) => stdin = None,
                    }
                }
            }
        }
    }
}

/// Writes some of what is pending, at most `most` bytes. A process that no longer reads loses what
/// is sent to it.
async fn write(
    stdin: &mut Option<ChildStdin>,
    pending: &mut VecDeque<u8>,
    most: Option<usize>,
) -> io::Result<usize> {
    let Some(pipe) = stdin else {
        pending.clear();
        return Ok(0);
    };
    let (front, _) = pending.as_slices();
    let front = &front[..front.len().min(most.unwrap_or(usize::MAX))];
    let written = pipe.write(front).await?;
    pending.drain(..written);
    Ok(written)
}

async fn copy(mut from: impl AsyncRead + Unpin, to: impl tokio::io::AsyncWrite) -> io::Result<()> {
    let mut to = std::pin::pin!(to);
    tokio::io::copy(&mut from, &mut to).await?;
    to.flush().await
}

fn signal_name(number: i32) -> Sig {
    match number {
        1 => Sig::HUP,
        2 => Sig::INT,
        3 => Sig::QUIT,
        4 => Sig::ILL,
        6 => Sig::ABRT,
        8 => Sig::FPE,
        9 => Sig::KILL,
        10 => Sig::USR1,
        11 => Sig::SEGV,
        13 => Sig::PIPE,
        14 => Sig::ALRM,
        15 => Sig::TERM,
        other => Sig::Custom(format!("{other}@harden-lab")),
    }
}

/// The process group of a command, killed when this is dropped before the command was waited for.
struct Group<'a> {
    leader: Option<Pid>,
    machine: &'a Machine,
}

impl<'a> Group<'a> {
    fn of(child: &Child, machine: &'a Machine) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        let leader = id.and_then(Pid::from_raw);
        if let Some(leader) = leader {
            machine.started(leader);
        }
        Self { leader, machine }
    }

    /// The number may belong to another process from now on.
    fn reaped(&mut self) {
        if let Some(leader) = self.leader.take() {
            self.machine.reaped(leader);
        }
    }
}

impl Drop for Group<'_> {
    fn drop(&mut self) {
        if let Some(leader) = self.leader {
            self.reaped();
            // An empty group is what is wanted.
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }
}
