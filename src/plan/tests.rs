use std::collections::BTreeSet;
use std::path::Path;

use super::*;
use crate::audit;
use crate::cluster_file::ClusterFile;
use crate::facts::Content;
use crate::facts::File;
use crate::facts::Room;
use crate::facts::addon_job::AddonJob;
use crate::facts::container;
use crate::facts::container::State;
use crate::facts::object::Objects;
use crate::facts::question::SYSCTL_CONF;
use crate::facts::store::Store;
use crate::finding::Finding;
use crate::finding::Verdict;
use crate::fleet::ClusterState;
use crate::inventory;
use crate::node::request::Request;
use crate::profile::library::DEFAULT_PLAYBOOK;
use crate::profile::library::Library;
use crate::profile::library::Source;
use crate::profile::load::load;
use crate::profile::playbook;
use crate::resource::encryption::NO_KEY;
use crate::shared::Shared;
use crate::shared::Text;
use crate::yaml;

const NODES: &str = "nodes:\n- {address: 10.0.0.1, hostname_override: cp-1, user: root, role: [controlplane, etcd]}\n- {address: 10.0.0.2, hostname_override: cp-2, user: root, role: [controlplane, etcd]}\n- {address: 10.0.0.3, hostname_override: w-1, user: root, role: [worker]}\nkubernetes_version: v1.11.3-rancher1-1\n";
const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
pub(super) const OTHER_KEY: &str = "HwECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const ENCRYPTION: &str = "/etc/kubernetes/encryption.yaml";

/// Stands in the hardening guide of Rancher 2.3 for everybody to copy (T-19).
const SAMPLE_KEY: &str = "QRCexFindur3dzS0P/UmHs5xA6sKu58RbtWOQFarfh4=";

pub(super) fn profile() -> Profile {
    let source = Source {
        file: DEFAULT_PLAYBOOK.0.into(),
        text: DEFAULT_PLAYBOOK.1.into(),
    };
    let playbook = playbook::read(&source.file, &source.text).unwrap();
    load(&source, &playbook, &Library::embedded()).unwrap()
}

fn fixture(name: &str) -> String {
    let path = format!(
        "{}/tests/fixtures/rke-v0.1.11/{name}",
        env!("CARGO_MANIFEST_DIR")
    );
    std::fs::read_to_string(path).unwrap()
}

fn file(text: &str, mode: u32) -> Observed<Shared<File>> {
    let file = File {
        mode,
        content: Some(Content::new(text.into())),
        ..File::new_regular()
    };
    Observed::Present(file.into())
}

/// A node whose every question is answered, with the containers of a genuine inspection.
fn facts(inspect: &str, roles_of_control_plane: bool) -> Facts {
    let mut facts = Facts {
        missing_tools: Some(Vec::new()),
        ..Facts::default()
    };
    for (key, value) in KUBELET_VALUES {
        let managed = [
            "vm.overcommit_memory",
            "kernel.panic",
            "kernel.panic_on_oops",
        ];
        let value = if managed.contains(&key) { "0" } else { value };
        facts
            .kernel
            .insert(key.into(), Observed::Present(value.into()));
    }
    for container in container::read(&fixture(inspect), &mut Store::default()).unwrap() {
        let of_worker = ["kubelet", "kube-proxy"].contains(&&*container.name);
        if roles_of_control_plane || of_worker {
            facts
                .containers
                .insert(container.name.clone(), Observed::Present(container.into()));
        }
    }
    facts.files.insert(
        SYSCTL_CONF.into(),
        file("# ours\nkernel.panic = 0\n", 0o644),
    );
    for name in ["encryption", "audit", "admission", "event"] {
        facts.files.insert(
            format!("/etc/kubernetes/{name}.yaml").into(),
            Observed::Absent,
        );
    }
    for path in facts.files.keys().cloned().collect::<Vec<_>>() {
        let room = Room {
            near: "/etc".into(),
            read_only: false,
            immutable: false,
            free_bytes: 1 << 30,
            free_inodes: Some(1000),
        };
        facts.room.insert(path, Observed::Present(room));
    }
    facts
}

pub(super) fn fleet_of(inspect: &str) -> Fleet {
    let inventory =
        inventory::rke::read("cluster.yml", NODES, Some(Path::new("/root")), false).unwrap();
    let cluster = ClusterState {
        file: ClusterFile::parse("cluster.yml", NODES).unwrap(),
        exists: true,
    };
    let facts = [("cp-1", true), ("cp-2", true), ("w-1", false)]
        .map(|(name, control)| (name.to_owned(), facts(inspect, control)));
    Fleet::new(inventory.into(), cluster, BTreeMap::from(facts))
}

fn fleet() -> Fleet {
    fleet_of("inspect-default.json")
}

/// The objects of the guide as they are after `rke up`.
fn addons() -> Objects {
    let text = include_str!("../../templates/addons.yaml.hbs");
    Objects::of(yaml::documents("addons", text).unwrap())
}

