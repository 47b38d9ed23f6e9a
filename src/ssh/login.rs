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
use crate::ssh::gate::End;
use crate::ssh::gate::Gate;
use crate::ssh::gate::words;
use crate::ssh::keys::Key;
use crate::ssh::keys::KeyError;
use crate::ssh::target::Target;

/// Keys of an agent that are offered to one server, which hangs up after six by default.
const AGENT_TRIES: usize = 5;

/// One login; collects what was tried for the message.
pub(super) struct Login<'a> {
    handle: &'a mut Handle<Gate>,
    at: &'a Arc<Target>,
    end: &'a End,
    tried: Vec<String>,
    accepts: Vec<String>,
}

impl<'a> Login<'a> {
    pub(super) fn new(handle: &'a mut Handle<Gate>, at: &'a Arc<Target>, end: &'a End) -> Self {
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
        let hashes = match key.algorithm() {
            Algorithm::Rsa { .. } => self.rsa_hashes().await,
            _ => vec![None],
        };
        for hash in hashes {
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
        let offers = self.offers(identities).await;
        for (identity, hash) in offers.into_iter().take(AGENT_TRIES) {
            if self.offer(&mut agent, &identity, hash).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Each identity with its best hash, and only then RSA keys with the second best.
    async fn offers(
        &self,
        identities: Vec<AgentIdentity>,
    ) -> Vec<(AgentIdentity, Option<HashAlg>)> {
        let (rsa, mut again) = (identities.iter().any(is_rsa), Vec::new());
        let hashes = if rsa {
            self.rsa_hashes().await
        } else {
            Vec::new()
        };
        let mut offers = Vec::new();
        for identity in identities {
            if is_rsa(&identity) {
                let second = hashes.iter().skip(1);
                again.extend(second.map(|hash| (identity.clone(), *hash)));
                offers.push((identity, hashes.first().copied().flatten()));
            } else {
                offers.push((identity, None));
            }
        }
        offers.extend(again);
        offers
    }

    async fn offer(
        &mut self,
        agent: &mut AgentClient<UnixStream>,
        identity: &AgentIdentity,
        hash: Option<HashAlg>,
    ) -> Result<bool, SshError> {
        let name = identity
            .public_key()
            .fingerprint(HashAlg::Sha256)
            .to_string();
        if !self.tried.contains(&name) {
            self.tried.push(name);
        }
        let (handle, user) = (&mut *self.handle, &self.at.user);
        let answer = match identity.clone() {
            AgentIdentity::PublicKey { key, .. } => {
                handle
                    .authenticate_publickey_with(user, key, hash, agent)
                    .await
            }
            AgentIdentity::Certificate { certificate, .. } => {
                handle
                    .authenticate_certificate_with(user, certificate, hash, agent)
                    .await
            }
        };
        match answer {
            Ok(answer) => self.weigh(&answer).await,
            Err(_) if self.handle.is_closed() => Err(self.lost(&russh::Error::Disconnect).await),
            // An agent that declines to sign has spoiled only this key.
            Err(_) => Ok(false),
        }
    }

    /// Signature hashes to try, best first; SHA-1 is never among them.
    ///
    /// Servers announce what they know, not what they accept, so that the first may be refused.
    async fn rsa_hashes(&self) -> Vec<Option<HashAlg>> {
        match self.handle.best_supported_rsa_hash().await {
            Ok(Some(Some(HashAlg::Sha256))) => vec![Some(HashAlg::Sha256)],
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

fn is_rsa(identity: &AgentIdentity) -> bool {
    matches!(identity.public_key().algorithm(), Algorithm::Rsa { .. })
}
