//! What `~/.ssh/config` says of a host, in the words of OpenSSH's own client.
//!
//! ```text
//! inventory ─▶ names ─▶ client (`ssh -G`) ─▶ resolved ─▶ routes
//! ```
//!
//! `ssh -G` is right by definition; both libraries that read the file
//! themselves were found wrong (rust-stack.md 1).

mod client;
mod resolved;
mod routes;
mod tokens;

use std::sync::Arc;

use crate::ssh::SshError;

pub use crate::ssh::config::client::Client;
pub use crate::ssh::config::routes::Wishes;
pub use crate::ssh::config::routes::routes;

/// Why the client's configuration is of no use; one answer for all hosts that it is about.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("`--ssh-config` needs OpenSSH's client, and there is no `ssh` on the PATH")]
    NoClient,

    #[error("`ssh -G {host}` fails: {reason}")]
    Failed { host: String, reason: Arc<str> },

    #[error("`ssh -G {host}` gives no {what}")]
    Odd { host: String, what: &'static str },

    /// An option that would be dangerous or misleading to leave out, and that is not followed.
    #[error("harden does not follow `{option}`, which the configuration of ssh has for {host}")]
    Unfollowed { host: String, option: &'static str },

    #[error(
        "harden does not know `{token}` in `{path}`, which the configuration of ssh has for {host}"
    )]
    Token {
        host: String,
        path: String,
        token: String,
    },

    #[error("`ProxyJump` for {host} leads through more than eight jump hosts")]
    TooFar { host: String },

    #[error(transparent)]
    KnownHosts(SshError),
}

impl ConfigError {
    /// The next thing to type.
    pub fn hint(&self) -> String {
        match self {
            Self::NoClient => {
                "install it (openssh-client), or write address, port and keys into the inventory"
                    .to_owned()
            }
            Self::Failed { host, .. } | Self::Odd { host, .. } => format!("try `ssh -G {host}`"),
            Self::Unfollowed {
                option: "ProxyCommand",
                ..
            } => "use `ProxyJump` there, or pass `--proxy-jump USER@HOST`".to_owned(),
            Self::Unfollowed { .. } => {
                "put revoked keys into a file of host keys, behind `@revoked *`".to_owned()
            }
            Self::Token { .. } => "write the path out".to_owned(),
            Self::TooFar { host } => format!("look for a circle with `ssh -G {host}`"),
            Self::KnownHosts(error) => error.hint(),
        }
    }
}