fn planned(fleet: &Fleet) -> Plan {
    let key = Secret::from(KEY.to_owned());
    let settings = Settings {
        level: 1,
        run: "run",
        fresh_key: &key,
        site_key: None,
    };
    plan(&profile(), fleet, &settings)
}

fn encryption_text(key: &str) -> String {
    let text = include_str!("../../templates/encryption.yaml.hbs");
    text.replace("{{encryption_key}}", key)
}

fn key_on(fleet: &mut Fleet, node: &str, key: &str) {
    let text = encryption_text(key);
    let facts = fleet.facts.get_mut(node).unwrap();
    facts.files.insert(ENCRYPTION.into(), file(&text, 0o600));
}

/// The encryption files that a plan writes, by node.
fn keys_written(plan: &Plan) -> BTreeMap<String, String> {
    let mut written = BTreeMap::new();
    for (node, changes) in &plan.nodes {
        for change in changes.iter() {
            if let Request::Put(put) = &change.request
                && put.attributes.path == ENCRYPTION
            {
                let text = String::from_utf8(put.content.expose().to_vec()).unwrap();
                written.insert(node.clone(), text);
            }
        }
    }
    written
}

/// The fleet after every change of `plan` was carried out, containers aside.
fn after(mut fleet: Fleet, plan: &Plan) -> Fleet {
    for (node, changes) in &plan.nodes {
        let facts = fleet.facts.get_mut(node).unwrap();
        for change in changes.iter() {
            match &change.request {
                Request::Put(put) => {
                    let text = String::from_utf8(put.content.expose().to_vec()).unwrap();
                    let path = put.attributes.path.as_str().into();
                    facts.files.insert(path, file(&text, put.attributes.mode));
                }
                Request::Assign { key, value } => {
                    facts
                        .kernel
                        .insert(key.clone(), Observed::Present(value.clone()));
                }
                Request::Attributes(attributes) => {
                    let Some(Observed::Present(file)) =
                        facts.files.get_mut(attributes.path.as_str())
                    else {
                        panic!("{} is not there", attributes.path);
                    };
                    file.mode = attributes.mode;
                }
                other => panic!("{other:?} is no change"),
            }
        }
    }
    if let Some(cluster) = &plan.cluster {
        fleet.cluster.file = ClusterFile::parse("cluster.yml", &cluster.new_text).unwrap();
    }
    fleet
}

/// The findings about what a plan mends; the benchmark's controls are only measured.
fn of_guide(findings: Vec<Finding>) -> Vec<Finding> {
    let of_guide = |finding: &Finding| finding.control.0.starts_with("guide:");
    findings.into_iter().filter(of_guide).collect()
}

#[test]
fn a_fresh_cluster_gets_one_key_on_every_control_plane_node() {
    let plan = planned(&fleet());

    assert_eq!(plan.blockers, []);
    let written = keys_written(&plan);
    assert_eq!(written.keys().collect::<Vec<_>>(), ["cp-1", "cp-2"]);
    assert_eq!(written["cp-1"], encryption_text(KEY));
    assert_eq!(written["cp-1"], written["cp-2"]);
}

#[test]
fn a_key_that_exists_is_kept_and_copied() {
    let mut fleet = fleet();
    key_on(&mut fleet, "cp-2", OTHER_KEY);

    let plan = planned(&fleet);

    assert_eq!(plan.blockers, []);
    let written = keys_written(&plan);
    assert_eq!(written.len(), 1);
    assert_eq!(written["cp-1"], encryption_text(OTHER_KEY));
}

#[test]
fn two_keys_stop_the_run() {
    let mut fleet = fleet();
    key_on(&mut fleet, "cp-1", KEY);
    key_on(&mut fleet, "cp-2", OTHER_KEY);

    let plan = planned(&fleet);

    let nodes = vec!["cp-1".to_owned(), "cp-2".to_owned()];
    assert_eq!(plan.blockers, [Blocker::KeysDiffer { nodes }]);
    let findings = audit::judge(&profile(), 1, &fleet);
    let failed = findings.iter().filter(|f| f.control.0 == "guide:1.1.2");
    assert!(
        failed.clone().all(|f| f.verdict == Verdict::Fail),
        "{findings:#?}"
    );
    assert_eq!(failed.count(), 2);
    assert!(keys_written(&plan).is_empty());
}

#[test]
fn an_unread_control_plane_node_stops_a_key_from_being_made_or_copied() {
    for key_elsewhere in [false, true] {
        let mut fleet = fleet();
        fleet
            .facts
            .insert("cp-1".into(), Facts::silent("connection refused"));
        if key_elsewhere {
            key_on(&mut fleet, "cp-2", KEY);
        }

        let plan = planned(&fleet);

        let unread = |blocker: &Blocker| matches!(blocker, Blocker::KeyFileUnread { node, .. } if node == "cp-1");
        let silent = plan.blockers.iter().any(Blocker::is_incompleteness);
        // Where the other node has its key, nothing is to be written and the silence says it all.
        assert_eq!(plan.blockers.iter().any(unread), !key_elsewhere);
        assert!(silent, "{:?}", plan.blockers);
        assert!(keys_written(&plan).is_empty());
    }
}

