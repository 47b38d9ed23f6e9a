//! Runs one command over an open connection.

use std::time::Duration;

use russh::ChannelMsg;
use russh::ChannelOpenFailure;
use russh::ChannelReadHalf;
use russh::ChannelWriteHalf;
use russh::Sig;
use russh::client::Handle;
use russh::client::Msg;
use tokio::pin;
use tokio::select;

use crate::secret::Secret;
use crate::ssh::Output;
use crate::ssh::Status;
use crate::ssh::gate::Gate;
use crate::ssh::held::Held;
use crate::ssh::patience::Patience;

/// Bytes of stderr that are kept; more is dropped.
const STDERR_LIMIT: usize = 64 * 1024;

/// How long a connection without room for one more command is asked again.
const PATIENCE: Duration = Duration::from_secs(3);

/// What a command can fail with before it has a status.
pub(super) enum Failure {
    /// The server did not start it.
    Refused(String),
    /// As many commands as the server lets one connection have (`MaxSessions`) run already.
    Full,
    TooMuch,
    /// The connection went away.
    Lost,
}

/// Starts `command`, feeds it `stdin` and collects its output, at most `limit` bytes of stdout.
///
/// Dropping the future closes the channel, whereupon the command reads the end
/// of its stdin.
pub(super) async fn exec(
    handle: &Handle<Gate>,
    command: &str,
    stdin: Secret,
    limit: usize,
) -> Result<Output, Failure> {
    let mut running = Running::start(handle, command, limit).await?;
    running.converse(&stdin, Input::Ends, |_| false).await?;
    running.heard.output()
}

/// The same, but the stdin does not end with `stdin`, and a command that goes on running behind
/// output that `is_whole` is held.
pub(super) async fn exec_and_hold(
    handle: &Handle<Gate>,
    command: &str,
    stdin: Secret,
    limit: usize,
    is_whole: fn(&[u8]) -> bool,
) -> Result<(Output, Option<Held>), Failure> {
    let mut running = Running::start(handle, command, limit).await?;
    running.converse(&stdin, Input::Stays, is_whole).await?;
    if running.heard.status.is_some() {
        return Ok((running.heard.output()?, None));
    }
    let Running {
        answers,
        channel,
        mut heard,
    } = running;
    heard.status = Some(Status::Running);
    Ok((heard.output()?, Some(Held::new(answers, channel))))
}

/// A command on its channel.
struct Running {
    answers: ChannelReadHalf,
    channel: Closing,
    heard: Heard,
}

/// What becomes of a command's input behind the last byte that it is given.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Input {
    Ends,
    Stays,
}

impl Running {
    async fn start(handle: &Handle<Gate>, command: &str, limit: usize) -> Result<Self, Failure> {
        let (answers, writer) = open(handle).await?;
        let started = writer.exec(true, command).await;
        let channel = Closing(Some(writer));
        started.map_err(|_| Failure::Lost)?;
        Ok(Self {
            answers,
            channel,
            heard: Heard::new(limit),
        })
    }

    /// Feeds and listens until the command has ended, or its output is whole.
    async fn converse(
        &mut self,
        stdin: &Secret,
        then: Input,
        is_whole: fn(&[u8]) -> bool,
    ) -> Result<(), Failure> {
        let writer = self.channel.0.as_ref().ok_or(Failure::Lost)?;
        let input = feed(writer, stdin, then);
        pin!(input);
        let mut fed = false;
        // Writing first and reading afterwards would stop both sides at full windows.
        loop {
            select! {
                biased;
                message = self.answers.wait() => match message {
                    Some(message) => self.heard.take(message)?,
                    None => return Ok(()),
                },
                () = &mut input, if !fed => fed = true,
            }
            if is_whole(&self.heard.stdout) {
                return Ok(());
            }
        }
    }
}

/// Opens a channel; more than once, because sshd frees a finished command's place a moment after
/// its end (rust-stack.md 4.5), and other commands end too.
async fn open(handle: &Handle<Gate>) -> Result<(ChannelReadHalf, ChannelWriteHalf<Msg>), Failure> {
    let mut patience = Patience::new(PATIENCE);
    loop {
        match handle.channel_open_session().await {
            Ok(channel) => return Ok(channel.split()),
            Err(russh::Error::ChannelOpenFailure(
                ChannelOpenFailure::ConnectFailed | ChannelOpenFailure::ResourceShortage,
            )) => {
                if !patience.rest().await {
                    return Err(Failure::Full);
                }
            }
            Err(russh::Error::ChannelOpenFailure(failure)) => {
                return Err(Failure::Refused(format!("{failure:?}")));
            }
            Err(_) => return Err(Failure::Lost),
        }
    }
}

async fn feed(writer: &ChannelWriteHalf<Msg>, stdin: &Secret, then: Input) {
    const CHUNK: usize = 32 * 1024;
    for chunk in stdin.expose().chunks(CHUNK) {
        if writer.data_bytes(chunk.to_vec()).await.is_err() {
            // A command that reads no further is judged by its status.
            return;
        }
    }
    if then == Input::Ends {
        let _ = writer.eof().await;
    }
}

/// Closes the channel when dropped; the library's own drop tells the server nothing.
pub(super) struct Closing(pub(super) Option<ChannelWriteHalf<Msg>>);

impl Drop for Closing {
    fn drop(&mut self) {
        if let (Some(writer), Ok(runtime)) = (self.0.take(), tokio::runtime::Handle::try_current())
        {
            runtime.spawn(async move { writer.close().await });
        }
    }
}

/// What a command has said so far.
struct Heard {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    status: Option<Status>,
    limit: usize,
}

impl Heard {
    fn new(limit: usize) -> Self {
        Self {
            stdout: Vec::new(),
            stderr: Vec::new(),
            status: None,
            limit,
        }
    }

    fn take(&mut self, message: ChannelMsg) -> Result<(), Failure> {
        match message {
            ChannelMsg::Data { data } if self.stdout.len() + data.len() > self.limit => {
                return Err(Failure::TooMuch);
            }
            ChannelMsg::Data { data } => self.stdout.extend_from_slice(&data),
            ChannelMsg::ExtendedData { data, .. } => {
                let room = STDERR_LIMIT.saturating_sub(self.stderr.len());
                self.stderr.extend_from_slice(&data[..room.min(data.len())]);
            }
            ChannelMsg::ExitStatus { exit_status } => self.status = Some(Status::Code(exit_status)),
            ChannelMsg::ExitSignal { signal_name, .. } => {
                self.status = Some(Status::Signal(name(&signal_name)));
            }
            ChannelMsg::Failure => {
                return Err(Failure::Refused("no exec for this user".to_owned()));
            }
            _ => {}
        }
        Ok(())
    }

    fn output(self) -> Result<Output, Failure> {
        Ok(Output {
            status: self.status.ok_or(Failure::Lost)?,
            stdout: self.stdout,
            stderr: self.stderr,
        })
    }
}

fn name(signal: &Sig) -> String {
    match signal {
        Sig::Custom(name) => name.clone(),
        known => format!("{known:?}"),
    }
}
