//! What the etcd nodes of a fleet hold of Secrets, and how an API server writes one again.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Read by the `docker` of a node, line by line: key, key and value in base64.
const FILE: &str = "docker/etcd-secrets";

/// What a Secret in plain text begins with.
const PLAIN: &str = "k8s\0\n\x0c\n\x02v1\x12\x06Secret";

/// The nodes of a fleet as far as etcd and the API servers are concerned.
pub(crate) struct Etcd(Vec<PathBuf>);

impl Etcd {
    /// The fleet that lives in `dir`.
    pub(crate) fn of(dir: &Path) -> io::Result<Self> {
        let mut nodes = Vec::new();
        for entry in fs::read_dir(dir.join("nodes"))? {
            nodes.push(entry?.path());
        }
        nodes.sort();
        Ok(Self(nodes))
    }

    /// The beginning of every value, by `NAMESPACE/NAME`.
    pub(crate) fn secrets(&self) -> io::Result<BTreeMap<String, String>> {
        let Some(node) = self.0.iter().find(|node| node.join(FILE).exists()) else {
            return Ok(BTreeMap::new());
        };
        let text = fs::read_to_string(node.join(FILE))?;
        let lines = text.lines().filter_map(|line| {
            let mut words = line.split(' ');
            let name = words.next()?.strip_prefix("/registry/secrets/")?;
            let value = STANDARD.decode(words.nth(1)?).ok()?;
            Some((
                name.to_owned(),
                String::from_utf8_lossy(&value).into_owned(),
            ))
        });
        Ok(lines.collect())
    }

    /// Has every node hold these values.
    pub(crate) fn keep(&self, secrets: &BTreeMap<String, String>) -> io::Result<()> {
        let mut text = String::new();
        for (name, value) in secrets {
            let key = format!("/registry/secrets/{name}");
            let [encoded, value] = [&key, value].map(|text| STANDARD.encode(text));
            let _ = writeln!(text, "{key} {encoded} {value}");
        }
        for node in &self.0 {
            let beside = node.join("docker/etcd-secrets.new");
            fs::write(&beside, &text)?;
            fs::rename(beside, node.join(FILE))?;
        }
        Ok(())
    }

    /// A Secret that nobody encrypted.
    pub(crate) fn plain(name: &str) -> String {
        format!("{PLAIN}\x12\x40{name} and what is in it")
    }

    /// Writes a Secret again as the first API server would; nothing when there is no such Secret.
    ///
    /// # Errors
    /// Some API server cannot read what was there, or what is there now: the rotation that led
    /// here lost a Secret.
    pub(crate) fn rewrite(&self, name: &str) -> Result<Option<()>, String> {
        let mut secrets = self.secrets().map_err(|error| error.to_string())?;
        let Some(old) = secrets.get(name).cloned() else {
            return Ok(None);
        };
        let rings: Vec<Vec<String>> = self.0.iter().filter_map(|node| ring(node)).collect();
        let first = rings.first().and_then(|ring| ring.first());
        let new = match first {
            Some(key) => format!("k8s:enc:aescbc:v1:{key}:{:*>200}", ""),
            None => Self::plain(name),
        };
        for value in [&old, &new] {
            let mut parts = value.split(':');
            if parts.next() == Some("k8s") {
                let key = parts.nth(3).unwrap_or_default();
                let is_known = |ring: &Vec<String>| ring.iter().any(|own| own == key);
                if !rings.iter().all(is_known) {
                    return Err(format!(
                        "Internal error occurred: unable to transform key \"/registry/secrets/{name}\": no matching key was found for the provided AES transformer"
                    ));
                }
            }
        }
        secrets.insert(name.to_owned(), new);
        self.keep(&secrets).map_err(|error| error.to_string())?;
        Ok(Some(()))
    }
}

/// The names of the keys that the API server of a node runs with; nothing where there is none.
fn ring(node: &Path) -> Option<Vec<String>> {
    let server = fs::read_to_string(node.join("docker/kube-apiserver.json")).ok()?;
    if !server.contains("encryption-provider-config=") {
        return Some(Vec::new());
    }
    let running = fs::read_to_string(node.join("docker/running-encryption.yaml"));
    let text = running.or_else(|_| fs::read_to_string(node.join("etc/kubernetes/encryption.yaml")));
    let text = text.ok()?;
    let names = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- name: "));
    Some(names.map(str::to_owned).collect())
}
