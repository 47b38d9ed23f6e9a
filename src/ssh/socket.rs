//! A local socket on a node, reached as RKE reaches Docker's: through the login itself.

use std::time::Duration;

use russh::ChannelOpenFailure;
use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::time::timeout;

use crate::ssh::session::Session;

/// Bytes of an answer that are read.
const LIMIT: u64 = 64 * 1024;

/// Why a socket gave no answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SocketError {
    /// The server does not forward, or not for this user.
    Forbidden,
    /// The server tried and was refused by the socket, or found none.
    Failed,
    /// It did not end its answer in time.
    Silent,
    /// The connection went away.
    Lost,
}

impl Session {
    /// Sends `request` to the socket at `path` and reads until the other side closes.
    ///
    /// # Errors
    ///
    /// [`SocketError`], [`SocketError::Silent`] after `limit`.
    pub async fn ask_socket(
        &self,
        path: &str,
        request: &[u8],
        limit: Duration,
    ) -> Result<Vec<u8>, SocketError> {
        let asked = timeout(limit, self.exchange(path, request)).await;
        asked.unwrap_or(Err(SocketError::Silent))
    }

    async fn exchange(&self, path: &str, request: &[u8]) -> Result<Vec<u8>, SocketError> {
        let opened = self.handle.channel_open_direct_streamlocal(path).await;
        let channel = opened.map_err(|error| match error {
            russh::Error::ChannelOpenFailure(
                ChannelOpenFailure::AdministrativelyProhibited
                | ChannelOpenFailure::UnknownChannelType,
            ) => SocketError::Forbidden,
            russh::Error::ChannelOpenFailure(_) => SocketError::Failed,
            _ => SocketError::Lost,
        })?;
        let mut stream = channel.into_stream();
        let sent = stream.write_all(request).await;
        sent.map_err(|_| SocketError::Lost)?;
        let mut answer = Vec::new();
        let read = stream.take(LIMIT).read_to_end(&mut answer).await;
        read.map(|_| answer).map_err(|_| SocketError::Lost)
    }
}
