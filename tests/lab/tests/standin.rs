//! The stand-in `rke` on simulated nodes, seen from outside: exit status, log, files.

#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test that cannot go on is to panic"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Output;

use serde_json::Value;
use serde_json::json;
use tempfile::TempDir;

const GENUINE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/rke-v0.1.11");
const ALL_ROLES: &str =
    "nodes:\n- {address: 127.0.0.1, user: root, role: [controlplane, etcd, worker]}\n";
const ENCRYPTION: &str = "services: {kube-api: {extra_args: {experimental-encryption-provider-config: /etc/kubernetes/encryption.yaml}}}\n";
const POLICY: &str = "services: {kube-api: {pod_security_policy: true}}\n";

/// A fleet in a directory, with `cluster.yml` beside it.
struct Scene {
    directory: TempDir,
}

struct Run {
    output: Output,
}

impl Scene {
    fn new(nodes: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        for (name, address) in nodes {
            let node = directory.path().join("fleet/nodes").join(name);
            for part in ["docker", "etc/kubernetes", "proc"] {
                fs::create_dir_all(node.join(part)).unwrap();
            }
            fs::write(
                node.join("node.json"),
                json!({"address": address, "port": 22}).to_string(),
            )
            .unwrap();
        }
        Self { directory }
    }

    fn single() -> Self {
        Self::new(&[("node", "127.0.0.1")])
    }

    fn node(&self, name: &str) -> PathBuf {
        self.directory.path().join("fleet/nodes").join(name)
    }

    fn inspect(&self, container: &str) -> Value {
        let path = self
            .node("node")
            .join("docker")
            .join(format!("{container}.json"));
        serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
    }

    fn up(&self, config: &str) -> Run {
        self.up_failing(config, "")
    }

    fn up_failing(&self, config: &str, fault: &str) -> Run {
        fs::write(self.directory.path().join("cluster.yml"), config).unwrap();
        let output = self
            .rke(&["up", "--config", "cluster.yml"])
            .env("RKE_STANDIN_FAIL", fault)
            .output();
        Run {
            output: output.unwrap(),
        }
    }

    fn rke(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rke"));
        command
            .args(args)
            .env("HARDEN_LAB_FLEET", self.directory.path().join("fleet"))
            .current_dir(self.directory.path());
        command
    }
}

impl Run {
    fn status(&self) -> i32 {
        self.output.status.code().unwrap()
    }

    /// The log without its times.
    fn log(&self) -> Vec<String> {
        lines(&String::from_utf8_lossy(&self.output.stderr))
    }

    fn last_line(&self) -> String {
        self.log().pop().unwrap()
    }
}

/// Level and message of each line; the Docker of the genuine runs was newer than RKE wanted.
fn lines(log: &str) -> Vec<String> {
    log.lines()
        .filter(|line| !line.is_empty() && !line.contains("Unsupported Docker version"))
        .map(|line| line.split_once(' ').unwrap().1.to_owned())
        .collect()
}

fn genuine(name: &str) -> Vec<String> {
    lines(&fs::read_to_string(Path::new(GENUINE).join(name)).unwrap())
}

fn with_event_qps() -> String {
    format!("{ALL_ROLES}services: {{kubelet: {{extra_args: {{event-qps: 0}}}}}}\n")
}

#[test]
fn a_new_cluster_is_built_as_in_a_genuine_run() {
    let scene = Scene::single();

    let run = scene.up(ALL_ROLES);

    assert_eq!((run.status(), run.log()), (0, genuine("rke-up-fresh.log")));
    let kubeconfig = scene.directory.path().join("kube_config_cluster.yml");
    assert_eq!(
        fs::metadata(kubeconfig).unwrap().permissions().mode() & 0o777,
        0o640
    );
    assert!(
        scene
            .node("node")
            .join("etc/kubernetes/.tmp/cluster-state.yml")
            .exists()
    );
}

