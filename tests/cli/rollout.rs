//! Who goes first, and what a failure stops: nodes, restarts, and what is left for the next run.

use std::fs;

use harden_lab::Fault;
use harden_lab::Role;
use serde_json::Value;

use crate::going::APPLY;
use crate::going::the_run;
use crate::lab::Lab;
use crate::lab::Said;

const POLICY: &str = "/etc/kubernetes/audit.yaml";
const OLD_POLICY: &str = "apiVersion: audit.k8s.io/v1beta1\nkind: Policy\nrules: [{level: None}]\n";

/// With a rollout that bears more failed workers than there are.
fn generous() -> Lab {
    let lab = Lab::with(|fleet| {
        fleet
            .nodes(2, &[Role::ControlPlane, Role::Etcd])
            .nodes(2, &[Role::Worker])
    });
    let playbook = "playbook: site\nprofile: rancher-2.1\nrollout: {workers: 2, stop_after: 9}\n";
    lab.write("site.yml", playbook);
    lab
}

fn apply(lab: &Lab, more: &[&str]) -> Said {
    lab.harden(&[&APPLY[..], &["--playbook", "site.yml"], more].concat())
}

/// The nodes in the order in which a run wrote down that it would change them.
fn order(lab: &Lab) -> Vec<String> {
    let mut runs: Vec<_> = fs::read_dir(lab.path("harden-runs"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    runs.sort();
    let journal = fs::read_to_string(runs.last().unwrap().join("journal.json")).unwrap();
    let mut order = Vec::new();
    for line in journal.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        if let Some(node) = node_of(&line)
            && order.last() != Some(&node)
        {
            order.push(node);
        }
    }
    order
}

/// The node of a journal's line, wherever in it that stands.
fn node_of(line: &Value) -> Option<String> {
    match line {
        Value::Object(fields) => match fields.get("node") {
            Some(Value::String(node)) => Some(node.clone()),
            _ => fields.values().find_map(node_of),
        },
        Value::Array(values) => values.iter().find_map(node_of),
        _ => None,
    }
}

fn started(lab: &Lab, node: &str) -> String {
    let file = lab.node(node).dir().join("docker/kube-apiserver.json");
    let inspected: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    inspected["State"]["StartedAt"].as_str().unwrap().to_owned()
}

#[test]
fn a_failed_control_plane_node_stops_all_after_it_whatever_a_playbook_bears() {
    let lab = generous();
    let before = (lab.digest(), lab.read("cluster.yml"));
    let way = lab.node("cp-1").path("/var/lib/harden");
    fs::write(&way, "in the way").unwrap();

    let said = apply(&lab, &["--format", "json"]).expect(5);

    let report: Value = serde_json::from_str(&said.stdout).unwrap();
    for node in report["done"]["changes"].as_array().unwrap() {
        let name = node["node"].as_str().unwrap();
        let outcomes = node["changes"].as_array().unwrap().iter();
        let mut outcomes = outcomes.map(|change| change["outcome"].as_str().unwrap());
        if name == "cp-1" {
            assert!(outcomes.any(|outcome| outcome == "failed"));
        } else {
            assert!(outcomes.all(|outcome| outcome == "skipped"), "{name}");
        }
    }
    assert_eq!(order(&lab), ["cp-1"]);
    let (digests, cluster) = (lab.digest(), lab.read("cluster.yml"));
    for node in ["cp-2", "w-1", "w-2"] {
        assert_eq!(digests[node], before.0[node], "{node} was changed");
    }
    assert_eq!(cluster, before.1);

    fs::remove_file(way).unwrap();
    let run = the_run(&lab);
    apply(&lab, &["--resume", &run]).expect(0).says(&[&run]);
    assert_eq!(order(&lab)[..2], ["cp-1", "cp-2"]);
    lab.harden(&["check", "inventory.yml", "--playbook", "site.yml"])
        .expect(0);
}

/// A fleet whose API servers both run with an audit policy that is mended by the next apply.
fn with_old_policies() -> Lab {
    let lab = generous();
    apply(&lab, &[]).expect(0);
    for node in ["cp-1", "cp-2"] {
        lab.node(node).write(POLICY, OLD_POLICY).unwrap();
    }
    fs::remove_dir_all(lab.path("harden-runs")).unwrap();
    lab
}

#[test]
fn an_api_server_that_does_not_come_back_stops_the_restarts_and_resume_goes_on() {
    let lab = with_old_policies();
    let before = started(&lab, "cp-2");
    let fails = lab.node("cp-1").dir().join("docker/kube-apiserver.fails");
    fs::write(&fails, "panic: the log says why\n").unwrap();

    apply(&lab, &["--restart-timeout", "6"]).expect(5).says(&[
        "cp-1",
        "did not come back to stay",
        "the log says why",
        "cp-2: kube-apiserver not restarted",
    ]);

    assert_eq!(started(&lab, "cp-2"), before);
    fs::remove_file(fails).unwrap();
    let run = the_run(&lab);
    apply(&lab, &["--resume", &run]).expect(0).says(&[&run]);
    assert_ne!(started(&lab, "cp-2"), before);
}

#[test]
fn an_api_server_that_stays_up_and_is_not_well_stops_the_restarts_with_its_log() {
    let ways = [
        (Fault::ApiIll, "etcd failed: reason withheld"),
        (Fault::ApiSilent, "not answer"),
    ];
    for (fault, word) in ways {
        let lab = with_old_policies();
        let before = started(&lab, "cp-2");
        let cp = lab.node("cp-1");
        cp.cause(fault).unwrap();
        fs::write(
            cp.dir().join("docker/kube-apiserver.log"),
            "etcd: no leader\n",
        )
        .unwrap();

        apply(&lab, &["--restart-timeout", "30", "--connect-timeout", "5"])
            .expect(5)
            .says(&[
                "cp-1",
                word,
                "etcd: no leader",
                "cp-2: kube-apiserver not restarted",
            ]);

        assert_eq!(started(&lab, "cp-2"), before);
        cp.heal().unwrap();
        apply(&lab, &[]).expect(0);
        assert_ne!(started(&lab, "cp-2"), before);
    }
}

#[test]
fn without_a_kubeconfig_nothing_is_restarted_that_could_not_be_asked_how_it_is() {
    let lab = with_old_policies();
    let before = started(&lab, "cp-1");
    fs::rename(lab.path("kube_config_cluster.yml"), lab.path("away")).unwrap();

    apply(&lab, &[]).expect(5).says(&[
        "nothing is restarted",
        "kube_config_cluster.yml",
        "--no-kube",
    ]);
    assert_eq!(started(&lab, "cp-1"), before);

    apply(&lab, &["--no-kube"])
        .expect(4)
        .says(&["left out: asking kube-apiserver how it is"]);
    assert_ne!(started(&lab, "cp-1"), before);
}
