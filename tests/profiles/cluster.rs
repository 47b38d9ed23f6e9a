//! A cluster of one node with every role, as facts: RKE's own, or hardened by the guide.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::LazyLock;

use harden::audit;
use harden::cluster_file::ClusterFile;
use harden::facts::Content;
use harden::facts::Facts;
use harden::facts::File;
use harden::facts::FileKind;
use harden::facts::Observed;
use harden::facts::container;
use harden::facts::container::Container;
use harden::facts::object::Objects;
use harden::facts::question::SYSCTL_CONF;
use harden::facts::store::Store;
use harden::finding::Finding;
use harden::finding::Verdict;
use harden::fleet::ClusterState;
use harden::fleet::Fleet;
use harden::inventory;
use harden::plan;
use harden::plan::KUBELET_VALUES;
use harden::profile::Profile;
use harden::profile::library::DEFAULT_PLAYBOOK;
use harden::profile::library::Library;
use harden::profile::library::Source;
use harden::profile::load::load;
use harden::profile::playbook;
use harden::secret::Secret;
use harden::shared::Shared;
use harden::yaml;

use crate::server;

pub(crate) const NODE: &str = "node-1";
const CLUSTER: &str = "nodes:\n- {address: 10.0.0.1, hostname_override: node-1, user: root, role: [controlplane, etcd, worker]}\nkubernetes_version: v1.11.3-rancher1-1\n";
const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// The embedded profile, loaded once.
pub(crate) fn profile() -> &'static Profile {
    static PROFILE: LazyLock<Profile> = LazyLock::new(loaded);
    &PROFILE
}

fn loaded() -> Profile {
    let source = Source {
        file: DEFAULT_PLAYBOOK.0.into(),
        text: [DEFAULT_PLAYBOOK.1, server::PLAYBOOK].concat(),
    };
    let playbook = playbook::read(&source.file, &source.text).unwrap();
    load(&source, &playbook, &Library::embedded()).unwrap()
}

/// As RKE v0.1.11 built it, with its default options.
pub(crate) fn default() -> Fleet {
    let mut facts = of_rke("inspect-default.json");
    for (key, value) in KUBELET_VALUES {
        facts
            .kernel
            .insert(key.into(), Observed::Present(value.into()));
    }
    for key in [
        "vm.overcommit_memory",
        "kernel.panic",
        "kernel.panic_on_oops",
    ] {
        facts
            .kernel
            .insert(key.into(), Observed::Present("0".into()));
    }
    for name in ["encryption", "audit", "admission", "event"] {
        facts.files.insert(
            format!("/etc/kubernetes/{name}.yaml").into(),
            Observed::Absent,
        );
    }
    facts.files.insert(SYSCTL_CONF.into(), text_file("", 0o644));
    let mut fleet = fleet(facts, CLUSTER);
    fleet.objects = Objects::of([server::deployment("auto", "0")]);
    fleet.rancher = Some(server::default());
    fleet
}

/// The same after the guide was followed.
pub(crate) fn hardened() -> Fleet {
    let key = Secret::from(KEY.to_owned());
    let settings = plan::Settings {
        level: 1,
        run: "run",
        fresh_key: &key,
        site_key: None,
    };
    let text = plan::plan(profile(), &default(), &settings)
        .cluster
        .unwrap()
        .new_text;
    let mut facts = of_rke("inspect-hardened.json");
    let mut boot = String::new();
    for (key, value) in KUBELET_VALUES {
        facts
            .kernel
            .insert(key.into(), Observed::Present(value.into()));
        let _ = writeln!(boot, "{key} = {value}");
    }
    facts
        .files
        .insert(SYSCTL_CONF.into(), text_file(&boot, 0o644));
    for name in ["encryption", "audit", "admission", "event"] {
        let path = format!("/etc/kubernetes/{name}.yaml");
        facts
            .files
            .insert(path.into(), text_file(&template(name), 0o600));
    }
    let mut fleet = fleet(facts, &text);
    let addons = yaml::documents("addons", &template("addons")).unwrap();
    let deployment = server::deployment("false", "1");
    fleet.objects = Objects::of(addons.into_iter().chain([deployment]));
    fleet.rancher = Some(server::hardened());
    fleet
}

/// The embedded profile of the next guide.
pub(crate) fn later_profile() -> Profile {
    let text = DEFAULT_PLAYBOOK
        .1
        .replace("profile: rancher-2.1", "profile: rancher-2.2");
    let source = Source {
        file: DEFAULT_PLAYBOOK.0.into(),
        text: [&text, server::PLAYBOOK].concat(),
    };
    let playbook = playbook::read(&source.file, &source.text).unwrap();
    load(&source, &playbook, &Library::embedded()).unwrap()
}