#[test]
fn a_second_run_recreates_nothing() {
    let scene = Scene::single();
    scene.up(ALL_ROLES);
    let before = [
        scene.inspect("kube-apiserver"),
        scene.inspect("kubelet"),
        scene.inspect("etcd"),
    ];

    let run = scene.up(ALL_ROLES);

    assert_eq!(run.status(), 0);
    assert!(
        !run.log().iter().any(|line| line.contains("updated [")),
        "{:?}",
        run.log()
    );
    assert_eq!(
        before,
        [
            scene.inspect("kube-apiserver"),
            scene.inspect("kubelet"),
            scene.inspect("etcd")
        ]
    );
}

#[test]
fn a_changed_argument_recreates_that_container_as_in_a_genuine_run() {
    let scene = Scene::single();
    scene.up(&with_event_qps());
    let (kubelet, scheduler) = (scene.inspect("kubelet"), scene.inspect("kube-scheduler"));

    let run = scene.up(ALL_ROLES);

    assert_eq!(
        (run.status(), run.log()),
        (0, genuine("rke-up-default.log"))
    );
    assert_ne!(scene.inspect("kubelet")["Id"], kubelet["Id"]);
    assert_ne!(
        scene.inspect("kubelet")["State"]["StartedAt"],
        kubelet["State"]["StartedAt"]
    );
    assert_eq!(scene.inspect("kube-scheduler"), scheduler);
}

#[test]
fn a_simulated_container_has_every_key_of_a_genuine_one() {
    let scene = Scene::single();
    scene.up(ALL_ROLES);
    let text = fs::read_to_string(Path::new(GENUINE).join("inspect-default.json")).unwrap();
    let genuine: Vec<Value> = serde_json::from_str(&text).unwrap();

    for document in &genuine {
        let name = document["Name"].as_str().unwrap().trim_start_matches('/');
        assert_eq!(keys(&scene.inspect(name)), keys(document), "{name}");
    }
}

fn keys(value: &Value) -> Vec<String> {
    let Value::Object(map) = value else {
        return Vec::new();
    };
    map.iter()
        .flat_map(|(key, inner)| {
            let below = keys(inner)
                .into_iter()
                .map(move |below| format!("{key}.{below}"));
            std::iter::once(key.clone()).chain(below)
        })
        .collect()
}

#[test]
fn a_missing_file_breaks_the_apiserver_as_in_a_genuine_run_and_placing_it_heals() {
    let scene = Scene::single();
    scene.up(ALL_ROLES);
    let config = format!("{ALL_ROLES}{ENCRYPTION}");

    let run = scene.up(&config);

    assert_eq!(
        (run.status(), run.log()),
        (1, genuine("rke-up-missing-file.log"))
    );
    let state = scene.inspect("kube-apiserver")["State"].clone();
    assert_eq!(
        (&state["Status"], &state["Running"], &state["Pid"]),
        (&json!("restarting"), &json!(true), &json!(0))
    );

    let key = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
    let file = format!(
        "apiVersion: v1\nkind: EncryptionConfig\nresources:\n- resources: [secrets]\n  providers:\n  - aescbc:\n      keys:\n      - name: key1\n        secret: {key}\n  - identity: {{}}\n"
    );
    fs::write(
        scene.node("node").join("etc/kubernetes/encryption.yaml"),
        file,
    )
    .unwrap();

    assert_eq!(scene.up(&config).status(), 0);
    assert_eq!(
        scene.inspect("kube-apiserver")["State"]["Status"],
        "running"
    );
}

#[test]
fn an_unreachable_node_is_skipped_as_in_a_genuine_run() {
    let scene = Scene::single();
    let config =
        format!("{ALL_ROLES}- {{address: 127.0.0.9, user: root, role: [worker]}}\n{POLICY}");
    scene.up(&config);

    let run = scene.up(&config);

    assert_eq!(
        (run.status(), run.log()),
        (1, genuine("rke-up-unreachable-node.log"))
    );
}

#[test]
fn a_node_with_a_broken_engine_is_skipped_and_one_with_another_host_key_is_not() {
    for (fault, status) in [("docker-down", 1), ("refuse", 1), ("wrong-host-key", 0)] {
        let scene = Scene::new(&[("node", "127.0.0.1"), ("worker", "127.0.0.2")]);
        let node = json!({"address": "127.0.0.2", "port": 22, "faults": [fault]});
        fs::write(scene.node("worker").join("node.json"), node.to_string()).unwrap();

        let run = scene.up(&format!(
            "{ALL_ROLES}- {{address: 127.0.0.2, user: root, role: [worker]}}\n"
        ));

        assert_eq!(run.status(), status, "{fault}");
    }
}

