//! The files that lead a client to the fleet.

use std::fmt::Write as _;
use std::path::Path;

use russh::keys::PublicKey;

use crate::identity::Identity;

/// `inventory.yml` in RKE's form (rke.md section 1); `key` is the client's private key.
pub(crate) fn inventory<'a>(nodes: impl Iterator<Item = &'a Identity>, key: &Path) -> String {
    let mut text = String::from(
        "# A simulated fleet; it answers while harden-lab runs.\n\
         kubernetes_version: v1.11.3-rancher1-1\n\
         harden:\n  known_hosts: known_hosts\n\
         nodes:\n",
    );
    for node in nodes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{}", entry(node, key));
    }
    text
}

/// One line of `known_hosts` for each node with the key it is known by.
pub(crate) fn known_hosts<'a>(
    nodes: impl Iterator<Item = (&'a Identity, &'a PublicKey)>,
) -> Result<String, anyhow::Error> {
    let mut text = String::new();
    for (node, key) in nodes {
        let line = key.to_openssh()?;
        let _ = writeln!(text, "[{}]:{} {line}", node.address, node.port);
    }
    Ok(text)
}

fn entry(node: &Identity, key: &Path) -> String {
    let roles: Vec<_> = node.roles.iter().map(ToString::to_string).collect();
    format!(
        "  - address: {}\n    port: \"{}\"\n    internal_address: {}\n    hostname_override: {}\n    \
         user: {}\n    role: [{}]\n    ssh_key_path: {}\n",
        node.address,
        node.port,
        node.internal,
        node.name,
        node.user,
        roles.join(", "),
        serde_json::Value::from(key.to_string_lossy()),
    )
}
