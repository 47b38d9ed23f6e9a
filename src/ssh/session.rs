//! One connection to one node, from the first packet to the goodbye.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use russh::ChannelOpenFailure;
use russh::ChannelStream;
use russh::Disconnect;
use russh::client::Handle;
use russh::client::Msg;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::time::timeout;

use crate::inventory::KeySource;
use crate::inventory::Node;
use crate::secret::Secret;
use crate::ssh::Output;
use crate::ssh::Remote;
use crate::ssh::SshError;
use crate::ssh::error::Step;
use crate::ssh::exec::Failure;
use crate::ssh::exec::exec;
use crate::ssh::exec::exec_and_hold;
use crate::ssh::gate::Check;
use crate::ssh::gate::End;
use crate::ssh::gate::Gate;
use crate::ssh::handshake::Greeting;
use crate::ssh::handshake::greet;
use crate::ssh::held::Held;
use crate::ssh::host_key::HostKeys;
use crate::ssh::jump::Jumps;
use crate::ssh::keys::Key;
use crate::ssh::keys::Keys;
use crate::ssh::known_hosts::KnownHosts;
use crate::ssh::login::Login;
use crate::ssh::obstacle::Obstacle;
use crate::ssh::password::Password;
use crate::ssh::patience::Patience;
use crate::ssh::route::Routes;
use crate::ssh::route::Stop;
use crate::ssh::tap::Guard;
use crate::ssh::target::Target;

/// How to connect; the same for all nodes of a run.
#[derive(Clone, Debug)]
pub struct Options {
    pub known_hosts: Arc<KnownHosts>,
    pub host_keys: HostKeys,
    /// For name lookup and TCP.
    pub connect: Duration,
    /// For the key exchange, host key included.
    pub handshake: Duration,
    /// For all tries with our keys.
    pub login: Duration,
    /// Bytes of stdout that one command may write.
    pub output: usize,
    pub routes: Arc<Routes>,
    /// The connections to jump hosts, shared by all who have these options.
    pub jumps: Arc<Jumps>,
}

/// 10 s for each step, 64 MiB of output, and nothing on record.
impl Default for Options {
    fn default() -> Self {
        const STEP: Duration = Duration::from_secs(10);
        Self {
            known_hosts: Arc::default(),
            host_keys: HostKeys::Strict,
            connect: STEP,
            handshake: STEP,
            login: STEP,
            output: 64 << 20,
            routes: Arc::default(),
            jumps: Arc::default(),
        }
    }
}

impl Options {
    /// Closes what the sessions of a run shared; to be called after the last of them is closed.
    pub async fn close(&self) {
        self.jumps.close().await;
    }
}

/// An open connection with a user logged in.
///
/// A dropped session is cut off at once; [`Session::close`] says goodbye first.
pub struct Session {
    at: Arc<Target>,
    pub(super) handle: Handle<Gate>,
    end: End,
    output: usize,
    obstacle: Option<Obstacle>,
    _guard: Guard,
}

impl Session {
    /// Connects to `node`, through its jump hosts if it has any, and logs in with its key.
    ///
    /// The key is looked at before the network is, so that a bad one costs no connection.
    ///
    /// # Errors
    ///
    /// Every [`SshError`] but those of commands.
    pub async fn connect(node: &Node, keys: &Keys, options: &Options) -> Result<Self, SshError> {
        let route = options.routes.to(node);
        Self::along(&route.hops, &route.end, keys, options).await
    }

    /// Connects to `stop` through `hops`.
    pub(super) async fn along(
        hops: &[Stop],
        stop: &Stop,
        keys: &Keys,
        options: &Options,
    ) -> Result<Self, SshError> {
        let key = find(keys, &stop.key, &stop.at).await?;
        let limit = stop.connect.unwrap_or(options.connect);
        let mut patience = Patience::new(limit);
        loop {
            let way = options.jumps.way(hops, &stop.at, limit, keys, options);
            let way = way.await?;
            let met = Self::over(way.stream, stop, (&key, keys.password()), options).await;
            drop(way.permit);
            match met {
                Err(error) => patience.outlast(error).await?,
                done => return done,
            }
        }
    }

