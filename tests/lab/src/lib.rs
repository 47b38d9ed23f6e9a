//! Simulated nodes for the tests and the demo of `harden`.
//!
//! A node is a directory and an SSH server. The directory holds the node's private `/etc`, its
//! kernel values and what its Docker engine would say; the server runs every command in a mount
//! namespace of its own in which these lie over the machine's. Nothing a command does to `/etc`,
//! `/var`, `/run`, `/tmp`, `/root`, `/home`, `/opt` or the kernel values reaches the machine.
//!
//! ```text
//! <fleet>/inventory.yml  known_hosts  id_ed25519
//! <fleet>/kubernetes/kubeconfig   cluster-state.json     the API, and what it knows
//! <fleet>/nodes/<name>/etc/ var/ run/ tmp/ root/ home/ opt/    the node's own trees
//!                      proc/<kernel.value>                bound over /proc/sys/kernel/value
//!                      docker/<container>.json            one element of `docker inspect` each
//!                      bin/                               docker, sudo, id: first in PATH
//!                      node.json  counts.json             who it is; what was asked of it
//! ```
//!
//! Needs Linux with `unshare` and `mount` of util-linux; root only for [`Fault::Immutable`].

mod api;
mod boot;
mod builder;
pub mod containers;
mod counts;
mod crowd;
mod digest;
mod disk;
mod docker;
mod etcd;
mod exec;
mod fault;
mod fleet;
pub mod https;
mod identity;
mod inventory;
mod key;
pub mod kubernetes;
pub mod leak;
mod machine;
mod mounts;
mod node;
pub mod programs;
mod relay;
mod role;
mod server;
pub mod standin;
mod trigger;
mod wire;

pub use builder::Builder;
pub use counts::Counts;
pub use crowd::Crowd;
pub use crowd::Weather;
pub use digest::Entry;
pub use fault::Fault;
pub use fleet::Fleet;
pub use node::Node;
pub use role::Role;
pub use trigger::Trigger;
