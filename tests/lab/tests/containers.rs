//! The container lab itself: real logins, a real Docker engine, the stand-in `rke` on both.

#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test that cannot go on is to panic"
)]

use std::fs;
use std::process::Command;
use std::process::Output;

use harden_lab::containers::ContainerLab;

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn ssh(lab: &ContainerLab, login: &str, command: &str) -> Output {
    let dir = lab.dir().display();
    Command::new("ssh")
        .args([
            "-o",
            "BatchMode=yes",
            "-o",
            "IdentitiesOnly=yes",
            "-o",
            "StrictHostKeyChecking=yes",
        ])
        .args(["-o", &format!("UserKnownHostsFile={dir}/known_hosts")])
        .args(["-i", &format!("{dir}/id_ed25519"), login, command])
        .output()
        .unwrap()
}

fn rke_up(lab: &ContainerLab) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rke"))
        .args(["up", "--config", "cluster.yml"])
        .env("HARDEN_LAB_CONTAINERS", "1")
        .current_dir(lab.dir())
        .output()
        .unwrap()
}

#[test]
#[ignore = "needs root, Docker and debootstrap; `make test` runs it"]
fn three_real_nodes_can_be_entered_built_and_broken() {
    let lab = ContainerLab::start().unwrap();
    let inventory = fs::read_to_string(lab.inventory()).unwrap();
    let apiserver = "docker inspect --format '{{.Id}} {{.State.Status}}' kube-apiserver";

    assert_eq!(
        text(&ssh(&lab, "root@127.0.1.1", "id -un; hostname")),
        "root\ncp-1"
    );
    assert_eq!(
        text(&ssh(
            &lab,
            "ubuntu@127.0.1.3",
            "id -un; sudo -n id -un; hostname"
        )),
        "ubuntu\nroot\nworker-1"
    );

    lab.exec("cp-1", "sysctl -w kernel.panic=10").unwrap();
    assert_eq!(
        text(&lab.exec("cp-1", "sysctl -n kernel.panic").unwrap()),
        "10"
    );
    assert_eq!(
        text(&lab.exec("cp-2", "sysctl -n kernel.panic").unwrap()),
        "0"
    );

    let config = lab.dir().join("cluster.yml");
    fs::write(&config, &inventory).unwrap();
    assert!(rke_up(&lab).status.success());
    let built = text(&lab.exec("cp-1", apiserver).unwrap());
    assert!(built.ends_with(" running"), "{built}");
    assert!(rke_up(&lab).status.success());
    assert_eq!(text(&lab.exec("cp-1", apiserver).unwrap()), built);

    let missing =
        "services: {kube-api: {extra_args: {audit-policy-file: /etc/kubernetes/audit.yaml}}}\n";
    fs::write(&config, format!("{inventory}{missing}")).unwrap();
    let broken = rke_up(&lab);
    assert_eq!(broken.status.code(), Some(1));
    assert!(
        String::from_utf8_lossy(&broken.stderr)
            .contains("open /etc/kubernetes/audit.yaml: no such file")
    );
    // Between two restarts the state is `running` for a moment; the count only grows.
    let restarts = "docker inspect --format '{{.RestartCount}}' kube-apiserver";
    assert_ne!(text(&lab.exec("cp-1", restarts).unwrap()), "0");
}
