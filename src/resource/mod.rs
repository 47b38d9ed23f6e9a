//! The one vocabulary: a thing on a node or in the cluster, as it should be.
//!
//! A kind is one file with three pure halves: which questions must be asked,
//! what the answers mean, and what would mend a difference. Audit and remedy
//! read the same line of the profile, so they cannot drift apart.

pub mod addons;
pub mod any_of;
pub mod arg;
pub mod bind;
pub mod boot;
mod deviation;
pub mod document;
pub mod encryption;
mod evidence;
pub mod expect;
mod explain;
pub mod file;
pub mod key_ring;
pub mod kubernetes;
pub mod listing;
pub mod path;
pub mod provider;
pub mod rancher;
pub mod rke;
pub mod sysctl;

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::cluster_file::ClusterFile;
use crate::cluster_file::Edit;
use crate::facts::Facts;
use crate::facts::layout::Layout;
use crate::facts::object::Kind;
use crate::facts::object::Objects;
use crate::facts::question::Question;
use crate::facts::rancher::Answers;
use crate::inventory::Inventory;
use crate::node::request::Attributes;
use crate::node::request::Put;
use crate::resource::addons::Addons;
use crate::resource::any_of::AnyOf;
use crate::resource::arg::Arg;
use crate::resource::bind::Bind;
use crate::resource::document::Document;
use crate::resource::encryption::Encryption;
use crate::resource::file::File;
use crate::resource::kubernetes::KubernetesObject;
use crate::resource::path::Path;
use crate::resource::provider::Provider;
use crate::resource::rancher::Rancher;
use crate::resource::rke::RkeValue;
use crate::resource::sysctl::Sysctl;

pub use crate::resource::evidence::Evidence;
pub use crate::resource::evidence::Seen;

/// One thing as it should be. The set is closed: a new kind does not compile until every place
/// that must know it does.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resource {
    Sysctl(Sysctl),
    File(File),
    Encryption(Encryption),
    Arg(Arg),
    Bind(Bind),
    Rke(RkeValue),
    Addons(Addons),
    Path(Path),
    Document(Document),
    Provider(Provider),
    Kubernetes(KubernetesObject),
    Rancher(Rancher),
    AnyOf(AnyOf),
}

/// What a resource is compared with.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// Of the node that is judged; empty for what belongs to the cluster as a whole.
    pub facts: &'a Facts,
    /// What `cluster.yml` says, or will say for a cluster that is not built yet.
    pub cluster: &'a ClusterFile,
    /// What the Kubernetes API said.
    pub objects: &'a Objects,
    /// What a Rancher server said; nothing when no playbook names one.
    pub rancher: Option<&'a Answers>,
    pub layout: &'a Layout,
    pub inventory: &'a Inventory,
    /// Of every node that was selected, by name.
    pub nodes: &'a BTreeMap<String, Facts>,
}

/// What would mend a difference. Carried out by the engine, ordered by the plan.
#[derive(Clone, Debug, PartialEq)]
pub enum Remedy {
    /// The running value of a kernel setting.
    Kernel {
        key: String,
        value: String,
    },
    /// The value that wins at boot; settings of one file become one write.
    Boot {
        key: String,
        value: String,
    },
    Put(Put),
    Attributes(Attributes),
    /// The encryption file, which only a view of all control-plane nodes can decide (T-10).
    EncryptionFile,
    Edit(Edit),
    /// A comma list in `cluster.yml` that must hold these items; several nodes' lists are joined.
    EditList {
        path: Vec<String>,
        items: Vec<String>,
    },
    /// A component that runs with what a file said before.
    Restart {
        component: String,
    },
    /// `cluster.yml` is right and the containers are not: `rke up` was not run since.
    RkeUp,
    /// A way to make nodes, switched off on the Rancher server.
    DeactivateDriver {
        id: String,
        name: String,
    },
}

impl Resource {
    /// What must be asked of a node to compare and to foretell.
    pub fn questions(&self, layout: &Layout) -> Vec<Question> {
        match self {
            Self::Sysctl(sysctl) => sysctl.questions(),
            Self::File(file) => file.questions(layout),
            Self::Encryption(encryption) => encryption.questions(layout),
            Self::Arg(arg) => arg.questions(),
            Self::Bind(bind) => bind.questions(),
            Self::Path(path) => path.questions(layout),
            Self::Document(document) => document.questions(layout),
            Self::Provider(provider) => provider.questions(layout),
            Self::AnyOf(alternatives) => alternatives.questions(layout),
            Self::Rke(_) | Self::Addons(_) | Self::Kubernetes(_) | Self::Rancher(_) => Vec::new(),
        }
    }

