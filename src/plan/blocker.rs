//! Why a plan must not be applied, each with the way out.

use crate::facts::Facts;
use crate::facts::Observed;
use crate::facts::layout::Displaced;
use crate::fleet::Fleet;
use crate::node::request::Request;
use crate::plan::change::Change;
use crate::profile::Profile;

/// Less free space than this is called full; a write needs its own size beside.
const SPARE_BYTES: u64 = 64 * 1024;

/// A reason to touch nothing.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Blocker {
    /// Waved through by `--allow-incomplete`: the other nodes are changed, the cluster is not.
    #[error("{node} could not be asked: {why}")]
    Silent { node: String, why: String },

    /// Waved through by `--allow-incomplete` like a silent node.
    #[error("{node}: container {container} could not be looked at: {why}")]
    ContainerUnread {
        node: String,
        container: String,
        why: String,
    },

    #[error("{node}: {path} cannot be replaced: {why}")]
    NotAFile {
        node: String,
        path: String,
        why: String,
    },

    #[error("the encryption keys of {} differ", .nodes.join(", "))]
    KeysDiffer { nodes: Vec<String> },

    #[error("{node}: whether there is an encryption key is not known: {why}")]
    KeyFileUnread { node: String, why: String },

    #[error("{node}: the encryption file is not usable: {why}")]
    KeyFileInvalid { node: String, why: String },

    #[error("{node}: the encryption key is a sample that stands in public documents")]
    SampleKey { node: String },

    #[error("{node}: kube-apiserver encrypts with {file}, and no node has a key in {wanted}")]
    KeyLost {
        node: String,
        file: String,
        wanted: String,
    },

    #[error("template {template} cannot be rendered with a key")]
    Template { template: String },

    #[error(
        "{node}: {key} is {seen}; with protect-kernel-defaults its kubelet starts only with {wanted}"
    )]
    Kernel {
        node: String,
        key: String,
        wanted: String,
        seen: String,
    },

    #[error(
        "{node}: its components have their files in {mounted}, and the next `rke up` takes {next}"
    )]
    Moved {
        node: String,
        mounted: String,
        next: String,
    },

    #[error(
        "{node}: RKE before v1.1.11 and after keep their files in different places on {system}"
    )]
    Undecided { node: String, system: String },

    #[error("{node}: {file} overrules {key} at boot")]
    Overruled {
        node: String,
        key: String,
        file: String,
    },

    #[error("{node}: {path} cannot be written: {why}")]
    Unwritable {
        node: String,
        path: String,
        why: String,
    },

    #[error("{node}: {} not there, and a change needs it", .tools.join(", "))]
    Tools { node: String, tools: Vec<String> },

    #[error("Kubernetes {running} runs; profile {profile} is for {wanted}")]
    Kubernetes {
        profile: String,
        running: String,
        wanted: String,
    },

    #[error("the node lists differ: {}", .nodes.join(", "))]
    NodeLists { nodes: Vec<String> },

    /// Waved through by `--allow-refused-pods`: they run on until somebody recreates them.
    #[error(
        "policy {policy} would refuse {} when they are next made: {}",
        counted(.pods.len()), shortened(.pods)
    )]
    PodsRefused { policy: String, pods: Vec<String> },

    #[error("{message}")]
    ClusterFile { message: String, hint: String },

    /// Found by looking at `rke` and its files, before the first change.
    #[error("{message}")]
    Rke { message: String, hint: String },
}

