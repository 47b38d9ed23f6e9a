//! The door to a node.
//!
//! ```text
//! route ─▶ dial or jump ─▶ tap ─▶ handshake (gate, host key) ─▶ login (keys) ─▶ exec
//! ```
//!
//! [`session::Session`] is the real door; tests and rehearsals bring their own
//! [`Remote`]. Nothing here knows what is asked of a node.

mod certificate;
pub mod config;
pub mod dial;
pub mod error;
mod exec;
pub mod forward;
mod gate;
mod handshake;
pub mod held;
mod host_certificate;
pub mod host_key;
pub mod jump;
mod key_error;
mod key_file;
pub mod keys;
pub mod known_hosts;
mod login;
mod notes;
pub mod obstacle;
pub mod password;
mod patience;
mod ring;
pub mod route;
pub mod session;
pub mod socket;
mod tap;
pub mod target;
pub mod trust;

use std::future::Future;
use std::time::Duration;

use crate::secret::Secret;

pub use self::error::SshError;

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
    /// The signal's name without `SIG`, such as `KILL`.
    Signal(String),
    /// It has said everything and still runs.
    Running,
}

/// One connection to one node; all phases of a run go through it.
pub trait Remote: Send + Sync {
    /// Runs `command` with `stdin` and collects what it says.
    ///
    /// The end of `stdin` is sent after its last byte. More output than the
    /// connection allows and waiting beyond `deadline` are errors; the command's
    /// own failure is not, it is in [`Output::status`].
    fn run(
        &self,
        command: &str,
        stdin: Secret,
        deadline: Duration,
    ) -> impl Future<Output = Result<Output, SshError>> + Send;
}
