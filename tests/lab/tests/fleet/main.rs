//! The simulated fleet behaves like machines: each on its own, each wrong in the way it is told.

mod client;
mod command_line;
mod faults;
mod isolation;
mod sessions;
