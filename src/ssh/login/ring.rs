//! A login in the order of OpenSSH's own client.

use std::path::Path;

use russh::AgentAuthError;
use russh::keys::HashAlg;
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use tokio::net::UnixStream;

use crate::ssh::SshError;
use crate::ssh::login::Login;
use crate::ssh::login::Welcome;
use crate::ssh::login::agent::AGENT_TRIES;
use crate::ssh::login::agent::is_rsa;
use crate::ssh::ring::Ring;

/// Signs for a certificate with the plain key that an agent holds for it.
struct ByAgent<'a>(&'a mut AgentClient<UnixStream>, AgentIdentity);

impl Login<'_> {
    /// Keys of the agent that a file names, its other keys where they are wanted, and then keys
    /// from files; as many as a server lets pass.
    pub(super) async fn ring(&mut self, ring: &Ring) -> Result<Option<Welcome>, SshError> {
        if let Some(socket) = &ring.agent {
            match self.by_agent(socket, ring).await {
                // Without its agent OpenSSH goes on with the files.
                Err(SshError::Key { .. }) if !ring.held.is_empty() => {}
                Ok(None) => {}
                done => return done,
            }
        }
        for held in &ring.held {
            for held in held.with_any(&ring.certificates) {
                if self.is_spent() {
                    return Ok(None);
                }
                if let Some(welcome) = self.held(&held).await? {
                    return Ok(Some(welcome));
                }
            }
        }
        Ok(None)
    }

    async fn by_agent(&mut self, socket: &Path, ring: &Ring) -> Result<Option<Welcome>, SshError> {
        let (mut agent, mut identities) = self.meet(socket).await?;
        identities.retain(|identity| ring.admits(identity.public_key().key_data()));
        identities.sort_by_key(|identity| {
            let key = identity.public_key().key_data().clone();
            let place = ring.named.iter().position(|named| *named == key);
            place.unwrap_or(usize::MAX)
        });
        for (identity, hash) in self.offers(identities).await {
            if self.is_spent() {
                break;
            }
            if self.certified(&mut agent, &identity, hash, ring).await?
                || self.offer(&mut agent, &identity, hash).await?
            {
                return Ok(Some(Welcome {
                    is_rsa: is_rsa(&identity),
                    was_locked: false,
                }));
            }
        }
        Ok(None)
    }

    /// Offers the certificates that were given to the agent's key.
    async fn certified(
        &mut self,
        agent: &mut AgentClient<UnixStream>,
        identity: &AgentIdentity,
        hash: Option<HashAlg>,
        ring: &Ring,
    ) -> Result<bool, SshError> {
        let AgentIdentity::PublicKey { key, .. } = identity else {
            return Ok(false);
        };
        for certificate in &ring.certificates {
            if certificate.public_key() != key.key_data() {
                continue;
            }
            let mut signer = ByAgent(agent, identity.clone());
            let (handle, user) = (&mut *self.handle, &self.at.user);
            let answer = handle
                .authenticate_certificate_with(user, certificate.clone(), hash, &mut signer)
                .await;
            let is_taken = match answer {
                Ok(answer) => self.weigh(&answer).await?,
                Err(_) if self.handle.is_closed() => {
                    return Err(self.lost(&russh::Error::Disconnect).await);
                }
                Err(_) => false,
            };
            if is_taken {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn is_spent(&self) -> bool {
        self.is_half_done || self.refused >= AGENT_TRIES
    }
}

impl russh::Signer for ByAgent<'_> {
    type Error = AgentAuthError;

    async fn auth_sign(
        &mut self,
        _: &AgentIdentity,
        hash: Option<HashAlg>,
        data: Vec<u8>,
    ) -> Result<Vec<u8>, AgentAuthError> {
        self.0.auth_sign(&self.1, hash, data).await
    }
}
