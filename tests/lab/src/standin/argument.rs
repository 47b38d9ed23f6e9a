//! Default arguments of the components: RKE v0.1.11 with Kubernetes 1.11 (sections 4.1 and 4.2).

use std::collections::BTreeMap;
use std::hash::BuildHasher;
use std::hash::RandomState;

use super::cluster::Cluster;
use super::cluster::Node;
use super::cluster::Service;

/// Arguments by name; `extra_args` replace a default of the same name.
pub type Arguments = BTreeMap<String, String>;

const CA: &str = "/etc/kubernetes/ssl/kube-ca.pem";
const API_CERTIFICATE: &str = "/etc/kubernetes/ssl/kube-apiserver.pem";
const API_KEY: &str = "/etc/kubernetes/ssl/kube-apiserver-key.pem";
const CIPHERS: &str = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305,TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305";
const PLUGINS: &str = "ServiceAccount,NamespaceLifecycle,LimitRanger,PersistentVolumeLabel,DefaultStorageClass,ResourceQuota,DefaultTolerationSeconds";
const SERVICE_RANGE: &str = "10.43.0.0/16";
const POD_RANGE: &str = "10.42.0.0/16";

/// As words of a command line, in random order: RKE walks a Go map (section 3.4).
pub fn words(arguments: &Arguments) -> Vec<String> {
    let mut words: Vec<String> = arguments
        .iter()
        .map(|(name, value)| format!("--{name}={value}"))
        .collect();
    let dice = RandomState::new();
    words.sort_by_cached_key(|word| dice.hash_one(word));
    words
}

/// kube-apiserver; `pod_security_policy` acts before `extra_args` do (section 2.1).
pub fn apiserver(cluster: &Cluster) -> Arguments {
    let service = &cluster.services.kube_api;
    let etcd_servers: Vec<String> = cluster
        .with_role("etcd")
        .map(|node| format!("https://{}:2379", node.internal_address))
        .collect();
    let mut plugins = PLUGINS.to_owned();
    let mut arguments = owned(&[
        ("allow-privileged", "true"),
        ("bind-address", "0.0.0.0"),
        ("client-ca-file", CA),
        ("cloud-provider", ""),
        ("etcd-cafile", CA),
        ("etcd-certfile", "/etc/kubernetes/ssl/kube-node.pem"),
        ("etcd-keyfile", "/etc/kubernetes/ssl/kube-node-key.pem"),
        ("etcd-prefix", "/registry"),
        ("etcd-servers", &etcd_servers.join(",")),
        ("insecure-bind-address", "127.0.0.1"),
        ("insecure-port", "0"),
        ("kubelet-client-certificate", API_CERTIFICATE),
        ("kubelet-client-key", API_KEY),
        (
            "kubelet-preferred-address-types",
            "InternalIP,ExternalIP,Hostname",
        ),
        (
            "proxy-client-cert-file",
            "/etc/kubernetes/ssl/kube-apiserver-proxy-client.pem",
        ),
        (
            "proxy-client-key-file",
            "/etc/kubernetes/ssl/kube-apiserver-proxy-client-key.pem",
        ),
        ("requestheader-allowed-names", "kube-apiserver-proxy-client"),
        (
            "requestheader-client-ca-file",
            "/etc/kubernetes/ssl/kube-apiserver-requestheader-ca.pem",
        ),
        ("requestheader-extra-headers-prefix", "X-Remote-Extra-"),
        ("requestheader-group-headers", "X-Remote-Group"),
        ("requestheader-username-headers", "X-Remote-User"),
        ("secure-port", "6443"),
        ("service-account-key-file", API_KEY),
        (
            "service-cluster-ip-range",
            or(&service.service_cluster_ip_range, SERVICE_RANGE),
        ),
        (
            "service-node-port-range",
            or(&service.service_node_port_range, "30000-32767"),
        ),
        ("storage-backend", "etcd3"),
        ("tls-cert-file", API_CERTIFICATE),
        ("tls-cipher-suites", CIPHERS),
        ("tls-private-key-file", API_KEY),
    ]);
    if cluster.has_rbac() {
        set(&mut arguments, "authorization-mode", "Node,RBAC");
    }
    if cluster.has_pod_security_policy() {
        set(
            &mut arguments,
            "runtime-config",
            "extensions/v1beta1/podsecuritypolicy=true",
        );
        plugins.push_str(",PodSecurityPolicy");
    }
    set(&mut arguments, plugin_flag(cluster), &plugins);
    with_extra(arguments, service)
}

/// kube-controller-manager, without the argument that RKE passes as `.Config.Cmd` (section 4).
pub fn controller_manager(cluster: &Cluster) -> Arguments {
    let service = &cluster.services.kube_controller;
    let arguments = owned(&[
        ("address", "0.0.0.0"),
        ("allocate-node-cidrs", "true"),
        ("allow-untagged-cloud", "true"),
        ("cloud-provider", ""),
        ("cluster-cidr", or(&service.cluster_cidr, POD_RANGE)),
        ("configure-cloud-routes", "false"),
        ("enable-hostpath-provisioner", "false"),
        (
            "kubeconfig",
            "/etc/kubernetes/ssl/kubecfg-kube-controller-manager.yaml",
        ),
        ("leader-elect", "true"),
        ("node-monitor-grace-period", "40s"),
        ("pod-eviction-timeout", "5m0s"),
        ("root-ca-file", CA),
        ("service-account-private-key-file", API_KEY),
        (
            "service-cluster-ip-range",
            or(&service.service_cluster_ip_range, SERVICE_RANGE),
        ),
        ("v", "2"),
    ]);
    with_extra(arguments, service)
}

