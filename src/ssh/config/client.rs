//! OpenSSH's own client, asked what it would do.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::process::Output;
use std::process::Stdio;
use std::time::Duration;

use futures::StreamExt as _;
use futures::TryStreamExt as _;
use futures::stream;
use tokio::process::Command;
use tokio::time::timeout;

use crate::ssh::config::ConfigError;
use crate::ssh::config::resolved::Resolved;

/// Clients at once; each lives some 20 ms.
const AT_ONCE: usize = 16;

/// For one answer: `Match exec` runs programs, and names may be looked up.
const PATIENCE: Duration = Duration::from_secs(30);

/// How the client is to be asked, and what it would take from its surroundings.
#[derive(Clone, Debug, Default)]
pub struct Client {
    /// Instead of `~/.ssh/config` and the system's.
    pub file: Option<PathBuf>,
    /// Where `~/` leads.
    pub home: Option<PathBuf>,
    /// The local user.
    pub user: Option<String>,
    /// The socket that `SSH_AUTH_SOCK` names.
    pub agent: Option<PathBuf>,
}

/// A host as somebody names it, with what is already decided of it.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Name {
    pub(super) host: String,
    pub(super) user: Option<String>,
    pub(super) port: Option<u16>,
}

impl Client {
    /// Asks about every name once.
    pub(super) async fn resolve(
        &self,
        names: impl IntoIterator<Item = Name>,
    ) -> Result<BTreeMap<Name, Resolved>, ConfigError> {
        let asked = names.into_iter().map(|name| async {
            let resolved = self.ask(&name).await?;
            Ok((name, resolved))
        });
        stream::iter(asked)
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await
    }

    async fn ask(&self, name: &Name) -> Result<Resolved, ConfigError> {
        let mut ssh = Command::new("ssh");
        ssh.arg("-G");
        if let Some(file) = &self.file {
            ssh.arg("-F").arg(file);
        }
        if let Some(user) = &name.user {
            ssh.args(["-l", user]);
        }
        if let Some(port) = name.port {
            ssh.args(["-p", &port.to_string()]);
        }
        ssh.args(["--", &name.host]).stdin(Stdio::null());
        let output = timeout(PATIENCE, ssh.kill_on_drop(true).output());
        let output = output.await.map_err(|_| ConfigError::Failed {
            host: name.host.clone(),
            reason: format!("no answer within {} s", PATIENCE.as_secs()).into(),
        })?;
        Resolved::read(&told(&name.host, output)?, name, self)
    }
}

fn told(host: &str, output: io::Result<Output>) -> Result<String, ConfigError> {
    let failed = |reason: &str| ConfigError::Failed {
        host: host.to_owned(),
        reason: reason.trim().into(),
    };
    let output = output.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => ConfigError::NoClient,
        _ => failed(&error.to_string()),
    })?;
    if !output.status.success() {
        return Err(failed(&String::from_utf8_lossy(&output.stderr)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
