//! Which flags and admission plug-ins a Kubernetes version knows, as data (T-21, T-28).
//!
//! An unknown one stops its component, so it must never come so far.

use serde::Deserialize;

use crate::profile::version::Gate;
use crate::profile::version::Version;

/// What a profile says about flags and plug-ins.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gates {
    #[serde(default)]
    pub flags: Vec<FlagGate>,
    #[serde(default)]
    pub plugins: Vec<PluginGate>,
    /// Every plug-in of the versions that the profile is for; empty where nobody listed them.
    #[serde(default)]
    pub known_plugins: Vec<String>,
}

/// The versions in which a component has a flag.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FlagGate {
    pub of: String,
    pub flag: String,
    pub kubernetes: Gate,
}

/// The versions in which the API server has an admission plug-in.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PluginGate {
    pub plugin: String,
    pub kubernetes: Gate,
}

impl Gates {
    /// These, and those of the profile that is extended. Its list of known plug-ins is for its own
    /// versions, so another list takes its place.
    pub(super) fn over(mut self, base: Self) -> Self {
        self.flags.extend(base.flags);
        self.plugins.extend(base.plugins);
        if self.known_plugins.is_empty() {
            self.known_plugins = base.known_plugins;
        }
        self
    }

    /// The versions that have this flag, when `version` has not.
    pub fn against_flag(&self, of: &str, flag: &str, version: Version) -> Option<String> {
        let mut gates = self
            .flags
            .iter()
            .filter(|gate| gate.of == of && gate.flag == flag);
        let closed = gates.find(|gate| !gate.kubernetes.admits(version));
        closed.map(|gate| gate.kubernetes.to_string())
    }

    /// The versions that have this plug-in, when `version` has not.
    pub fn against_plugin(&self, plugin: &str, version: Version) -> Option<String> {
        let mut gates = self.plugins.iter().filter(|gate| gate.plugin == plugin);
        let closed = gates.find(|gate| !gate.kubernetes.admits(version));
        if let Some(gate) = closed {
            return Some(gate.kubernetes.to_string());
        }
        let is_known =
            self.known_plugins.is_empty() || self.known_plugins.iter().any(|known| known == plugin);
        (!is_known).then(|| "no version that the profile knows of".to_owned())
    }
}
