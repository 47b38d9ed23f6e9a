//! A command that has said everything and goes on running until its input ends.

use std::time::Duration;

use russh::ChannelReadHalf;
use tokio::select;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;
use tokio::time::interval;
use tokio::time::timeout;

use crate::ssh::exec::Closing;

/// Between two signs of life; a node's program gives up its lock after three minutes without one.
const BEAT: Duration = Duration::from_secs(30);

/// For a command to end once its input has ended.
const PATIENCE: Duration = Duration::from_secs(2);

/// Keeps a command running, with an empty line of input now and then.
///
/// When it is dropped the command's input ends.
#[derive(Debug)]
pub struct Held {
    release: oneshot::Sender<()>,
    life: JoinHandle<()>,
}

impl Held {
    pub(super) fn new(answers: ChannelReadHalf, channel: Closing) -> Self {
        let (release, released) = oneshot::channel();
        let life = tokio::spawn(live(answers, channel, released));
        Self { release, life }
    }

    /// True when the command has ended, or the connection has.
    pub fn is_over(&self) -> bool {
        self.life.is_finished()
    }

    /// Ends the command's input and waits until it has ended, at most two seconds.
    pub async fn release(self) {
        drop(self.release);
        let _ = timeout(PATIENCE, self.life).await;
    }
}

async fn live(mut answers: ChannelReadHalf, channel: Closing, mut released: oneshot::Receiver<()>) {
    let Some(writer) = &channel.0 else { return };
    let mut beat = interval(BEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    beat.reset();
    loop {
        select! {
            message = answers.wait() => if message.is_none() {
                return;
            },
            _ = beat.tick() => if writer.data_bytes(b"\n".to_vec()).await.is_err() {
                return;
            },
            _ = &mut released => break,
        }
    }
    if writer.eof().await.is_ok() {
        while answers.wait().await.is_some() {}
    }
}
