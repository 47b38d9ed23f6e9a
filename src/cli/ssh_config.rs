//! `--ssh-config`: what the inventory leaves open is taken from OpenSSH's own configuration.

use std::env;
use std::path::Path;
use std::path::PathBuf;

use crate::cli::Target;
use crate::cli::exit;
use crate::error::Failure;
use crate::inventory::Bastion;
use crate::inventory::Inventory;
use crate::inventory::Node;
use crate::ssh::config::Client;
use crate::ssh::config::Wishes;
use crate::ssh::config::routes;
use crate::ssh::route::Routes;

/// The ways to `nodes` as the configuration in `file`, or else the user's and the system's, has
/// them; `files` are those of the run's host keys, and `has_limit` says that
/// `--connect-timeout` was given.
pub(super) fn ways(
    file: Option<&Path>,
    target: &Target,
    inventory: &Inventory,
    (hops, nodes): (&[Bastion], &[&Node]),
    files: &[PathBuf],
    has_limit: bool,
) -> Result<Routes, Failure> {
    let client = Client {
        file: file.map(Path::to_owned),
        home: env::var_os("HOME").map(PathBuf::from),
        user: env::var("USER").or_else(|_| env::var("LOGNAME")).ok(),
        agent: env::var_os("SSH_AUTH_SOCK")
            .filter(|socket| !socket.is_empty())
            .map(PathBuf::from),
    };
    // Whoever names a file of host keys means that one and no other.
    let is_named = target.known_hosts.is_some() || inventory.site.known_hosts.is_some();
    let wishes = Wishes {
        hops,
        known_hosts: (!is_named).then(|| &files[..1]),
        has_limit,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| Failure::new(exit::INTERNAL, error.to_string(), ""))?;
    runtime
        .block_on(routes(&client, wishes, nodes))
        .map_err(|error| Failure::new(exit::USAGE, error.to_string(), error.hint()))
}