#[test]
fn a_failed_addon_is_a_warning_as_in_a_genuine_run() {
    let scene = Scene::single();
    let config = format!("{ALL_ROLES}{POLICY}addons: |\n  apiVersion: v1\n  kind: Namespace\n");
    scene.up(&config);

    let run = scene.up(&config);

    assert_eq!(
        (run.status(), run.log()),
        (0, genuine("rke-up-addon-failed.log"))
    );
}

#[test]
fn applied_addons_are_remembered() {
    let scene = Scene::single();
    let config = format!(
        "{ALL_ROLES}addons: |\n  ---\n  apiVersion: v1\n  kind: Namespace\n  metadata: {{name: x}}\n"
    );

    let run = scene.up(&config);

    assert!(
        run.log()
            .iter()
            .any(|line| line.contains("User addons deployed successfully"))
    );
    let state =
        fs::read_to_string(scene.directory.path().join("fleet/cluster-state.json")).unwrap();
    let state: Value = serde_json::from_str(&state).unwrap();
    assert_eq!(state["objects"][0]["metadata"]["name"], "x");
}

#[test]
fn what_a_component_refuses_breaks_it() {
    for (service, args, reason) in [
        (
            "kube-api",
            "{profilling: 'false'}",
            "unknown flag: --profilling",
        ),
        (
            "kube-api",
            "{enable-admission-plugins: 'NodeRestriction,Foo'}",
            "plugin \\\"Foo\\\" is unknown",
        ),
        (
            "kube-api",
            "{admission-control: NodeRestriction}",
            "flags are mutually exclusive",
        ),
        (
            "kube-api",
            "{audit-policy-file: /etc/kubernetes/audit.yaml}",
            "no such file or directory",
        ),
        (
            "kube-api",
            "{admission-control-config-file: /etc/kubernetes/admission.yaml}",
            "no such file or directory",
        ),
        (
            "kubelet",
            "{streaming-connection-idle-timeout: 1800}",
            "missing unit in duration 1800",
        ),
        (
            "scheduler",
            "{anonymous-auth: false}",
            "unknown flag: --anonymous-auth",
        ),
    ] {
        let run = Scene::single().up(&format!(
            "{ALL_ROLES}services: {{{service}: {{extra_args: {args}}}}}\n"
        ));

        assert_eq!(run.status(), 1, "{args}");
        assert!(run.last_line().contains(reason), "{}", run.last_line());
    }
}

#[test]
fn files_of_the_apiserver_must_make_sense() {
    let admission = "apiVersion: apiserver.k8s.io/v1alpha1\nkind: AdmissionConfiguration\nplugins:\n- name: EventRateLimit\n  path: event.yaml\n";
    let event = "apiVersion: eventratelimit.admission.k8s.io/v1alpha1\nkind: Configuration\nlimits:\n- {type: Server, qps: 500, burst: 5000}\n";
    let config = format!(
        "{ALL_ROLES}services: {{kube-api: {{extra_args: {{admission-control-config-file: /etc/kubernetes/admission.yaml}}}}}}\n"
    );
    for (admission, event, status) in [
        (admission, Some(event), 0),
        (admission, None, 1),
        (admission, Some("kind: Configuration\nlimits: [\n"), 1),
        (
            "kind: AdmissionConfiguration\n\tplugins: []\n",
            Some(event),
            1,
        ),
        ("kind: Policy\n", Some(event), 1),
    ] {
        let scene = Scene::single();
        let directory = scene.node("node").join("etc/kubernetes");
        fs::write(directory.join("admission.yaml"), admission).unwrap();
        if let Some(event) = event {
            fs::write(directory.join("event.yaml"), event).unwrap();
        }

        assert_eq!(scene.up(&config).status(), status, "{admission}{event:?}");
    }
}

