//! The keys RKE knows, and what is wrong with a file's keys.
//!
//! RKE takes unknown keys, equal keys and keys in the wrong case without a word
//! (rke.md fact 12); here each is named. Sources: rke.md 1, 1.2 and 2, and RKE's
//! own types up to v1.6 for the keys that later versions added.

use std::collections::HashMap;

use crate::inventory::review::Review;
use crate::inventory::tree::Entry;
use crate::inventory::tree::Kind;
use crate::inventory::tree::Tree;
use crate::inventory::tree::spelling;
use crate::source::nearest;
use crate::yaml;
use crate::yaml::Spanned;

/// What RKE expects at one place of the file.
#[derive(Debug)]
enum Shape {
    /// Not looked into: a scalar, names of the site's own, or keys that differ between versions.
    Open,
    List(&'static Shape),
    Map(&'static [(&'static str, &'static Shape)]),
}

use Shape::List;
use Shape::Map;
use Shape::Open;

/// Cluster-level keys that say how to reach nodes, and so do not make an inventory a `cluster.yml`.
const REACH: &[&str] = &[
    "nodes",
    "bastion_host",
    "cluster_name",
    "harden",
    "kubernetes_version",
    "prefix_path",
    "ssh_agent_auth",
    "ssh_cert_path",
    "ssh_key_path",
    "win_prefix_path",
];

const ROOT_KEYS: &[(&str, &Shape)] = &[
    ("nodes", &List(&NODE)),
    ("bastion_host", &BASTION),
    ("cluster_name", &Open),
    ("harden", &SITE),
    ("kubernetes_version", &Open),
    ("prefix_path", &Open),
    ("ssh_agent_auth", &Open),
    ("ssh_cert_path", &Open),
    ("ssh_key_path", &Open),
    ("win_prefix_path", &Open),
    ("addon_job_timeout", &Open),
    ("addons", &Open),
    ("addons_include", &List(&Open)),
    ("authentication", &Open),
    ("authorization", &Open),
    ("cloud_provider", &Open),
    ("dns", &Open),
    ("enable_cri_dockerd", &Open),
    ("ignore_docker_version", &Open),
    ("ingress", &Open),
    ("monitoring", &Open),
    ("network", &Open),
    ("private_registries", &List(&Open)),
    ("restore", &Open),
    ("rotate_certificates", &Open),
    ("rotate_encryption_key", &Open),
    ("services", &SERVICES),
    ("system_images", &Open),
    ("upgrade_strategy", &Open),
];

const ROOT: Shape = Map(ROOT_KEYS);

const SITE: Shape = Map(&[
    ("playbook", &Open),
    ("cluster_config", &Open),
    ("known_hosts", &Open),
]);

const NODE: Shape = Map(&[
    ("address", &Open),
    ("port", &Open),
    ("internal_address", &Open),
    ("role", &List(&Open)),
    ("hostname_override", &Open),
    ("user", &Open),
    ("docker_socket", &Open),
    ("ssh_agent_auth", &Open),
    ("ssh_key", &Open),
    ("ssh_key_path", &Open),
    ("ssh_cert", &Open),
    ("ssh_cert_path", &Open),
    ("labels", &OWN_NAMES),
    ("taints", &List(&TAINT)),
    ("nodeName", &Open),
]);

/// A mapping whose keys are names of the site's own.
const OWN_NAMES: Shape = Map(&[]);

const TAINT: Shape = Map(&[("key", &Open), ("value", &Open), ("effect", &Open)]);

const BASTION: Shape = Map(&[
    ("address", &Open),
    ("port", &Open),
    ("user", &Open),
    ("ssh_agent_auth", &Open),
    ("ssh_key", &Open),
    ("ssh_key_path", &Open),
    ("ssh_cert", &Open),
    ("ssh_cert_path", &Open),
    ("ignore_proxy_env_vars", &Open),
]);

const SERVICES: Shape = Map(&[
    ("etcd", &ETCD),
    ("kube-api", &KUBE_API),
    ("kube-controller", &KUBE_CONTROLLER),
    ("scheduler", &PLAIN_SERVICE),
    ("kubelet", &KUBELET),
    ("kubeproxy", &PLAIN_SERVICE),
]);

/// A service's mapping: the keys all services have, then its own.
macro_rules! service {
    ($(($key:literal, $shape:expr)),* $(,)?) => {
        Map(&[
            ("image", &Open),
            ("extra_args", &OWN_NAMES),
            ("extra_args_array", &OWN_NAMES),
            ("extra_binds", &List(&Open)),
            ("extra_env", &List(&Open)),
            ("win_extra_args", &OWN_NAMES),
            ("win_extra_args_array", &OWN_NAMES),
            ("win_extra_binds", &List(&Open)),
            ("win_extra_env", &List(&Open)),
            $(($key, $shape)),*
        ])
    };
}

const PLAIN_SERVICE: Shape = service!();

const ETCD: Shape = service!(
    ("backup_config", &Open),
    ("ca_cert", &Open),
    ("cert", &Open),
    ("creation", &Open),
    ("external_urls", &List(&Open)),
    ("gid", &Open),
    ("key", &Open),
    ("path", &Open),
    ("retention", &Open),
    ("snapshot", &Open),
    ("uid", &Open),
);

const KUBE_API: Shape = service!(
    ("admission_configuration", &Open),
    ("always_pull_images", &Open),
    ("audit_log", &SWITCHED),
    ("event_rate_limit", &SWITCHED),
    ("pod_security_configuration", &Open),
    ("pod_security_policy", &Open),
    (
        "secrets_encryption_config",
        &Map(&[("enabled", &Open), ("custom_config", &Open)])
    ),
    ("service_cluster_ip_range", &Open),
    ("service_node_port_range", &Open),
);

const SWITCHED: Shape = Map(&[("enabled", &Open), ("configuration", &Open)]);

const KUBE_CONTROLLER: Shape =
    service!(("cluster_cidr", &Open), ("service_cluster_ip_range", &Open),);

const KUBELET: Shape = service!(
    ("cluster_dns_server", &Open),
    ("cluster_domain", &Open),
    ("fail_swap_on", &Open),
    ("generate_serving_certificate", &Open),
    ("infra_container_image", &Open),
);

/// True for a cluster-level key that only a `cluster.yml` has (architecture 13.11).
pub(super) fn is_of_cluster_file(key: &str) -> bool {
    !REACH.contains(&key) && ROOT_KEYS.iter().any(|(known, _)| *known == key)
}

/// Names every unknown key, every equal key and every wrong kind of value.
pub(super) fn check(root: &Tree, review: &mut Review) {
    check_keys(root, review);
    if let Kind::List(_) = root.value {
        review.error(
            yaml::place(root),
            "the file is a list, where RKE wants a mapping",
            "write `nodes:` in a line above the list",
        );
    } else {
        check_shape("the file", root, &ROOT, review);
    }
}

fn check_keys(tree: &Tree, review: &mut Review) {
    match &tree.value {
        Kind::List(items) => items.iter().for_each(|item| check_keys(item, review)),
        Kind::Map(entries) => {
            check_equal_keys(entries, review);
            entries
                .iter()
                .for_each(|(_, value)| check_keys(value, review));
        }
        _ => {}
    }
}

fn check_equal_keys(entries: &[Entry], review: &mut Review) {
    let mut lines = HashMap::new();
    for (key, _) in entries {
        let at = yaml::place(key);
        if let Some(first) = lines.get(key.value.as_str()) {
            review.error(
                at,
                format!("`{}` is given twice, first in line {}", key.value, first),
                "keep one of them: RKE would silently merge the two",
            );
        } else {
            lines.insert(key.value.as_str(), at.line);
        }
    }
}

fn check_shape(name: &str, tree: &Tree, shape: &Shape, review: &mut Review) {
    match (shape, &tree.value) {
        (Open, _) | (_, Kind::Null) => {}
        (List(item_shape), Kind::List(items)) => {
            let name = format!("an item of `{name}`");
            for item in items {
                check_shape(&name, item, item_shape, review);
            }
        }
        (List(_), other) => review.error(
            yaml::place(tree),
            format!("`{name}` must be a list, not {}", other.name()),
            list_hint(name, tree, review.text),
        ),
        (Map(known), Kind::Map(entries)) => check_entries(name, entries, known, review),
        (Map(_), other) => review.error(
            yaml::place(tree),
            format!("{} must be a mapping, not {}", quoted(name), other.name()),
            "write `key: value` lines, indented, below it",
        ),
    }
}

fn check_entries(
    name: &str,
    entries: &[Entry],
    known: &[(&'static str, &'static Shape)],
    review: &mut Review,
) {
    for (key, value) in entries {
        match known.iter().find(|(known, _)| *known == key.value) {
            Some((key, shape)) => check_shape(key, value, shape, review),
            None if known.is_empty() || is_for_anchors(name, &key.value) => {}
            None => warn_of_unknown(name, key, known, review),
        }
    }
}

/// `x-…` at cluster level is the customary place for anchors that nodes merge.
fn is_for_anchors(name: &str, key: &str) -> bool {
    name == "the file" && key.starts_with("x-")
}

fn warn_of_unknown(
    name: &str,
    key: &Spanned<String>,
    known: &[(&'static str, &'static Shape)],
    review: &mut Review,
) {
    let keys = || known.iter().map(|(key, _)| *key);
    let hint = if let Some(meant) = nearest(&key.value, keys()) {
        format!("did you mean `{meant}`?")
    } else if keys().any(|key| key == "extra_args") {
        format!("an argument of `{name}` belongs under `extra_args`, one level deeper")
    } else {
        format!(
            "remove it, or use one of {}",
            keys().collect::<Vec<_>>().join(", ")
        )
    };
    review.warn(
        yaml::place(key),
        format!(
            "unknown key `{}` in {}, it has no effect",
            key.value,
            quoted(name)
        ),
        hint,
    );
}

fn list_hint(name: &str, tree: &Tree, text: &str) -> String {
    match &tree.value {
        Kind::List(_) | Kind::Map(_) => format!("begin each item of `{name}` with `- `"),
        _ => format!("write `{name}: [{}]`", spelling(text, tree)),
    }
}

fn quoted(name: &str) -> String {
    if name.contains(' ') {
        name.to_owned()
    } else {
        format!("`{name}`")
    }
}
