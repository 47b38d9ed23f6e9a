//! The changes of one node, collected from all controls and merged: one write a file.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::cluster_file::unified;
use crate::facts;
use crate::facts::Observed;
use crate::facts::question::SYSCTL_CONF;
use crate::node::request;
use crate::node::request::Attributes;
use crate::node::request::Put;
use crate::node::request::Request;
use crate::plan::blocker::Blocker;
use crate::plan::change::Change;
use crate::plan::is_of_cluster;
use crate::profile::Control;
use crate::profile::ControlId;
use crate::resource::Remedy;
use crate::resource::Resource;
use crate::resource::Scene;
use crate::resource::boot;
use crate::resource::boot::SYSCTL_CONF_LINK;
use crate::resource::file::Readers;
use crate::secret::Secret;

/// Where a node keeps what a run replaced, below a directory that only root may enter.
pub const KEEP: &str = "/var/lib/harden/undo";

type Wanted = BTreeMap<String, (String, Vec<ControlId>)>;

/// What one node is to become, before it is ordered into changes.
#[derive(Debug, Default)]
pub(super) struct Draft {
    kernel: Wanted,
    boot: Wanted,
    puts: BTreeMap<String, (Put, Vec<ControlId>)>,
    attributes: BTreeMap<String, (Attributes, Vec<ControlId>)>,
    /// The controls that want the encryption file here.
    pub(super) encryption: Option<Vec<ControlId>>,
    key: Option<Put>,
    /// Components that read a file which changes, or that changed since they started.
    pub(super) restarts: BTreeSet<String>,
}

/// The components that read what `resource` is about.
pub(super) fn readers(resource: &Resource) -> Option<&Readers> {
    match resource {
        Resource::File(file) => Some(&file.read_by),
        Resource::Encryption(encryption) => Some(&encryption.read_by),
        _ => None,
    }
}

impl Draft {
    pub(super) fn add_all(
        &mut self,
        remedies: Vec<Remedy>,
        resource: &Resource,
        control: &Control,
    ) {
        for remedy in remedies.into_iter().filter(|remedy| !is_of_cluster(remedy)) {
            if matches!(remedy, Remedy::Put(_) | Remedy::EncryptionFile) {
                let readers = readers(resource).into_iter().flat_map(Readers::keys);
                self.restarts.extend(readers.cloned());
            }
            self.add(remedy, &control.id);
        }
    }

    fn add(&mut self, remedy: Remedy, control: &ControlId) {
        match remedy {
            Remedy::Kernel { key, value } => want(&mut self.kernel, key, value, control),
            Remedy::Boot { key, value } => want(&mut self.boot, key, value, control),
            Remedy::Put(put) => {
                let path = put.attributes.path.clone();
                let entry = self.puts.entry(path).or_insert((put, Vec::new()));
                entry.1.push(control.clone());
            }
            Remedy::Attributes(attributes) => {
                let path = attributes.path.clone();
                let entry = self
                    .attributes
                    .entry(path)
                    .or_insert((attributes, Vec::new()));
                entry.1.push(control.clone());
            }
            Remedy::EncryptionFile => {
                self.encryption
                    .get_or_insert_default()
                    .push(control.clone());
            }
            Remedy::Restart { component } => {
                self.restarts.insert(component);
            }
            Remedy::Edit(_)
            | Remedy::EditList { .. }
            | Remedy::RkeUp
            | Remedy::DeactivateDriver { .. } => {}
        }
    }

    pub(super) fn sets_kernel(&self, key: &str) -> bool {
        self.kernel.contains_key(key)
    }

    pub(super) fn put_key(&mut self, put: Put) {
        self.key = Some(put);
    }

