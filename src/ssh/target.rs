//! The other end of a connection.

use crate::inventory::Bastion;
use crate::inventory::Node;

/// Where a connection goes, as messages name it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Target {
    /// The node's name in the inventory, or `jump host HOST`.
    pub node: String,
    pub host: String,
    pub port: u16,
    pub user: String,
    /// Jump hosts before it, as `USER@HOST:PORT`, in the order in which they are passed.
    pub via: Vec<String>,
    /// `HostKeyAlias`: the name under which its host key is on record, without a port.
    pub alias: Option<String>,
    /// True for a jump host.
    pub is_jump: bool,
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

    /// The host and port under which its host key is on record.
    pub fn known_as(&self) -> (&str, u16) {
        match &self.alias {
            Some(alias) => (alias, 22),
            None => (&self.host, self.port),
        }
    }

    /// `USER@HOST:PORT`, as a jump host is named.
    pub(super) fn as_hop(&self) -> String {
        format!("{}@{}", self.user, self.address())
    }

    /// `ssh -J JUMP -p PORT USER@HOST`, to be tried by hand.
    pub(super) fn by_hand(&self) -> String {
        let mut command = "ssh ".to_owned();
        if !self.via.is_empty() {
            command = format!("ssh -J {} ", self.via.join(","));
        }
        if self.port != 22 {
            command = format!("{command}-p {} ", self.port);
        }
        format!("{command}{}@{}", self.user, self.host)
    }
}

impl From<&Node> for Target {
    fn from(node: &Node) -> Self {
        Self {
            node: node.name.clone(),
            host: node.address.clone(),
            port: node.port,
            user: node.user.clone(),
            ..Self::default()
        }
    }
}

impl From<&Bastion> for Target {
    fn from(bastion: &Bastion) -> Self {
        Self {
            node: format!("jump host {}", bastion.address),
            host: bastion.address.clone(),
            port: bastion.port,
            user: bastion.user.clone(),
            is_jump: true,
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_try_by_hand_takes_the_same_way() {
        let mut target = Target {
            host: "10.0.0.1".to_owned(),
            port: 22,
            user: "rke".to_owned(),
            ..Target::default()
        };
        assert_eq!(target.by_hand(), "ssh rke@10.0.0.1");

        target.port = 2222;
        target.via = vec!["a@out:22".to_owned(), "b@in:2022".to_owned()];
        assert_eq!(
            target.by_hand(),
            "ssh -J a@out:22,b@in:2022 -p 2222 rke@10.0.0.1"
        );
    }
}
