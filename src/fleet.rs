//! Everything that is known of a cluster at one moment, as values.

use std::collections::BTreeMap;

use crate::cluster_file::ClusterFile;
use crate::facts::Facts;
use crate::facts::Observed;
use crate::facts::layout::Layout;
use crate::facts::object::Objects;
use crate::facts::rancher::Answers;
use crate::inventory::Inventory;
use crate::inventory::Node;
use crate::inventory::Role;
use crate::profile::version::Version;
use crate::resource::Scene;
use crate::shared::Shared;

/// The nodes with their facts, and `cluster.yml`.
#[derive(Clone, Debug)]
pub struct Fleet {
    pub inventory: Shared<Inventory>,
    /// By node name; a node that is not here was not selected.
    pub facts: BTreeMap<String, Facts>,
    pub cluster: ClusterState,
    /// What the Kubernetes API said; not asked until somebody fills it.
    pub objects: Objects,
    /// What a Rancher server said; nothing when no playbook names one.
    pub rancher: Option<Answers>,
    nothing: Facts,
}

/// `cluster.yml` as it is, or as it would begin.
#[derive(Clone, Debug)]
pub struct ClusterState {
    pub file: ClusterFile,
    /// False for a cluster that is not built yet: the file is made from the inventory.
    pub exists: bool,
}

impl ClusterState {
    /// The `prefix_path` that `rke up` reads: of `cluster.yml`, which may begin as the inventory.
    pub fn prefix<'a>(&'a self, inventory: &'a Inventory) -> &'a str {
        if !self.exists {
            return &inventory.prefix_path;
        }
        let declared = self.file.value_at(&["prefix_path"]);
        declared.and_then(|value| value.text()).unwrap_or("/")
    }
}

impl Fleet {
    pub fn new(
        inventory: Shared<Inventory>,
        cluster: ClusterState,
        mut facts: BTreeMap<String, Facts>,
    ) -> Self {
        let declared = cluster.prefix(&inventory);
        for facts in facts.values_mut() {
            facts.layout = Layout::of(declared, facts);
        }
        Self {
            inventory,
            facts,
            cluster,
            objects: Objects::default(),
            rancher: None,
            nothing: Facts::default(),
        }
    }

    /// The same with what the Kubernetes API said. Where it said nothing and every node of the
    /// inventory says that it runs no component, there is no API and no object.
    #[must_use]
    pub fn with_objects(mut self, objects: Objects) -> Self {
        let may_exist = self.is_built() || self.is_partial() || !objects.lists.is_empty();
        self.objects = if may_exist {
            objects
        } else {
            Objects::of_no_cluster()
        };
        self
    }

    /// The selected nodes, in the inventory's order, with their facts.
    pub fn nodes(&self) -> impl Iterator<Item = (&Node, &Facts)> {
        self.inventory
            .nodes
            .iter()
            .filter_map(|node| Some((node, self.facts.get(&node.name)?)))
    }

    /// What a resource on `facts`' node is compared with.
    pub fn scene<'a>(&'a self, facts: &'a Facts) -> Scene<'a> {
        Scene {
            facts,
            cluster: &self.cluster.file,
            objects: &self.objects,
            rancher: self.rancher.as_ref(),
            layout: &facts.layout,
            inventory: &self.inventory,
            nodes: &self.facts,
        }
    }

    /// What a resource of the cluster as a whole is compared with.
    pub fn cluster_scene(&self) -> Scene<'_> {
        self.scene(&self.nothing)
    }

    /// The Kubernetes version that runs, else the one that is asked for.
    pub fn kubernetes(&self) -> Option<Version> {
        self.running().or_else(|| {
            let declared = self.cluster.file.value_at(&["kubernetes_version"]);
            Version::parse(declared.and_then(|value| value.text())?)
        })
    }

    /// The Kubernetes version that runs.
    pub fn running(&self) -> Option<Version> {
        self.facts.values().find_map(|facts| {
            let name = ["kube-apiserver", "kubelet"];
            name.iter().find_map(|name| match facts.container(name) {
                Observed::Present(container) => Version::parse(container.version()?),
                _ => None,
            })
        })
    }

    /// False only when every node that was asked says that no component of Kubernetes is there;
    /// what is not known counts as built, because that is the careful reading.
    pub fn is_built(&self) -> bool {
        let containers = || {
            self.facts
                .values()
                .flat_map(|facts| facts.containers.values())
        };
        containers().next().is_none()
            || containers().any(|found| !matches!(found, Observed::Absent))
    }

    pub fn control_plane(&self) -> impl Iterator<Item = &Node> {
        self.inventory
            .nodes
            .iter()
            .filter(|node| node.roles.contains(&Role::ControlPlane))
    }

    /// True when some node of the inventory was not selected.
    pub fn is_partial(&self) -> bool {
        self.facts.len() < self.inventory.nodes.len()
    }
}
