//! Connections to jump hosts, each shared by everything behind it.

use std::sync::Arc;
use std::sync::PoisonError;
use std::time::Duration;

use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::sync::Mutex;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::ssh::SshError;
use crate::ssh::dial::dial;
use crate::ssh::keys::Keys;
use crate::ssh::route::Stop;
use crate::ssh::session::Options;
use crate::ssh::session::Session;
use crate::ssh::target::Target;

/// Handshakes at once through one jump host; sshd begins to refuse its own at ten.
const AT_ONCE: usize = 8;

/// How long a jump host that could not be reached is not tried again, so that
/// hundreds of nodes behind it do not wait for it one after the other.
const REST: Duration = Duration::from_secs(30);

/// The open connections to jump hosts.
#[derive(Debug, Default)]
pub struct Jumps(std::sync::Mutex<Vec<(Path, Slot)>>);

/// The stops up to a jump host and the jump host itself.
type Path = Vec<Arc<Target>>;

type Slot = Arc<Mutex<State>>;

#[derive(Debug, Default)]
enum State {
    #[default]
    Closed,
    Open(Arc<Hub>),
    Failed(SshError, Instant),
}

/// A connection to a jump host.
#[derive(Debug)]
struct Hub {
    session: Session,
    handshakes: Arc<Semaphore>,
}

/// A stream of bytes to a server.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// An open way to a server, and the right to shake hands on it.
pub(super) struct Way {
    pub(super) stream: Box<dyn Stream>,
    /// To be kept until the handshake is over.
    pub(super) permit: Option<OwnedSemaphorePermit>,
}

impl Jumps {
    /// A stream to `at`, behind the last of `hops` or dialled where there are none.
    ///
    /// # Errors
    ///
    /// Those of dialling; [`SshError::Jump`] where a jump host is the cause.
    pub(super) async fn way(
        &self,
        hops: &[Stop],
        at: &Arc<Target>,
        limit: Duration,
        keys: &Keys,
        options: &Options,
    ) -> Result<Way, SshError> {
        let Some((last, before)) = hops.split_last() else {
            return Ok(Way {
                stream: Box::new(dial(at, limit).await?),
                permit: None,
            });
        };
        // Not async itself: a future that holds itself would have no size.
        let hub = Box::pin(self.hub(before, last, keys, options));
        let hub = hub.await.map_err(|source| SshError::Jump {
            at: at.clone(),
            source: Box::new(source),
        })?;
        // The semaphore is never closed.
        let permit = hub.handshakes.clone().acquire_owned().await.ok();
        Ok(Way {
            stream: Box::new(hub.session.tunnel(at, limit).await?),
            permit,
        })
    }

    /// Says goodbye to every jump host, the farthest first.
    pub(super) async fn close(&self) {
        let mut slots = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        slots.sort_by_key(|(way, _)| std::cmp::Reverse(way.len()));
        for (_, slot) in slots {
            if let State::Open(hub) = std::mem::take(&mut *slot.lock().await)
                && let Some(hub) = Arc::into_inner(hub)
            {
                hub.session.close().await;
            }
        }
    }

    /// The connection to `stop`; opened by whoever needs it first, while the others wait.
    async fn hub(
        &self,
        before: &[Stop],
        stop: &Stop,
        keys: &Keys,
        options: &Options,
    ) -> Result<Arc<Hub>, SshError> {
        let slot = self.slot(before, stop);
        let mut state = slot.lock().await;
        match &*state {
            State::Open(hub) if !hub.session.is_closed() => return Ok(hub.clone()),
            State::Failed(error, at) if at.elapsed() < REST => return Err(error.clone()),
            _ => {}
        }
        let opened = Session::along(before, stop, keys, options).await;
        let opened = opened.map(|session| {
            Arc::new(Hub {
                session,
                handshakes: Arc::new(Semaphore::new(AT_ONCE)),
            })
        });
        *state = match &opened {
            Ok(hub) => State::Open(hub.clone()),
            Err(error) => State::Failed(error.clone(), Instant::now()),
        };
        opened
    }

    fn slot(&self, before: &[Stop], stop: &Stop) -> Slot {
        let way = before.iter().chain([stop]).map(|stop| stop.at.clone());
        let way: Path = way.collect();
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, slot)) = slots.iter().find(|(known, _)| *known == way) {
            return slot.clone();
        }
        let slot = Arc::default();
        slots.push((way, Arc::clone(&slot)));
        slot
    }
}
