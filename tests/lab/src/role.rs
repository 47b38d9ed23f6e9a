//! What a node does in the cluster.

use std::fmt;

use serde::Deserialize;
use serde::Serialize;

/// A role in RKE's words and order.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    ControlPlane,
    Etcd,
    Worker,
}

impl Role {
    /// All three: a node of the smallest cluster.
    pub const ALL: [Self; 3] = [Self::ControlPlane, Self::Etcd, Self::Worker];

    /// How nodes whose first role this is are named: `cp-1`, `etcd-1`, `w-1`.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Self::ControlPlane => "cp",
            Self::Etcd => "etcd",
            Self::Worker => "w",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ControlPlane => "controlplane",
            Self::Etcd => "etcd",
            Self::Worker => "worker",
        })
    }
}