    /// What must be listed by the Kubernetes API to compare.
    pub fn kinds(&self) -> Vec<Kind> {
        match self {
            Self::Addons(addons) => addons.kinds(),
            Self::Kubernetes(object) => vec![object.kind],
            Self::Rancher(rancher) => rancher.kinds(),
            Self::AnyOf(AnyOf(alternatives)) => {
                let resources = alternatives.iter().flatten();
                resources.flat_map(Self::kinds).collect()
            }
            Self::Sysctl(_)
            | Self::File(_)
            | Self::Encryption(_)
            | Self::Arg(_)
            | Self::Bind(_)
            | Self::Rke(_)
            | Self::Path(_)
            | Self::Document(_)
            | Self::Provider(_) => Vec::new(),
        }
    }

    /// What the first lists show must be listed too.
    pub fn kinds_after(&self, objects: &Objects) -> Option<Kind> {
        match self {
            Self::Addons(addons) => addons.kinds_after(objects),
            Self::Rancher(rancher) => rancher.kinds_after(objects),
            _ => None,
        }
    }

    /// True when what RKE's job for `addons` did last must be known, because of these lists.
    pub fn needs_addon_job(&self, objects: &Objects) -> bool {
        matches!(self, Self::Addons(addons) if addons.needs_job(objects))
    }

    /// What must be asked of some nodes, by name, because of what the Kubernetes API said; almost
    /// always nothing.
    pub fn questions_by_node(
        &self,
        objects: &Objects,
        inventory: &Inventory,
    ) -> Vec<(String, Question)> {
        match self {
            Self::Rancher(rancher) => rancher.questions_by_node(objects, inventory),
            _ => Vec::new(),
        }
    }

    /// What the first answers show must be asked too; almost always nothing.
    pub fn questions_after(&self, facts: &Facts) -> Vec<Question> {
        match self {
            Self::Path(path) => path.questions_after(facts),
            Self::AnyOf(alternatives) => alternatives.questions_after(facts),
            Self::Sysctl(_)
            | Self::File(_)
            | Self::Encryption(_)
            | Self::Arg(_)
            | Self::Bind(_)
            | Self::Rke(_)
            | Self::Addons(_)
            | Self::Document(_)
            | Self::Provider(_)
            | Self::Kubernetes(_)
            | Self::Rancher(_) => Vec::new(),
        }
    }

    /// What is, beside what should be. Empty only where nobody was named who could tell.
    pub fn compare(&self, scene: &Scene<'_>) -> Vec<Evidence> {
        match self {
            Self::Sysctl(sysctl) => sysctl.compare(scene),
            Self::File(file) => file.compare(scene),
            Self::Encryption(encryption) => encryption.compare(scene),
            Self::Arg(arg) => vec![arg.compare(scene)],
            Self::Bind(bind) => vec![bind.compare(scene)],
            Self::Rke(value) => vec![value.compare(scene)],
            Self::Addons(addons) => addons.compare(scene),
            Self::Path(path) => path.compare(scene),
            Self::Document(document) => vec![document.compare(scene)],
            Self::Provider(provider) => vec![provider.compare(scene)],
            Self::Kubernetes(object) => vec![object.compare(scene)],
            Self::Rancher(rancher) => rancher.compare(scene),
            Self::AnyOf(alternatives) => alternatives.compare(scene),
        }
    }

    /// What would make it so; empty when it is, or when it could not be read.
    pub fn remedies(&self, scene: &Scene<'_>) -> Vec<Remedy> {
        match self {
            Self::Sysctl(sysctl) => sysctl.remedies(scene),
            Self::File(file) => file.remedies(scene),
            Self::Encryption(encryption) => encryption.remedies(scene),
            Self::Arg(arg) => arg.remedies(scene),
            Self::Bind(bind) => bind.remedies(scene),
            Self::Rke(value) => value.remedies(scene),
            Self::Addons(addons) => addons.remedies(scene),
            Self::Rancher(rancher) => rancher.remedies(scene),
            Self::Path(_)
            | Self::Document(_)
            | Self::Provider(_)
            | Self::Kubernetes(_)
            | Self::AnyOf(_) => Vec::new(),
        }
    }

    /// False for what is only measured; a control of such resources needs `met_by`.
    pub fn can_be_mended(&self) -> bool {
        !matches!(
            self,
            Self::Path(_)
                | Self::Document(_)
                | Self::Provider(_)
                | Self::Kubernetes(_)
                | Self::Rancher(_)
                | Self::AnyOf(_)
        )
    }

    /// True for what is mended by `rke up` and not on a node.
    pub fn is_mended_by_rke(&self) -> bool {
        matches!(
            self,
            Self::Arg(_) | Self::Bind(_) | Self::Rke(_) | Self::Addons(_)
        )
    }
}

/// The key of a component below `services` in `cluster.yml`; hyphens matter (T-54).
pub(crate) fn service_of(component: &str) -> Option<&'static str> {
    Some(match component {
        "kube-apiserver" => "kube-api",
        "kube-controller-manager" => "kube-controller",
        "kube-scheduler" => "scheduler",
        "kubelet" => "kubelet",
        "kube-proxy" => "kubeproxy",
        "etcd" => "etcd",
        _ => return None,
    })
}
