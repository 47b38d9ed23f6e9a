//! Where the nodes of a `cluster.yml` are: in a directory, or in containers.

use std::collections::HashMap;
use std::env;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context;
use anyhow::bail;
use serde_json::Value;

use super::cluster::Node;
use super::contained::Contained;
use super::machine::Machine;
use super::machine::Result;
use super::simulated::Simulated;

/// The faults of a simulated node that keep RKE from its Docker engine. A wrong host key is none: RKE
/// verifies no host key (fact 1).
const CUT_OFF: [&str; 9] = [
    "refuse",
    "reboots",
    "hang",
    "drop-handshake",
    "drop-login",
    "mute",
    "login-refused",
    "docker-down",
    "docker-hangs",
];

/// All nodes that can be reached, by address and port.
#[derive(Clone, Debug)]
pub enum Fleet {
    /// Directories of nodes, and the fleet's own.
    Simulated {
        directory: PathBuf,
        nodes: HashMap<(String, String), PathBuf>,
    },
    /// Names of containers.
    Containers {
        nodes: HashMap<(String, String), String>,
    },
}

impl Fleet {
    /// Finds the nodes below `<directory>/nodes` that have no fault in the way of RKE.
    ///
    /// # Errors
    ///
    /// The directory or one of its `node.json` cannot be read.
    pub fn simulated(directory: &Path) -> Result<Self> {
        let below = directory.join("nodes");
        let mut nodes = HashMap::new();
        let entries =
            fs::read_dir(&below).with_context(|| format!("cannot read {}", below.display()))?;
        for entry in entries {
            let path = entry?.path();
            let node = description(&path)?;
            if !is_cut_off(&node) {
                nodes.insert((text(&node["address"]), text(&node["port"])), path);
            }
        }
        Ok(Self::Simulated {
            directory: directory.to_owned(),
            nodes,
        })
    }

    /// Finds the running containers of the lab.
    ///
    /// # Errors
    ///
    /// No Docker daemon answers on this machine.
    pub fn containers() -> Result<Self> {
        let format = "{{.Names}} {{.Label \"harden-lab.address\"}} {{.Label \"harden-lab.port\"}}";
        let output = Command::new("docker")
            .args(["ps", "--filter", "label=harden-lab", "--format", format])
            .output()
            .context("cannot run docker")?;
        if !output.status.success() {
            bail!(
                "docker ps: {}",
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        let nodes = String::from_utf8_lossy(&output.stdout)
            .lines()
            .filter_map(|line| {
                let mut words = line.split(' ').map(str::to_owned);
                let name = words.next()?;
                Some(((words.next()?, words.next()?), name))
            })
            .collect();
        Ok(Self::Containers { nodes })
    }

    /// The node that `cluster.yml` means, nothing when it does not answer.
    pub fn machine(&self, node: &Node) -> Option<Box<dyn Machine>> {
        let key = (node.address.clone(), node.port.clone());
        match self {
            Self::Simulated { nodes, .. } => {
                let directory = nodes.get(&key)?.clone();
                Some(Box::new(Simulated::new(directory)))
            }
            Self::Containers { nodes } => {
                let node = Contained::find(nodes.get(&key)?.clone())?;
                Some(Box::new(node))
            }
        }
    }

    /// How to reach the API of the fleet, where it has one: below its directory, or where
    /// `HARDEN_LAB_KUBECONFIG` says.
    pub fn kubeconfig(&self) -> Option<PathBuf> {
        let named = env::var_os("HARDEN_LAB_KUBECONFIG").map(PathBuf::from);
        let own = match self {
            Self::Simulated { directory, .. } => Some(directory.join("kubernetes/kubeconfig")),
            Self::Containers { .. } => None,
        };
        named.or(own).filter(|path| path.exists())
    }

    /// The file that stands in for what the cluster stores: `cluster-state.json` of the fleet, or
    /// beside the config where the fleet has no directory.
    pub fn state_file(&self, config: &Path) -> PathBuf {
        match self {
            Self::Simulated { directory, .. } => directory.join("cluster-state.json"),
            Self::Containers { .. } => config.with_file_name("cluster-state.json"),
        }
    }
}

fn description(node: &Path) -> Result<Value> {
    let path = node.join("node.json");
    let failure = || format!("cannot read {}", path.display());
    let text = fs::read_to_string(&path).with_context(failure)?;
    serde_json::from_str(&text).with_context(failure)
}

fn is_cut_off(node: &Value) -> bool {
    let faults = node["faults"].as_array();
    faults
        .into_iter()
        .flatten()
        .any(|fault| CUT_OFF.iter().any(|own| fault == own))
}

/// RKE takes a port as a string and as a number.
fn text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}
