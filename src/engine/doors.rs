//! One connection to each node, opened when it is first needed and kept for the whole run.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::future::Either;
use futures::future::select;
use futures::stream;
use tokio::sync::Mutex;
use tokio::sync::Semaphore;
use tokio::time::sleep;

use crate::engine::ascents::code;
use crate::engine::ascents::refused;
use crate::inventory::Node;
use crate::node;
use crate::node::ascent::Ascent;
use crate::node::ascent::Refusal;
use crate::node::frame;
use crate::node::frame::Answer;
use crate::node::frame::FrameError;
use crate::node::request::Request;
use crate::ssh::Output;
use crate::ssh::Remote as _;
use crate::ssh::SshError;
use crate::ssh::Status;
use crate::ssh::held::Held;
use crate::ssh::keys::Keys;
use crate::ssh::obstacle::Obstacle;
use crate::ssh::session::Options;
use crate::ssh::session::Session;

/// How long a connection that is being opened keeps its place; a silent node then makes room, so
/// that a few hundred of them do not hold up the others.
const PLACE: Duration = Duration::from_secs(1);

/// The open connections of a run.
pub(super) struct Doors {
    open: Mutex<BTreeMap<String, Arc<Session>>>,
    handshakes: Semaphore,
    /// Where `rke` will not come in, by what stands in its way.
    obstacles: Mutex<BTreeMap<Obstacle, BTreeSet<String>>>,
}

/// Why a node gave no answer that can be believed.
#[derive(Debug, thiserror::Error)]
pub(super) enum AskError {
    #[error(transparent)]
    Ssh(#[from] SshError),

    #[error("{node}: {user} may not become root: {refusal}")]
    Root {
        node: String,
        user: String,
        refusal: Refusal,
    },

    #[error("{node}: {source}{}", with_story(.said))]
    Frame {
        node: String,
        said: String,
        source: FrameError,
    },
}

impl AskError {
    pub(super) fn hint(&self) -> String {
        match self {
            Self::Ssh(error) => error.hint(),
            Self::Root { user, refusal, .. } => refusal.hint(user),
            Self::Frame { .. } => {
                "log in by hand and run `sh -c 'echo works'`; the login shell or the network cut the answer off".to_owned()
            }
        }
    }
}

impl Doors {
    pub(super) fn new(jobs: usize) -> Self {
        Self {
            open: Mutex::default(),
            handshakes: Semaphore::new(jobs),
            obstacles: Mutex::default(),
        }
    }

    /// The connection to `node`; opens it when there is none, and calls `begin` when it does.
    pub(super) async fn to(
        &self,
        node: &Node,
        keys: &Keys,
        options: &Options,
        begin: impl FnOnce(),
    ) -> Result<Arc<Session>, SshError> {
        if let Some(session) = self.open.lock().await.get(&node.name) {
            return Ok(session.clone());
        }
        // The semaphore is never closed; without a permit the node would only go a little early.
        let permit = self.handshakes.acquire().await.ok();
        begin();
        // On the heap: thousands of nodes wait for their turn and have no room for a handshake yet.
        let connected = Box::pin(Session::connect(node, keys, options));
        let session = match select(connected, pin!(sleep(PLACE))).await {
            Either::Left((session, _)) => session,
            Either::Right(((), connected)) => {
                drop(permit);
                connected.await
            }
        };
        let session = Arc::new(session?);
        if let Some(obstacle) = session.obstacle() {
            let mut obstacles = self.obstacles.lock().await;
            let nodes = obstacles.entry(obstacle).or_default();
            nodes.insert(node.name.clone());
        }
        self.open
            .lock()
            .await
            .insert(node.name.clone(), session.clone());
        Ok(session)
    }

    /// Where `rke` will not come in, by what stands in its way.
    pub(super) async fn obstacles(&self) -> BTreeMap<Obstacle, BTreeSet<String>> {
        self.obstacles.lock().await.clone()
    }

    /// Says goodbye to `node`; a further question would open a new connection.
    pub(super) async fn leave(&self, node: &Node) {
        let session = self.open.lock().await.remove(&node.name);
        if let Some(session) = session.and_then(Arc::into_inner) {
            session.close().await;
        }
    }

    pub(super) async fn is_open(&self, node: &Node) -> bool {
        self.open.lock().await.contains_key(&node.name)
    }

    pub(super) async fn forget(&self, node: &Node) {
        self.open.lock().await.remove(&node.name);
    }

    /// Closes all connections, each within its own short time.
    pub(super) async fn close(self) {
        let sessions = self.open.into_inner().into_values();
        stream::iter(sessions.filter_map(Arc::into_inner))
            .for_each_concurrent(None, Session::close)
            .await;
    }
}

/// What came of one program run.
pub(super) struct Exchange {
    pub(super) answers: Vec<Answer>,
    /// Bytes of standard input, output and error.
    pub(super) sent: usize,
    pub(super) received: usize,
    pub(super) said: usize,
    pub(super) status: Status,
    /// The program, where it holds the lock of the node.
    pub(super) held: Option<Held>,
}

/// Sends `requests` to a node in one program run, as root by `ascent`.
pub(super) async fn ask(
    session: &Session,
    node: &Node,
    ascent: &Ascent,
    requests: &[Request],
    deadline: Duration,
) -> Result<Exchange, AskError> {
    let (command, stdin) = node::run_of(ascent, requests);
    let sent = stdin.expose().len();
    let (output, held) = if requests.iter().any(Request::stays) {
        let run = session.run_and_hold(&command, stdin, deadline, frame::is_whole);
        run.await?
    } else {
        (session.run(&command, stdin, deadline).await?, None)
    };
    let answers = frame::decode(&output.stdout);
    let answers = answers.map_err(|source| unbelievable(node, ascent, &output, source))?;
    Ok(Exchange {
        answers,
        sent,
        received: output.stdout.len(),
        said: output.stderr.len(),
        status: output.status,
        held,
    })
}

fn unbelievable(node: &Node, ascent: &Ascent, output: &Output, source: FrameError) -> AskError {
    let story = String::from_utf8_lossy(&output.stderr);
    if source == FrameError::NotStarted
        && matches!(ascent, Ascent::Sudo | Ascent::Password(_))
        && let Some(refusal) = Refusal::of_sudo(&story, code(output))
    {
        return refused(node, refusal);
    }
    let said = story
        .lines()
        .rfind(|line| !line.trim().is_empty())
        .unwrap_or_default();
    AskError::Frame {
        node: node.name.clone(),
        said: said.trim().chars().take(200).collect(),
        source,
    }
}

fn with_story(said: &str) -> String {
    if said.is_empty() {
        String::new()
    } else {
        format!(": {said}")
    }
}
