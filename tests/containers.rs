//! The program against three real nodes: OpenSSH, sudo and a Docker engine in each.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::process::Child;
use std::process::Command;

use harden_lab::containers::ContainerLab;
use harden_lab::kubernetes::Kubernetes;
use harden_lab::programs;

const NODES: [&str; 3] = ["cp-1", "cp-2", "worker-1"];

struct Said {
    code: i32,
    text: String,
}

fn harden(lab: &ContainerLab, arguments: &[&str]) -> Said {
    let output = Command::new(env!("CARGO_BIN_EXE_harden"))
        .args(arguments)
        .current_dir(lab.dir())
        .env("HARDEN_LAB_CONTAINERS", "1")
        .env(
            "HARDEN_LAB_KUBECONFIG",
            lab.dir().join("kubernetes/kubeconfig"),
        )
        .env_remove("SSH_AUTH_SOCK")
        .output()
        .unwrap();
    Said {
        code: output.status.code().unwrap_or(-1),
        text: String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
    }
}

#[track_caller]
fn expect(said: &Said, code: i32, words: &[&str]) {
    assert_eq!(said.code, code, "{}", said.text);
    for word in words {
        assert!(
            said.text.contains(word),
            "`{word}` is not in\n{}",
            said.text
        );
    }
}

/// What a node holds: names, modes, owners and contents of everything below `/etc`.
fn digest(lab: &ContainerLab, node: &str) -> String {
    let command = "cd /etc && find . -type f -printf '%p %m %u:%g ' -exec sha256sum {} \\; | sort | sha256sum";
    exec(lab, node, command)
}

