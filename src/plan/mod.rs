//! From what is and what should be, to what has to change.
//!
//! [`plan`] is a pure function: it runs in tests without a network and gives
//! the same plan for the same input, so a plan that is shown is the plan that
//! will be applied.

mod addons;
mod arguments;
pub mod audit_log;
pub mod blocker;
pub mod change;
mod cluster;
mod containers;
mod drivers;
mod files;
pub mod key;
mod kernel;
mod namespaces;
mod nodes;
mod pods;
pub mod rotation;
pub mod secrets;

use std::collections::BTreeMap;

use crate::facts::Facts;
use crate::facts::Observed;
use crate::fleet::Fleet;
use crate::plan::blocker::Blocker;
use crate::plan::change::Change;
use crate::plan::change::ClusterChange;
use crate::plan::change::DriverSwitch;
use crate::plan::change::Restart;
use crate::plan::nodes::Draft;
use crate::profile::Audit;
use crate::profile::Control;
use crate::profile::Profile;
use crate::profile::Rule;
use crate::profile::Scope;
use crate::resource::Remedy;
use crate::resource::Resource;
use crate::resource::Scene;
use crate::secret::Secret;
use crate::shared::Pool;
use crate::shared::Shared;

pub use crate::plan::kernel::KUBELET_VALUES;
pub use crate::plan::nodes::KEEP;

/// The programs that a change on a node runs.
pub const TOOLS: [&str; 9] = [
    "cat",
    "chmod",
    "chown",
    "cp",
    "mkdir",
    "mv",
    "rm",
    "sha256sum",
    "sync",
];

/// What will happen, in the order in which it will, and why it must not.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// By node, in the inventory's order; nodes that change alike have their changes in common.
    pub nodes: Vec<(String, Shared<Vec<Change>>)>,
    pub cluster: Option<ClusterChange>,
    /// Why `rke up` must run; `None` when the containers are as `cluster.yml` says.
    pub rke_up: Option<String>,
    /// Components that read a changed file and that `rke up` would leave running (T-22).
    pub restarts: Vec<Restart>,
    /// Why Secrets are written again through the API; `None` when none lies in etcd in plain text.
    pub secrets: Option<String>,
    /// Node drivers of the Rancher server.
    pub drivers: Vec<DriverSwitch>,
    pub blockers: Vec<Blocker>,
}

impl Plan {
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
            && self.cluster.is_none()
            && self.rke_up.is_none()
            && self.restarts.is_empty()
            && self.secrets.is_none()
            && self.drivers.is_empty()
    }
}

/// What a plan depends on beside the fleet.
#[derive(Clone, Debug)]
pub struct Settings<'a> {
    pub level: u8,
    /// Names the directory on each node that keeps what is replaced.
    pub run: &'a str,
    /// The site's own or fresh from the operating system, for a cluster that has no key: 32 bytes
    /// in base64.
    pub fresh_key: &'a Secret,
    /// The key that a site keeps elsewhere, and its file; a cluster with another one is not touched.
    pub site_key: Option<(&'a str, &'a Secret)>,
}

/// Every difference that `profile` is to mend, merged and ordered, and what forbids it.
pub fn plan(profile: &Profile, fleet: &Fleet, settings: &Settings<'_>) -> Plan {
    let mut plan = Plan::default();
    let mut wishes = cluster::Wishes::default();
    let mut drafts: BTreeMap<&str, Draft> = BTreeMap::new();
    for (control, resource) in mended(profile, settings.level, fleet) {
        match control.scope {
            Scope::Cluster => {
                let remedies = resource.remedies(&fleet.cluster_scene());
                wishes.add_all(&remedies, control);
            }
            Scope::Nodes(_) => {
                for (node, facts) in fleet.nodes().filter(|(node, _)| control.scope.covers(node)) {
                    let remedies = resource.remedies(&fleet.scene(facts));
                    wishes.add_all(&remedies, control);
                    let draft = drafts.entry(&node.name).or_default();
                    draft.add_all(remedies, resource, control);
                }
            }
        }
    }
    plan.blockers = blocker::of_fleet(profile, fleet);
    plan.blockers
        .extend(pods::blocker(profile, fleet, settings.level));
    plan.blockers
        .extend(containers::blockers(profile, fleet, settings.level));
    plan.blockers
        .extend(files::blockers(profile, fleet, settings.level));
    plan.blockers
        .extend(namespaces::blocker(profile, fleet, settings.level));
    plan.blockers.extend(audit_log::blockers(profile, fleet));
    plan.blockers
        .extend(kernel::blockers(profile, fleet, &drafts));
    key::decide(profile, fleet, settings, &mut drafts, &mut plan.blockers);
    let mut alike = Pool::default();
    for (node, facts) in fleet.nodes() {
        if let Some(draft) = drafts.remove(node.name.as_str()) {
            let changes = finish(&mut plan, draft, (&node.name, facts), fleet, settings);
            let changes = changes.filter(|changes| !changes.is_empty());
            plan.nodes
                .extend(changes.map(|changes| (node.name.clone(), alike.share(changes))));
        }
    }
    let edited = cluster::finish(&mut plan, wishes, fleet);
    let file = edited.as_ref().unwrap_or(&fleet.cluster.file);
    plan.drivers = drivers::switches(profile, fleet, settings.level);
    let stuck = addons::blockers(profile, fleet, settings.level, &plan);
    plan.blockers.extend(stuck);
    let stopping = arguments::blockers(profile, fleet, file);
    plan.blockers.extend(stopping);
    plan.restarts = if plan.rke_up_recreates("kube-api") {
        Vec::new()
    } else {
        std::mem::take(&mut plan.restarts)
    };
    plan
}

