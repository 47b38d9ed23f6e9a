//! From the command line to a way to every node: keys, host keys, jump hosts.

use std::env;
use std::path::PathBuf;
use std::sync::Arc;

use crate::cli::Limit;
use crate::cli::Target;
use crate::cli::exit;
use crate::cli::site;
use crate::cli::ssh_config;
use crate::cli::terminal;
use crate::error::Failure;
use crate::inventory::Bastion;
use crate::inventory::Inventory;
use crate::inventory::Node;
use crate::inventory::jump;
use crate::secret::Secret;
use crate::ssh::keys::Keys;
use crate::ssh::route::Route;
use crate::ssh::route::Routes;
use crate::ssh::session::Options;

/// The keys to all of `nodes`, with every passphrase and password that is needed asked for now,
/// before anything is drawn on the terminal.
pub(super) fn keys<'n>(
    target: &Target,
    options: &Options,
    nodes: impl IntoIterator<Item = &'n Node>,
) -> Result<Keys, Failure> {
    let mut keys = Keys::new(env::var_os("SSH_AUTH_SOCK").map(PathBuf::from));
    if target.ask_password {
        let password = terminal::secret("Password of the nodes: ");
        keys = keys.or_password(password.ok_or_else(|| no_terminal("--ask-password"))?);
    }
    let routes: Vec<Route> = nodes
        .into_iter()
        .map(|node| options.routes.to(node))
        .collect();
    let stops = routes
        .iter()
        .flat_map(|route| route.hops.iter().chain([&route.end]));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| Failure::new(exit::INTERNAL, error.to_string(), ""))?;
    runtime.block_on(keys.unlock(stops.map(|stop| &stop.key), |key| {
        terminal::secret(&format!("Passphrase for {key}: "))
    }));
    Ok(keys)
}

/// The password for `sudo`, asked for now when the command line wants it so.
pub(super) fn sudo_password(is_wanted: bool) -> Result<Option<Secret>, Failure> {
    if !is_wanted {
        return Ok(None);
    }
    let password = terminal::secret("Password for sudo on the nodes: ");
    password.map(Some).ok_or_else(|| no_terminal("--ask-sudo"))
}

/// The failure of an option that has to ask a person.
pub(super) fn no_terminal(option: &str) -> Failure {
    let message = format!("`{option}` needs a terminal to ask on, and there is none");
    Failure::new(
        exit::USAGE,
        message,
        "run harden in a terminal, or use keys and `sudo` that need no asking",
    )
}

/// How to connect to `nodes`, with `limit` for each of connecting, handshake and login.
pub(super) fn options(
    target: &Target,
    inventory: &Inventory,
    nodes: &[&Node],
    limit: Limit,
) -> Result<Options, Failure> {
    let files = site::known_hosts(target, inventory);
    let hops = hops(target, inventory)?;
    let routes = match &target.ssh_config {
        None => Routes::through(&hops),
        Some(file) => ssh_config::ways(
            file.as_deref(),
            target,
            inventory,
            (&hops, nodes),
            &files,
            limit.connect_timeout.is_some(),
        )?,
    };
    let step = limit.step();
    Ok(Options {
        known_hosts: Arc::new(site::keys_on_record(&files)?),
        connect: step,
        handshake: step,
        login: step,
        routes: Arc::new(routes),
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
