//! The door to a node.

use std::future::Future;
use std::time::Duration;

use crate::secret::Secret;

/// What a command on a node gave back.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Output {
    pub stdout: Vec<u8>,
    /// The first 64 KiB; a node's story, never parsed for facts.
    pub stderr: Vec<u8>,
    pub status: Status,
}

/// How a command ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Status {
    Code(u32),
    Signal(String),
}

/// One connection to one node; all phases of a run go through it.
pub trait Remote: Send + Sync {
    /// Runs `command` with `stdin` and collects what it says.
    ///
    /// Output beyond `limit` bytes and waiting beyond `deadline` are errors.
    fn run(
        &self,
        command: &str,
        stdin: Secret,
        deadline: Duration,
    ) -> impl Future<Output = Result<Output, SshError>> + Send;
}

/// Why a node could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum SshError {}