/// True when a plan for this fleet may restart a component: one may run with an older file than there is.
///
/// Costs much less than the plan, because few resources are read by a component.
pub fn may_restart(profile: &Profile, level: u8, fleet: &Fleet) -> bool {
    mended(profile, level, fleet)
        .filter(|(_, resource)| nodes::readers(resource).is_some_and(|readers| !readers.is_empty()))
        .any(|(control, resource)| {
            fleet
                .nodes()
                .filter(|(node, _)| control.scope.covers(node))
                .any(|(_, facts)| !resource.remedies(&fleet.scene(facts)).is_empty())
        })
}

impl Plan {
    /// True when a key is wrong, which no other change may hide.
    pub fn concerns_a_key(&self) -> bool {
        self.blockers.iter().any(Blocker::is_about_a_key)
    }

    /// True when an edit changes the arguments of a service, so that `rke up` recreates it.
    fn rke_up_recreates(&self, service: &str) -> bool {
        self.cluster
            .as_ref()
            .is_some_and(|cluster| cluster.touches(service))
    }
}

/// Every resource that is `apply`'s own work on this cluster, with the control that wants it.
fn mended<'a>(
    profile: &'a Profile,
    level: u8,
    fleet: &Fleet,
) -> impl Iterator<Item = (&'a Control, &'a Resource)> {
    audited(profile, level, fleet)
        .filter(|(_, audit)| audit.is_mended())
        .flat_map(|(control, audit)| {
            audit
                .resources
                .iter()
                .map(move |resource| (control, resource))
        })
}

/// Every control that is measured on this cluster, whoever's work it is.
fn audited<'a>(
    profile: &'a Profile,
    level: u8,
    fleet: &Fleet,
) -> impl Iterator<Item = (&'a Control, &'a Audit)> {
    let version = fleet.kubernetes();
    profile
        .controls
        .iter()
        .filter(move |control| control.level <= level)
        .filter(move |control| match (&control.kubernetes, version) {
            (Some(gate), Some(version)) => gate.admits(version),
            _ => true,
        })
        .filter_map(|control| match &control.rule {
            Rule::Audit(audit) => Some((control, audit)),
            Rule::Manual(_) | Rule::NotApplicable(_) => None,
        })
}

/// The changes of one node; what stands in their way, and what they entail, goes into the plan.
fn finish(
    plan: &mut Plan,
    draft: Draft,
    (name, facts): (&str, &Facts),
    fleet: &Fleet,
    settings: &Settings<'_>,
) -> Option<Vec<Change>> {
    let scene: Scene<'_> = fleet.scene(facts);
    for component in &draft.restarts {
        if matches!(facts.container(component), Observed::Present(_)) {
            plan.restarts.push(Restart {
                node: name.to_owned(),
                component: component.clone(),
            });
        }
    }
    match draft.changes(name, &scene, settings.run) {
        Ok(changes) => {
            let left = facts.leftovers.iter().map(|path| Change::sweep(path));
            let changes: Vec<Change> = left.chain(changes).collect();
            plan.blockers
                .extend(blocker::of_writes(name, facts, &changes));
            Some(changes)
        }
        Err(blocker) => {
            plan.blockers.push(blocker);
            None
        }
    }
}

/// True for a remedy that acts on `cluster.yml` or on what is made from it.
fn is_of_cluster(remedy: &Remedy) -> bool {
    matches!(
        remedy,
        Remedy::Edit(_) | Remedy::EditList { .. } | Remedy::RkeUp
    )
}

#[cfg(test)]
mod tests;