impl Blocker {
    /// The way out.
    pub fn hint(&self) -> String {
        match self {
            Self::Silent { node, .. } => format!(
                "mend the connection to {node}; or pass `--allow-incomplete` to change the other nodes' files and leave cluster.yml alone"
            ),
            Self::ContainerUnread { node, .. } => format!(
                "see what `docker inspect` says on {node} and run again; or pass `--allow-incomplete` to change files only and leave cluster.yml alone"
            ),
            Self::NotAFile { node, path, .. } => {
                format!("look at {path} on {node} and move it away, then run again")
            }
            Self::KeysDiffer { .. } => "find out which key the Secrets in etcd were written with, put that file on every control-plane node, and keep the others: Secrets written with another key are unreadable without it".into(),
            Self::KeyFileUnread { .. } => "every control-plane node must be looked at before a key is made or copied; mend the node, or leave it out of the cluster first".into(),
            Self::KeyFileInvalid { node, .. } => format!(
                "put the right file there from a backup; if {node} never encrypted, move the file away"
            ),
            Self::SampleKey { .. } => "everybody knows this key; rotate it (guide.md T-16), never replace it in one step".into(),
            Self::KeyLost { file, wanted, .. } => format!(
                "restore {file} from the backup and put the same content into {wanted} on every control-plane node; a new key would lose every Secret"
            ),
            Self::Template { template } => format!("compare templates/{template}.hbs with the one of this program"),
            Self::Kernel { node, key, wanted, .. } => format!(
                "on {node}: find what sets {key}, then run `sysctl -w {key}={wanted}`"
            ),
            Self::Moved { mounted, .. } => match mounted.strip_suffix("/etc/kubernetes") {
                Some("") => "take `prefix_path` out of cluster.yml, as it was when the cluster was built: no component finds its files elsewhere".into(),
                Some(prefix) => format!("write `prefix_path: {prefix}` into cluster.yml, as it was when the cluster was built: no component finds its files elsewhere"),
                None => "look for it in `extra_binds` of cluster.yml, and mount what `prefix_path` says".into(),
            },
            Self::Undecided { .. } => "write `prefix_path: /opt/rke` into cluster.yml, which every version understands".into(),
            Self::Overruled { file, key, .. } => format!(
                "take {key} out of {file}, or mask that file by one of the same name in /etc/sysctl.d"
            ),
            Self::Unwritable { path, .. } => format!("make room for {path}, or mount its file system writable, then run again"),
            Self::Tools { .. } => "install them (Debian: coreutils), then run again".into(),
            Self::Kubernetes { .. } => "an unknown flag or plug-in stops a component; use a profile for this version".into(),
            Self::NodeLists { .. } => "make both lists equal: `rke up` removes a node that is missing in cluster.yml, and deletes /etc/kubernetes on it".into(),
            Self::PodsRefused { .. } => "bind what their namespaces need to default-psp with a RoleBinding first, or mend the workloads; or pass `--allow-refused-pods`".into(),
            Self::ClusterFile { hint, .. } | Self::Rke { hint, .. } => hint.clone(),
        }
    }

    /// The node that it is about; `None` for what is about the whole cluster.
    pub fn node(&self) -> Option<&str> {
        match self {
            Self::Silent { node, .. }
            | Self::ContainerUnread { node, .. }
            | Self::NotAFile { node, .. }
            | Self::KeyFileUnread { node, .. }
            | Self::KeyFileInvalid { node, .. }
            | Self::SampleKey { node }
            | Self::KeyLost { node, .. }
            | Self::Kernel { node, .. }
            | Self::Moved { node, .. }
            | Self::Undecided { node, .. }
            | Self::Overruled { node, .. }
            | Self::Unwritable { node, .. }
            | Self::Tools { node, .. } => Some(node),
            Self::KeysDiffer { .. }
            | Self::Template { .. }
            | Self::Kubernetes { .. }
            | Self::NodeLists { .. }
            | Self::PodsRefused { .. }
            | Self::ClusterFile { .. }
            | Self::Rke { .. } => None,
        }
    }

    /// True for what was seen of a key, as opposed to what could not be seen.
    pub(super) fn is_about_a_key(&self) -> bool {
        matches!(
            self,
            Self::KeysDiffer { .. } | Self::SampleKey { .. } | Self::KeyFileInvalid { .. }
        )
    }

    /// True when `--allow-refused-pods` waves it through.
    pub fn is_about_pods(&self) -> bool {
        matches!(self, Self::PodsRefused { .. })
    }

