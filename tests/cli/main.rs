//! The binary against a simulated fleet: what a user sees, what the nodes hold afterwards.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod addons;
mod apply;
mod audit_log;
mod bad_input;
mod bastions;
mod check;
mod controls;
mod drivers;
mod going;
mod hostile;
mod hosts;
mod interruption;
mod keys;
mod kubernetes;
mod lab;
mod matrix;
mod outage;
mod ping;
mod privilege;
mod rancher;
mod report;
mod rollout;
mod schema;
mod secrets;
mod ssh_config;
mod undo;
mod verbose;
mod waivers;
mod weather;
