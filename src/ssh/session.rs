//! One connection to one node, from the first packet to the goodbye.

use std::sync::Arc;
use std::time::Duration;

use russh::Disconnect;
use russh::client::Handle;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::time::timeout;

use crate::inventory::KeySource;
use crate::inventory::Node;
use crate::secret::Secret;
use crate::ssh::Output;
use crate::ssh::Remote;
use crate::ssh::SshError;
use crate::ssh::dial::dial;
use crate::ssh::error::Step;
use crate::ssh::exec::Failure;
use crate::ssh::exec::exec;
use crate::ssh::gate::Check;
use crate::ssh::gate::End;
use crate::ssh::gate::Gate;
use crate::ssh::handshake::Greeting;
use crate::ssh::handshake::greet;
use crate::ssh::host_key::HostKeys;
use crate::ssh::keys::Keys;
use crate::ssh::known_hosts::KnownHosts;
use crate::ssh::login::Login;
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
        }
    }
}

/// An open connection with a user logged in.
///
/// A dropped session is cut off at once; [`Session::close`] says goodbye first.
pub struct Session {
    at: Arc<Target>,
    handle: Handle<Gate>,
    end: End,
    output: usize,
    _guard: Guard,
}

impl Session {
    /// Connects to `node` and logs in with its key.
    ///
    /// The key is looked at before the network is, so that a bad one costs no connection.
    ///
    /// # Errors
    ///
    /// Every [`SshError`] but those of commands.
    pub async fn connect(node: &Node, keys: &Keys, options: &Options) -> Result<Self, SshError> {
        let at = Arc::new(Target::from(node));
        find(keys, &node.key, &at).await?;
        let stream = dial(&at, options.connect).await?;
        Self::over(stream, at, &node.key, keys, options).await
    }

    /// The same over a stream that is there already, such as one through a jump host.
    ///
    /// # Errors
    ///
    /// Those of the handshake and the login.
    pub async fn over<S>(
        stream: S,
        at: Arc<Target>,
        key: &KeySource,
        keys: &Keys,
        options: &Options,
    ) -> Result<Self, SshError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let key = find(keys, key, &at).await?;
        let check = Check::Verify(options.known_hosts.clone(), options.host_keys.clone());
        let (gate, end) = Gate::new(at.clone(), check);
        let recorded = options.known_hosts.algorithms(&at.host, at.port);
        let greeting = greet(stream, &at, gate, &recorded, options.handshake).await?;
        let Greeting::Met(mut handle, guard) = greeting else {
            return Err(SshError::Handshake {
                at,
                reason: "it ended with the host key".to_owned(),
            });
        };
        let login = Login::new(&mut handle, &at, &end).with(&key);
        let late = || SshError::Late {
            at: at.clone(),
            step: Step::Login,
            limit: options.login,
        };
        timeout(options.login, login).await.map_err(|_| late())??;
        Ok(Self {
            at,
            handle,
            end,
            output: options.output,
            _guard: guard,
        })
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

async fn find(
    keys: &Keys,
    key: &KeySource,
    at: &Arc<Target>,
) -> Result<crate::ssh::keys::Key, SshError> {
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
        match timeout(deadline, exec(&self.handle, command, stdin, self.output)).await {
            Ok(Ok(output)) => Ok(output),
            Ok(Err(failure)) => Err(self.explain(failure).await),
            Err(_) => Err(SshError::Late {
                at: self.at.clone(),
                step: Step::Run,
                limit: deadline,
            }),
        }
    }
}
