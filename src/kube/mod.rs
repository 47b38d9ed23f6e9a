//! The Kubernetes API of a cluster, asked with the kubeconfig that RKE leaves beside `cluster.yml`.
//!
//! A handful of lists, and text, end and log of one job are all that is read, and Secrets are all
//! that is written, by patches that change nothing. Everything is read page by page, within one
//! deadline, and over verified TLS only. What cannot be read says why.

mod addon_job;
mod api;
mod error;
mod health;
mod kubeconfig;
mod lists;
mod log;
mod secrets;

pub use crate::kube::api::Api;
pub use crate::kube::error::KubeError;
