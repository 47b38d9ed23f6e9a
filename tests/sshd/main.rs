//! Sessions against a real OpenSSH server.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod as_openssh;
mod config;
mod addresses;
mod held;
mod host_certificates;
mod host_keys;
mod jumps;
mod leaks;
mod login;
mod manners;
mod ping;
mod privilege;
mod refusals;
mod runs;
mod secrets;
mod server;

use std::time::Duration;

use harden::secret::Secret;

/// Long enough for a busy machine, short enough for a hanging test to be noticed.
const LONG: Duration = Duration::from_secs(60);

/// For deadlines that are meant to pass.
const SHORT: Duration = Duration::from_millis(300);

fn nothing() -> Secret {
    Secret::new(Vec::new())
}