    /// The handshake and the login over a stream that is there already.
    async fn over<S>(
        stream: S,
        stop: &Stop,
        (key, password): (&Key, Option<&Password>),
        options: &Options,
    ) -> Result<Self, SshError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let at = stop.at.clone();
        let known = stop.known_hosts.as_ref().unwrap_or(&options.known_hosts);
        let check = Check::Verify(known.clone(), options.host_keys.clone());
        let (gate, end) = Gate::new(at.clone(), check);
        let greeting = greet(stream, &at, gate, known, options.handshake).await?;
        let Greeting::Met(mut handle, guard, first) = greeting else {
            return Err(SshError::Handshake {
                at,
                reason: "it ended with the host key".to_owned(),
            });
        };
        let login = Login::new(&mut handle, &at, &end).with(key, password);
        let late = || SshError::Late {
            at: at.clone(),
            step: Step::Login,
            limit: options.login,
        };
        let welcome = timeout(options.login, login).await.map_err(|_| late())??;
        Ok(Self {
            at,
            handle,
            end,
            output: options.output,
            obstacle: stop
                .obstacle
                .or_else(|| Obstacle::of(welcome, first.banner().as_deref())),
            _guard: guard,
        })
    }

    /// A stream from here through this connection to `to`.
    pub(super) async fn tunnel(
        &self,
        to: &Arc<Target>,
        limit: Duration,
    ) -> Result<ChannelStream<Msg>, SshError> {
        // We come from nowhere in particular, as OpenSSH says it for `-W`.
        let open = self.handle.channel_open_direct_tcpip(
            to.host.as_str(),
            to.port.into(),
            "127.0.0.1",
            65535,
        );
        match timeout(limit, open).await {
            Ok(Ok(channel)) => Ok(channel.into_stream()),
            Ok(Err(russh::Error::ChannelOpenFailure(failure))) => Err(SshError::Connect {
                at: to.clone(),
                reason: self.refusal(failure),
            }),
            Ok(Err(_)) => Err(SshError::Jump {
                at: to.clone(),
                source: Box::new(self.explain(Failure::Lost).await),
            }),
            Err(_) => Err(SshError::Late {
                at: to.clone(),
                step: Step::Connect,
                limit,
            }),
        }
    }

    fn refusal(&self, failure: ChannelOpenFailure) -> String {
        let jump = &self.at.node;
        match failure {
            ChannelOpenFailure::ConnectFailed => format!("{jump} cannot connect to it"),
            ChannelOpenFailure::AdministrativelyProhibited => format!(
                "{jump} forbids it (`AllowTcpForwarding` and `PermitOpen` in its sshd_config)"
            ),
            other => format!("{jump} says {other:?}"),
        }
    }

    /// Why RKE may not come in where we did.
    pub fn obstacle(&self) -> Option<Obstacle> {
        self.obstacle
    }

    /// Where this connection goes: `USER@HOST:PORT`, and the jump hosts before it.
    pub fn route(&self) -> String {
        let mut route = self.at.as_hop();
        for hop in self.at.via.iter().rev() {
            route.push_str(" via ");
            route.push_str(hop);
        }
        route
    }

    /// What the handshake and the login were like, in lines; none when asked again.
    pub fn notes(&self) -> Vec<String> {
        self.end.notes.take()
    }

    /// Runs `command` as [`Remote::run`] does, and holds it where it goes on running behind output
    /// that `is_whole`.
    ///
    /// # Errors
    ///
    /// As of [`Remote::run`].
    pub async fn run_and_hold(
        &self,
        command: &str,
        stdin: Secret,
        deadline: Duration,
        is_whole: fn(&[u8]) -> bool,
    ) -> Result<(Output, Option<Held>), SshError> {
        let run = exec_and_hold(&self.handle, command, stdin, self.output, is_whole);
        self.within(deadline, run).await
    }

    async fn within<T>(
        &self,
        deadline: Duration,
        run: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, SshError> {
        match timeout(deadline, run).await {
            Ok(Ok(output)) => Ok(output),
            Ok(Err(failure)) => Err(self.explain(failure).await),
            Err(_) => Err(SshError::Late {
                at: self.at.clone(),
                step: Step::Run,
                limit: deadline,
            }),
        }
    }

    /// True when nothing can be asked over this connection any more.
    pub(super) fn is_closed(&self) -> bool {
        self.handle.is_closed()
    }

    /// Says goodbye and waits until the connection is down, at most two seconds.
    pub async fn close(mut self) {
        const PATIENCE: Duration = Duration::from_secs(2);
        let goodbye = async {
            let sent = self.handle.disconnect(Disconnect::ByApplication, "", "");
            if sent.await.is_ok() {
                let _ = (&mut self.handle).await;
            }
        };
        let _ = timeout(PATIENCE, goodbye).await;
    }

    async fn explain(&self, failure: Failure) -> SshError {
        let at = self.at.clone();
        match failure {
            Failure::Full => SshError::Full { at },
            Failure::Refused(reason) => SshError::Refused { at, reason },
            Failure::TooMuch => SshError::TooMuch {
                at,
                limit: self.output,
            },
            Failure::Lost => SshError::Lost {
                at,
                step: Step::Run,
                reason: self.end.reason().await,
            },
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Session").field(&self.at).finish()
    }
}

async fn find(keys: &Keys, key: &KeySource, at: &Arc<Target>) -> Result<Key, SshError> {
    keys.find(key).await.map_err(|source| SshError::Key {
        node: at.node.clone(),
        source,
    })
}

impl Remote for Session {
    async fn run(
        &self,
        command: &str,
        stdin: Secret,
        deadline: Duration,
    ) -> Result<Output, SshError> {
        let run = exec(&self.handle, command, stdin, self.output);
        self.within(deadline, run).await
    }
}
