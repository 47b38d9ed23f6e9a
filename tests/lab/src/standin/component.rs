//! The containers that each plane of RKE wants on a node (section 4).

use super::argument;
use super::argument::Arguments;
use super::cluster::Cluster;
use super::cluster::Node;
use super::cluster::Service;
use super::container::Container;

const HYPERKUBE: &str = "rancher/hyperkube:v1.11.3-rancher1";
const ETCD: &str = "rancher/coreos-etcd:v3.2.18";
const TOOLS: &str = "rancher/rke-tools:v0.1.15";
const WRAPPER: &str = "/opt/rke-tools/entrypoint.sh";
const KUBERNETES: &str = "/etc/kubernetes:/etc/kubernetes:z";

const KUBELET_BINDS: [&str; 19] = [
    KUBERNETES,
    "/etc/cni:/etc/cni:rw,z",
    "/opt/cni:/opt/cni:rw,z",
    "/var/lib/cni:/var/lib/cni:z",
    "/var/lib/calico:/var/lib/calico:z",
    "/etc/resolv.conf:/etc/resolv.conf",
    "/sys:/sys:rprivate",
    "/var/lib/docker:/var/lib/docker:rw,rslave,z",
    "/var/lib/kubelet:/var/lib/kubelet:shared,z",
    "/var/lib/rancher:/var/lib/rancher:shared,z",
    "/var/run:/var/run:rw,rprivate",
    "/run:/run:rprivate",
    "/etc/ceph:/etc/ceph",
    "/dev:/host/dev:rprivate",
    "/var/log/containers:/var/log/containers:z",
    "/var/log/pods:/var/log/pods:z",
    "/usr:/host/usr:ro",
    "/etc:/host/etc:ro",
    "/var/lib/kubelet/volumeplugins:/var/lib/kubelet/volumeplugins:shared,z",
];

/// Every container that RKE may have made on a node.
pub const NAMES: [&str; 8] = [
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
    "nginx-proxy",
    SIDEKICK,
];

/// The name of the container that only holds the volume with the wrapper script.
pub const SIDEKICK: &str = "service-sidekick";

/// The container that is created anew by every run and never started (section 3.5).
pub fn sidekick() -> Container {
    Container {
        name: SIDEKICK,
        image: TOOLS,
        entrypoint: Vec::new(),
        cmd: vec!["/bin/bash".to_owned()],
        env: Vec::new(),
        binds: Vec::new(),
        privileged: false,
        has_sidekick: false,
    }
}

/// etcd of a node with that role.
pub fn etcd(cluster: &Cluster, node: &Node) -> Container {
    let certificate = argument::etcd_certificate(node);
    let service = &cluster.services.etcd;
    let mut cmd: Vec<String> = [
        "/usr/local/bin/etcd",
        "--peer-client-cert-auth",
        "--client-cert-auth",
    ]
    .map(str::to_owned)
    .to_vec();
    cmd.extend(argument::words(&argument::etcd(cluster, node)));
    let mut env = vec![
        "ETCDCTL_API=3".to_owned(),
        "ETCDCTL_ENDPOINT=https://0.0.0.0:2379".to_owned(),
        "ETCDCTL_CACERT=/etc/kubernetes/ssl/kube-ca.pem".to_owned(),
        format!("ETCDCTL_CERT={certificate}"),
        format!("ETCDCTL_KEY={}", certificate.replace(".pem", "-key.pem")),
    ];
    env.extend(service.extra_env.clone());
    Container {
        name: "etcd",
        image: ETCD,
        entrypoint: Vec::new(),
        cmd,
        env,
        binds: binds(
            &["/var/lib/etcd:/var/lib/rancher/etcd/:z", KUBERNETES],
            service,
        ),
        privileged: false,
        has_sidekick: false,
    }
}

/// The three containers of a node with role `controlplane`, in the order RKE deploys them.
pub fn control_plane(cluster: &Cluster) -> [Container; 3] {
    let services = &cluster.services;
    let mut controller = kubernetes(
        "kube-controller-manager",
        &argument::controller_manager(cluster),
        &services.kube_controller,
    );
    controller.cmd = vec!["--use-service-account-credentials=true".to_owned()];
    [
        kubernetes(
            "kube-apiserver",
            &argument::apiserver(cluster),
            &services.kube_api,
        ),
        controller,
        kubernetes(
            "kube-scheduler",
            &argument::scheduler(cluster),
            &services.scheduler,
        ),
    ]
}

/// The containers of every node; one without the control plane gets a proxy to it as well.
pub fn worker_plane(cluster: &Cluster, node: &Node) -> Vec<Container> {
    let services = &cluster.services;
    let mut kubelet = kubernetes(
        "kubelet",
        &argument::kubelet(cluster, node),
        &services.kubelet,
    );
    kubelet.binds = binds(&KUBELET_BINDS, &services.kubelet);
    kubelet.privileged = true;
    let mut proxy = kubernetes(
        "kube-proxy",
        &argument::proxy(cluster, node),
        &services.kubeproxy,
    );
    proxy.privileged = true;
    let mut containers = vec![kubelet, proxy];
    if !node.is("controlplane") {
        containers.push(nginx_proxy(cluster));
    }
    containers
}

