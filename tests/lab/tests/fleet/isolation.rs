//! What a node sees, and what nobody else does.

use std::fs;
use std::path::Path;

use harden_lab::Fleet;
use harden_lab::Role;
use serde_json::Value;

use crate::client::run;
use crate::client::say;

#[tokio::test]
async fn a_command_sees_the_nodes_own_etc() {
    let fleet = Fleet::builder().nodes(1, &Role::ALL).start().await.unwrap();
    let node = fleet.node("cp-1");
    assert_eq!(say(&node, "cat /etc/hostname").await, "cp-1\n");
    assert_eq!(
        say(&node, "cat /etc/sysctl.conf").await,
        node.read("/etc/sysctl.conf").unwrap()
    );
    assert_eq!(
        say(&node, "stat -c '%a %u %g' /etc/kubernetes").await,
        "755 0 0\n"
    );
    assert_eq!(
        say(&node, "ls -A /run/sysctl.d /tmp /root /var/log").await,
        "/root:\n\n/run/sysctl.d:\n\n/tmp:\n\n/var/log:\naudit.log\n",
        "nothing but the log of the commands before"
    );
}

#[tokio::test]
async fn writes_stay_in_the_node() {
    let machines_own = machine();
    let fleet = Fleet::builder().nodes(2, &Role::ALL).start().await.unwrap();
    let (one, two) = (fleet.node("cp-1"), fleet.node("cp-2"));
    let before = two.etc().unwrap();

    let line = "umask 077; echo secret > /etc/kubernetes/x; mkdir -p /var/lib/harden /var/log/kube-audit; \
                echo t > /tmp/t; sysctl -q -w vm.panic_on_oom=1; echo 5 > /proc/sys/kernel/panic";
    say(&one, line).await;

    assert_eq!(one.read("/etc/kubernetes/x").unwrap(), "secret\n");
    assert_eq!(one.mode("/etc/kubernetes/x").unwrap(), 0o600);
    assert!(
        one.exists("/var/lib/harden") && one.exists("/var/log/kube-audit") && one.exists("/tmp/t")
    );
    assert_eq!(one.kernel("vm.panic_on_oom").unwrap(), "1");
    assert_eq!(one.read("/proc/sys/kernel/panic").unwrap(), "5\n");
    assert_eq!(
        say(&one, "cat /etc/kubernetes/x; sysctl -n kernel.panic").await,
        "secret\n5\n"
    );

    assert_eq!(
        say(&two, "sysctl -n vm.panic_on_oom kernel.panic").await,
        "0\n10\n"
    );
    assert_eq!(two.etc().unwrap(), before);
    assert!(!two.exists("/tmp/t"));
    assert_eq!(machine(), machines_own);
}

#[tokio::test]
async fn a_node_loads_its_sysctl_conf_and_reaches_no_other_kernel_value() {
    let machines_own = machine();
    let fleet = Fleet::builder().nodes(1, &Role::ALL).start().await.unwrap();
    let node = fleet.node("cp-1");
    say(&node, "sysctl -q -p").await;
    assert_eq!(node.kernel("vm.swappiness").unwrap(), "10");

    let line =
        "echo 1 > /proc/sys/vm/page-cluster; echo 1 > /proc/sys/net/ipv4/conf/lo/log_martians";
    let answer = run(&node, line).await.unwrap();
    assert_eq!(answer.stderr.lines().count(), 2, "{}", answer.stderr);
    assert_eq!(machine(), machines_own);
}

#[tokio::test]
async fn docker_inspect_says_what_the_files_say() {
    let fleet = Fleet::builder().nodes(1, &Role::ALL).start().await.unwrap();
    let node = fleet.node("cp-1");
    let asked = ["kube-apiserver", "kubelet", "etcd"];
    let said = say(&node, &format!("docker inspect {}", asked.join(" "))).await;
    let said: Vec<Value> = serde_json::from_str(&said).unwrap();
    let written = asked.map(|name| {
        let path = node.dir().join("docker").join(format!("{name}.json"));
        serde_json::from_str::<Value>(&fs::read_to_string(path).unwrap()).unwrap()
    });
    assert!(said == written);
}

#[tokio::test]
async fn docker_names_what_is_missing_and_prints_the_rest() {
    let fleet = Fleet::builder()
        .nodes(1, &[Role::Worker])
        .start()
        .await
        .unwrap();
    let node = fleet.node("w-1");
    let answer = run(&node, "docker inspect kube-apiserver kubelet etcd")
        .await
        .unwrap();
    assert_eq!(answer.code, Some(1));
    assert_eq!(
        answer.stderr,
        "Error: No such object: kube-apiserver\nError: No such object: etcd\n"
    );
    let found: Vec<Value> = serde_json::from_str(&answer.stdout).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["Name"], "/kubelet");

    let nothing = run(&node, "docker inspect etcd").await.unwrap();
    assert_eq!((nothing.code, nothing.stdout.as_str()), (Some(1), "[]\n"));
}

#[tokio::test]
async fn docker_lists_what_runs_and_describes_itself() {
    let fleet = Fleet::builder()
        .nodes(1, &[Role::Worker])
        .start()
        .await
        .unwrap();
    let node = fleet.node("w-1");
    assert_eq!(
        say(&node, "docker ps --format '{{.Names}}'").await,
        "kube-proxy\nkubelet\nnginx-proxy\n"
    );
    assert!(
        say(&node, "docker ps -a")
            .await
            .contains("service-sidekick")
    );
    assert_eq!(
        say(&node, "docker info --format '{{.ServerVersion}}'").await,
        "20.10.24\n"
    );
    assert!(
        say(&node, "docker info")
            .await
            .contains("Operating System: Ubuntu")
    );
    assert!(say(&node, "docker version").await.starts_with("Client:"));
    assert_ne!(run(&node, "docker run x").await.unwrap().code, Some(0));
}

#[tokio::test]
async fn a_fleet_not_built_yet_has_machines_and_no_cluster() {
    let fleet = Fleet::builder()
        .nodes(1, &Role::ALL)
        .not_built()
        .start()
        .await
        .unwrap();
    let node = fleet.node("cp-1");
    assert_eq!(say(&node, "docker ps -a --format '{{.Names}}'").await, "");
    assert_eq!(
        say(&node, "ls /etc/kubernetes 2>/dev/null || echo none").await,
        "none\n"
    );
    assert_eq!(
        say(&node, "sysctl -n vm.overcommit_memory kernel.panic").await,
        "0\n0\n"
    );
}

#[tokio::test]
async fn tools_that_debian_reaches_through_etc_still_work() {
    let fleet = Fleet::builder()
        .nodes(1, &[Role::Worker])
        .start()
        .await
        .unwrap();
    assert_eq!(
        say(&fleet.node("w-1"), "echo a b | awk '{print $2}'").await,
        "b\n"
    );
}

/// What the tests must not change on the machine they run on.
fn machine() -> Vec<Option<String>> {
    let read = |path: &str| fs::read_to_string(path).ok();
    let exists = |path: &str| Some(Path::new(path).exists().to_string());
    vec![
        read("/proc/sys/vm/panic_on_oom"),
        read("/proc/sys/kernel/panic"),
        read("/proc/sys/vm/swappiness"),
        read("/proc/sys/vm/page-cluster"),
        read("/proc/sys/net/ipv4/conf/lo/log_martians"),
        read("/etc/hostname"),
        read("/etc/sysctl.conf"),
        exists("/etc/kubernetes/x"),
        exists("/var/lib/harden"),
        exists("/var/log/kube-audit"),
        exists("/tmp/t"),
    ]
}
