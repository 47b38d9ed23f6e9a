//! The door to one node: its Docker engine and its files.

use serde_json::Value;

use super::container::Container;

/// A failure in the lab itself, which no real `rke` would have.
pub type Result<T> = anyhow::Result<T>;

/// How a started container is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Health {
    Healthy,
    /// It starts and ends over and over; `last_line` is the last line of its log.
    Failing {
        last_line: String,
    },
}

/// What RKE does on a node, whatever the node is made of.
///
/// Every method fails only where the lab is broken; a component that does not start is
/// [`Health::Failing`].
pub trait Machine: Send + Sync {
    /// The container as `docker inspect` shows it, nothing when there is none.
    ///
    /// # Errors
    ///
    /// The node does not answer, or its answer is not understood.
    fn inspect(&self, name: &str) -> Result<Option<Value>>;

    /// Makes a container in place of one of the same name, and starts it unless it is the sidekick.
    ///
    /// # Errors
    ///
    /// As for [`Machine::inspect`].
    fn create(&self, container: &Container) -> Result<()>;

    /// Starts a container again.
    ///
    /// # Errors
    ///
    /// As for [`Machine::inspect`].
    fn restart(&self, name: &str) -> Result<()>;

    /// Waits until a container serves or turns out to fail.
    ///
    /// # Errors
    ///
    /// As for [`Machine::inspect`].
    fn health(&self, name: &str) -> Result<Health>;

    /// Removes a container; none is no error.
    ///
    /// # Errors
    ///
    /// As for [`Machine::inspect`].
    fn remove(&self, name: &str) -> Result<()>;

    /// Writes a file of the node, with missing directories; `mode` is its permission bits.
    ///
    /// # Errors
    ///
    /// As for [`Machine::inspect`].
    fn write(&self, path: &str, content: &str, mode: u32) -> Result<()>;
}
