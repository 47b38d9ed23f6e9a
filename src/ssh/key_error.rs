//! Why a key cannot be used, and what to do about it.

use std::path::PathBuf;

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

    #[error("the passphrase for {key} is wrong")]
    Passphrase { key: KeyName },

    #[error("{key} is encrypted in an old form that harden cannot open")]
    OldForm { key: KeyName },

    #[error("{certificate} cannot be used: {reason}")]
    Certificate { certificate: String, reason: String },

    #[error("{key} is not a private key that can be used: {reason}")]
    Junk { key: KeyName, reason: String },

    /// Of all that OpenSSH's client would offer.
    #[error(
        "there is no agent, and none of the identity files {} is there",
        listed(files)
    )]
    NoIdentity { files: Vec<PathBuf> },

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

impl KeyError {
    /// The next thing to type.
    pub(super) fn hint(&self) -> String {
        match self {
            Self::Missing { .. } => "correct `ssh_key_path` in the inventory".to_owned(),
            Self::Unreadable { file, .. } => format!("look at `ls -l {}`", file.display()),
            Self::Public { key } => key.private_half(),
            Self::Encrypted { key } => key.open(),
            Self::OldForm { key } => {
                format!("run `ssh-keygen -p -f` on {key}: it writes the new form")
            }
            Self::Certificate { .. } => {
                "look at it with `ssh-keygen -L -f FILE`, or remove `ssh_cert` and `ssh_cert_path`"
                    .to_owned()
            }
            Self::Passphrase { key } | Self::Junk { key, .. } => key.check(),
            Self::NoAgent => {
                "start an agent with `eval $(ssh-agent)`, then `ssh-add KEYFILE`".to_owned()
            }
            Self::Agent { .. } => "try `ssh-add -l`".to_owned(),
            Self::NoIdentity { .. } => {
                "set `IdentityFile` in the configuration of ssh, or `ssh_key_path` in the inventory"
                    .to_owned()
            }
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
                "run harden on a terminal to be asked for the passphrase, or run `ssh-add {0}` and set \
                 `ssh_agent_auth: true` in the inventory, or take the passphrase off with `ssh-keygen -p -f {0}`",
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

fn listed(files: &[PathBuf]) -> String {
    let names = files.iter().map(|file| format!("`{}`", file.display()));
    names.collect::<Vec<_>>().join(", ")
}

impl std::fmt::Display for KeyName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => write!(f, "`{}`", path.display()),
            Self::Inline => f.write_str("the inline `ssh_key`"),
        }
    }
}
