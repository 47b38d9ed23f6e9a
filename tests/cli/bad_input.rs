//! Mistakes of the operator: each is named with its place and the next thing to type.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use harden_lab::Role;

use crate::lab::Lab;

fn lab() -> Lab {
    Lab::with(|fleet| fleet.nodes(1, &[Role::ControlPlane, Role::Etcd]))
}

#[test]
fn an_inventory_that_does_not_load() {
    let lab = lab();
    let node = "- {address: 10.0.0.1, user: root, role: [etcd]}\n";
    let cases: [(&str, &[&str]); 9] = [
        ("", &["bad.yml"]),
        ("nodes: [\n", &["bad.yml:"]),
        ("nodes:\n\t- address: 10.0.0.1\n", &["bad.yml:2:"]),
        ("nodes: 5\n", &["bad.yml:1:"]),
        (
            &format!("nodes:\n{node}{node}"),
            &["10.0.0.1", "bad.yml:3:"],
        ),
        (
            "nodes:\n- {address: 10.0.0.1, user: root, role: [master]}\n",
            &["master", "hint"],
        ),
        (
            "nodes:\n- {address: 10.0.0.1, user: root, role: worker}\n",
            &["bad.yml:2:"],
        ),
        (
            "nodes:\n- {address: 10.0.0.1, user: root, role: [ectd]}\n",
            // The first line is the cause, and not that nobody is left for etcd.
            &["error: bad.yml:2:42", "the unknown role `ectd`"],
        ),
        (
            "nodes:\n- {adress: 10.0.0.1, user: root, role: [etcd]}\n",
            &["address", "hint"],
        ),
    ];
    for (text, words) in cases {
        lab.write("bad.yml", text);
        lab.harden(&["check", "bad.yml"]).expect(2).says(words);
    }
    lab.harden(&["check", "none.yml"])
        .expect(2)
        .says(&["none.yml: there is no such file"]);
    lab.harden(&["check", "."]).expect(2).says(&["directory"]);
}

#[test]
fn a_key_that_cannot_be_used() {
    let lab = lab();
    let inventory = lab.read("inventory.yml");
    let key = lab.fleet.client_key().display().to_string();
    let with_key = |path: &str| lab.write("inventory.yml", &inventory.replace(&key, path));

    with_key("/no/such/key");
    lab.check()
        .expect(4)
        .says(&["cp-1", "/no/such/key", "hint"]);

    lab.write(
        "public",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ me\n",
    );
    with_key(&lab.path("public").display().to_string());
    lab.check().expect(4).says(&["public key"]);

    lab.write("junk", "not a key\n");
    with_key(&lab.path("junk").display().to_string());
    lab.check().expect(4).says(&["junk"]);

    let made = std::process::Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "secret", "-f"])
        .arg(lab.path("encrypted"))
        .status()
        .expect("install openssh-client");
    assert!(made.success());
    with_key(&lab.path("encrypted").display().to_string());
    lab.check().expect(4).says(&["encrypted"]);
}

#[test]
fn a_key_file_that_may_not_be_read() {
    let lab = lab();
    let inventory = lab.read("inventory.yml");
    let key = lab.fleet.client_key().display().to_string();
    // For root every file is readable; a directory is not a key for anybody.
    fs::create_dir(lab.path("directory")).unwrap();
    fs::set_permissions(lab.path("directory"), fs::Permissions::from_mode(0o000)).unwrap();
    let path = lab.path("directory").display().to_string();
    lab.write("inventory.yml", &inventory.replace(&key, &path));

    lab.check().expect(4).says(&["cp-1", "directory"]);
}

#[test]
fn a_playbook_or_profile_that_does_not_load() {
    let lab = lab();
    let with = |text: &str| {
        lab.write("p.yml", text);
        lab.harden(&["check", "inventory.yml", "--playbook", "p.yml"])
            .expect(2)
    };

    with("playbook: p\nprofile: rancher-2.1\nlevle: 2\n").says(&["p.yml:3:1", "levle"]);
    with("playbook: p\nprofile: rancher-9\n").says(&["p.yml:2:10", "rancher-2.1"]);
    with("playbook: p\nprofile: rancher-2.1\nvariables: {event_qsp: 5}\n").says(&["event_qps"]);
    with("playbook: p\nprofile: rancher-2.1\nvariables: {event_qps: many}\n")
        .says(&["whole number"]);
    lab.harden(&["check", "inventory.yml", "--playbook", "q.yml"])
        .expect(2)
        .says(&["q.yml"]);
}

#[test]
fn a_cluster_file_that_does_not_load_or_lists_other_nodes() {
    let lab = lab();
    let cluster = lab.read("cluster.yml");

    lab.write(
        "cluster.yml",
        &format!("{cluster}kubernetes_version: v1.11.3-rancher1-1\n"),
    );
    lab.check()
        .expect(2)
        .says(&["cluster.yml:", "kubernetes_version"]);

    lab.write(
        "cluster.yml",
        &format!("{cluster}services: {{kube-api: [}}\n"),
    );
    lab.check().expect(2).says(&["cluster.yml:"]);

    lab.write("cluster.yml", &cluster.replace("127.", "128."));
    let before = lab.digest();
    lab.apply()
        .expect(3)
        .says(&["node lists differ", "removes a node"]);
    assert_eq!(lab.digest(), before);
}

#[test]
fn a_user_whom_the_node_does_not_know() {
    let lab = lab();
    let inventory = lab.read("inventory.yml");
    lab.write(
        "inventory.yml",
        &inventory.replace("user: root", "user: nobody-here"),
    );

    lab.check().expect(4).says(&["cp-1", "nobody-here"]);
}

#[test]
fn arguments_that_make_no_sense() {
    let lab = lab();

    lab.harden(&["check"]).expect(2);
    lab.harden(&["check", "inventory.yml", "--jobs", "0"])
        .expect(2);
    lab.harden(&["check", "inventory.yml", "--level", "3"])
        .expect(2);
    lab.harden(&["chekc", "inventory.yml"])
        .expect(2)
        .says(&["check"]);
    lab.harden(&["check", "inventory.yml", "--no-rke", "--rke", "/bin/rke"])
        .expect(2);
}

#[test]
fn what_rke_would_ignore_in_silence_is_a_warning() {
    let lab = lab();
    let cluster = lab.read("cluster.yml");
    lab.write(
        "cluster.yml",
        &format!("{cluster}services:\n  kube_api:\n    extra_args: {{}}\n"),
    );
    lab.write("known", &lab.read("known_hosts"));

    lab.harden(&["check", "cluster.yml", "--known-hosts", "known"])
        .expect(3)
        .says(&["warning", "kube_api", "kube-api"]);
}
