//! How often a node was asked.

use serde::Deserialize;
use serde::Serialize;

/// What happened at one node since it started; its `counts.json` holds the same.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Counts {
    /// TCP connections accepted.
    pub connections: u64,
    /// Logins that succeeded.
    pub logins: u64,
    /// Commands started.
    pub execs: u64,
}
