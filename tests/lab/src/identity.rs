//! Who a node is.

use std::net::Ipv4Addr;

use serde::Deserialize;
use serde::Serialize;

use crate::role::Role;

/// What does not change about a node; kept in its `node.json`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Identity {
    pub(crate) name: String,
    /// Where its SSH server listens: a loopback address of its own, because RKE refuses two
    /// nodes with one address (rke.md 1.3).
    pub(crate) address: Ipv4Addr,
    /// What its components call it; nothing listens there.
    pub(crate) internal: Ipv4Addr,
    pub(crate) port: u16,
    pub(crate) roles: Vec<Role>,
    pub(crate) user: String,
}

impl Identity {
    /// The `index`th node of a fleet, counted from 0; the port is not known yet.
    pub(crate) fn new(index: u16, name: String, mut roles: Vec<Role>, user: String) -> Self {
        roles.sort_unstable();
        roles.dedup();
        let [high, low] = (index + 1).to_be_bytes();
        Self {
            name,
            address: Ipv4Addr::new(127, 7, high, low),
            internal: Ipv4Addr::new(172, 31, high, low),
            port: 0,
            roles,
            user,
        }
    }

    pub(crate) fn has(&self, role: Role) -> bool {
        self.roles.contains(&role)
    }
}
