//! What stands between us, or RKE, and each node.
//!
//! ```text
//! answers (probe, Docker's socket, facts) ─▶ review ─▶ pulse
//! ```
//!
//! A [`Pulse`] is one node's row; whatever is not as it should be is a
//! [`Trouble`] with its cause, which RKE often hides (rke.md 1.4).

pub mod cause;
pub mod docker;
pub mod probe;
mod review;

use std::collections::BTreeMap;

use serde::Serialize;

pub use crate::ping::review::Answers;
pub use crate::ping::review::questions;
pub use crate::ping::review::review;

/// What is known of one node after one round trip; `None` is not known.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Pulse {
    pub node: String,
    /// `USER@HOST:PORT`.
    pub target: String,
    /// True when something there speaks SSH.
    pub reachable: bool,
    /// True when the host key is the one on record.
    pub host_key: Option<bool>,
    pub login: Option<bool>,
    /// True when the login can become root.
    pub root: Option<bool>,
    /// True when root can ask Docker.
    pub docker: Option<bool>,
    /// As Docker itself says it to RKE.
    pub docker_version: Option<String>,
    /// Where `/var/log/kube-audit` is or will be; only on control-plane nodes.
    pub audit_log_free_bytes: Option<u64>,
    /// The kernel values that a hardened kubelet compares.
    pub kernel: BTreeMap<String, KernelValue>,
    /// The node's Kubernetes containers by name, with their states.
    pub containers: BTreeMap<String, String>,
    /// True when RKE comes in as we did, and finds a Docker that it takes.
    pub rke: Option<bool>,
    pub troubles: Vec<Trouble>,
}

/// A kernel value beside the one that a kubelet wants.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct KernelValue {
    pub wanted: String,
    /// `None` where it could not be read.
    pub seen: Option<String>,
}

/// Something in the way, with the way out.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Trouble {
    pub message: String,
    pub hint: String,
    /// What RKE says in its place, which may name another cause.
    pub rke_says: Option<String>,
}

impl Pulse {
    /// True when everything that a run needs to know can be asked here.
    pub fn is_usable(&self) -> bool {
        [self.login, self.root, self.docker] == [Some(true); 3]
    }
}
