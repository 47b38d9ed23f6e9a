//! Rancher's audit log: on, with somewhere to go, and where that is a directory of hosts, really
//! there on every host that runs it (T-40).

use std::collections::BTreeSet;

use crate::facts::FileKind;
use crate::facts::Observed;
use crate::facts::object::Kind;
use crate::facts::object::Object;
use crate::facts::object::Objects;
use crate::facts::question::Question;
use crate::inventory::Inventory;
use crate::inventory::Node;
use crate::resource::Evidence;
use crate::resource::Scene;
use crate::resource::Seen;
use crate::resource::rancher::deployment::DEPLOYMENT;
use crate::resource::rancher::deployment::NAMESPACE;
use crate::resource::rancher::deployment::containers;
use crate::resource::rancher::deployment::deployment;
use crate::resource::rancher::deployment::find;
use crate::resource::rancher::deployment::named;
use crate::resource::rancher::deployment::server;
use crate::resource::rancher::deployment::text_at;
use crate::resource::rancher::deployment::variable;
use crate::resource::rancher::deployment::volume;
use crate::resource::rancher::deployment::with_command;
use crate::yaml::Value;

/// Of the pod, and what the chart mounts for its directory.
const VOLUME: &str = "audit-log";

/// Where the server writes when `AUDIT_LOG_PATH` does not say otherwise.
const LOG: &str = "/var/log/auditlog/rancher-api-audit.log";

pub(super) fn compare(scene: &Scene<'_>) -> Vec<Evidence> {
    let found = match (deployment(scene), scene.rancher) {
        (Some(found), _) => found,
        (None, Some(_)) => Err("Rancher does not run in this cluster".to_owned()),
        (None, None) => return Vec::new(),
    };
    let object = match found {
        Ok(object) => object,
        Err(why) => return vec![Evidence::new(DEPLOYMENT, "an audit log", Seen::Unread(why))],
    };
    let said = level(object).unwrap_or("not set").to_owned();
    let level = if is_on(object) {
        Seen::Met(said)
    } else {
        Seen::Unmet(said)
    };
    let destination = match destination(object) {
        Some(destination) => Seen::Met(destination),
        None => Seen::Unmet("neither".to_owned()),
    };
    let wanted = with_command("1 to 3", &level, "auditLog.level=1");
    let place = "a sidecar or a directory of the host";
    let place = with_command(place, &destination, "auditLog.destination=sidecar");
    let mut evidence = vec![
        Evidence::new(format!("{DEPLOYMENT} AUDIT_LEVEL"), wanted, level),
        Evidence::new(format!("{DEPLOYMENT} destination"), place, destination),
    ];
    evidence.extend(of_hosts(object, scene));
    evidence
}

/// Pods, where the log lies on their hosts.
pub(super) fn kinds_after(objects: &Objects) -> Option<Kind> {
    let Observed::Present(deployment) = find(objects) else {
        return None;
    };
    host_file(deployment).map(|_| Kind::Pod)
}

/// The log itself, by the name of each node that runs a pod of Rancher.
pub(super) fn questions_by_node(
    objects: &Objects,
    inventory: &Inventory,
) -> Vec<(String, Question)> {
    let Observed::Present(deployment) = find(objects) else {
        return Vec::new();
    };
    let (Some(Ok(path)), Ok(hosts)) = (host_file(deployment), hosts(deployment, objects)) else {
        return Vec::new();
    };
    hosts
        .into_iter()
        .filter_map(|host| node(inventory, host))
        .map(|node| (node.name.clone(), Question::Attributes(path.clone())))
        .collect()
}

fn level(deployment: &Object) -> Option<&str> {
    variable(server(deployment)?, "AUDIT_LEVEL")
}

fn is_on(deployment: &Object) -> bool {
    let level = level(deployment).and_then(|level| level.parse::<u8>().ok());
    matches!(level, Some(1..))
}

fn has_sidecar(deployment: &Object) -> bool {
    containers(deployment).any(|one| text_at(one, "name") == Some("rancher-audit-log"))
}

fn host_directory(deployment: &Object) -> Option<&str> {
    volume(deployment, VOLUME)?
        .at(&["hostPath", "path"])?
        .text()
}

fn destination(deployment: &Object) -> Option<String> {
    if has_sidecar(deployment) {
        return Some("the sidecar rancher-audit-log".to_owned());
    }
    let path = host_directory(deployment)?;
    Some(format!("{path} on the hosts of its pods"))
}

