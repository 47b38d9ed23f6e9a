//! What a node is asked for these controls.

use std::collections::BTreeSet;

use harden::audit;
use harden::facts::question::Question;

use crate::cluster::NODE;
use crate::cluster::component;
use crate::cluster::facts;
use crate::cluster::hardened;
use crate::cluster::profile;

#[test]
fn a_usual_node_is_asked_once() {
    let mut fleet = hardened();
    let node = fleet.inventory.nodes[0].clone();

    let more = audit::questions_after(profile(), 1, &node, facts(&mut fleet));

    assert_eq!(more, BTreeSet::new());
}

#[test]
fn what_components_keep_elsewhere_is_asked_in_a_second_round() {
    let mut fleet = hardened();
    let node = fleet.inventory.nodes[0].clone();
    let prefix = |path: &str| format!("/opt/rke{path}");
    for name in ["etcd", "kubelet"] {
        let mounts = &mut component(&mut fleet, name).mounts;
        for source in mounts.values_mut() {
            *source = prefix(source);
        }
    }

    let more = audit::questions_after(profile(), 1, &node, facts(&mut fleet));

    let wanted = [
        Question::Attributes(prefix("/etc/kubernetes/ssl/kube-ca.pem")),
        Question::Attributes(prefix("/etc/kubernetes/ssl/kubecfg-kube-node.yaml")),
        Question::Attributes(prefix("/var/lib/etcd")),
        Question::Directory(prefix("/var/lib/etcd")),
        Question::Directory(prefix("/etc/cni/net.d")),
        Question::Directory(prefix("/var/lib/cni/networks/k8s-pod-network")),
    ];
    assert_eq!(more, BTreeSet::from(wanted));
}

#[test]
fn a_path_that_a_node_names_cannot_break_out_of_its_record() {
    let mut fleet = hardened();
    let node = fleet.inventory.nodes[0].clone();
    let mounts = &mut component(&mut fleet, "etcd").mounts;
    mounts.insert("/var/lib/rancher/etcd".into(), "/data\nput".into());

    let more = audit::questions_after(profile(), 1, &node, facts(&mut fleet));

    assert_eq!(more, BTreeSet::new());
    assert_eq!(fleet.inventory.nodes[0].name, NODE);
}
