//! From a name to an open TCP connection.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::net::lookup_host;
use tokio::time::Instant;
use tokio::time::timeout;
use tokio::time::timeout_at;

use crate::ssh::SshError;
use crate::ssh::error::Step;
use crate::ssh::target::Target;

/// Connects to `at` within `limit`, name lookup included.
///
/// The addresses of a name are tried in order and share the time that is left,
/// so that a dead first one does not use it up.
///
/// # Errors
///
/// [`SshError::Resolve`], [`SshError::Connect`] or [`SshError::Late`].
pub async fn dial(at: &Arc<Target>, limit: Duration) -> Result<TcpStream, SshError> {
    let late = || SshError::Late {
        at: at.clone(),
        step: Step::Connect,
        limit,
    };
    let end = Instant::now() + limit;
    let addresses = timeout_at(end, resolve(at)).await.map_err(|_| late())??;
    let mut failure = None;
    for (index, address) in addresses.iter().enumerate() {
        let left = u32::try_from(addresses.len() - index).unwrap_or(u32::MAX);
        let share = end.saturating_duration_since(Instant::now()) / left;
        match timeout(share, open(*address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => failure = Some(error),
            Err(_) => {}
        }
    }
    Err(failure.map_or_else(late, |error| SshError::Connect {
        at: at.clone(),
        reason: reason(&error),
    }))
}

async fn resolve(at: &Arc<Target>) -> Result<Vec<SocketAddr>, SshError> {
    let unresolved = |reason: String| SshError::Resolve {
        at: at.clone(),
        reason,
    };
    let found = lookup_host((at.host.as_str(), at.port)).await;
    let addresses: Vec<_> = found
        .map_err(|error| unresolved(error.to_string()))?
        .collect();
    if addresses.is_empty() {
        return Err(unresolved("no address".to_owned()));
    }
    Ok(addresses)
}

async fn open(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    // Nagle's algorithm costs 40 ms and more per exchange (rust-stack.md 4.4).
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// The system's words in our spelling, without the error number.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        io::ErrorKind::HostUnreachable => "host unreachable".to_owned(),
        io::ErrorKind::NetworkUnreachable => "network unreachable".to_owned(),
        io::ErrorKind::TimedOut => "timed out".to_owned(),
        _ => error.to_string(),
    }
}