    /// The changes in their order: files first, then what boot will set, then what runs.
    pub(super) fn changes(
        self,
        node: &str,
        scene: &Scene<'_>,
        run: &str,
    ) -> Result<Vec<Change>, Blocker> {
        let keep = |path: &str| Some(keep(run, path));
        let mut changes = Vec::new();
        if let (Some(controls), Some(put)) = (self.encryption, self.key) {
            changes.push(key_change(put, controls, scene, keep));
        }
        for (path, (put, controls)) in self.puts {
            let put = Put {
                keep: keep(&path),
                ..put
            };
            changes.push(file_change(put, controls, scene));
        }
        for (path, (attributes, controls)) in self.attributes {
            changes.push(attributes_change(&path, attributes, controls, scene));
        }
        changes.extend(boot_changes(node, &self.boot, scene, keep)?);
        changes.extend(
            self.kernel
                .into_iter()
                .map(|(key, (value, controls))| Change {
                    subject: format!("kernel {key}"),
                    seen: match scene.facts.kernel(&key) {
                        Observed::Present(value) => value.to_owned(),
                        Observed::Absent | Observed::Unread { .. } => String::new(),
                    },
                    wanted: value.clone(),
                    controls,
                    request: Request::Assign { key, value },
                    diff: String::new(),
                }),
        );
        Ok(changes)
    }
}

/// Where a run keeps what it replaces at `path`.
pub(super) fn keep(run: &str, path: &str) -> String {
    format!("{KEEP}/{run}{path}")
}

fn want(wanted: &mut Wanted, key: String, value: String, control: &ControlId) {
    let entry = wanted.entry(key).or_insert((value, Vec::new()));
    if !entry.1.contains(control) {
        entry.1.push(control.clone());
    }
}

fn key_change(
    put: Put,
    controls: Vec<ControlId>,
    scene: &Scene<'_>,
    keep: impl Fn(&str) -> Option<String>,
) -> Change {
    let path = put.attributes.path.clone();
    let (seen, said) = match scene.facts.file(&path) {
        Observed::Present(facts::File {
            content: Some(content),
            ..
        }) => (request::Seen::content(content.bytes()), "empty"),
        _ => (request::Seen::Absent, "missing"),
    };
    let put = Put {
        seen,
        keep: keep(&path),
        ..put
    };
    Change {
        subject: format!("file {path}"),
        seen: said.to_owned(),
        wanted: "the cluster's encryption key [redacted], 0600 root:root".to_owned(),
        controls,
        diff: format!("--- {path}\n+++ {path}\n+[redacted]\n"),
        request: Request::Put(put),
    }
}

fn file_change(put: Put, controls: Vec<ControlId>, scene: &Scene<'_>) -> Change {
    let path = put.attributes.path.clone();
    let old = match scene.facts.file(&path) {
        Observed::Present(facts::File {
            content: Some(content),
            ..
        }) => content.text().unwrap_or_default().to_owned(),
        _ => String::new(),
    };
    let new = String::from_utf8_lossy(put.content.expose()).into_owned();
    Change {
        subject: format!("file {path}"),
        seen: match put.seen {
            request::Seen::Absent => "missing".to_owned(),
            request::Seen::Content(_) => "other content".to_owned(),
        },
        wanted: format!(
            "{} lines, {:04o} root:root",
            new.lines().count(),
            put.attributes.mode
        ),
        controls,
        diff: unified(&old, &new, &path),
        request: Request::Put(put),
    }
}

fn attributes_change(
    path: &str,
    attributes: Attributes,
    controls: Vec<ControlId>,
    scene: &Scene<'_>,
) -> Change {
    let seen = match scene.facts.file(path) {
        Observed::Present(file) => format!("{:04o} {}:{}", file.mode, file.owner, file.group),
        Observed::Absent | Observed::Unread { .. } => String::new(),
    };
    Change {
        subject: format!("mode and owner of {path}"),
        seen,
        wanted: format!("{:04o} root:root", attributes.mode),
        controls,
        request: Request::Attributes(attributes),
        diff: String::new(),
    }
}

