//! The other end of a connection.

use crate::inventory::Node;

/// Where a connection goes, as messages name it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Target {
    /// The node's name in the inventory.
    pub node: String,
    pub host: String,
    pub port: u16,
    pub user: String,
}

impl Target {
    /// `HOST:PORT`, an IPv6 address in brackets.
    pub fn address(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    /// `ssh -p PORT USER@HOST`, to be tried by hand.
    pub(super) fn by_hand(&self) -> String {
        match self.port {
            22 => format!("ssh {}@{}", self.user, self.host),
            port => format!("ssh -p {port} {}@{}", self.user, self.host),
        }
    }
}

impl From<&Node> for Target {
    fn from(node: &Node) -> Self {
        Self {
            node: node.name.clone(),
            host: node.address.clone(),
            port: node.port,
            user: node.user.clone(),
        }
    }
}
