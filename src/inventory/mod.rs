//! The fleet as values, resolved the way RKE resolves it.

mod access;
mod endpoint;
mod fields;
mod identities;
pub mod jump;
mod keys;
mod node;
mod review;
pub mod rke;
mod schema;
pub mod select;
mod shard;
mod tree;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

use crate::secret::Secret;
use crate::source::Remark;

pub use crate::inventory::identities::Identities;

/// All nodes of one cluster, and what the file says of the cluster itself.
#[derive(Clone, Debug)]
pub struct Inventory {
    /// The file as the user named it; names it in messages.
    pub file: String,
    pub nodes: Vec<Node>,
    /// RKE's `bastion_host`: a jump host in front of all nodes.
    pub bastion: Option<Bastion>,
    /// `harden.proxy_jump`: jump hosts in front of all nodes, one behind the other; takes the
    /// place of `bastion`.
    pub proxy_jump: Vec<Bastion>,
    /// What opens a machine that names no key; `None` where that leads nowhere.
    pub shared_key: Option<KeySource>,
    /// Cluster-level `ssh_agent_auth`; a node's own value is overwritten by it (RKE fact 2).
    pub ssh_agent_auth: bool,
    /// Cluster-level `prefix_path`, `/` when not given (RKE fact 14).
    pub prefix_path: String,
    /// True where `rke` is to take any version of Docker.
    pub ignore_docker_version: bool,
    /// `None` means that `rke` would choose, and perhaps upgrade (RKE fact 15).
    pub kubernetes_version: Option<String>,
    /// True when the file holds RKE cluster keys such as `services`, so that it is itself the
    /// `cluster.yml` (architecture 13.11).
    pub is_cluster_file: bool,
    /// The `harden:` block, which RKE ignores.
    pub site: Site,
    /// What RKE would silently ignore or merge, in order of appearance.
    pub warnings: Vec<Remark>,
}

/// What the inventory's `harden:` block says; paths are relative to the inventory's directory.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Site {
    pub playbook: Option<PathBuf>,
    pub cluster_config: Option<PathBuf>,
    pub known_hosts: Option<PathBuf>,
    pub privilege: Privilege,
}

/// How a user other than root becomes root on the nodes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Privilege {
    #[default]
    Sudo,
    /// Through a container, for users of the group docker. Off unless asked for, because it makes
    /// use of what that group amounts to.
    Docker,
}

/// One machine of the cluster.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its Kubernetes name: `hostname_override`, else the address.
    pub name: String,
    /// Where SSH goes, host name or IP address without brackets.
    pub address: String,
    pub port: u16,
    /// False where `port` is only the default.
    pub has_port: bool,
    /// Used between components; the address when not given.
    pub internal_address: String,
    pub roles: BTreeSet<Role>,
    pub user: String,
    /// Path of Docker's socket on the node.
    pub docker_socket: String,
    pub key: KeySource,
    pub labels: BTreeMap<String, String>,
    pub taints: Vec<Taint>,
}

impl Node {
    /// True when the node has any of `roles`.
    pub fn has_any(&self, roles: &BTreeSet<Role>) -> bool {
        !self.roles.is_disjoint(roles)
    }
}

impl Inventory {
    /// The jump hosts that are passed on the way to every node, in order.
    pub fn hops(&self) -> &[Bastion] {
        if self.proxy_jump.is_empty() {
            self.bastion.as_slice()
        } else {
            &self.proxy_jump
        }
    }
}

/// What a node does in the cluster, in the order in which RKE writes the roles.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    ControlPlane,
    Etcd,
    Worker,
}

impl Role {
    pub const ALL: [Self; 3] = [Self::ControlPlane, Self::Etcd, Self::Worker];

    /// The role as RKE writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ControlPlane => "controlplane",
            Self::Etcd => "etcd",
            Self::Worker => "worker",
        }
    }

    /// The role that RKE calls `name`; case counts, as for RKE.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Where the private key for a node comes from, decided by RKE's rules (rke.md 1.1).
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum KeySource {
    Agent,
    /// `ssh_key`: the PEM text itself.
    Inline(Secret),
    /// `ssh_key_path`, with `~/` already expanded.
    File(PathBuf),
    /// The file that RKE takes where nobody names a key.
    Default(PathBuf),
    /// What OpenSSH's configuration has in its place.
    OpenSsh(Identities),
    /// A key and the certificate that an authority gave it.
    Certified(Box<KeySource>, CertSource),
}

/// Where a user certificate comes from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum CertSource {
    /// `ssh_cert`: the line itself.
    Inline(String),
    /// `ssh_cert_path`, with `~/` already expanded.
    File(PathBuf),
}

/// A Kubernetes taint of a node.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Taint {
    pub key: String,
    pub value: String,
    pub effect: String,
}

/// A jump host: RKE's `bastion_host`, or one of harden's own.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Bastion {
    pub address: String,
    pub port: u16,
    /// False where `port` is only the default.
    pub has_port: bool,
    pub user: String,
    pub key: KeySource,
}
