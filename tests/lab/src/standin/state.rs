//! What the cluster itself remembers: which nodes it has, and which objects were applied.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::Context;
use serde::Deserialize;
use serde::Serialize;
use serde_json::Map;
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
    /// What the job of each addon was last given, and whether it completed.
    pub jobs: BTreeMap<String, Job>,
}

/// A `ConfigMap` of RKE's and the job that applies it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Job {
    pub text: String,
    pub is_complete: bool,
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

    /// The object with the same kind, namespace and name.
    pub fn live(&self, object: &Value) -> Option<&Value> {
        let same = |own: &&Value| identity(own) == identity(object);
        self.objects.iter().find(same)
    }

    /// Applies an object as `kubectl` does: what the manifest of before had and this one has not is
    /// taken out, and what somebody else added stays.
    pub fn apply(&mut self, mut object: Value) {
        let manifest = object.to_string();
        if let Some(live) = self.live(&object) {
            let before = live["metadata"]["annotations"][APPLIED].as_str();
            let before = before.and_then(|text| serde_json::from_str(text).ok());
            object = merged(live, &before.unwrap_or_default(), &object);
        }
        object["metadata"]["annotations"][APPLIED] = manifest.into();
        self.objects
            .retain(|own| identity(own) != identity(&object));
        self.objects.push(object);
    }
}

/// Where `kubectl` notes the manifest that it applied.
const APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// The live object with the manifest in it; lists are replaced as a whole.
fn merged(live: &Value, before: &Value, now: &Value) -> Value {
    let (Value::Object(live), Value::Object(now)) = (live, now) else {
        return now.clone();
    };
    let is_dropped = |key: &str| before.get(key).is_some() && !now.contains_key(key);
    let kept = live.iter().filter(|(key, _)| !is_dropped(key));
    let mut merged: Map<String, Value> = kept
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    for (key, value) in now {
        let before = before.get(key).unwrap_or(&Value::Null);
        let value = match live.get(key) {
            Some(live) => self::merged(live, before, value),
            None => value.clone(),
        };
        merged.insert(key.clone(), value);
    }
    Value::Object(merged)
}

fn identity(object: &Value) -> [&str; 3] {
    ["/kind", "/metadata/namespace", "/metadata/name"].map(|pointer| {
        object
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_applied_and_is_no_more_goes_and_what_others_added_stays() {
        let policy =
            |spec: Value| json!({ "kind": "P", "metadata": { "name": "p" }, "spec": spec });
        let mut state = State::default();
        state.apply(policy(json!({ "a": 1, "b": [1, 2] })));
        state.objects[0]["spec"]["added"] = true.into();
        state.objects[0]["spec"]["b"] = json!([3]);

        state.apply(policy(json!({ "b": [1, 2] })));

        assert_eq!(state.objects.len(), 1);
        assert_eq!(
            state.objects[0]["spec"],
            json!({ "b": [1, 2], "added": true })
        );
    }
}