/// The log as its hosts know it, or why nobody can say where it is; nothing while there is none to
/// look for.
fn host_file(deployment: &Object) -> Option<Result<String, String>> {
    if !is_on(deployment) || has_sidecar(deployment) {
        return None;
    }
    let directory = host_directory(deployment)?;
    let server = server(deployment)?;
    let Some(mount) = named(server.at(&["volumeMounts"]), VOLUME) else {
        let why = format!("the container rancher does not mount the volume {VOLUME}");
        return Some(Err(why));
    };
    let inside = text_at(mount, "mountPath").unwrap_or_default();
    let log = variable(server, "AUDIT_LOG_PATH").unwrap_or(LOG);
    let below = log.strip_prefix(inside.trim_end_matches('/'));
    let Some(below) = below.filter(|below| below.starts_with('/')) else {
        let why = format!("it is written to {log}, which is outside of the volume {VOLUME}");
        return Some(Err(why));
    };
    let part = text_at(mount, "subPath").map(|part| format!("/{}", part.trim_matches('/')));
    let part = part.unwrap_or_default();
    let path = format!("{}{part}{below}", directory.trim_end_matches('/'));
    // It goes into a record to a node.
    let is_plain = path.starts_with('/') && !path.chars().any(char::is_control);
    Some(if is_plain {
        Ok(path)
    } else {
        Err(format!("{path:?} is no path of a host"))
    })
}

fn of_hosts(deployment: &Object, scene: &Scene<'_>) -> Vec<Evidence> {
    let wanted = "a file, where it runs";
    let Some(file) = host_file(deployment) else {
        return Vec::new();
    };
    let path = match file {
        Ok(path) => path,
        Err(why) => return vec![Evidence::new("Rancher audit log", wanted, Seen::Unmet(why))],
    };
    match hosts(deployment, scene.objects) {
        Err(why) => {
            let subject = format!("Rancher audit log {path}");
            vec![Evidence::new(subject, wanted, Seen::Unread(why))]
        }
        Ok(hosts) => hosts
            .into_iter()
            .map(|host| {
                let subject = format!("Rancher audit log {path} on {host}");
                Evidence::new(subject, wanted, on_host(host, &path, scene))
            })
            .collect(),
    }
}

fn on_host(host: &str, path: &str, scene: &Scene<'_>) -> Seen {
    let Some(node) = node(scene.inventory, host) else {
        return Seen::Unread("no node of the inventory has this name".to_owned());
    };
    let Some(facts) = scene.nodes.get(&node.name) else {
        return Seen::Unread("it was not selected with --on".to_owned());
    };
    match facts.file(path) {
        Observed::Present(file) if file.kind == FileKind::Regular => Seen::Met("there".to_owned()),
        Observed::Present(_) => Seen::Unmet("not a regular file".to_owned()),
        Observed::Absent => Seen::Unmet("missing".to_owned()),
        Observed::Unread { why } => Seen::Unread(why),
    }
}

/// The names by which Kubernetes knows the nodes that run the pods, each once.
fn hosts<'a>(deployment: &Object, objects: &'a Objects) -> Result<Vec<&'a str>, String> {
    let pods = match objects.list(Kind::Pod) {
        Observed::Present(pods) => pods,
        Observed::Absent => return Err("the Kubernetes API has no pods".to_owned()),
        Observed::Unread { why } => return Err(why),
    };
    let pods = pods.iter().filter(|pod| is_of(deployment, pod));
    let hosts = pods.filter_map(|pod| pod.content.at(&["spec", "nodeName"])?.text());
    let hosts: BTreeSet<&str> = hosts.collect();
    if hosts.is_empty() {
        return Err("no pod of Rancher runs anywhere".to_owned());
    }
    Ok(hosts.into_iter().collect())
}

/// True for a pod that the Deployment selects and that is not over.
fn is_of(deployment: &Object, pod: &Object) -> bool {
    let selector = deployment.content.at(&["spec", "selector", "matchLabels"]);
    let labels = pod.content.at(&["metadata", "labels"]);
    let is_selected = match (selector, labels) {
        (Some(selector @ Value::Map(wanted)), Some(labels)) => {
            !wanted.is_empty() && labels.holds(selector)
        }
        _ => false,
    };
    let phase = pod.content.at(&["status", "phase"]).and_then(Value::text);
    let is_over = matches!(phase, Some("Failed" | "Succeeded"));
    pod.namespace.as_deref() == Some(NAMESPACE) && is_selected && !is_over
}

/// RKE names a node after its `hostname_override`, else after its address (rke.md 1).
fn node<'a>(inventory: &'a Inventory, host: &str) -> Option<&'a Node> {
    let is = |name: &str| name.eq_ignore_ascii_case(host);
    let mut nodes = inventory.nodes.iter();
    nodes.find(|node| is(&node.name) || is(&node.address) || is(&node.internal_address))
}