fn kubernetes(name: &'static str, arguments: &Arguments, service: &Service) -> Container {
    let mut entrypoint = vec![WRAPPER.to_owned(), name.to_owned()];
    entrypoint.extend(argument::words(arguments));
    Container {
        name,
        image: HYPERKUBE,
        entrypoint,
        cmd: Vec::new(),
        env: service.extra_env.clone(),
        binds: binds(&[KUBERNETES], service),
        privileged: false,
        has_sidekick: true,
    }
}

fn nginx_proxy(cluster: &Cluster) -> Container {
    let hosts: Vec<&str> = cluster
        .with_role("controlplane")
        .map(|node| node.internal_address.as_str())
        .collect();
    Container {
        name: "nginx-proxy",
        image: TOOLS,
        entrypoint: vec!["nginx-proxy".to_owned()],
        cmd: vec![format!("CP_HOSTS={}", hosts.join(","))],
        env: Vec::new(),
        binds: Vec::new(),
        privileged: false,
        has_sidekick: false,
    }
}

/// The default binds, then `extra_binds` as written; a bind that is there already is not repeated.
fn binds(defaults: &[&str], service: &Service) -> Vec<String> {
    let mut binds: Vec<String> = Vec::new();
    let extra = service.extra_binds.iter().map(String::as_str);
    for bind in defaults.iter().copied().chain(extra) {
        if !binds.iter().any(|own| own == bind) {
            binds.push(bind.to_owned());
        }
    }
    binds
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    const NODE: &str =
        "nodes:\n- {address: 127.0.0.1, user: root, role: [controlplane, etcd, worker]}\n";
    const HARDENED: &str = r#"
services:
  kube-api:
    pod_security_policy: true
    extra_args:
      anonymous-auth: "false"
      profiling: "false"
      repair-malformed-updates: "false"
      service-account-lookup: "true"
      enable-admission-plugins: "ServiceAccount,NamespaceLifecycle,LimitRanger,PersistentVolumeLabel,DefaultStorageClass,ResourceQuota,DefaultTolerationSeconds,AlwaysPullImages,DenyEscalatingExec,NodeRestriction,EventRateLimit,PodSecurityPolicy"
      experimental-encryption-provider-config: /etc/kubernetes/encryption.yaml
      admission-control-config-file: /etc/kubernetes/admission.yaml
      audit-log-path: /var/log/kube-audit/audit-log.json
      audit-log-maxage: 5
      audit-log-maxbackup: 5
      audit-log-maxsize: 100
      audit-log-format: json
      audit-policy-file: /etc/kubernetes/audit.yaml
    extra_binds: ["/var/log/kube-audit:/var/log/kube-audit"]
  scheduler:
    extra_args: {profiling: "false", address: 127.0.0.1}
  kube-controller:
    extra_args: {profiling: "false", address: 127.0.0.1, terminated-pod-gc-threshold: 1000}
  kubelet:
    extra_args: {streaming-connection-idle-timeout: 1800s, protect-kernel-defaults: true, make-iptables-util-chains: true, event-qps: 0}
"#;

    fn containers(services: &str) -> Vec<Container> {
        let cluster = Cluster::parse(&format!("{NODE}{services}")).unwrap();
        let node = &cluster.nodes[0];
        let mut containers = vec![etcd(&cluster, node)];
        containers.extend(control_plane(&cluster));
        containers.extend(worker_plane(&cluster, node));
        containers
    }

    fn assert_genuine(containers: &[Container], genuine: &str) {
        let genuine: Vec<Value> = serde_json::from_str(genuine).unwrap();
        assert_eq!(containers.len(), 6);
        for container in containers {
            let name = container.name;
            let document = genuine
                .iter()
                .find(|document| document["Name"] == format!("/{name}"))
                .unwrap();
            let (path, args) = container.command();
            let seen: BTreeSet<&str> = document["Args"]
                .as_array()
                .unwrap()
                .iter()
                .filter_map(Value::as_str)
                .collect();
            assert_eq!(document["Path"], path, "{name}");
            assert_eq!(
                args.iter().map(String::as_str).collect::<BTreeSet<_>>(),
                seen,
                "{name}"
            );
            assert!(!container.differs_from(document), "{name}");
        }
    }

    #[test]
    fn the_default_containers_are_those_of_a_genuine_run() {
        assert_genuine(
            &containers(""),
            include_str!("../../../fixtures/rke-v0.1.11/inspect-default.json"),
        );
    }

    #[test]
    fn the_hardened_containers_are_those_of_a_genuine_run() {
        assert_genuine(
            &containers(HARDENED),
            include_str!("../../../fixtures/rke-v0.1.11/inspect-hardened.json"),
        );
    }

    #[test]
    fn pod_security_policy_acts_on_the_default_plugins_only() {
        let on = "services: {kube-api: {pod_security_policy: true}}\n";
        let own = "services: {kube-api: {pod_security_policy: true, extra_args: {enable-admission-plugins: NodeRestriction}}}\n";
        let plugins = |services| {
            let (_, args) = containers(services)[1].command();
            args.into_iter()
                .find(|argument| argument.starts_with("--enable-admission-plugins="))
                .unwrap()
        };

        assert!(
            plugins(on).ends_with(",PodSecurityPolicy"),
            "{}",
            plugins(on)
        );
        assert_eq!(plugins(own), "--enable-admission-plugins=NodeRestriction");
    }

    #[test]
    fn an_old_kubernetes_gets_the_old_plugin_flag() {
        let (_, args) = containers("kubernetes_version: v1.9.7-rancher2-2\n")[1].command();

        assert!(
            args.iter()
                .any(|argument| argument.starts_with("--admission-control="))
        );
    }
}