#[test]
fn a_kubelet_that_protects_kernel_defaults_needs_all_six_values() {
    let scene = Scene::single();
    let values = scene.node("node").join("proc");
    for (name, value) in [
        ("vm.overcommit_memory", "1"),
        ("vm.panic_on_oom", "0"),
        ("kernel.panic", "0"),
        ("kernel.panic_on_oops", "1"),
        ("kernel.keys.root_maxkeys", "1000000"),
        ("kernel.keys.root_maxbytes", "25000000"),
    ] {
        fs::write(values.join(name), format!("{value}\n")).unwrap();
    }
    let config = format!(
        "{ALL_ROLES}services: {{kubelet: {{extra_args: {{protect-kernel-defaults: true}}}}}}\n"
    );

    let wrong = scene.up(&config);
    fs::write(values.join("kernel.panic"), "10\n").unwrap();
    let right = scene.up(&config);

    assert_eq!((wrong.status(), right.status()), (1, 0));
    let line = wrong.last_line();
    assert!(
        line.contains("[workerPlane] Failed to bring up Worker Plane: "),
        "{line}"
    );
    assert!(
        line.ends_with(
            "[Invalid kernel flag: kernel/panic, expected value: 10, actual value: 0]\""
        ),
        "{line}"
    );
}

#[test]
fn roles_decide_which_containers_a_node_has_and_a_node_left_out_loses_them() {
    let scene = Scene::new(&[
        ("cp", "10.0.0.1"),
        ("etcd", "10.0.0.2"),
        ("worker", "10.0.0.3"),
    ]);
    let cp = "nodes:\n- {address: 10.0.0.1, user: root, role: [controlplane]}\n";
    let etcd = "- {address: 10.0.0.2, user: root, role: [etcd]}\n";
    let worker = "- {address: 10.0.0.3, user: root, role: [worker]}\n";
    let containers = |node: &str| {
        let mut names: Vec<String> = fs::read_dir(scene.node(node).join("docker"))
            .unwrap()
            .map(|entry| {
                entry
                    .unwrap()
                    .file_name()
                    .to_string_lossy()
                    .replace(".json", "")
            })
            .collect();
        names.sort();
        names.join(" ")
    };

    assert_eq!(scene.up(&format!("{cp}{etcd}{worker}")).status(), 0);

    assert_eq!(
        containers("cp"),
        "kube-apiserver kube-controller-manager kube-proxy kube-scheduler kubelet service-sidekick"
    );
    assert_eq!(
        containers("etcd"),
        "etcd kube-proxy kubelet nginx-proxy service-sidekick"
    );
    assert_eq!(
        containers("worker"),
        "kube-proxy kubelet nginx-proxy service-sidekick"
    );

    assert_eq!(scene.up(&format!("{cp}{etcd}")).status(), 0);

    assert_eq!(containers("worker"), "");
}

#[test]
fn it_fails_as_it_is_told() {
    for (fault, status, end) in [
        (
            "addon",
            0,
            "Finished building Kubernetes cluster successfully\"",
        ),
        (
            "unreachable:10.0.0.9",
            0,
            "Finished building Kubernetes cluster successfully\"",
        ),
        (
            "unreachable:127.0.0.1",
            1,
            "failed to connect to the following etcd host(s) [127.0.0.1]\"",
        ),
        ("healthcheck", 1, "log: told to fail\""),
        (
            "fatal",
            1,
            "level=fatal msg=\"[state] Timeout waiting for kubernetes to be ready\"",
        ),
        ("fatal:oh", 1, "level=fatal msg=\"oh\""),
    ] {
        let run =
            Scene::single().up_failing(&format!("{ALL_ROLES}addons: 'apiVersion: v1'\n"), fault);

        assert_eq!(run.status(), status, "{fault}");
        assert!(
            run.last_line().ends_with(end),
            "{fault}: {}",
            run.last_line()
        );
    }
}

#[test]
fn the_command_line_is_that_of_rke() {
    let scene = Scene::single();
    let status = |args: &[&str]| scene.rke(args).output().unwrap().status.code().unwrap();

    let version = scene.rke(&["--version"]).output().unwrap();

    assert_eq!(
        String::from_utf8_lossy(&version.stdout),
        "rke version v0.1.11\n"
    );
    assert_eq!(status(&["up", "--config", "missing.yml"]), 1);
    assert_eq!(status(&["up", "--nonsense"]), 1);
    assert_eq!(status(&["down"]), 3);
}
