//! Our private keys, each read once.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use russh::keys::Certificate;
use russh::keys::PrivateKey;
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;

use crate::inventory::CertSource;
use crate::inventory::KeySource;
use crate::secret::Secret;
use crate::ssh::certificate;
use crate::ssh::key_file;
use crate::ssh::password::Password;
use crate::ssh::ring;
use crate::ssh::ring::Ring;

pub use crate::ssh::key_error::KeyError;
pub use crate::ssh::key_error::KeyName;

/// How often a person may mistype a passphrase.
const ASKED: usize = 3;

/// The keys of a fleet: each is read when the first node asks for it, and then shared.
#[derive(Debug)]
pub struct Keys {
    agent: Option<PathBuf>,
    password: Option<Arc<Password>>,
    slots: Mutex<Vec<(KeySource, Arc<Slot>)>>,
}

type Slot = OnceCell<Result<Key, KeyError>>;

/// Something that can sign for us.
#[derive(Clone, Debug)]
pub(super) enum Key {
    /// A key in memory.
    Held(Held),
    /// The agent behind this socket.
    Agent(PathBuf),
    /// All that OpenSSH's client would offer.
    Ring(Arc<Ring>),
    /// No key; only a password is left.
    Nothing,
}

/// A key in memory, perhaps with the certificate to show instead of its public half.
#[derive(Clone, Debug)]
pub(super) struct Held {
    /// For messages.
    pub(super) name: String,
    pub(super) key: Arc<PrivateKey>,
    pub(super) certificate: Option<Arc<Certificate>>,
    /// True when a person was asked for its passphrase.
    pub(super) was_locked: bool,
}

/// Gives the passphrase of a key, or nothing where there is nobody to ask.
pub(super) type Ask<'a> = &'a mut (dyn FnMut(&KeyName) -> Option<Secret> + Send);

impl Keys {
    /// No key yet; `agent` is the socket that `SSH_AUTH_SOCK` names.
    pub fn new(agent: Option<PathBuf>) -> Self {
        Self {
            agent: agent.filter(|socket| !socket.as_os_str().is_empty()),
            password: None,
            slots: Mutex::default(),
        }
    }

    /// With a password for servers that take no key of ours.
    #[must_use]
    pub fn or_password(self, password: Secret) -> Self {
        Self {
            password: Some(Arc::new(Password::new(password))),
            ..self
        }
    }

    /// Reads all keys of `sources` now and asks for the passphrases that they need, each once.
    ///
    /// `ask` gives nothing where there is nobody to ask; what cannot be read is
    /// an error of the node that needs it.
    pub async fn unlock<'s>(
        &self,
        sources: impl IntoIterator<Item = &'s KeySource>,
        mut ask: impl FnMut(&KeyName) -> Option<Secret> + Send,
    ) {
        for source in sources {
            let slot = self.slot(source);
            let _ = slot.get_or_init(|| self.load(source, &mut ask)).await;
        }
    }

    pub(super) async fn find(&self, source: &KeySource) -> Result<Key, KeyError> {
        let slot = self.slot(source);
        let mut nobody = |_: &KeyName| None;
        let found = slot.get_or_init(|| self.load(source, &mut nobody));
        match found.await {
            Err(KeyError::Missing { .. }) if self.password.is_some() => Ok(Key::Nothing),
            found => found.clone(),
        }
    }

    pub(super) fn password(&self) -> Option<&Password> {
        self.password.as_deref()
    }

    fn slot(&self, source: &KeySource) -> Arc<Slot> {
        // Whether somebody named the file is all the same to its passphrase.
        let source = match source {
            KeySource::Default(path) => &KeySource::File(path.clone()),
            source => source,
        };
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, slot)) = slots.iter().find(|(known, _)| known == source) {
            return slot.clone();
        }
        let slot = Arc::new(Slot::new());
        slots.push((source.clone(), slot.clone()));
        slot
    }

    async fn load(&self, source: &KeySource, ask: Ask<'_>) -> Result<Key, KeyError> {
        let (source, certificate) = match source {
            KeySource::Certified(key, certificate) => (&**key, Some(certificate)),
            source => (source, None),
        };
        let name = match source {
            KeySource::OpenSsh(identities) => {
                return ring::load(identities, ask)
                    .await
                    .map(Arc::new)
                    .map(Key::Ring);
            }
            KeySource::Agent | KeySource::Certified(..) => {
                return self.agent.clone().map(Key::Agent).ok_or(KeyError::NoAgent);
            }
            KeySource::Inline(_) => KeyName::Inline,
            KeySource::File(path) | KeySource::Default(path) => KeyName::File(path.clone()),
        };
        let text = text(source.clone()).await?;
        let held = open(text, name, ask).await?;
        match certificate {
            Some(certificate) => certified(held, certificate.clone()).await.map(Key::Held),
            None => Ok(Key::Held(held)),
        }
    }
}

