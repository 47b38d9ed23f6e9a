//! Our private keys, each read once.

use std::fs::File;
use std::io;
use std::io::Read;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use russh::keys::PrivateKey;
use russh::keys::decode_secret_key;
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;

use crate::inventory::KeySource;
use crate::secret::Secret;

/// The keys of a fleet: each is read when the first node asks for it, and then shared.
#[derive(Debug)]
pub struct Keys {
    agent: Option<PathBuf>,
    slots: Mutex<Vec<(KeySource, Arc<Slot>)>>,
}

type Slot = OnceCell<Result<Key, KeyError>>;

/// Something that can sign for us.
#[derive(Clone, Debug)]
pub(super) enum Key {
    /// A key in memory, with its name for messages.
    Held { name: String, key: Arc<PrivateKey> },
    /// The agent behind this socket.
    Agent(PathBuf),
}

/// Why a key cannot be used; a cloneable answer, because nodes share keys.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum KeyError {
    #[error("there is no key file `{}`", file.display())]
    Missing { file: PathBuf },

    #[error("the key file `{}` cannot be read: {reason}", file.display())]
    Unreadable { file: PathBuf, reason: String },

    #[error("{key} is a public key")]
    Public { key: KeyName },

    #[error("{key} is encrypted")]
    Encrypted { key: KeyName },

    #[error("{key} is not a private key that can be used: {reason}")]
    Junk { key: KeyName, reason: String },

    #[error("`SSH_AUTH_SOCK` names no SSH agent")]
    NoAgent,

    #[error("the SSH agent at `{}` does not answer: {reason}", socket.display())]
    Agent { socket: PathBuf, reason: String },

    #[error("the SSH agent at `{}` holds no key", socket.display())]
    EmptyAgent { socket: PathBuf },
}

/// Where a key stands, as messages name it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum KeyName {
    File(PathBuf),
    Inline,
}

impl Keys {
    /// No key yet; `agent` is the socket that `SSH_AUTH_SOCK` names.
    pub fn new(agent: Option<PathBuf>) -> Self {
        Self {
            agent: agent.filter(|socket| !socket.as_os_str().is_empty()),
            slots: Mutex::default(),
        }
    }

    pub(super) async fn find(&self, source: &KeySource) -> Result<Key, KeyError> {
        let slot = self.slot(source);
        slot.get_or_init(|| self.load(source)).await.clone()
    }

    fn slot(&self, source: &KeySource) -> Arc<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, slot)) = slots.iter().find(|(known, _)| known == source) {
            return slot.clone();
        }
        let slot = Arc::new(Slot::new());
        slots.push((source.clone(), slot.clone()));
        slot
    }

    async fn load(&self, source: &KeySource) -> Result<Key, KeyError> {
        let (name, source) = match source {
            KeySource::Agent => {
                return self.agent.clone().map(Key::Agent).ok_or(KeyError::NoAgent);
            }
            KeySource::Inline(text) => (KeyName::Inline, Ok(text.clone())),
            KeySource::File(path) => (KeyName::File(path.clone()), Err(path.clone())),
        };
        let label = name.to_string();
        // A large RSA key takes a while to check, and a file may be on a slow disk.
        let loaded = spawn_blocking(move || match source {
            Ok(text) => parse(&text, KeyName::Inline),
            Err(path) => parse(&read(&path)?, KeyName::File(path)),
        });
        let key = loaded.await.map_err(|error| KeyError::Junk {
            key: name,
            reason: error.to_string(),
        })??;
        Ok(Key::Held {
            name: label,
            key: Arc::new(key),
        })
    }
}

/// Reads at most as much as any key file has.
fn read(path: &Path) -> Result<Secret, KeyError> {
    const LIMIT: u64 = 1 << 20;
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LIMIT).read_to_end(&mut bytes));
    match read {
        Ok(_) => Ok(Secret::new(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(KeyError::Missing {
            file: path.to_owned(),
        }),
        Err(error) => Err(KeyError::Unreadable {
            file: path.to_owned(),
            reason: error.to_string(),
        }),
    }
}

fn parse(text: &Secret, key: KeyName) -> Result<PrivateKey, KeyError> {
    let Ok(text) = std::str::from_utf8(text.expose()) else {
        let reason = "it is not text".to_owned();
        return Err(KeyError::Junk { key, reason });
    };
    if is_public(text) {
        return Err(KeyError::Public { key });
    }
    if is_encrypted(text) {
        return Err(KeyError::Encrypted { key });
    }
    match decode_secret_key(text, None) {
        Ok(parsed) => Ok(parsed),
        Err(russh::keys::Error::KeyIsEncrypted) => Err(KeyError::Encrypted { key }),
        Err(error) => Err(KeyError::Junk {
            key,
            reason: error.to_string(),
        }),
    }
}

fn is_public(text: &str) -> bool {
    let text = text.trim_start();
    let one_line = ["ssh-", "ecdsa-sha2-", "sk-"];
    let armour = text.lines().next().unwrap_or("");
    one_line.iter().any(|start| text.starts_with(start))
        || (armour.starts_with("----") && armour.contains("PUBLIC KEY"))
}

/// The PEM forms say so themselves; the library's error for PKCS#8 does not (rust-stack.md 4.1).
fn is_encrypted(text: &str) -> bool {
    text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----")
        || text
            .lines()
            .any(|line| line.starts_with("Proc-Type:") && line.contains("ENCRYPTED"))
}

impl KeyError {
    /// The next thing to type.
    pub(super) fn hint(&self) -> String {
        match self {
            Self::Missing { .. } => "correct `ssh_key_path` in the inventory".to_owned(),
            Self::Unreadable { file, .. } => format!("look at `ls -l {}`", file.display()),
            Self::Public { key } => key.private_half(),
            Self::Encrypted { key } => key.open(),
            Self::Junk { key, .. } => key.check(),
            Self::NoAgent => {
                "start an agent with `eval $(ssh-agent)`, then `ssh-add KEYFILE`".to_owned()
            }
            Self::Agent { .. } => "try `ssh-add -l`".to_owned(),
            Self::EmptyAgent { .. } => "run `ssh-add KEYFILE`".to_owned(),
        }
    }
}

impl KeyName {
    fn private_half(&self) -> String {
        match self {
            Self::File(path) if path.extension().is_some_and(|end| end == "pub") => {
                let private = path.with_extension("");
                format!("set `ssh_key_path: {}` in the inventory", private.display())
            }
            Self::File(_) => "set `ssh_key_path` to the private half of this key".to_owned(),
            Self::Inline => "put the private half of this key into `ssh_key`".to_owned(),
        }
    }

    fn open(&self) -> String {
        match self {
            Self::File(path) => format!(
                "run `ssh-add {0}` and set `ssh_agent_auth: true` in the inventory, or take the \
                 passphrase off with `ssh-keygen -p -f {0}`",
                path.display()
            ),
            Self::Inline => "add the key to an agent with `ssh-add` and set `ssh_agent_auth: true` in the inventory, \
                 or take its passphrase off with `ssh-keygen -p -f FILE`"
                .to_owned(),
        }
    }

    fn check(&self) -> String {
        match self {
            Self::File(path) => format!("try `ssh-keygen -y -f {}`", path.display()),
            Self::Inline => {
                "write the whole key, with its BEGIN and END lines, as a block (`ssh_key: |-`)"
                    .to_owned()
            }
        }
    }
}

impl std::fmt::Display for KeyName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => write!(f, "`{}`", path.display()),
            Self::Inline => f.write_str("the inline `ssh_key`"),
        }
    }
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
