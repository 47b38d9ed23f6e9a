//! The embedded profiles, judged on what genuine nodes said.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cases;
mod cluster;
mod counts;
mod later;
mod questions;
mod server;
