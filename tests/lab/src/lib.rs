//! The lab: nodes to harden without a cluster, and a stand-in for `rke`.

pub mod containers;
pub mod standin;
