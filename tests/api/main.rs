//! The clients of the Kubernetes API and of Rancher against servers that are slow, wrong or rude.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod kubernetes;
mod rancher;
mod site;