/// The finding of each control; this cluster has one node, so there is one.
pub(crate) fn judged(fleet: &Fleet) -> BTreeMap<String, Finding> {
    let findings = audit::judge(profile(), 2, fleet).into_iter();
    findings
        .map(|finding| (finding.control.0.clone(), finding))
        .collect()
}

/// The verdict as the cases write it.
pub(crate) fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "fail",
        Verdict::Waived { .. } => "waived",
        Verdict::KnownFailure { .. } => "known failure",
        Verdict::Documented { .. } => "documented",
        Verdict::Manual { .. } => "manual",
        Verdict::NotApplicable { .. } => "not applicable",
        Verdict::Unknown { .. } => "unknown",
    }
}

pub(crate) fn facts(fleet: &mut Fleet) -> &mut Facts {
    fleet.facts.get_mut(NODE).unwrap()
}

pub(crate) fn component<'a>(fleet: &'a mut Fleet, name: &str) -> &'a mut Container {
    match facts(fleet).containers.get_mut(name) {
        Some(Observed::Present(container)) => container,
        other => panic!("{name}: {other:?}"),
    }
}

pub(crate) fn text_file(text: &str, mode: u32) -> Observed<Shared<File>> {
    let file = File {
        mode,
        content: Some(Content::new(text.into())),
        ..File::new_regular()
    };
    Observed::Present(file.into())
}

/// What stands in a template, rendered with the guide's values.
pub(crate) fn template(name: &str) -> String {
    let path = format!("{}/templates/{name}.yaml.hbs", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let policy = "apiVersion: audit.k8s.io/v1beta1\nkind: Policy\nrules:\n- level: Metadata\n";
    text.replace("{{encryption_key}}", KEY)
        .replace("{{event_qps}}", "500")
        .replace("{{event_burst}}", "5000")
        .replace("{{audit_policy}}", policy)
}

fn fleet(facts: Facts, cluster: &str) -> Fleet {
    let home = Some(Path::new("/root"));
    let inventory = inventory::rke::read("cluster.yml", CLUSTER, home, false).unwrap();
    let cluster = ClusterState {
        file: ClusterFile::parse("cluster.yml", cluster).unwrap(),
        exists: true,
    };
    Fleet::new(
        inventory.into(),
        cluster,
        BTreeMap::from([(NODE.to_owned(), facts)]),
    )
}

/// The containers of an inspection, and the files as RKE v0.1.11 leaves them (guide.md 4.4).
fn of_rke(inspect: &str) -> Facts {
    let path = format!(
        "{}/tests/fixtures/rke-v0.1.11/{inspect}",
        env!("CARGO_MANIFEST_DIR")
    );
    let json = std::fs::read_to_string(path).unwrap();
    let mut facts = Facts {
        missing_tools: Some(Vec::new()),
        ..Facts::default()
    };
    for container in container::read(&json, &mut Store::default()).unwrap() {
        facts
            .containers
            .insert(container.name.clone(), Observed::Present(container.into()));
    }
    let files = [
        ("/etc/kubernetes/ssl/kubecfg-kube-scheduler.yaml", 0o644),
        (
            "/etc/kubernetes/ssl/kubecfg-kube-controller-manager.yaml",
            0o644,
        ),
        ("/etc/kubernetes/ssl/kubecfg-kube-node.yaml", 0o644),
        ("/etc/kubernetes/ssl/kubecfg-kube-proxy.yaml", 0o644),
        ("/etc/kubernetes/ssl/kube-ca.pem", 0o644),
        ("/etc/cni/net.d/10-calico.conflist", 0o644),
        ("/etc/cni/net.d/calico-kubeconfig", 0o600),
        ("/var/lib/cni/networks/k8s-pod-network/10.42.0.2", 0o644),
        (
            "/var/lib/cni/networks/k8s-pod-network/last_reserved_ip.0",
            0o644,
        ),
        ("/var/lib/cni/networks/k8s-pod-network/lock", 0o755),
    ];
    for (path, mode) in files {
        facts
            .files
            .insert(path.into(), entry(FileKind::Regular, mode));
    }
    let directories = [
        "/etc/cni/net.d",
        "/var/lib/cni/networks/k8s-pod-network",
        "/var/lib/etcd",
    ];
    for path in directories {
        facts
            .files
            .insert(path.into(), entry(FileKind::Directory, 0o755));
    }
    facts
}

pub(crate) fn entry(kind: FileKind, mode: u32) -> Observed<Shared<File>> {
    let file = File {
        kind,
        mode,
        ..File::new_regular()
    };
    Observed::Present(file.into())
}
