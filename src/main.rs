//! The `harden` program.

fn main() {}