#[test]
fn a_flag_without_its_file_means_a_lost_key_and_never_a_new_one() {
    let mut fleet = fleet_of("inspect-hardened.json");
    for facts in fleet.facts.values_mut() {
        facts.files.insert(ENCRYPTION.into(), Observed::Absent);
    }

    let plan = planned(&fleet);

    assert!(
        plan.blockers
            .iter()
            .any(|blocker| matches!(blocker, Blocker::KeyLost { .. }))
    );
    assert!(keys_written(&plan).is_empty());
}

#[test]
fn a_sample_key_and_a_broken_file_stop_the_run() {
    let mut fleet = fleet();
    let facts = fleet.facts.get_mut("cp-1").unwrap();
    facts
        .files
        .insert(ENCRYPTION.into(), file("kind: EncryptionConfig\n", 0o600));

    let plan = planned(&fleet);

    assert!(matches!(&plan.blockers[..], [Blocker::KeyFileInvalid { node, .. }] if node == "cp-1"));
    assert!(keys_written(&plan).is_empty());

    let sample = include_str!("../../templates/encryption.yaml.hbs")
        .replace("{{encryption_key}}", SAMPLE_KEY);
    for node in ["cp-1", "cp-2"] {
        let facts = fleet.facts.get_mut(node).unwrap();
        facts.files.insert(ENCRYPTION.into(), file(&sample, 0o600));
    }

    let plan = planned(&fleet);

    let ids: Vec<&str> = plan.blockers.iter().map(Blocker::id).collect();
    assert_eq!(ids, ["sample-key", "sample-key"]);
    assert!(keys_written(&plan).is_empty());
}

#[test]
fn what_a_plan_does_leaves_nothing_for_the_next_one_but_the_containers() {
    let fleet = fleet();
    let first = planned(&fleet);

    let second = planned(&after(fleet, &first));

    assert_eq!(second.blockers, []);
    assert_eq!(second.nodes, []);
    assert_eq!(second.cluster, None);
    assert_eq!(
        second.rke_up.as_deref(),
        Some("the containers are not as cluster.yml says")
    );
}

#[test]
fn a_hardened_fleet_has_an_empty_plan_and_passes() {
    let first = planned(&fleet());
    let mut hardened = after(fleet(), &first);
    let other = fleet_of("inspect-hardened.json");
    for (name, facts) in &mut hardened.facts {
        facts.containers = other.facts[name].containers.clone();
    }
    hardened.objects = addons();

    let plan = planned(&hardened);
    let findings = of_guide(audit::judge(&profile(), 1, &hardened));
    let of_rancher = |f: &Finding| f.control.0.starts_with("guide:3.");
    let (rancher, findings): (Vec<_>, Vec<_>) = findings.into_iter().partition(of_rancher);

    assert!(plan.is_empty(), "{plan:?}");
    let is_manual = |f: &Finding| matches!(f.verdict, Verdict::Manual { .. });
    assert!(rancher.len() == 5 && rancher.iter().all(is_manual));
    let failed: Vec<_> = findings
        .iter()
        .filter(|f| f.verdict != Verdict::Pass)
        .collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert_eq!(findings.len(), 3 + 2 * 3 + 3 + 2 * 3 + 1);
}

/// A fleet on which everything is done, with these objects of the addons and this job behind them.
fn hardened(objects: Objects, job: Observed<AddonJob>) -> Fleet {
    let first = planned(&fleet());
    let mut hardened = after(fleet(), &first);
    let other = fleet_of("inspect-hardened.json");
    for (name, facts) in &mut hardened.facts {
        facts.containers = other.facts[name].containers.clone();
    }
    hardened.objects = Objects {
        addon_job: job,
        ..objects
    };
    hardened
}

/// The job after it was given what `cluster.yml` has.
fn job(is_complete: bool) -> Observed<AddonJob> {
    let fleet = hardened(Objects::of([]), Observed::Absent);
    let text = fleet.cluster.file.value_at(&["addons"]);
    let text = text.and_then(|text| text.text()).unwrap();
    Observed::Present(AddonJob {
        text: Some(Content::new(text.into())),
        is_complete,
    })
}

/// The objects of the guide with one word in place of another.
fn altered(from: &str, to: &str) -> Objects {
    let text = include_str!("../../templates/addons.yaml.hbs");
    assert!(text.contains(from));
    Objects::of(yaml::documents("addons", &text.replace(from, to)).unwrap())
}