pub(super) async fn text(source: KeySource) -> Result<Secret, KeyError> {
    match source {
        KeySource::Inline(text) => Ok(text),
        KeySource::File(path) | KeySource::Default(path) => {
            let shown = path.display().to_string();
            let read = spawn_blocking(move || key_file::read(&path)).await;
            read.map_err(|error| KeyError::Junk {
                key: KeyName::File(shown.into()),
                reason: error.to_string(),
            })?
        }
        KeySource::Agent | KeySource::OpenSsh(_) | KeySource::Certified(..) => {
            Err(KeyError::NoAgent)
        }
    }
}

/// Tries without a passphrase first, and then with those that a person gives.
pub(super) async fn open(text: Secret, key: KeyName, ask: Ask<'_>) -> Result<Held, KeyError> {
    let mut passphrase = None;
    for tries in 0..=ASKED {
        let (text, name, given) = (text.clone(), key.clone(), passphrase.take());
        // A passphrase is slow to check on purpose, and a large RSA key by nature.
        let parsed = spawn_blocking(move || key_file::parse(&text, name, given.as_ref())).await;
        let parsed = parsed.map_err(|error| KeyError::Junk {
            key: key.clone(),
            reason: error.to_string(),
        })?;
        match parsed {
            Err(error @ (KeyError::Encrypted { .. } | KeyError::Passphrase { .. })) => {
                passphrase = ask(&key).filter(|_| tries < ASKED);
                if passphrase.is_none() {
                    return Err(error);
                }
            }
            Err(error) => return Err(error),
            Ok(private) => {
                return Ok(Held {
                    name: key.to_string(),
                    key: Arc::new(private),
                    certificate: None,
                    was_locked: tries > 0,
                });
            }
        }
    }
    Err(KeyError::Passphrase { key })
}

async fn certified(held: Held, source: CertSource) -> Result<Held, KeyError> {
    let key = held.key.clone();
    let read = spawn_blocking(move || certificate::read(&source, &key)).await;
    let (certificate, name) = read.map_err(|error| KeyError::Certificate {
        certificate: "the certificate".to_owned(),
        reason: error.to_string(),
    })??;
    Ok(Held {
        name: format!("{} with {name}", held.name),
        certificate: Some(Arc::new(certificate)),
        ..held
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn refusal(text: &str) -> KeyError {
        let source = KeySource::Inline(Secret::from(text.to_owned()));
        let found = Keys::new(None).find(&source).await;
        found.err().unwrap()
    }

    #[tokio::test]
    async fn an_inline_key_is_never_quoted() {
        let key = KeyName::Inline;
        for text in ["ssh-ed25519 AAAA me", "-----BEGIN PUBLIC KEY-----\nAAAA\n"] {
            assert_eq!(refusal(text).await, KeyError::Public { key: key.clone() });
        }
        let junk = refusal(
            "-----BEGIN OPENSSH PRIVATE KEY-----\nQUJDREVG\n-----END OPENSSH PRIVATE KEY-----\n",
        )
        .await;
        assert!(matches!(junk, KeyError::Junk { .. }), "{junk:?}");
        assert!(!format!("{junk:?}{junk}{}", junk.hint()).contains("QUJD"));
    }

    #[tokio::test]
    async fn an_encrypted_pem_is_recognised_by_its_armour() {
        let key = KeyName::Inline;
        for text in [
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n",
            "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nAAAA\n",
        ] {
            assert_eq!(
                refusal(text).await,
                KeyError::Encrypted { key: key.clone() }
            );
        }
    }

    #[tokio::test]
    async fn a_file_is_read_once_for_all_who_need_it() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("id");
        std::fs::write(&file, "ssh-ed25519 AAAA").unwrap();
        let (keys, source) = (Keys::new(None), KeySource::File(file.clone()));
        let first = keys.find(&source).await.err();
        std::fs::remove_file(&file).unwrap();

        let second = keys.find(&source).await.err();

        assert!(first.is_some());
        assert_eq!(first, second);
    }
}
