//! Arguments in `cluster.yml` that would stop their component (T-21, T-28, RKE fact 16).

use crate::cluster_file::ClusterFile;
use crate::facts::Observed;
use crate::fleet::Fleet;
use crate::plan::blocker::Blocker;
use crate::profile::Profile;
use crate::profile::version::Version;
use crate::resource::service_of;
use crate::yaml::Value;

const COMPONENTS: [&str; 5] = [
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
];

/// The flags with lists of plug-ins, the newer one first; a server refuses to start with both.
const LISTS: [&str; 2] = ["enable-admission-plugins", "admission-control"];

const NOT_IN: &str = "disable-admission-plugins";

/// What speaks against `file`, the one after the plan, the site's own arguments included.
pub(super) fn blockers(profile: &Profile, fleet: &Fleet, file: &ClusterFile) -> Vec<Blocker> {
    let mut blockers = Vec::new();
    if let Some(version) = fleet.kubernetes() {
        for component in COMPONENTS {
            blockers.extend(unknown(profile, file, component, version));
        }
    }
    blockers.extend(both_lists(file, fleet));
    blockers
}

fn arguments<'a>(
    file: &'a ClusterFile,
    component: &str,
) -> impl Iterator<Item = (&'a str, &'a str)> {
    let service = service_of(component).unwrap_or_default();
    let found = match file.value_at(&["services", service, "extra_args"]) {
        Some(Value::Map(arguments)) => Some(arguments.iter()),
        _ => None,
    };
    let found = found.into_iter().flatten();
    found.map(|(name, value)| (name.as_str(), value.text().unwrap_or_default()))
}

fn unknown(
    profile: &Profile,
    file: &ClusterFile,
    component: &str,
    version: Version,
) -> Vec<Blocker> {
    let gates = &profile.gates;
    let blocker = |thing: String, known_in: String| Blocker::NotInVersion {
        component: component.to_owned(),
        thing,
        running: version.to_string(),
        known_in,
    };
    let mut blockers = Vec::new();
    for (name, value) in arguments(file, component) {
        if let Some(known_in) = gates.against_flag(component, name, version) {
            blockers.push(blocker(format!("--{name}"), known_in));
        }
        if LISTS.contains(&name) || name == NOT_IN {
            let plugins = value.split(',').map(str::trim);
            for plugin in plugins.filter(|plugin| !plugin.is_empty()) {
                if let Some(known_in) = gates.against_plugin(plugin, version) {
                    blockers.push(blocker(format!("plug-in {plugin}"), known_in));
                }
            }
        }
    }
    blockers
}

/// One list in `cluster.yml`, and the other from RKE, which leaves its own out only for its namesake.
fn both_lists(file: &ClusterFile, fleet: &Fleet) -> Option<Blocker> {
    let set: Vec<&str> = arguments(file, "kube-apiserver")
        .map(|(name, _)| name)
        .filter(|name| LISTS.contains(name))
        .collect();
    let runs_other = |set: &str| {
        let nodes = fleet.nodes().filter_map(|(node, facts)| {
            let Observed::Present(server) = facts.container("kube-apiserver") else {
                return None;
            };
            let has = |flag: &str| server.flag(flag).is_some();
            let other = LISTS.into_iter().find(|flag| *flag != set)?;
            (has(other) && !has(set)).then(|| (node.name.clone(), other))
        });
        nodes.collect::<Vec<_>>()
    };
    let (set, found) = match set.as_slice() {
        [] => return None,
        [one] => (*one, runs_other(one)),
        [..] => {
            let nodes = fleet.control_plane();
            let all = nodes.map(|node| (node.name.clone(), LISTS[0])).collect();
            (LISTS[1], all)
        }
    };
    let runs = found.first()?.1.to_owned();
    Some(Blocker::BothAdmissionFlags {
        nodes: found.into_iter().map(|(node, _)| node).collect(),
        runs,
        set: set.to_owned(),
    })
}
