//! `nodes --ping`: a fleet at a glance, in one row a node, and what is in the way.

use harden_lab::Fault;
use harden_lab::Role;
use serde_json::Value;

use crate::lab::Lab;

#[test]
fn a_built_cluster_is_shown_in_a_row_a_node() {
    let lab = Lab::built();

    let said = lab.harden(&["nodes", "inventory.yml", "--ping"]).expect(0);

    let rows: Vec<&str> = said.stdout.lines().collect();
    assert!(rows[0].starts_with("NODE"), "{}", said.stdout);
    assert_eq!(rows.len(), 4, "{}", said.stdout);
    for (row, node) in rows[1..].iter().zip(["cp-1", "cp-2", "w-1"]) {
        assert!(row.starts_with(node), "{row}");
        assert!(row.contains("17.03.2-ce") && row.ends_with("yes"), "{row}");
    }
    said.says(&["GiB free", "6 run", "2 run", "as wanted"]);
    for node in ["cp-1", "cp-2", "w-1"] {
        assert_eq!(lab.node(node).counts().connections, 1);
    }
}

#[test]
fn what_is_in_the_way_is_named_below_and_a_node_that_is_not_reached_is_4() {
    let lab = Lab::with(|fleet| {
        fleet
            .nodes(1, &[Role::ControlPlane, Role::Etcd])
            .nodes(3, &[Role::Worker])
            .fault("w-1", Fault::Refuse)
            .fault("w-2", Fault::DockerDown)
            .fault("w-3", Fault::ContainerCrashes("kubelet".to_owned()))
    });

    let said = lab.harden(&["nodes", "inventory.yml", "--ping"]).expect(4);

    said.says(&[
        "w-1: no connection",
        "rke says: Cannot connect to the Docker daemon",
        "w-2: root cannot ask Docker",
        "w-3: kubelet is crash-looping",
        " hint: ",
    ]);
}

#[test]
fn a_machine_reads_the_same_as_json() {
    let lab = Lab::with(|fleet| {
        fleet
            .nodes(1, &[Role::ControlPlane, Role::Etcd])
            .nodes(1, &[Role::Worker])
            .fault("w-1", Fault::UnknownHostKey)
    });

    let said = lab
        .harden(&["nodes", "inventory.yml", "--ping", "--format", "json"])
        .expect(4);

    let document: Value = serde_json::from_str(&said.stdout).unwrap();
    let [good, bad] = document["nodes"].as_array().unwrap().as_slice() else {
        panic!("{document}");
    };
    assert_eq!(good["docker_version"], "17.03.2-ce");
    assert_eq!(good["containers"]["kubelet"], "running");
    assert!(good["audit_log_free_bytes"].as_u64() > Some(0), "{good}");
    assert_eq!(good["kernel"]["vm.overcommit_memory"]["wanted"], "1");
    assert_eq!(bad["reachable"], true);
    assert_eq!(bad["host_key"], false);
    assert_eq!(bad["login"], Value::Null);
    assert!(
        bad["troubles"][0]["hint"]
            .as_str()
            .unwrap()
            .contains("harden trust")
    );
}

#[test]
fn only_the_selected_nodes_are_asked() {
    let lab = Lab::built();

    let said = lab
        .harden(&["nodes", "inventory.yml", "--ping", "--on", "@worker"])
        .expect(0);

    assert_eq!(said.stdout.lines().count(), 2, "{}", said.stdout);
    assert_eq!(lab.node("cp-1").counts().connections, 0);
}

#[test]
fn a_connection_that_runs_few_commands_is_followed_by_another() {
    let lab = Lab::with(|fleet| {
        fleet
            .nodes(1, &[Role::ControlPlane, Role::Etcd])
            .nodes(1, &[Role::Worker])
            .fault("w-1", Fault::Sessions(2))
    });

    lab.apply().expect(0);

    assert!(lab.node("w-1").counts().connections > 1);
    assert_eq!(lab.node("cp-1").counts().connections, 1);
}
