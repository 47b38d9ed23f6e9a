//! Why a plan must not be applied, each with the way out.

mod way_out;

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

    /// The site's own key is another one than the cluster's.
    #[error("the encryption key of {} is not the one in {file}", .nodes.join(", "))]
    KeyNotSites { nodes: Vec<String>, file: String },

    #[error("the encryption key in {file} is the one that the cluster has")]
    KeyNotNew { file: String },

    #[error("{node}: there is no encryption key")]
    NoKey { node: String },

    #[error("{node}: the encryption file cannot be rotated: {why}")]
    KeyNotRotatable { node: String, why: String },

    #[error("{node}: kube-apiserver does not run with the encryption file: {why}")]
    ServerNotReady { node: String, why: String },

    #[error("the encryption keys of {} are not within one step of a rotation", .nodes.join(", "))]
    StepSkipped { nodes: Vec<String> },

    #[error("no node has what etcd's Secrets were written with: {} under {}", counted(*.secrets, "Secret"), .under.join(", "))]
    KeyUnknown { under: Vec<String>, secrets: usize },

    #[error("how the Secrets lie in etcd is not known: {why}")]
    EtcdUnread { why: String },

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
        counted(.pods.len(), "pod"), shortened(.pods)
    )]
    PodsRefused { policy: String, pods: Vec<String> },

    #[error("{message}")]
    ClusterFile { message: String, hint: String },

    /// Found by looking at `rke` and its files, before the first change.
    #[error("{message}")]
    Rke {
        id: &'static str,
        message: String,
        hint: String,
    },

    /// It would stop its component (T-21, T-28); the gates are the profile's.
    #[error("Kubernetes {running} does not know {thing} of {component}, which is for {known_in}")]
    NotInVersion {
        component: String,
        /// `--NAME`, or `plug-in NAME`.
        thing: String,
        running: String,
        known_in: String,
    },

    /// kube-apiserver refuses to start with both (RKE fact 16).
    #[error("kube-apiserver of {} would get both --{runs} and --{set}", .nodes.join(", "))]
    BothAdmissionFlags {
        nodes: Vec<String>,
        runs: String,
        set: String,
    },

    /// The addons have objects in a namespace that nobody makes (T-08).
    #[error(
        "namespace {namespace} does not exist, and the addons need it: `ingress.provider` is none"
    )]
    NoNamespace { namespace: String },

    /// A `roleRef` is for ever.
    #[error(
        "{object} is bound to another role, which no job can change; the job of the addons would fail"
    )]
    Unchangeable {
        /// Kind, namespace and name.
        object: String,
        /// What deletes it.
        command: String,
    },

    /// T-26.
    #[error(
        "{node}: the audit logs may grow to {needed_mib} MiB, and the file system of {near} has {free_mib} MiB left"
    )]
    NoRoomForAudit {
        node: String,
        near: String,
        needed_mib: u64,
        free_mib: u64,
    },
}

impl Blocker {
    /// True for what was seen of a key, as opposed to what could not be seen.
    pub fn is_about_a_key(&self) -> bool {
        matches!(
            self,
            Self::KeysDiffer { .. }
                | Self::SampleKey { .. }
                | Self::KeyFileInvalid { .. }
                | Self::KeyNotSites { .. }
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

fn counted(number: usize, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        number => format!("{number} {noun}s"),
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
        .map(|(node, facts)| {
            let node = node.name.clone();
            let why = facts.silent.as_deref().unwrap_or_default();
            let named = format!("{node}: ");
            let why = why.strip_prefix(&named).unwrap_or(why).to_owned();
            Blocker::Silent { node, why }
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
        Some("it is immutable or mounted read-only (see lsattr and findmnt)".to_owned())
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