/// kube-scheduler.
pub fn scheduler(cluster: &Cluster) -> Arguments {
    let arguments = owned(&[
        ("address", "0.0.0.0"),
        (
            "kubeconfig",
            "/etc/kubernetes/ssl/kubecfg-kube-scheduler.yaml",
        ),
        ("leader-elect", "true"),
        ("v", "2"),
    ]);
    with_extra(arguments, &cluster.services.scheduler)
}

/// kubelet of one node.
pub fn kubelet(cluster: &Cluster, node: &Node) -> Arguments {
    let service = &cluster.services.kubelet;
    let mut arguments = owned(&[
        ("address", "0.0.0.0"),
        ("allow-privileged", "true"),
        ("anonymous-auth", "false"),
        ("authentication-token-webhook", "true"),
        ("cadvisor-port", "0"),
        ("cgroups-per-qos", "True"),
        ("client-ca-file", CA),
        ("cloud-provider", ""),
        ("cluster-dns", or(&service.cluster_dns_server, "10.43.0.10")),
        (
            "cluster-domain",
            or(&service.cluster_domain, "cluster.local"),
        ),
        ("cni-bin-dir", "/opt/cni/bin"),
        ("cni-conf-dir", "/etc/cni/net.d"),
        ("enforce-node-allocatable", ""),
        (
            "fail-swap-on",
            if service.fail_swap_on {
                "true"
            } else {
                "false"
            },
        ),
        ("hostname-override", &node.hostname_override),
        ("kubeconfig", "/etc/kubernetes/ssl/kubecfg-kube-node.yaml"),
        ("network-plugin", "cni"),
        ("pod-infra-container-image", "rancher/pause-amd64:3.1"),
        ("read-only-port", "0"),
        ("resolv-conf", "/etc/resolv.conf"),
        ("root-dir", "/var/lib/kubelet"),
        ("tls-cipher-suites", CIPHERS),
        ("v", "2"),
        ("volume-plugin-dir", "/var/lib/kubelet/volumeplugins"),
    ]);
    if node.internal_address != node.address {
        set(&mut arguments, "node-ip", &node.internal_address);
    }
    if node.is("controlplane") && !node.is("worker") {
        set(
            &mut arguments,
            "register-with-taints",
            "node-role.kubernetes.io/controlplane=true:NoSchedule",
        );
    }
    with_extra(arguments, service)
}

/// kube-proxy of one node.
pub fn proxy(cluster: &Cluster, node: &Node) -> Arguments {
    let range = or(&cluster.services.kube_controller.cluster_cidr, POD_RANGE);
    let arguments = owned(&[
        ("cluster-cidr", range),
        ("healthz-bind-address", "0.0.0.0"),
        ("hostname-override", &node.hostname_override),
        ("kubeconfig", "/etc/kubernetes/ssl/kubecfg-kube-proxy.yaml"),
        ("v", "2"),
    ]);
    with_extra(arguments, &cluster.services.kubeproxy)
}

/// etcd of one node, without its two bare flags.
pub fn etcd(cluster: &Cluster, node: &Node) -> Arguments {
    let own = &node.internal_address;
    let certificate = etcd_certificate(node);
    let key = certificate.replace(".pem", "-key.pem");
    let members: Vec<String> = cluster
        .with_role("etcd")
        .map(|node| {
            format!(
                "etcd-{}=https://{}:2380",
                node.hostname_override, node.internal_address
            )
        })
        .collect();
    let arguments = owned(&[
        (
            "advertise-client-urls",
            &format!("https://{own}:2379,https://{own}:4001"),
        ),
        ("cert-file", &certificate),
        ("data-dir", "/var/lib/rancher/etcd/"),
        ("election-timeout", "5000"),
        ("heartbeat-interval", "500"),
        (
            "initial-advertise-peer-urls",
            &format!("https://{own}:2380"),
        ),
        ("initial-cluster", &members.join(",")),
        ("initial-cluster-state", "new"),
        ("initial-cluster-token", "etcd-cluster-1"),
        ("key-file", &key),
        ("listen-client-urls", "https://0.0.0.0:2379"),
        ("listen-peer-urls", "https://0.0.0.0:2380"),
        ("name", &format!("etcd-{}", node.hostname_override)),
        ("peer-cert-file", &certificate),
        ("peer-key-file", &key),
        ("peer-trusted-ca-file", CA),
        ("trusted-ca-file", CA),
    ]);
    with_extra(arguments, &cluster.services.etcd)
}

/// The certificate file of a node's etcd.
pub fn etcd_certificate(node: &Node) -> String {
    format!(
        "/etc/kubernetes/ssl/kube-etcd-{}.pem",
        node.internal_address.replace('.', "-")
    )
}

/// From v0.1.10 on the flag depends on Kubernetes' version (section 4.2).
fn plugin_flag(cluster: &Cluster) -> &'static str {
    if cluster.minor_version() < 10 {
        "admission-control"
    } else {
        "enable-admission-plugins"
    }
}

fn with_extra(mut arguments: Arguments, service: &Service) -> Arguments {
    arguments.extend(service.extra_args.clone());
    arguments
}

fn owned(pairs: &[(&str, &str)]) -> Arguments {
    pairs
        .iter()
        .map(|&(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn set(arguments: &mut Arguments, name: &str, value: &str) {
    arguments.insert(name.to_owned(), value.to_owned());
}

fn or<'a>(value: &'a str, default: &'a str) -> &'a str {
    if value.is_empty() { default } else { value }
}