/// One write for every file that must change so that each wanted value wins at boot.
///
/// Starts with the file that the guide names. A file of the site's that would overrule it is
/// edited in place; one of the vendor's is a blocker, because updates would bring it back.
fn boot_changes(
    node: &str,
    wanted: &Wanted,
    scene: &Scene<'_>,
    keep: impl Fn(&str) -> Option<String>,
) -> Result<Vec<Change>, Blocker> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let home = boot::home(scene.facts);
    let mut settings: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for (key, (value, _)) in wanted {
        let home = settings.entry(home.to_owned()).or_default();
        home.insert(key.clone(), value.clone());
    }
    while let Some((file, key)) = overruled(scene.facts, &settings, wanted) {
        let known = settings
            .get(&file)
            .is_some_and(|keys| keys.contains_key(&key));
        if known || !file.starts_with("/etc/") {
            return Err(Blocker::Overruled {
                node: node.to_owned(),
                key,
                file,
            });
        }
        let value = wanted[&key].0.clone();
        settings.entry(file).or_default().insert(key, value);
    }
    let controls: BTreeSet<ControlId> = wanted.values().flat_map(|(_, ids)| ids.clone()).collect();
    let controls: Vec<ControlId> = controls.into_iter().collect();
    let changes = settings.iter().map(|(path, keys)| {
        let put = boot_put(path, keys, scene, keep(path));
        let mut change = file_change(put, controls.clone(), scene);
        let pairs: Vec<String> = keys
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        change.wanted = pairs.join(", ");
        change.seen = String::new();
        change
    });
    Ok(changes.collect())
}

fn boot_put(
    path: &str,
    keys: &BTreeMap<String, String>,
    scene: &Scene<'_>,
    keep: Option<String>,
) -> Put {
    let (old, seen, mode, uid, gid) = match scene.facts.file(path) {
        Observed::Present(file) => {
            let bytes = file
                .content
                .as_ref()
                .map_or(&b""[..], facts::Content::bytes);
            let old = String::from_utf8_lossy(bytes).into_owned();
            (
                old,
                request::Seen::content(bytes),
                file.mode,
                file.uid,
                file.gid,
            )
        }
        Observed::Absent | Observed::Unread { .. } => {
            (String::new(), request::Seen::Absent, 0o644, 0, 0)
        }
    };
    Put {
        attributes: Attributes {
            path: path.to_owned(),
            mode,
            uid,
            gid,
        },
        seen,
        keep,
        content: Secret::from(boot::edited(&old, keys)),
    }
}

/// The first key that would still boot with another value after these edits, and the file to blame.
fn overruled(
    facts: &facts::Facts,
    settings: &BTreeMap<String, BTreeMap<String, String>>,
    wanted: &Wanted,
) -> Option<(String, String)> {
    let mut after = facts::Facts {
        files: facts.files.clone(),
        operating_system: facts.operating_system.clone(),
        ..facts::Facts::default()
    };
    for (path, keys) in settings {
        let mut paths = vec![path.as_str()];
        if path == SYSCTL_CONF
            && matches!(facts.file(SYSCTL_CONF_LINK), Observed::Present(file) if file.link)
        {
            paths.push(SYSCTL_CONF_LINK);
        }
        for path in paths {
            set_content(&mut after, path, keys);
        }
    }
    wanted.iter().find_map(|(key, (value, _))| {
        let last = boot::assignments(&after, key).ok()?.pop()?;
        (last.value != *value).then(|| (last.file, key.clone()))
    })
}

fn set_content(facts: &mut facts::Facts, path: &str, keys: &BTreeMap<String, String>) {
    let mut file = match facts.file(path) {
        Observed::Present(file) => file.clone(),
        Observed::Absent | Observed::Unread { .. } => facts::File::new_regular(),
    };
    let old = file
        .content
        .as_ref()
        .and_then(facts::Content::text)
        .unwrap_or_default();
    file.content = Some(facts::Content::new(boot::edited(old, keys).into_bytes()));
    facts
        .files
        .insert(path.into(), Observed::Present(file.into()));
}