    /// True when `--allow-incomplete` waves it through.
    pub fn is_incompleteness(&self) -> bool {
        matches!(self, Self::Silent { .. } | Self::ContainerUnread { .. })
    }
}

fn counted(pods: usize) -> String {
    match pods {
        1 => "1 pod".to_owned(),
        pods => format!("{pods} pods"),
    }
}

/// The first few; a long list helps nobody.
fn shortened(pods: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown = pods[..pods.len().min(SHOWN)].join(", ");
    match pods.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown}, and {more} more"),
    }
}

/// What is wrong with the fleet as a whole.
pub(super) fn of_fleet(profile: &Profile, fleet: &Fleet) -> Vec<Blocker> {
    let mut blockers: Vec<Blocker> = fleet
        .nodes()
        .filter(|(_, facts)| facts.is_empty())
        .map(|(node, facts)| Blocker::Silent {
            node: node.name.clone(),
            why: facts.silent.clone().unwrap_or_default(),
        })
        .collect();
    blockers.extend(displaced(fleet));
    if let Some(version) = fleet.kubernetes()
        && !profile.kubernetes.admits(version)
    {
        blockers.push(Blocker::Kubernetes {
            profile: profile.name.clone(),
            running: version.to_string(),
            wanted: profile.kubernetes.to_string(),
        });
    }
    if fleet.cluster.exists {
        let nodes = fleet.cluster.file.missing_nodes(&fleet.inventory);
        if !nodes.is_empty() {
            blockers.push(Blocker::NodeLists { nodes });
        }
    }
    blockers
}

/// Nodes whose components would no longer see their files.
fn displaced(fleet: &Fleet) -> impl Iterator<Item = Blocker> {
    let declared = fleet.cluster.prefix(&fleet.inventory);
    fleet.nodes().filter_map(move |(node, facts)| {
        let node = node.name.clone();
        Some(match Displaced::on(declared, facts)? {
            Displaced::Moved { mounted, next } => Blocker::Moved {
                node,
                mounted,
                next,
            },
            Displaced::Undecided { system } => Blocker::Undecided { node, system },
        })
    })
}

/// What the planned writes on one node would fail on: foretold, because half a node is no state.
pub fn of_writes(node: &str, facts: &Facts, changes: &[Change]) -> Vec<Blocker> {
    let mut blockers = Vec::new();
    if let Some(missing) = &facts.missing_tools
        && !missing.is_empty()
    {
        blockers.push(Blocker::Tools {
            node: node.to_owned(),
            tools: missing.clone(),
        });
    }
    for change in changes {
        let (path, size) = match &change.request {
            Request::Put(put) => (&put.attributes.path, put.content.expose().len()),
            Request::Unput(unput) => (&unput.path, 0),
            Request::Attributes(attributes) => (&attributes.path, 0),
            _ => continue,
        };
        if let Some(why) = unwritable(facts, path, size) {
            blockers.push(Blocker::Unwritable {
                node: node.to_owned(),
                path: path.clone(),
                why,
            });
        }
    }
    blockers
}

fn unwritable(facts: &Facts, path: &str, size: usize) -> Option<String> {
    if matches!(facts.file(path), Observed::Present(file) if file.link) {
        return Some("it is a symbolic link".to_owned());
    }
    let Observed::Present(room) = facts.room(path) else {
        return None;
    };
    let near = &room.near;
    let needed = SPARE_BYTES + size as u64;
    if room.read_only {
        Some(format!("{near} is read-only"))
    } else if room.immutable {
        Some("it is immutable (lsattr shows i or a)".to_owned())
    } else if room.free_bytes < needed {
        Some(format!(
            "the file system of {near} has {} KiB left",
            room.free_bytes / 1024
        ))
    } else if room.free_inodes == Some(0) {
        Some(format!("the file system of {near} has no inode left"))
    } else {
        None
    }
}