/// The edits of `cluster.yml`, and whether `rke up` runs.
fn of_cluster(fleet: &Fleet) -> (Vec<String>, bool) {
    let plan = planned(fleet);
    assert_eq!(plan.blockers, []);
    let edits = plan.cluster.into_iter().flat_map(|change| change.edits);
    (
        edits
            .map(|edit| format!("{}: {}", edit.path, edit.wanted))
            .collect(),
        plan.rke_up.is_some(),
    )
}

#[test]
fn an_object_in_the_cluster_is_judged_by_what_it_says() {
    let verdict = |objects: Objects| {
        let fleet = hardened(objects, job(true));
        let findings = audit::judge(&profile(), 1, &fleet);
        let mut of_addons = findings
            .into_iter()
            .filter(|f| f.control.0 == "guide:2.1.5");
        of_addons.next().unwrap().verdict.clone()
    };

    assert!(matches!(
        verdict(Objects::default()),
        Verdict::Unknown { .. }
    ));
    assert_eq!(verdict(Objects::of([])), Verdict::Fail);
    assert_eq!(verdict(Objects::of_no_cluster()), Verdict::Pass);
    assert_eq!(verdict(addons()), Verdict::Pass);
    let widened = altered("privileged: false", "privileged: true");
    assert_eq!(verdict(widened), Verdict::Fail);
}

#[test]
fn rke_applies_again_what_is_missing_or_altered_and_its_text_changes_only_where_it_must() {
    let counted = "addons: number 1 in a comment line, so that RKE applies the objects again";
    let counted = vec![counted.to_owned()];
    let widened = || altered("privileged: false", "privileged: true");

    for objects in [Objects::of([]), widened()] {
        let planned = |job| of_cluster(&hardened(objects.clone(), job));
        assert_eq!(planned(job(true)), (counted.clone(), true));
        assert_eq!(planned(job(false)), (Vec::new(), true));
        assert_eq!(planned(Observed::unread("403")), (counted.clone(), true));
    }
    assert_eq!(
        of_cluster(&hardened(addons(), job(true))),
        (Vec::new(), false)
    );
}

#[test]
fn what_no_job_can_change_is_not_planned_and_stops_a_job_that_would_fail_at_it() {
    let role = "kind: ClusterRole\n  name: psp:restricted";
    let rebound = || altered(role, "kind: ClusterRole\n  name: cluster-admin");

    let fleet = hardened(rebound(), job(true));
    assert_eq!(of_cluster(&fleet), (Vec::new(), false));

    let mut fleet = hardened(rebound(), job(true));
    let text = fleet
        .cluster
        .file
        .text()
        .replace("privileged: false", "privileged: true");
    fleet.cluster.file = ClusterFile::parse("cluster.yml", &text).unwrap();
    let blockers = planned(&fleet).blockers;
    let Some(Blocker::Unchangeable { object, command }) = blockers.first() else {
        panic!("{blockers:?}");
    };
    assert_eq!(object, "ClusterRoleBinding psp:restricted");
    assert_eq!(
        command,
        "kubectl --kubeconfig kube_config_cluster.yml delete clusterrolebinding psp:restricted"
    );
}

/// What stands in the way of the policy when these pods run in `default`, beside some of RKE's own.
fn refused(pods: &str) -> Vec<String> {
    let mut fleet = fleet();
    let system = "kind: Pod\nmetadata: {namespace: kube-system, name: canal}\nspec: {hostNetwork: true}\n---\n\
                  kind: Pod\nmetadata: {namespace: ingress-nginx, name: nginx}\nspec: {hostNetwork: true}\n";
    let text = format!("{system}---\n{pods}");
    fleet.objects = Objects::of(yaml::documents("pods", &text).unwrap());
    let blockers = planned(&fleet).blockers;
    let pods = blockers.into_iter().filter_map(|blocker| match blocker {
        Blocker::PodsRefused { pods, .. } => Some(pods),
        _ => None,
    });
    pods.flatten().collect()
}

#[test]
fn pods_that_the_policy_would_refuse_stop_a_run_and_system_namespaces_are_exempt() {
    let pod = |spec: &str| {
        refused(&format!(
            "kind: Pod\nmetadata: {{namespace: default, name: p}}\nspec: {{{spec}}}\n"
        ))
    };

    assert_eq!(
        pod("containers: [{name: a}], volumes: [{name: t, secret: {}}]"),
        [""; 0]
    );
    for (spec, why) in [
        ("hostPID: true", "hostPID"),
        (
            "volumes: [{name: v, hostPath: {path: /}}]",
            "a hostPath volume",
        ),
        (
            "containers: [{securityContext: {privileged: true}}]",
            "privileged",
        ),
        (
            "initContainers: [{securityContext: {runAsUser: 0}}]",
            "runs as root",
        ),
        (
            "securityContext: {runAsUser: 0}, containers: [{name: a}]",
            "runs as root",
        ),
        (
            "containers: [{securityContext: {capabilities: {add: [NET_ADMIN]}}}]",
            "adds capabilities",
        ),
        (
            "containers: [{ports: [{hostPort: 80}]}]",
            "a port of the host",
        ),
    ] {
        assert_eq!(pod(spec), [format!("default/p ({why})")], "{spec}");
    }
}