fn exec(lab: &ContainerLab, node: &str, command: &str) -> String {
    let output = lab.exec(node, command).unwrap();
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// The nodes' API servers are stand-ins that serve nothing: port 6443 of each leads to the lab's own,
/// through its real OpenSSH.
struct Apis(Vec<Child>);

impl Apis {
    fn of(lab: &ContainerLab) -> Self {
        let port = fs::read_to_string(lab.dir().join("kubernetes/port")).unwrap();
        let back = format!("127.0.0.1:6443:127.0.0.1:{}", port.trim());
        let known = format!(
            "UserKnownHostsFile={}",
            lab.dir().join("known_hosts").display()
        );
        let start = |host: &str| {
            Command::new("ssh")
                .args(["-F", "/dev/null", "-N", "-o", "ExitOnForwardFailure=yes"])
                .args(["-o", &known, "-R", &back, "-i"])
                .arg(lab.dir().join("id_ed25519"))
                .arg(host)
                .spawn()
                .unwrap()
        };
        Self(["root@127.0.1.1", "ubuntu@127.0.1.2"].map(start).into())
    }
}

impl Drop for Apis {
    fn drop(&mut self) {
        for ssh in &mut self.0 {
            let _ = ssh.kill();
            let _ = ssh.wait();
        }
    }
}

/// One test, because the lab takes half a minute to start and there is one of it.
#[test]
#[ignore = "needs root, Docker and debootstrap; `make test` runs it"]
fn three_real_nodes_are_checked_hardened_and_proved() {
    let lab = ContainerLab::start().unwrap();
    // The nodes have no API server; what the stand-in `rke` applies is served from here.
    let state = lab.dir().join("cluster-state.json");
    let _api = Kubernetes::start(&lab.dir().join("kubernetes"), state).unwrap();
    let _apis = Apis::of(&lab);
    let rke = programs::rke().unwrap().display().to_string();
    let check = [
        "check",
        "inventory.yml",
        "--rke",
        &rke,
        "--known-hosts",
        "known_hosts",
    ];
    let apply = [
        "apply",
        "inventory.yml",
        "--yes",
        "--rke",
        &rke,
        "--known-hosts",
        "known_hosts",
    ];

    let before = NODES.map(|node| digest(&lab, node));
    expect(
        &harden(&lab, &check),
        3,
        &["guide:1.1.1", "the cluster is not built yet"],
    );
    assert_eq!(
        NODES.map(|node| digest(&lab, node)),
        before,
        "a check changed a node"
    );
    for node in NODES {
        let left = exec(
            &lab,
            node,
            "ls /tmp /var/lib/harden 2>/dev/null | grep -c harden || true",
        );
        assert_eq!(left, "0", "a check left something on {node}");
    }

    expect(
        &harden(&lab, &apply),
        0,
        &["Finished building Kubernetes cluster successfully"],
    );
    let key = |node| exec(&lab, node, "sha256sum < /etc/kubernetes/encryption.yaml");
    assert_eq!(key("cp-1"), key("cp-2"));
    for node in ["cp-1", "cp-2"] {
        let stat = exec(
            &lab,
            node,
            "stat -c '%a %U:%G' /etc/kubernetes/*.yaml | sort -u",
        );
        assert_eq!(stat, "600 root:root", "{node}");
        let args = exec(
            &lab,
            node,
            "docker inspect --format '{{.Args}}' kube-apiserver",
        );
        assert!(args.contains("--anonymous-auth=false"), "{args}");
    }
    for node in NODES {
        assert_eq!(
            exec(&lab, node, "cat /proc/sys/kernel/panic"),
            "10",
            "{node}"
        );
    }

    expect(&harden(&lab, &check), 0, &[]);
    let ids = |node| exec(&lab, node, "docker ps --no-trunc --format '{{.ID}}' | sort");
    let hardened = NODES.map(|node| (digest(&lab, node), ids(node)));
    let second = harden(&lab, &apply);
    expect(&second, 0, &[]);
    assert!(
        !second.text.contains("Building Kubernetes cluster"),
        "{}",
        second.text
    );
    assert_eq!(NODES.map(|node| (digest(&lab, node), ids(node))), hardened);

    weather(&lab, &check);
    docker_instead_of_sudo(&lab, &check);
    key_in_no_wrong_place(&lab);
    cluster_stays_whole(&lab, &apply);
}

/// Faults that only a real system has.
fn weather(lab: &ContainerLab, check: &[&str]) {
    exec(lab, "worker-1", "mv /etc/sudoers.d /etc/sudoers.off");
    expect(
        &harden(lab, check),
        4,
        &["worker-1", "may not become root", "sudo"],
    );
    exec(lab, "worker-1", "mv /etc/sudoers.off /etc/sudoers.d");

    exec(
        lab,
        "cp-2",
        "echo 'echo welcome to cp-2' >> /home/ubuntu/.bashrc",
    );
    expect(&harden(lab, check), 0, &[]);

    exec(
        lab,
        "cp-1",
        "sed -i 's/Metadata/None/' /etc/kubernetes/audit.yaml && chmod 644 /etc/kubernetes/audit.yaml",
    );
    expect(
        &harden(lab, check),
        3,
        &["guide:1.1.3", "other content", "0644 root:root"],
    );
    exec(
        lab,
        "cp-1",
        "sed -i 's/None/Metadata/' /etc/kubernetes/audit.yaml && chmod 600 /etc/kubernetes/audit.yaml && docker restart -t 1 kube-apiserver",
    );
    expect(&harden(lab, check), 0, &[]);
}

/// Users of the group docker, whom sudo no longer knows, see what root sees.
fn docker_instead_of_sudo(lab: &ContainerLab, check: &[&str]) {
    let inventory = fs::read_to_string(lab.dir().join("inventory.yml")).unwrap();
    let block = "harden: {privilege: docker}\n";
    fs::write(lab.dir().join("docker.yml"), inventory + block).unwrap();
    let check: Vec<&str> = check
        .iter()
        .map(|argument| {
            if *argument == "inventory.yml" {
                "docker.yml"
            } else {
                argument
            }
        })
        .collect();
    let containers = |node| {
        exec(
            lab,
            node,
            "docker ps --all --quiet | sort; docker volume ls",
        )
    };
    let before = NODES.map(containers);
    let users = ["cp-2", "worker-1"];
    for node in users {
        exec(lab, node, "mv /etc/sudoers.d /etc/sudoers.off");
    }

    expect(&harden(lab, &check), 0, &[]);

    for node in users {
        exec(lab, node, "mv /etc/sudoers.off /etc/sudoers.d");
    }
    assert_eq!(NODES.map(containers), before, "a container was left behind");
}

/// The key is in its files and nowhere else that this run wrote.
fn key_in_no_wrong_place(lab: &ContainerLab) {
    let secret = "sed -n 's/.*secret: //p' /etc/kubernetes/encryption.yaml";
    let key = exec(lab, "cp-1", secret);
    assert_eq!(key.len(), 44, "a key is 32 bytes in base64");
    for node in NODES {
        let found = exec(
            lab,
            node,
            &format!(
                "grep -rlF -- '{key}' /etc /var/log /var/lib/harden /tmp /root /home /run 2>/dev/null; true"
            ),
        );
        let expected = if node == "worker-1" {
            ""
        } else {
            "/etc/kubernetes/encryption.yaml"
        };
        assert_eq!(found, expected, "{node}");
    }
    let found = Command::new("grep")
        .args(["-rlF", "--", &key])
        .arg(lab.dir())
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8_lossy(&found.stdout),
        "",
        "on the operator's machine"
    );
}

/// A file that vanishes is put back with the same key, and a wrong kernel value stops the run.
fn cluster_stays_whole(lab: &ContainerLab, apply: &[&str]) {
    let key = exec(lab, "cp-1", "sha256sum < /etc/kubernetes/encryption.yaml");
    exec(lab, "cp-2", "rm /etc/kubernetes/encryption.yaml");
    expect(&harden(lab, apply), 0, &["cp-2"]);
    assert_eq!(
        exec(lab, "cp-2", "sha256sum < /etc/kubernetes/encryption.yaml"),
        key
    );

    exec(
        lab,
        "worker-1",
        "echo 200 > /proc/sys/kernel/keys/root_maxkeys",
    );
    let cluster = fs::read(lab.dir().join("cluster.yml")).unwrap();
    expect(&harden(lab, apply), 0, &[]);
    exec(lab, "cp-1", "rm /etc/kubernetes/event.yaml");
    expect(
        &harden(lab, apply),
        3,
        &["worker-1", "root_maxkeys is 200", "nothing was changed"],
    );
    assert_eq!(fs::read(lab.dir().join("cluster.yml")).unwrap(), cluster);
}
