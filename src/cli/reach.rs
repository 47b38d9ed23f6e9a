//! From the command line to a way to every node: keys, host keys, jump hosts.

use std::env;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::cli::Target;
use crate::cli::exit;
use crate::cli::site;
use crate::error::Failure;
use crate::inventory::Bastion;
use crate::inventory::Inventory;
use crate::inventory::jump;
use crate::ssh::keys::Keys;
use crate::ssh::route::Routes;
use crate::ssh::session::Options;

/// The keys that the inventory may name.
pub(super) fn keys() -> Keys {
    Keys::new(env::var_os("SSH_AUTH_SOCK").map(PathBuf::from))
}

/// How to connect, with `step` for each of connecting, handshake and login.
pub(super) fn options(
    target: &Target,
    inventory: &Inventory,
    step: Duration,
) -> Result<Options, Failure> {
    let files = site::known_hosts(target, inventory);
    Ok(Options {
        known_hosts: Arc::new(site::keys_on_record(&files)?),
        connect: step,
        handshake: step,
        login: step,
        routes: Arc::new(Routes::through(&hops(target, inventory)?)),
        ..Options::default()
    })
}

/// The jump hosts in front of all nodes; those of the command line win.
fn hops(target: &Target, inventory: &Inventory) -> Result<Vec<Bastion>, Failure> {
    if target.proxy_jump.is_empty() {
        return Ok(inventory.hops().to_vec());
    }
    let Some(key) = &inventory.shared_key else {
        return Err(Failure::new(
            exit::USAGE,
            "no key is known for the jump hosts of `--proxy-jump`",
            "set `ssh_key_path` in the inventory, beside `nodes`",
        ));
    };
    let read = |text: &String| {
        jump::read(text, key.clone()).map_err(|reason| {
            Failure::new(
                exit::USAGE,
                format!("the jump host `{text}` {reason}"),
                "write `--proxy-jump USER@HOST` or `--proxy-jump USER@HOST:PORT`",
            )
        })
    };
    target.proxy_jump.iter().map(read).collect()
}
