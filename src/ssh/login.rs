//! Proves to a server that we may come in.

use std::path::Path;
use std::sync::Arc;

use russh::client::AuthResult;
use russh::client::Handle;
use russh::client::KeyboardInteractiveAuthResponse;
use russh::keys::Certificate;
use russh::keys::HashAlg;
use russh::keys::PrivateKeyWithHashAlg;
use russh::keys::agent::AgentIdentity;
use russh::keys::agent::client::AgentClient;
use tokio::net::UnixStream;

use crate::ssh::SshError;
use crate::ssh::certificate::LocalSigner;
use crate::ssh::error::Step;
use crate::ssh::gate::End;
use crate::ssh::gate::Gate;
use crate::ssh::gate::words;
use crate::ssh::keys::Held;
use crate::ssh::keys::Key;
use crate::ssh::keys::KeyError;
use crate::ssh::password::Password;
use crate::ssh::password::Turn;
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

    /// The password, in whichever way the server asks for it.
    async fn password(&mut self, password: &Password) -> Result<bool, SshError> {
        let accepts = |method| self.accepts.iter().any(|accepted| accepted == method);
        let (plain, asked) = (accepts("password"), accepts("keyboard-interactive"));
        if !plain && !asked {
            return Ok(false);
        }
        let turn = password.turn().await;
        if let Turn::Spent(by) = turn {
            self.tried.push(format!(
                "no password, because {by} refused the one that was given"
            ));
            return Ok(false);
        }
        self.tried.push("the password".to_owned());
        let secret = String::from_utf8_lossy(password.secret().expose()).into_owned();
        let mut welcome = plain && self.plain(&secret).await?;
        if !welcome && !plain {
            welcome = self.interactive(&secret).await?;
        }
        if let Turn::First(trial) = turn {
            if welcome {
                trial.passed();
            } else {
                trial.failed(&self.at.node);
            }
        }
        Ok(welcome)
    }

    async fn plain(&mut self, secret: &str) -> Result<bool, SshError> {
        let user = &self.at.user;
        match self.handle.authenticate_password(user, secret).await {
            Ok(answer) => self.weigh(&answer).await,
            Err(error) => Err(self.lost(&error).await),
        }
    }

    /// Gives the password to each hidden prompt once; PAM may ask for nothing at all after it.
    async fn interactive(&mut self, secret: &str) -> Result<bool, SshError> {
        const ROUNDS: usize = 5;
        let user = self.at.user.clone();
        let start = self
            .handle
            .authenticate_keyboard_interactive_start(user, None);
        let mut answer = start.await;
        for _ in 0..ROUNDS {
            let prompts = match answer {
                Ok(KeyboardInteractiveAuthResponse::Success) => return Ok(true),
                Ok(KeyboardInteractiveAuthResponse::Failure { .. }) => return Ok(false),
                Ok(KeyboardInteractiveAuthResponse::InfoRequest { prompts, .. }) => prompts,
                Err(error) => return Err(self.lost(&error).await),
            };
            let hidden = prompts.iter().map(|prompt| {
                if prompt.echo {
                    String::new()
                } else {
                    secret.to_owned()
                }
            });
            let respond = self
                .handle
                .authenticate_keyboard_interactive_respond(hidden.collect());
            answer = respond.await;
        }
        Ok(false)
    }

    async fn agent(&mut self, socket: &Path) -> Result<Option<Welcome>, SshError> {
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
            remaining_methods,
            partial_success,
        } = answer
        else {
            return Ok(true);
        };
        if remaining_methods.is_empty() && self.handle.is_closed() {
            return Err(self.lost(&russh::Error::Disconnect).await);
        }
        self.is_half_done = *partial_success;
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
    identity.public_key().algorithm().is_rsa()
}
