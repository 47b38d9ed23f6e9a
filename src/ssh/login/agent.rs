//! A login with the keys of an agent.

use std::path::Path;

use russh::keys::HashAlg;
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use tokio::net::UnixStream;

use crate::ssh::SshError;
use crate::ssh::keys::KeyError;
use crate::ssh::login::Login;
use crate::ssh::login::Welcome;

/// Keys of an agent that are offered to one server, which hangs up after six by default.
pub(super) const AGENT_TRIES: usize = 5;

impl Login<'_> {
    pub(super) async fn agent(&mut self, socket: &Path) -> Result<Option<Welcome>, SshError> {
        let (mut agent, identities) = self.meet(socket).await?;
        let offers = self.offers(identities).await;
        for (identity, hash) in offers.into_iter().take(AGENT_TRIES) {
            if self.offer(&mut agent, &identity, hash).await? {
                return Ok(Some(Welcome {
                    is_rsa: is_rsa(&identity),
                    was_locked: false,
                }));
            }
            if self.is_half_done {
                break;
            }
        }
        Ok(None)
    }

    /// The agent behind `socket` and what it holds, which is not nothing.
    pub(super) async fn meet(
        &self,
        socket: &Path,
    ) -> Result<(AgentClient<UnixStream>, Vec<AgentIdentity>), SshError> {
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
        Ok((agent, identities))
    }

    /// Each identity with its best hash, and only then RSA keys with the second best.
    pub(super) async fn offers(
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

    pub(super) async fn offer(
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

pub(super) fn is_rsa(identity: &AgentIdentity) -> bool {
    identity.public_key().algorithm().is_rsa()
}
