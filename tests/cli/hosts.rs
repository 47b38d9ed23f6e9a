//! Operating systems and clocks of every kind.

use std::fs;

use harden_lab::Builder;
use harden_lab::Fault;
use harden_lab::Node;
use harden_lab::Role;

use crate::lab::Lab;

const ALL_ROLES: [Role; 3] = [Role::ControlPlane, Role::Etcd, Role::Worker];

fn one(fleet: Builder) -> Builder {
    fleet.nodes(1, &ALL_ROLES)
}

fn set_system(node: &Node, name: &str) {
    let text = format!("PRETTY_NAME=\"{name}\"\n");
    node.write("/etc/os-release", &text).unwrap();
}

/// Rewrites what Docker says of every container of the node.
fn rewrite(node: &Node, change: impl Fn(&str) -> String) {
    for entry in fs::read_dir(node.dir().join("docker")).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, change(&text)).unwrap();
    }
}

/// Lets the components of the node have their files in `directory`.
fn mount(node: &Node, directory: &str) {
    let source = |path: &str| format!("\"Source\": \"{path}\"");
    rewrite(node, |text| {
        text.replace(&source("/etc/kubernetes"), &source(directory))
    });
    let (from, to) = (node.path("/etc/kubernetes"), node.path(directory));
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    fs::rename(from, to).unwrap();
}

#[test]
fn files_go_where_rke_will_look_for_them_on_each_system() {
    let places = [
        ("RancherOS v1.4.2", "/opt/rke"),
        ("Container Linux by CoreOS 1911.3.0 (Rhyolite)", "/opt/rke"),
        ("Ubuntu 18.04.6 LTS", ""),
    ];
    for (system, prefix) in places {
        let lab = Lab::bare(|fleet| one(fleet).not_built());
        let node = lab.node("cp-1");
        set_system(&node, system);

        lab.harden(&["apply", "inventory.yml", "--yes", "--no-rke", "--no-kube"]);

        for file in ["encryption", "audit", "admission", "event"] {
            let path = format!("{prefix}/etc/kubernetes/{file}.yaml");
            assert!(node.exists(&path), "{system}: {path}");
        }
        let elsewhere = prefix.is_empty() || !node.exists("/etc/kubernetes/audit.yaml");
        assert!(elsewhere, "{system}");
    }
}

#[test]
fn a_mounts_place_costs_no_second_question_where_rke_may_have_chosen_it() {
    let lab = Lab::with(one);
    let node = lab.node("cp-1");
    set_system(&node, "RancherOS v1.4.2");
    mount(&node, "/opt/rke/etc/kubernetes");

    let said = lab.check().expect(4);

    let said = said.says(&[
        "file /opt/rke/etc/kubernetes/audit.yaml: missing",
        "ros config get",
    ]);
    assert!(
        !said.stdout.contains("the next `rke up` takes"),
        "{}",
        said.stdout
    );
    assert_eq!(node.counts().execs, 1);
}

#[test]
fn files_that_the_next_run_of_rke_would_not_see_stop_everything() {
    for (directory, hint) in [
        ("/opt/rke/etc/kubernetes", "prefix_path: /opt/rke"),
        ("/opt/k8s", "extra_binds"),
    ] {
        let lab = Lab::with(one);
        mount(&lab.node("cp-1"), directory);
        let moved = format!("its components have their files in {directory}");

        let said = lab.check().expect(3);

        let audit = format!("file {directory}/audit.yaml: missing");
        said.says(&[&moved, hint, &audit]);
        lab.apply().expect(3).says(&["nothing was changed"]);
        assert!(!lab.node("cp-1").path(directory).join("audit.yaml").exists());
    }
}

#[test]
fn a_sysctl_conf_that_boot_does_not_read_is_named_and_the_right_file_is_written() {
    let lab = Lab::with(one);
    let node = lab.node("cp-1");
    fs::create_dir_all(node.path("/run/systemd/system")).unwrap();
    node.write("/etc/sysctl.conf", "kernel.panic=10\n").unwrap();

    lab.check().expect(3).says(&[
        "10 in /etc/sysctl.conf, which this system does not read at boot",
        "/etc/sysctl.d/99-sysctl.conf",
    ]);
    lab.node("cp-1").cause(Fault::ReadOnlyEtc).unwrap();
    lab.check().expect(3).says(&[
        "/etc/sysctl.d/99-sysctl.conf cannot be written",
        "is read-only",
    ]);
}

#[test]
fn a_clock_that_is_hours_away_changes_no_verdict() {
    let lab = Lab::with(one);
    lab.apply().expect(0);
    let node = lab.node("cp-1");
    for (year, date) in [("2011", "201101010000"), ("2055", "205501010000")] {
        for file in ["encryption", "audit", "admission", "event"] {
            let path = node.path(format!("/etc/kubernetes/{file}.yaml"));
            let touched = std::process::Command::new("touch")
                .args(["-t", date])
                .arg(path)
                .status();
            assert!(touched.unwrap().success());
        }
        // The components started a day after their files were written, by the node's own clock.
        rewrite(&node, |text| {
            with_start(text, &format!("{year}-01-02T00:00:00.5Z"))
        });
        lab.check().expect(0);
    }

    rewrite(&node, |text| with_start(text, "2054-12-30T00:00:00.5Z"));
    lab.check().expect(3).says(&["kube-apiserver"]);
}

fn with_start(text: &str, time: &str) -> String {
    let lines = text
        .lines()
        .map(|line| match line.split_once("\"StartedAt\": ") {
            Some((before, _)) => format!("{before}\"StartedAt\": \"{time}\","),
            None => line.to_owned(),
        });
    lines.collect::<Vec<_>>().join("\n")
}
