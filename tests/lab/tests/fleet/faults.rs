//! Every fault does what it says, and only to its node.

use std::future::Future;
use std::time::Duration;

use harden_lab::Fault;
use harden_lab::Fleet;
use harden_lab::Node;
use harden_lab::Role;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::client::Login;
use crate::client::run;
use crate::client::say;

/// Long for a machine on loopback, short for a test.
const PATIENCE: Duration = Duration::from_millis(400);

/// Two nodes; the first has `fault`, the second answers.
async fn broken(fault: Fault) -> (Fleet, Node) {
    let fleet = Fleet::builder()
        .nodes(2, &Role::ALL)
        .fault("cp-1", fault)
        .start()
        .await
        .unwrap();
    assert_eq!(say(&fleet.node("cp-2"), "echo well").await, "well\n");
    let node = fleet.node("cp-1");
    (fleet, node)
}

async fn stays_silent(what: impl Future) -> bool {
    timeout(PATIENCE, what).await.is_err()
}

#[tokio::test]
async fn a_refusing_node_has_no_listener_until_it_is_healed() {
    let (_fleet, node) = broken(Fault::Refuse).await;
    let refused = TcpStream::connect(node.address()).await.unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);

    node.heal().unwrap();
    let mut answer = run(&node, "echo back").await;
    for _ in 0..50 {
        if answer.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        answer = run(&node, "echo back").await;
    }
    assert_eq!(answer.unwrap().stdout, "back\n");
}

#[tokio::test]
async fn a_hanging_node_accepts_and_says_nothing() {
    let (_fleet, node) = broken(Fault::Hang).await;
    TcpStream::connect(node.address()).await.unwrap();
    assert!(stays_silent(run(&node, "true")).await);
    assert_eq!(node.counts().logins, 0);
}

#[tokio::test]
async fn a_connection_drops_in_the_handshake_after_login_or_in_the_answer() {
    let (_fleet, node) = broken(Fault::DropHandshake).await;
    assert!(Login::new(&node, "root").await.is_err());
    assert_eq!(node.counts().logins, 0);

    let (_fleet, node) = broken(Fault::DropLogin).await;
    assert!(run(&node, "true").await.is_err());
    assert_eq!(node.counts().logins, 1);

    let (_fleet, node) = broken(Fault::DropAnswer(1000)).await;
    assert!(run(&node, "cat /dev/zero").await.is_err());
    assert_eq!(node.counts().execs, 1);
}

#[tokio::test]
async fn a_mute_node_starts_a_command_and_never_answers() {
    let (_fleet, node) = broken(Fault::Mute).await;
    assert!(stays_silent(run(&node, "echo here")).await);
    assert_eq!(node.counts().execs, 1);
}

#[tokio::test]
async fn a_truncated_answer_ends_early_with_a_good_status() {
    let (_fleet, node) = broken(Fault::Truncate(5)).await;
    let answer = run(&node, "echo 123456789").await.unwrap();
    assert_eq!((answer.stdout.as_str(), answer.code), ("12345", Some(0)));
}

#[tokio::test]
async fn a_slow_node_answers_late() {
    let (_fleet, node) = broken(Fault::Slow(Duration::from_millis(50))).await;
    let start = std::time::Instant::now();
    assert_eq!(say(&node, "echo late").await, "late\n");
    assert!(start.elapsed() > Duration::from_millis(400));
}

#[tokio::test]
async fn a_flooding_node_never_stops() {
    let (_fleet, node) = broken(Fault::Flood).await;
    let login = Login::new(&node, "root").await.unwrap();
    let mut channel = login.start("true").await.unwrap();
    let mut received = 0;
    while received < 20_000_000 {
        let message = channel.wait().await.expect("the flood ended");
        if let russh::ChannelMsg::Data { data } = message {
            received += data.len();
        }
    }
}

#[tokio::test]
async fn a_host_key_can_be_wrong_or_unknown() {
    let (fleet, node) = broken(Fault::WrongHostKey).await;
    assert!(Login::new(&node, "root").await.is_err());
    let known = std::fs::read_to_string(fleet.known_hosts()).unwrap();
    assert_eq!(known.lines().count(), 2);

    let (fleet, node) = broken(Fault::UnknownHostKey).await;
    assert!(Login::new(&node, "root").await.is_err());
    let known = std::fs::read_to_string(fleet.known_hosts()).unwrap();
    assert_eq!(known.lines().count(), 1);
}

#[tokio::test]
async fn a_login_can_be_refused() {
    let (_fleet, node) = broken(Fault::LoginRefused).await;
    let error = Login::new(&node, "root").await.err().unwrap();
    assert_eq!(error.to_string(), "login refused");
}

#[tokio::test]
async fn sudo_that_is_lost_asks_for_a_password() {
    let (_fleet, node) = broken(Fault::SudoLost).await;
    let login = Login::new(&node, "ubuntu").await.unwrap();
    let answer = login.run("sudo -n true", b"").await.unwrap();
    assert_eq!(answer.stderr, "sudo: a password is required\n");
    assert_eq!(answer.code, Some(1));
}

#[tokio::test]
async fn etc_can_be_read_only() {
    let (_fleet, node) = broken(Fault::ReadOnlyEtc).await;
    let answer = run(&node, "cat /etc/hostname; echo x > /etc/kubernetes/x")
        .await
        .unwrap();
    assert_eq!(answer.stdout, "cp-1\n");
    assert!(
        answer.stderr.contains("Read-only file system"),
        "{}",
        answer.stderr
    );
    assert!(!node.exists("/etc/kubernetes/x"));
}

