//! Rancher's audit log in a directory of hosts: looked for on the nodes that run its pods.

use std::collections::BTreeMap;
use std::fs;

use harden_lab::Fault;
use harden_lab::Role;
use serde_json::Value;
use serde_json::json;

use crate::lab::Lab;

const LOG: &str = "/var/log/rancher/audit/rancher-api-audit.log";

/// A cluster with three workers, in which Rancher runs on these nodes.
fn rancher_on(nodes: &[&str]) -> Lab {
    let lab = Lab::with(|fleet| {
        fleet
            .nodes(1, &[Role::ControlPlane, Role::Etcd])
            .nodes(3, &[Role::Worker])
    });
    let labels = json!({ "app": "rancher" });
    let mut objects = vec![json!({
        "kind": "Deployment",
        "metadata": { "namespace": "cattle-system", "name": "rancher" },
        "spec": {
            "selector": { "matchLabels": labels },
            "template": { "spec": {
                "containers": [{
                    "name": "rancher",
                    "env": [{ "name": "AUDIT_LEVEL", "value": "1" }],
                    "volumeMounts": [{ "name": "audit-log", "mountPath": "/var/log/auditlog" }],
                }],
                "volumes": [{ "name": "audit-log", "hostPath": { "path": "/var/log/rancher/audit" } }],
            } },
        },
    })];
    objects.extend(nodes.iter().map(|node| {
        json!({
            "kind": "Pod",
            "metadata": { "namespace": "cattle-system", "name": format!("rancher-{node}"), "labels": labels },
            "spec": { "nodeName": node },
            "status": { "phase": "Running" },
        })
    }));
    let state = json!({ "objects": objects });
    fs::write(lab.fleet.state_file(), state.to_string()).unwrap();
    lab
}

/// The verdict on the audit log, and what was seen on each node.
fn seen(lab: &Lab, arguments: &[&str]) -> (String, BTreeMap<String, String>) {
    let arguments = [&["check", "inventory.yml"], arguments].concat();
    let (_, report) = lab.report(&arguments);
    let findings = report["findings"].as_array().unwrap();
    let is_ours = |one: &&Value| one["control"] == "guide:3.1.2";
    let finding = findings.iter().find(is_ours).unwrap();
    let evidence = finding["evidence"].as_array().unwrap().iter();
    let hosts = evidence.filter_map(|one| {
        let (_, host) = one["subject"].as_str()?.split_once(&format!("{LOG} on "))?;
        let state = one["state"].as_str()?;
        Some((
            host.to_owned(),
            format!("{state}: {}", one["seen"].as_str()?),
        ))
    });
    (
        finding["verdict"].as_str().unwrap().to_owned(),
        hosts.collect(),
    )
}

fn on<const N: usize>(hosts: [(&str, &str); N]) -> BTreeMap<String, String> {
    hosts
        .map(|(host, seen)| (host.to_owned(), seen.to_owned()))
        .into()
}

#[test]
fn the_log_must_be_on_every_node_that_runs_a_pod_and_on_no_other() {
    let lab = rancher_on(&["w-1", "w-3"]);
    lab.node("w-1").write(LOG, "{}\n").unwrap();

    let missing = seen(&lab, &[]);
    assert_eq!(missing.0, "fail");
    assert_eq!(
        missing.1,
        on([("w-1", "met: there"), ("w-3", "unmet: missing")])
    );

    lab.node("w-3").write(LOG, "{}\n").unwrap();
    let there = seen(&lab, &[]);
    assert_eq!(there.0, "pass");
    assert_eq!(there.1, on([("w-1", "met: there"), ("w-3", "met: there")]));
}

#[test]
fn a_node_that_is_unknown_not_selected_or_not_reached_is_no_pass() {
    let lab = rancher_on(&["w-1", "w-2", "w-9"]);
    lab.node("w-1").write(LOG, "{}\n").unwrap();
    lab.node("w-2").write(LOG, "{}\n").unwrap();

    let (verdict, hosts) = seen(&lab, &[]);
    assert_eq!(verdict, "unknown");
    assert_eq!(
        hosts["w-9"],
        "unread: no node of the inventory has this name"
    );
    assert_eq!(hosts["w-1"], "met: there");

    let (verdict, hosts) = seen(&lab, &["--on", "cp-1,w-1"]);
    assert_eq!(verdict, "unknown");
    assert!(hosts["w-2"].contains("--on"), "{}", hosts["w-2"]);

    lab.node("w-2").cause(Fault::Refuse).unwrap();
    let (verdict, hosts) = seen(&lab, &[]);
    assert_eq!(verdict, "unknown");
    assert!(hosts["w-2"].contains("refused"), "{}", hosts["w-2"]);
}

#[test]
fn only_the_nodes_of_the_pods_are_asked_once_more() {
    let lab = rancher_on(&["w-1"]);
    lab.node("w-1").write(LOG, "{}\n").unwrap();

    seen(&lab, &[]);

    let execs = |node: &str| lab.node(node).counts().execs;
    assert_eq!(execs("w-1"), execs("w-2") + 1);
}
