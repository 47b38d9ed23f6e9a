//! Proves to a server that we may come in.

use std::path::Path;
use std::sync::Arc;

use russh::client::AuthResult;
use russh::client::Handle;
use russh::keys::Algorithm;
use russh::keys::HashAlg;
use russh::keys::PrivateKey;
use russh::keys::PrivateKeyWithHashAlg;
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use tokio::net::UnixStream;

use crate::ssh::SshError;
use crate::ssh::error::Step;
use crate::ssh::error::Target;
use crate::ssh::gate::End;
use crate::ssh::gate::Gate;
use crate::ssh::gate::words;
use crate::ssh::keys::Key;
use crate::ssh::keys::KeyError;

/// Keys of an agent that are offered to one server, which hangs up after six by default.
const AGENT_TRIES: usize = 5;

/// One login; collects what was tried for the message.
pub(super) struct Login<'a> {
    handle: &'a mut Handle<Gate>,
    at: &'a Target,
    end: &'a End,
    tried: Vec<String>,
    accepts: Vec<String>,
}

impl<'a> Login<'a> {
    pub(super) fn new(handle: &'a mut Handle<Gate>, at: &'a Target, end: &'a End) -> Self {
        Self {
            handle,
            at,
            end,
            tried: Vec::new(),
            accepts: Vec::new(),
        }
    }

    /// Offers `key`; all tries go over this one connection, because servers punish failed ones.
    pub(super) async fn with(mut self, key: &Key) -> Result<(), SshError> {
        let welcome = match key {
            Key::Held { name, key } => {
                self.tried.push(name.clone());
                self.held(key).await?
            }
            Key::Agent(socket) => self.agent(socket).await?,
        };
        if welcome {
            return Ok(());
        }
        Err(SshError::Login {
            at: self.at.clone(),
            tried: self.tried,
            accepts: self.accepts,
        })
    }

    async fn held(&mut self, key: &Arc<PrivateKey>) -> Result<bool, SshError> {
        for hash in self.hashes(&key.algorithm()).await {
            let key = PrivateKeyWithHashAlg::new(key.clone(), hash);
            let answer = self.handle.authenticate_publickey(&self.at.user, key).await;
            match answer {
                Ok(answer) if self.weigh(&answer).await? => return Ok(true),
                Ok(_) => {}
                Err(error) => return Err(self.lost(&error).await),
            }
        }
        Ok(false)
    }

    async fn agent(&mut self, socket: &Path) -> Result<bool, SshError> {
        let mut agent = AgentClient::connect_uds(socket)
            .await
            .map_err(|error| self.agent_failed(socket, &error))?;
        if let Some(binding) = self.handle.agent_session_binding() {
            // Only keys that are bound to destinations need this, and old agents do not know it.
            let _ = agent.bind_session(binding, false).await;
        }
        let identities = agent
            .request_identities()
            .await
            .map_err(|error| self.agent_failed(socket, &error))?;
        if identities.is_empty() {
            return Err(self.bad_key(KeyError::EmptyAgent {
                socket: socket.to_owned(),
            }));
        }
        for identity in identities.into_iter().take(AGENT_TRIES) {
            if self.identity(&mut agent, identity).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn identity(
        &mut self,
        agent: &mut AgentClient<UnixStream>,
        identity: AgentIdentity,
    ) -> Result<bool, SshError> {
        let key = identity.public_key().into_owned();
        self.tried
            .push(key.fingerprint(HashAlg::Sha256).to_string());
        let user = self.at.user.clone();
        for hash in self.hashes(&key.algorithm()).await {
            let answer = match &identity {
                AgentIdentity::PublicKey { key, .. } => {
                    let key = key.clone();
                    self.handle
                        .authenticate_publickey_with(&user, key, hash, agent)
                        .await
                }
                AgentIdentity::Certificate { certificate, .. } => {
                    let certificate = certificate.clone();
                    self.handle
                        .authenticate_certificate_with(&user, certificate, hash, agent)
                        .await
                }
            };
            match answer {
                Ok(answer) if self.weigh(&answer).await? => return Ok(true),
                Err(_) if self.handle.is_closed() => {
                    return Err(self.lost(&russh::Error::Disconnect).await);
                }
                // An agent that declines to sign has spoiled only this key.
                Ok(_) | Err(_) => {}
            }
        }
        Ok(false)
    }

    /// Signature hashes to try; SHA-1 is never among them.
    async fn hashes(&self, algorithm: &Algorithm) -> Vec<Option<HashAlg>> {
        if !matches!(algorithm, Algorithm::Rsa { .. }) {
            return vec![None];
        }
        match self.handle.best_supported_rsa_hash().await {
            Ok(Some(Some(best))) => vec![Some(best)],
            _ => vec![Some(HashAlg::Sha512), Some(HashAlg::Sha256)],
        }
    }

    /// True for success; an error where the server hung up instead of refusing.
    async fn weigh(&mut self, answer: &AuthResult) -> Result<bool, SshError> {
        let AuthResult::Failure {
            remaining_methods, ..
        } = answer
        else {
            return Ok(true);
        };
        if remaining_methods.is_empty() && self.handle.is_closed() {
            return Err(self.lost(&russh::Error::Disconnect).await);
        }
        let names = remaining_methods.iter().map(<&str>::from);
        self.accepts = names.map(str::to_owned).collect();
        Ok(false)
    }

    async fn lost(&self, error: &russh::Error) -> SshError {
        let reason = if self.handle.is_closed() {
            self.end.reason().await
        } else {
            words(error)
        };
        SshError::Lost {
            at: self.at.clone(),
            step: Step::Login,
            reason,
        }
    }

    fn agent_failed(&self, socket: &Path, error: &russh::keys::Error) -> SshError {
        self.bad_key(KeyError::Agent {
            socket: socket.to_owned(),
            reason: error.to_string(),
        })
    }

    fn bad_key(&self, source: KeyError) -> SshError {
        SshError::Key {
            node: self.at.node.clone(),
            source,
        }
    }
}
