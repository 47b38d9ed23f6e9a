//! A stand-in for `rke` v0.1.11: the same arguments, the same log, the same failures, without Kubernetes.
//!
//! [`cluster`] reads `cluster.yml` as RKE does, [`component`] computes the containers each node should
//! have, [`up`] makes them so and tells the story in RKE's words. What a node is differs: a directory of a
//! simulated fleet, or a container with a Docker engine in it; [`machine`] is the door to either.
//! Section numbers in this module are those of the RKE facts the project keeps.

pub mod addon;
pub mod argument;
pub mod cluster;
pub mod component;
pub mod contained;
pub mod container;
pub mod deposit;
pub mod fault;
pub mod fleet;
pub mod inspect;
pub mod kubeconfig;
pub mod log;
pub mod machine;
pub mod plane;
pub mod simulated;
pub mod snapshot;
pub mod state;
pub mod story;
pub mod up;
