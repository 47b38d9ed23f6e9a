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

use tokio::task::spawn_blocking;

use crate::inventory::Node;
use crate::ssh::SshError;
use crate::ssh::gate::Check;
use crate::ssh::gate::Gate;
use crate::ssh::handshake::Greeting;
use crate::ssh::handshake::greet;
use crate::ssh::host_key::HostKey;
use crate::ssh::keys::Keys;
use crate::ssh::known_hosts::KnownHosts;
use crate::ssh::known_hosts::Record;
use crate::ssh::known_hosts::Verdict;
use crate::ssh::known_hosts::host_name;
use crate::ssh::patience::Patience;
use crate::ssh::route::Stop;
use crate::ssh::session::Options;
use crate::ssh::target::Target;

/// What a server shows of itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Offer {
    pub key: HostKey,
    /// The line of the authority that vouches for the key, where one does.
    pub authority: Option<Record>,
}

/// Asks `node` for its host key without logging in there; its jump hosts are logged in to.
///
/// The server proves that it holds the key. Of several keys it shows one of a
/// type that is on record for it, so that a known host is found known.
///
/// # Errors
///
/// The errors of a connection up to the handshake, none about trust in the node itself.
pub async fn fetch_host_key(
    node: &Node,
    keys: &Keys,
    options: &Options,
) -> Result<HostKey, SshError> {
    let route = options.routes.to(node);
    let offer = fetch(&route.hops, &route.end, keys, options).await?;
    Ok(offer.key)
}

/// The same for a stop behind `hops`, such as a jump host itself, with the authority that
/// vouches for the key.
///
/// # Errors
///
/// The same.
pub async fn fetch(
    hops: &[Stop],
    stop: &Stop,
    keys: &Keys,
    options: &Options,
) -> Result<Offer, SshError> {
    let at = &stop.at;
    let limit = stop.connect.unwrap_or(options.connect);
    let known = stop.known_hosts.as_ref().unwrap_or(&options.known_hosts);
    let mut patience = Patience::new(limit);
    loop {
        let (gate, _) = Gate::new(at.clone(), Check::Learn(known.clone()));
        let way = options.jumps.way(hops, at, limit, keys, options).await?;
        let met = greet(way.stream, at, gate, known, options.handshake).await;
        drop(way.permit);
        match met {
            Ok(Greeting::Learned(offer)) => return Ok(offer),
            Ok(Greeting::Met(..)) => {
                return Err(SshError::Handshake {
                    at: at.clone(),
                    reason: "the server showed no host key".to_owned(),
                });
            }
            Err(error) => patience.outlast(error).await?,
        }
    }
}

impl KnownHosts {
    /// Appends `key` of `at` to `file`, which is created with mode 0600 where it is missing.
    ///
    /// A key that is there already is not written again. The file is locked and
    /// read afresh, so that several writers do not spoil it.
    ///
    /// # Errors
    ///
    /// The error of a connection where the file has another key for the host or
    /// revokes this one; [`SshError::KnownHosts`] where it cannot be written.
    pub async fn record(file: &Path, at: &Arc<Target>, key: &HostKey) -> Result<(), SshError> {
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
}

/// Appends under a lock; `Some` is the refusal to overrule the file.
fn append(path: &Path, at: &Arc<Target>, key: &HostKey) -> io::Result<Option<SshError>> {
    let mut file = open(path)?;
    file.lock()?;
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    let (host, port) = at.known_as();
    match KnownHosts::parse(path, &text).verdict(host, port, key) {
        Verdict::Unknown => {}
        verdict => return Ok(verdict.refusal(at, key.clone())),
    }
    let gap = if text.is_empty() || text.ends_with(b"\n") {
        ""
    } else {
        "\n"
    };
    let line = format!("{gap}{} {}\n", host_name(host, port), key.openssh());
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