#[tokio::test]
async fn a_disk_can_be_full_and_still_be_read() {
    let (_fleet, node) = broken(Fault::DiskFull).await;
    let line = "cat /etc/kubernetes/ssl/kube-ca.pem; cat /etc/passwd > /etc/kubernetes/x";
    let answer = run(&node, line).await.unwrap();
    assert_eq!(
        answer.stdout,
        "stands for /etc/kubernetes/ssl/kube-ca.pem of cp-1\n"
    );
    assert!(
        answer.stderr.contains("No space left on device"),
        "{}",
        answer.stderr
    );
    assert_eq!(
        say(&node, "echo x > /etc/elsewhere; cat /etc/elsewhere").await,
        "x\n"
    );
}

#[tokio::test]
async fn inodes_can_run_out_while_there_is_space() {
    let (_fleet, node) = broken(Fault::NoInodes).await;
    let line = "df -P /etc/kubernetes | awk 'NR == 2 { print ($4 > 100) }'; \
                cp /etc/passwd /etc/kubernetes/x";
    let answer = run(&node, line).await.unwrap();
    assert_eq!(answer.stdout, "1\n");
    assert!(
        answer.stderr.contains("No space left on device"),
        "{}",
        answer.stderr
    );
}

/// The attribute needs root; an unprivileged fleet must say so.
#[tokio::test]
async fn a_file_can_be_immutable_until_it_is_healed() {
    let fault = Fault::Immutable("/etc/sysctl.conf".into());
    let started = Fleet::builder()
        .nodes(1, &Role::ALL)
        .fault("cp-1", fault)
        .start()
        .await;
    let fleet = match started {
        Ok(fleet) => fleet,
        Err(error) => {
            assert!(!rustix::process::geteuid().is_root(), "{error:#}");
            assert!(
                format!("{error:#}").contains("immutable=/etc/sysctl.conf"),
                "{error:#}"
            );
            return;
        }
    };
    let node = fleet.node("cp-1");
    let answer = run(&node, "rm /etc/sysctl.conf").await.unwrap();
    assert!(
        answer.stderr.contains("Operation not permitted"),
        "{}",
        answer.stderr
    );
    node.heal().unwrap();
    assert_eq!(
        say(&node, "rm /etc/sysctl.conf && echo gone").await,
        "gone\n"
    );
}

#[tokio::test]
async fn docker_can_be_missing_hanging_or_down() {
    let (_fleet, node) = broken(Fault::DockerMissing).await;
    let answer = run(&node, "command -v docker; docker ps").await.unwrap();
    assert_eq!(
        (answer.stdout.as_str(), answer.code),
        ("", Some(127)),
        "{}",
        answer.stderr
    );

    let (_fleet, node) = broken(Fault::DockerHangs).await;
    assert!(stays_silent(run(&node, "docker inspect kubelet")).await);

    let (_fleet, node) = broken(Fault::DockerDown).await;
    let answer = run(&node, "docker inspect kubelet").await.unwrap();
    assert!(
        answer
            .stderr
            .starts_with("Cannot connect to the Docker daemon"),
        "{}",
        answer.stderr
    );
    assert_eq!(answer.code, Some(1));
}

#[tokio::test]
async fn a_container_can_be_missing_and_come_back() {
    let (_fleet, node) = broken(Fault::ContainerMissing("kube-apiserver".to_owned())).await;
    let answer = run(&node, "docker inspect kube-apiserver").await.unwrap();
    assert_eq!(answer.stderr, "Error: No such object: kube-apiserver\n");
    node.heal().unwrap();
    assert!(
        say(&node, "docker inspect kube-apiserver")
            .await
            .contains("\"Name\": \"/kube-apiserver\"")
    );
}

#[tokio::test]
async fn a_crashing_container_says_running_and_restarting() {
    let (_fleet, node) = broken(Fault::ContainerCrashes("kubelet".to_owned())).await;
    let said: Value = serde_json::from_str(&say(&node, "docker inspect kubelet").await).unwrap();
    let state = &said[0]["State"];
    assert_eq!(
        (&state["Running"], &state["Restarting"]),
        (&true.into(), &true.into())
    );
    assert_eq!(state["Status"], "restarting");
}

#[tokio::test]
async fn faults_can_come_and_go_while_the_fleet_runs() {
    let fleet = Fleet::builder().nodes(1, &Role::ALL).start().await.unwrap();
    let node = fleet.node("cp-1");
    node.cause(Fault::ReadOnlyEtc).unwrap();
    node.cause(Fault::DockerDown).unwrap();
    assert_ne!(run(&node, ": > /etc/x").await.unwrap().code, Some(0));
    assert_ne!(run(&node, "docker ps").await.unwrap().code, Some(0));
    node.heal().unwrap();
    assert_eq!(
        say(&node, ": > /etc/x; docker ps >/dev/null; echo fine").await,
        "fine\n"
    );
}

#[tokio::test]
async fn a_fault_of_an_unknown_node_is_an_error() {
    let builder = Fleet::builder()
        .nodes(1, &[Role::Worker])
        .fault("w-7", Fault::Hang);
    let error = builder.start().await.err().unwrap();
    assert_eq!(error.to_string(), "no node of the fleet is called `w-7`");
}