#[test]
fn a_namespace_that_may_use_another_policy_is_exempt() {
    let pods = "kind: Pod\nmetadata: {namespace: logging, name: p}\nspec: {hostPID: true}\n";
    let binding = "kind: RoleBinding\nmetadata: {namespace: logging, name: b}\nroleRef: {kind: ClusterRole, name: r}\n";
    let role = |policy: &str| {
        format!(
            "kind: ClusterRole\nmetadata: {{name: r}}\nrules: [{{resources: [podsecuritypolicies], resourceNames: [{policy}], verbs: [use]}}]\n"
        )
    };

    assert_eq!(
        refused(&format!("{pods}---\n{binding}---\n{}", role("default-psp"))),
        [""; 0]
    );
    assert_eq!(
        refused(&format!("{pods}---\n{binding}---\n{}", role("restricted"))).len(),
        1
    );
    assert_eq!(refused(pods).len(), 1);
}

#[test]
fn the_guides_values_are_what_is_written() {
    let plan = planned(&fleet());
    let text = plan.cluster.unwrap().new_text;

    let file = ClusterFile::parse("cluster.yml", &text).unwrap();
    let wanted = [
        ("kubelet", "protect-kernel-defaults", "true"),
        ("kubelet", "event-qps", "0"),
        ("kubelet", "streaming-connection-idle-timeout", "1800s"),
        ("kube-api", "audit-log-maxage", "5"),
        ("kube-controller", "terminated-pod-gc-threshold", "1000"),
    ];
    for (service, name, value) in wanted {
        let written = file.value_at(&["services", service, "extra_args", name]);
        assert_eq!(
            written.and_then(|value| value.text()),
            Some(value),
            "{name}"
        );
    }
    let policy = file.value_at(&["services", "kube-api", "pod_security_policy"]);
    assert_eq!(policy, Some(&crate::yaml::Value::Bool(true)));
    let plugins = file.value_at(&[
        "services",
        "kube-api",
        "extra_args",
        "enable-admission-plugins",
    ]);
    assert_eq!(
        plugins.unwrap().text(),
        Some(
            "ServiceAccount,NamespaceLifecycle,LimitRanger,PersistentVolumeLabel,DefaultStorageClass,ResourceQuota,DefaultTolerationSeconds,AlwaysPullImages,DenyEscalatingExec,NodeRestriction,EventRateLimit,PodSecurityPolicy"
        )
    );
    let address = file.value_at(&["services", "scheduler", "extra_args", "address"]);
    assert_eq!(
        address.unwrap().text(),
        Some("127.0.0.1"),
        "nested under extra_args (T-06)"
    );
    assert_eq!(file.addons().unwrap().len(), 8);
}

#[test]
fn the_plug_ins_of_all_api_servers_are_kept_under_the_flag_that_runs() {
    let mut fleet = fleet();
    for (name, plugin) in [("cp-1", "ImagePolicyWebhook"), ("cp-2", "PodNodeSelector")] {
        let facts = fleet.facts.get_mut(name).unwrap();
        let Some(Observed::Present(server)) = facts.containers.get_mut("kube-apiserver") else {
            panic!("no API server");
        };
        server
            .command
            .retain(|word| !word.starts_with("--enable-admission-plugins"));
        server
            .command
            .push(format!("--admission-control=ServiceAccount,{plugin}").into());
    }

    let text = planned(&fleet).cluster.unwrap().new_text;

    let file = ClusterFile::parse("cluster.yml", &text).unwrap();
    let args = ["services", "kube-api", "extra_args"];
    let args = file.value_at(&args).unwrap();
    let list = args.at(&["admission-control"]).unwrap().text().unwrap();
    assert!(
        list.contains("ImagePolicyWebhook") && list.contains("PodNodeSelector"),
        "{list}"
    );
    assert_eq!(args.at(&["enable-admission-plugins"]), None);
}

#[test]
fn a_crash_looping_component_does_not_pass() {
    let mut fleet = fleet_of("inspect-hardened.json");
    let facts = fleet.facts.get_mut("w-1").unwrap();
    let Some(Observed::Present(kubelet)) = facts.containers.get_mut("kubelet") else {
        panic!("no kubelet");
    };
    kubelet.state = State::CrashLooping { restarts: 3 };

    let findings = audit::judge(&profile(), 1, &fleet);

    let verdict = findings
        .iter()
        .find(|f| f.control.0 == "guide:2.1.1" && f.node.as_deref() == Some("w-1"));
    assert_eq!(verdict.unwrap().verdict, Verdict::Fail);
}

