//! Learning a host key, and writing it down.

use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::Read;
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::Instant;

use crate::inventory::Node;
use crate::ssh::SshError;
use crate::ssh::dial::dial;
use crate::ssh::gate::Check;
use crate::ssh::gate::Gate;
use crate::ssh::handshake::Greeting;
use crate::ssh::handshake::greet;
use crate::ssh::host_key::HostKey;
use crate::ssh::known_hosts::KnownHosts;
use crate::ssh::known_hosts::Verdict;
use crate::ssh::known_hosts::host_name;
use crate::ssh::target::Target;

/// Asks `node` for its host key without logging in; `deadline` covers connection and handshake.
///
/// The server proves that it holds the key. Of several keys it shows one of a
/// type that `known` has for it, so that a known host is found known.
///
/// # Errors
///
/// The errors of a connection up to the handshake, none about trust.
pub async fn fetch_host_key(
    node: &Node,
    known: &KnownHosts,
    deadline: Duration,
) -> Result<HostKey, SshError> {
    let at = Arc::new(Target::from(node));
    let end = Instant::now() + deadline;
    let stream = dial(&at, deadline).await?;
    let (gate, _) = Gate::new(at.clone(), Check::Learn);
    let recorded = known.algorithms(&at.host, at.port);
    let left = end.saturating_duration_since(Instant::now());
    match greet(stream, &at, gate, &recorded, left).await? {
        Greeting::Learned(key) => Ok(key),
        Greeting::Met(..) => Err(SshError::Handshake {
            at,
            reason: "the server showed no host key".to_owned(),
        }),
    }
}

impl KnownHosts {
    /// Appends `key` of `node` to `file`, which is created with mode 0600 where it is missing.
    ///
    /// A key that is there already is not written again. The file is locked and
    /// read afresh, so that several writers do not spoil it.
    ///
    /// # Errors
    ///
    /// The error of a connection where the file has another key for the node or
    /// revokes this one; [`SshError::KnownHosts`] where it cannot be written.
    pub async fn record(file: &Path, node: &Node, key: &HostKey) -> Result<(), SshError> {
        record(file, &Arc::new(Target::from(node)), key).await
    }
}

/// The same for a connection's target.
pub(super) async fn record(file: &Path, at: &Arc<Target>, key: &HostKey) -> Result<(), SshError> {
    let failed = |reason: String| SshError::KnownHosts {
        file: file.to_owned(),
        reason,
    };
    let (path, at, key) = (file.to_owned(), at.clone(), key.clone());
    let appended = spawn_blocking(move || append(&path, &at, &key)).await;
    match appended.map_err(|error| failed(error.to_string()))? {
        Ok(None) => Ok(()),
        Ok(Some(refusal)) => Err(refusal),
        Err(error) => Err(failed(error.to_string())),
    }
}

/// Appends under a lock; `Some` is the refusal to overrule the file.
fn append(path: &Path, at: &Arc<Target>, key: &HostKey) -> io::Result<Option<SshError>> {
    let mut file = open(path)?;
    file.lock()?;
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    match KnownHosts::parse(path, &text).verdict(&at.host, at.port, key) {
        Verdict::Unknown => {}
        verdict => return Ok(verdict.refusal(at, key.clone())),
    }
    let gap = if text.is_empty() || text.ends_with(b"\n") {
        ""
    } else {
        "\n"
    };
    let line = format!("{gap}{} {}\n", host_name(&at.host, at.port), key.openssh());
    file.write_all(line.as_bytes())?;
    file.sync_all()?;
    Ok(None)
}

fn open(path: &Path) -> io::Result<File> {
    if let Some(parent) = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
    {
        let mut directories = std::fs::DirBuilder::new();
        directories.recursive(true).mode(0o700).create(parent)?;
    }
    OpenOptions::new()
        .read(true)
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
}
