//! What the cluster itself remembers: which nodes it has, and which objects were applied.

use std::fs;
use std::path::Path;

use anyhow::Context;
use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

use super::cluster::Node;
use super::machine::Result;

/// The cluster's memory, kept as JSON.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct State {
    /// Address and port of each node of the last run that came so far.
    pub nodes: Vec<Member>,
    /// Kubernetes objects, each as it was applied last.
    pub objects: Vec<Value>,
    /// What the job of the user addons said when it failed last.
    pub addon_log: Option<String>,
}

/// A node that belongs to the cluster.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Member {
    pub address: String,
    pub port: String,
}

impl Member {
    /// This node of `cluster.yml`.
    pub fn of(node: &Node) -> Self {
        Self {
            address: node.address.clone(),
            port: node.port.clone(),
        }
    }
}

impl State {
    /// Reads the file; a missing one is an empty memory.
    ///
    /// # Errors
    ///
    /// It is there but cannot be read.
    pub fn read(path: &Path) -> Result<Self> {
        if !path.exists() {
            return Ok(Self::default());
        }
        let text =
            fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("cannot read {}", path.display()))
    }

    /// Writes the file.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Enters an object in place of the one with the same kind, namespace and name.
    pub fn apply(&mut self, object: Value) {
        let identity = identity(&object);
        self.objects.retain(|own| self::identity(own) != identity);
        self.objects.push(object);
    }
}

fn identity(object: &Value) -> [&str; 3] {
    ["/kind", "/metadata/namespace", "/metadata/name"].map(|pointer| {
        object
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
    })
}