#[test]
fn a_silent_node_is_unknown_and_never_clean() {
    let mut fleet = fleet_of("inspect-hardened.json");
    fleet
        .facts
        .insert("w-1".into(), Facts::silent("connection refused"));

    let findings = of_guide(audit::judge(&profile(), 1, &fleet));
    let plan = planned(&fleet);

    let of_node: Vec<_> = findings
        .iter()
        .filter(|f| f.node.as_deref() == Some("w-1"))
        .collect();
    assert_eq!(of_node.len(), 2);
    assert!(
        of_node
            .iter()
            .all(|f| matches!(&f.verdict, Verdict::Unknown { why } if why == "connection refused"))
    );
    assert!(plan.blockers.iter().any(Blocker::is_incompleteness));
}

#[test]
fn an_unmanaged_kernel_value_stops_the_run_on_any_node() {
    let mut fleet = fleet();
    let facts = fleet.facts.get_mut("w-1").unwrap();
    facts.kernel.insert(
        "kernel.keys.root_maxkeys".into(),
        Observed::Present("200".into()),
    );

    let plan = planned(&fleet);

    assert!(
        matches!(&plan.blockers[..], [Blocker::Kernel { node, seen, .. }] if node == "w-1" && seen == "200")
    );
}

#[test]
fn a_write_that_would_fail_is_foretold() {
    type Spoil = fn(&mut Room);
    let spoil: [(&str, Spoil); 4] = [
        ("read-only", |room| room.read_only = true),
        ("immutable", |room| room.immutable = true),
        ("KiB left", |room| room.free_bytes = 100),
        ("no inode", |room| room.free_inodes = Some(0)),
    ];
    for (said, spoil) in spoil {
        let mut fleet = fleet();
        let facts = fleet.facts.get_mut("cp-1").unwrap();
        let Some(Observed::Present(room)) = facts.room.get_mut("/etc/kubernetes/audit.yaml") else {
            panic!("no room");
        };
        spoil(room);

        let plan = planned(&fleet);

        assert!(
            matches!(&plan.blockers[..], [Blocker::Unwritable { why, .. }] if why.contains(said)),
            "{said}: {:?}",
            plan.blockers
        );
    }
    let mut fleet = fleet();
    fleet.facts.get_mut("w-1").unwrap().missing_tools = Some(vec!["sha256sum".into()]);
    assert!(matches!(
        &planned(&fleet).blockers[..],
        [Blocker::Tools { .. }]
    ));
}

