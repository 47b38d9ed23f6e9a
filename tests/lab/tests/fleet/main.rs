//! The simulated fleet behaves like machines: each on its own, each wrong in the way it is told.

#![expect(clippy::unwrap_used, reason = "a panic is how a test reports")]

mod client;
mod command_line;
mod faults;
mod isolation;
mod sessions;
