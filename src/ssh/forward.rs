//! A port of a node, reached through the login itself: as RKE reaches its components (rke.md 3.2).

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::copy_bidirectional;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::ssh::SshError;
use crate::ssh::session::Session;
use crate::ssh::target::Target;

/// A port of this machine that leads to one of a node, for a single connection and as long as this
/// lives.
#[derive(Debug)]
pub struct Forward {
    port: u16,
    carrier: JoinHandle<()>,
}

/// Why there is no way to a port of a node.
#[derive(Debug, thiserror::Error)]
pub enum ForwardError {
    #[error(transparent)]
    Ssh(#[from] SshError),

    #[error("no port of this machine is free: {0}")]
    Local(io::Error),
}

impl Forward {
    /// A way to `port` of the loopback address of the node at the other end of `session`; the node
    /// is asked to connect before this returns.
    ///
    /// # Errors
    ///
    /// Nobody listens there, the server does not forward, or it did not say so within `limit`.
    pub async fn open(session: &Session, port: u16, limit: Duration) -> Result<Self, ForwardError> {
        let to = Arc::new(Target {
            node: format!("port {port}"),
            host: Ipv4Addr::LOCALHOST.to_string(),
            port,
            ..Target::default()
        });
        let mut far = session.tunnel(&to, limit).await?;
        let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = bound.map_err(ForwardError::Local)?;
        let port = listener.local_addr().map_err(ForwardError::Local)?.port();
        let carrier = tokio::spawn(async move {
            if let Ok((mut near, _)) = listener.accept().await {
                // How a connection ends is for those who speak over it.
                let _ = copy_bidirectional(&mut near, &mut far).await;
            }
        });
        Ok(Self { port, carrier })
    }

    /// The port on the loopback address of this machine.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Forward {
    fn drop(&mut self) {
        self.carrier.abort();
    }
}