#[test]
fn a_file_that_overrules_at_boot_is_edited_where_it_is_the_sites_own() {
    let mut fleet = fleet();
    let facts = fleet.facts.get_mut("w-1").unwrap();
    facts
        .files
        .insert(crate::facts::question::SYSTEMD_RUNS.into(), file("", 0o755));
    let link = File {
        link: true,
        content: Some(Content::new(b"# ours\nkernel.panic = 0\n".to_vec())),
        ..File::new_regular()
    };
    let link = Observed::Present(link.into());
    facts
        .files
        .insert("/etc/sysctl.d/99-sysctl.conf".into(), link);
    facts.files.insert(
        "/etc/sysctl.d/99-zz.conf".into(),
        file("kernel/panic=5 \nvm.swappiness=1\n", 0o644),
    );

    let site = planned(&fleet);
    let facts = fleet.facts.get_mut("w-1").unwrap();
    let moved = facts.files.remove("/etc/sysctl.d/99-zz.conf").unwrap();
    facts
        .files
        .insert("/usr/lib/sysctl.d/99-zz.conf".into(), moved);
    let vendor = planned(&fleet);

    assert_eq!(site.blockers, []);
    let written: BTreeSet<_> = site
        .nodes
        .iter()
        .find(|(node, _)| node == "w-1")
        .unwrap()
        .1
        .iter()
        .filter_map(|change| match &change.request {
            Request::Put(put) => Some(put.attributes.path.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(
        written,
        BTreeSet::from(["/etc/sysctl.conf", "/etc/sysctl.d/99-zz.conf"])
    );
    assert!(
        matches!(&vendor.blockers[..], [Blocker::Overruled { file, .. }] if file == "/usr/lib/sysctl.d/99-zz.conf")
    );
}

#[test]
fn an_audit_policy_with_comments_is_the_same_policy() {
    let mut fleet = fleet();
    let facts = fleet.facts.get_mut("cp-1").unwrap();
    let text =
        "# ours\nkind: Policy\napiVersion: audit.k8s.io/v1beta1\nrules: [{level: Metadata}]\n";
    facts
        .files
        .insert("/etc/kubernetes/audit.yaml".into(), file(text, 0o644));

    let plan = planned(&fleet);

    let (_, changes) = plan.nodes.iter().find(|(node, _)| node == "cp-1").unwrap();
    let subjects: Vec<_> = changes
        .iter()
        .map(|change| change.subject.as_str())
        .collect();
    assert!(
        subjects.contains(&"mode and owner of /etc/kubernetes/audit.yaml"),
        "{subjects:?}"
    );
    assert!(!subjects.contains(&"file /etc/kubernetes/audit.yaml"));
}

#[test]
fn another_kubernetes_version_and_another_node_list_stop_the_run() {
    let mut fleet = fleet();
    for facts in fleet.facts.values_mut() {
        for container in facts.containers.values_mut() {
            if let Observed::Present(container) = container {
                container.image = "rancher/hyperkube:v1.14.6-rancher1".into();
            }
        }
    }
    let narrower = NODES
        .lines()
        .filter(|line| !line.contains("w-1"))
        .collect::<Vec<_>>()
        .join("\n");
    fleet.cluster.file = ClusterFile::parse("cluster.yml", &narrower).unwrap();

    let plan = planned(&fleet);

    assert!(
        matches!(
            &plan.blockers[..],
            [
                Blocker::Kubernetes { .. },
                Blocker::NodeLists { .. },
                Blocker::NotInVersion { .. }
            ]
        ),
        "{:?}",
        plan.blockers
    );
}

#[test]
fn a_cluster_that_is_not_built_gets_a_whole_cluster_file() {
    let mut fleet = fleet();
    fleet.cluster.exists = false;
    for facts in fleet.facts.values_mut() {
        for container in facts.containers.values_mut() {
            *container = Observed::Absent;
        }
    }

    let plan = planned(&fleet);

    assert_eq!(plan.blockers, []);
    assert_eq!(plan.rke_up.as_deref(), Some("the cluster is not built yet"));
    let cluster = plan.cluster.unwrap();
    assert!(cluster.creates);
    assert!(cluster.new_text.contains("hostname_override: w-1"));
    assert!(cluster.new_text.contains("EventRateLimit"));
}

#[test]
fn no_secret_is_in_a_debug_print_or_a_diff_of_a_plan() {
    let mut fleet = fleet();
    key_on(&mut fleet, "cp-2", OTHER_KEY);

    let plan = planned(&fleet);
    let findings = audit::judge(&profile(), 1, &fleet);

    let printed = format!("{plan:?}{fleet:?}{findings:?}");
    assert!(!printed.contains(OTHER_KEY) && !printed.contains(KEY));
    assert!(printed.contains("[redacted]"));
    assert_ne!(KEY, NO_KEY);
}

/// The ids of what stands in the way, each checked to have a way out.
#[track_caller]
fn in_the_way(fleet: &Fleet) -> Vec<&'static str> {
    let plan = planned(fleet);
    for blocker in &plan.blockers {
        assert!(!blocker.hint().is_empty(), "{blocker} has no way out");
    }
    plan.blockers.iter().map(Blocker::id).collect()
}

fn with_cluster(text: &str) -> Fleet {
    let mut fleet = fleet();
    let text = format!("{NODES}{text}");
    fleet.cluster.file = ClusterFile::parse("cluster.yml", &text).unwrap();
    fleet
}

#[test]
fn an_argument_that_this_kubernetes_does_not_know_stops_the_run() {
    let args = |args: &str| {
        with_cluster(&format!(
            "services:\n  kube-api:\n    extra_args: {{{args}}}\n"
        ))
    };

    assert_eq!(in_the_way(&args("v: '4'")), [""; 0]);
    assert_eq!(
        in_the_way(&args("encryption-provider-config: /x")),
        ["not-in-version"]
    );
    let typo = args("disable-admission-plugins: 'AlwaysPullImage,Priority'");
    assert_eq!(in_the_way(&typo), ["not-in-version"]);
    let told = planned(&typo).blockers[0].to_string();
    assert!(
        told.contains("plug-in AlwaysPullImage of kube-apiserver"),
        "{told}"
    );
    let kubelet = with_cluster("services: {kubelet: {extra_args: {cadvisor-port: '0'}}}\n");
    assert_eq!(in_the_way(&kubelet), [""; 0]);
}

#[test]
fn two_flags_for_one_list_stop_the_run() {
    let mut fleet = with_cluster(
        "services: {kube-api: {extra_args: {enable-admission-plugins: NodeRestriction}}}\n",
    );
    assert_eq!(in_the_way(&fleet), [""; 0]);

    for name in ["cp-1", "cp-2"] {
        let facts = fleet.facts.get_mut(name).unwrap();
        let Some(Observed::Present(server)) = facts.containers.get_mut("kube-apiserver") else {
            panic!("no API server");
        };
        server
            .command
            .retain(|word| !word.starts_with("--enable-admission-plugins"));
        server
            .command
            .push("--admission-control=ServiceAccount".into());
    }
    assert_eq!(in_the_way(&fleet), ["both-admission-flags"]);
}

#[test]
fn addons_for_an_ingress_that_is_not_there_stop_the_run() {
    let mut fleet =
        with_cluster("ingress: {provider: none}\n").with_objects(Objects::of(Vec::new()));
    assert_eq!(in_the_way(&fleet), ["no-namespace"]);

    let namespace = "kind: Namespace\nmetadata: {name: ingress-nginx}\n";
    fleet.objects = Objects::of(yaml::documents("objects", namespace).unwrap());
    assert_eq!(in_the_way(&fleet), [""; 0]);
}

#[test]
fn a_disk_that_the_audit_logs_would_fill_stops_the_run() {
    let mut fleet = fleet();
    let room = |mib: u64| {
        Observed::Present(Room {
            near: "/var/log".into(),
            read_only: false,
            immutable: false,
            free_bytes: mib << 20,
            free_inodes: None,
        })
    };
    let path = Text::from(audit_log::path(&profile()).unwrap());
    let facts = fleet.facts.get_mut("cp-1").unwrap();
    facts.room.insert(path.clone(), room(599));

    assert_eq!(in_the_way(&fleet), ["no-room-for-audit"]);
    let told = planned(&fleet).blockers[0].to_string();
    assert!(
        told.contains("600 MiB") && told.contains("599 MiB"),
        "{told}"
    );
    let facts = fleet.facts.get_mut("cp-1").unwrap();
    facts.room.insert(path, room(600));
    assert_eq!(in_the_way(&fleet), [""; 0]);
}

#[test]
fn a_cluster_with_another_key_than_the_sites_stops_the_run() {
    let mut fleet = fleet();
    key_on(&mut fleet, "cp-1", KEY);
    let (site, fresh) = [OTHER_KEY, KEY]
        .map(|key| Secret::from(key.to_owned()))
        .into();
    let ids = |site: &Secret| {
        let settings = Settings {
            level: 1,
            run: "run",
            fresh_key: site,
            site_key: Some(("site.key", site)),
        };
        let blockers = plan(&profile(), &fleet, &settings).blockers;
        blockers.iter().map(Blocker::id).collect::<Vec<_>>()
    };

    assert_eq!(ids(&site), ["key-not-sites"]);
    assert_eq!(ids(&fresh), [""; 0]);
}

#[test]
fn a_container_that_could_not_be_looked_at_is_a_blocker_where_it_would_be_mended() {
    let mut fleet = fleet();
    let why = "docker says: permission denied";
    let unread = || Observed::Unread { why: why.into() };
    let facts = fleet.facts.get_mut("cp-1").unwrap();
    facts.containers.insert("kube-apiserver".into(), unread());
    // Nothing of a profile is mended in a proxy, and a worker has no API server.
    facts.containers.insert("nginx-proxy".into(), unread());
    let worker = fleet.facts.get_mut("w-1").unwrap();
    worker.containers.insert("kube-apiserver".into(), unread());

    let found: Vec<_> = containers::blockers(&profile(), &fleet, 1);

    let [
        Blocker::ContainerUnread {
            node,
            container,
            why: told,
        },
    ] = found.as_slice()
    else {
        panic!("{found:?}");
    };
    assert_eq!(
        (node.as_str(), container.as_str(), told.as_str()),
        ("cp-1", "kube-apiserver", why)
    );
    assert!(planned(&fleet).blockers.contains(&found[0]));
}

#[test]
fn a_silent_node_and_a_missing_container_are_not_told_as_unread() {
    let mut fleet = fleet();
    fleet
        .facts
        .insert("cp-2".into(), Facts::silent("no answer"));
    let facts = fleet.facts.get_mut("cp-1").unwrap();
    facts
        .containers
        .insert("kube-apiserver".into(), Observed::Absent);

    assert_eq!(containers::blockers(&profile(), &fleet, 1), []);
    assert_eq!(files::blockers(&profile(), &fleet, 1), []);
}

#[test]
fn what_is_no_readable_file_where_a_component_reads_one_is_a_blocker() {
    let audit = "/etc/kubernetes/audit.yaml";
    let pipe = Observed::Present(File::new_regular().into());
    let unread = Observed::Unread {
        why: "Input/output error".into(),
    };
    for (seen, word) in [(pipe, "no regular file"), (unread, "Input/output error")] {
        let mut fleet = fleet();
        let facts = fleet.facts.get_mut("cp-2").unwrap();
        facts.files.insert(audit.into(), seen.clone());
        // A worker has no such file, so nobody minds what stands there.
        let worker = fleet.facts.get_mut("w-1").unwrap();
        worker.files.insert(audit.into(), seen);

        let found = files::blockers(&profile(), &fleet, 1);

        let [Blocker::NotAFile { node, path, why }] = found.as_slice() else {
            panic!("{found:?}");
        };
        assert_eq!((node.as_str(), path.as_str()), ("cp-2", audit));
        assert!(why.contains(word), "{why}");
    }
}
