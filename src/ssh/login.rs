//! Proves to a server that we may come in.

mod agent;
mod ring;
mod typed;

use std::sync::Arc;

use russh::client::AuthResult;
use russh::client::Handle;
use russh::keys::Certificate;
use russh::keys::HashAlg;
use russh::keys::PrivateKeyWithHashAlg;

use crate::ssh::SshError;
use crate::ssh::certificate::LocalSigner;
use crate::ssh::error::Step;
use crate::ssh::gate::End;
use crate::ssh::gate::Gate;
use crate::ssh::gate::words;
use crate::ssh::keys::Held;
use crate::ssh::keys::Key;
use crate::ssh::password::Password;
use crate::ssh::target::Target;

/// One login; collects what was tried for the message.
pub(super) struct Login<'a> {
    handle: &'a mut Handle<Gate>,
    at: &'a Arc<Target>,
    end: &'a End,
    tried: Vec<String>,
    accepts: Vec<String>,
    /// Keys that the server did not take.
    refused: usize,
    /// The server took the key and wants something more.
    is_half_done: bool,
}

/// How we came in, as far as RKE may fare otherwise.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Welcome {
    pub(super) is_rsa: bool,
    /// With a key whose passphrase a person typed.
    pub(super) was_locked: bool,
}

impl<'a> Login<'a> {
    pub(super) fn new(handle: &'a mut Handle<Gate>, at: &'a Arc<Target>, end: &'a End) -> Self {
        Self {
            handle,
            at,
            end,
            tried: Vec::new(),
            accepts: Vec::new(),
            refused: 0,
            is_half_done: false,
        }
    }

    /// Offers `key`, and then `password`; all tries go over this one connection, because servers
    /// punish failed ones.
    pub(super) async fn with(
        mut self,
        key: &Key,
        password: Option<&Password>,
    ) -> Result<Welcome, SshError> {
        let welcome = match key {
            Key::Held(held) => self.held(held).await?,
            Key::Agent(socket) => self.agent(socket).await?,
            Key::Ring(ring) => self.ring(ring).await?,
            Key::Nothing => self.nothing().await?,
        };
        if let Some(welcome) = welcome {
            return Ok(welcome);
        }
        if let Some(password) = password
            && self.password(password).await?
        {
            return Ok(Welcome::default());
        }
        Err(SshError::Login {
            at: self.at.clone(),
            tried: self.tried,
            accepts: self.accepts,
        })
    }

    async fn held(&mut self, held: &Held) -> Result<Option<Welcome>, SshError> {
        self.tried.push(held.name.clone());
        let is_rsa = held.key.algorithm().is_rsa();
        let hashes = if is_rsa {
            self.rsa_hashes().await
        } else {
            vec![None]
        };
        for hash in hashes {
            let answer = self.show(held, hash).await?;
            if self.weigh(&answer).await? {
                return Ok(Some(Welcome {
                    is_rsa,
                    was_locked: held.was_locked,
                }));
            }
            if self.is_half_done {
                break;
            }
        }
        Ok(None)
    }

    async fn show(&mut self, held: &Held, hash: Option<HashAlg>) -> Result<AuthResult, SshError> {
        let (handle, user) = (&mut *self.handle, &self.at.user);
        let Some(certificate) = &held.certificate else {
            let key = PrivateKeyWithHashAlg::new(held.key.clone(), hash);
            let answer = handle.authenticate_publickey(user, key).await;
            return match answer {
                Ok(answer) => Ok(answer),
                Err(error) => Err(self.lost(&error).await),
            };
        };
        let mut signer = LocalSigner(held.key.clone());
        let certificate = Certificate::clone(certificate);
        let answer = handle
            .authenticate_certificate_with(user, certificate, hash, &mut signer)
            .await;
        match answer {
            Ok(answer) => Ok(answer),
            Err(_) => Err(self.lost(&russh::Error::Disconnect).await),
        }
    }

    /// Asks which methods there are.
    async fn nothing(&mut self) -> Result<Option<Welcome>, SshError> {
        match self.handle.authenticate_none(&self.at.user).await {
            Ok(answer) => Ok(self.weigh(&answer).await?.then(Welcome::default)),
            Err(error) => Err(self.lost(&error).await),
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
        let tried = self.tried.last().map_or("no key", String::as_str);
        let AuthResult::Failure {
            remaining_methods,
            partial_success,
        } = answer
        else {
            self.end.notes.add(format!("login with {tried}: accepted"));
            return Ok(true);
        };
        if remaining_methods.is_empty() && self.handle.is_closed() {
            return Err(self.lost(&russh::Error::Disconnect).await);
        }
        self.refused += 1;
        self.is_half_done = *partial_success;
        let names = remaining_methods.iter().map(<&str>::from);
        self.accepts = names.map(str::to_owned).collect();
        let (tried, accepts) = (tried.to_owned(), self.accepts.join(", "));
        self.end.notes.add(format!(
            "login with {tried}: refused, the server takes {accepts}"
        ));
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
}
