//! The keys RKE knows: of the cluster, of nodes, of services.
//!
//! Sources: rke.md 1, 1.2 and 2, and RKE's own types up to v1.6 for the keys
//! that later versions added.

/// What RKE expects at one place of the file.
#[derive(Debug)]
pub(super) enum Shape {
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

/// The file as a whole.
pub(super) const ROOT: Shape = Map(ROOT_KEYS);

const SITE: Shape = Map(&[
    ("playbook", &Open),
    ("cluster_config", &Open),
    ("known_hosts", &Open),
    ("privilege", &Open),
    ("proxy_jump", &List(&Open)),
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
