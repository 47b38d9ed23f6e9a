//! One node in bad weather: it delays nobody, it is named with its cause, and nothing is called clean.

use std::time::Duration;
use std::time::Instant;

use harden_lab::Fault;

use crate::lab::Lab;

/// Checks a fleet in which the worker has `fault`, and expects it named with `cause`.
#[track_caller]
fn check_with(fault: Fault, cause: &str) -> Lab {
    let lab = Lab::with(|fleet| {
        fleet
            .nodes(1, &[harden_lab::Role::ControlPlane, harden_lab::Role::Etcd])
            .nodes(1, &[harden_lab::Role::Worker])
            .fault("w-1", fault)
    });
    let arguments = [
        "check",
        "inventory.yml",
        "--connect-timeout",
        "2",
        "--answer-timeout",
        "3",
    ];
    let start = Instant::now();
    lab.harden(&arguments)
        .expect(4)
        .says(&["w-1", cause, "guide:1.1.3"]);
    assert!(
        start.elapsed() < Duration::from_secs(20),
        "{:?}",
        start.elapsed()
    );
    lab
}

#[test]
fn refused() {
    check_with(Fault::Refuse, "refused");
}

#[test]
fn silent_after_the_connection() {
    check_with(Fault::Hang, "not finished within 2 s");
}

#[test]
fn closed_in_the_handshake() {
    check_with(Fault::DropHandshake, "w-1: ");
}

#[test]
fn closed_after_the_login() {
    check_with(Fault::DropLogin, "lost");
}

#[test]
fn closed_in_the_answer() {
    check_with(Fault::DropAnswer(100), "w-1: ");
}

#[test]
fn mute_after_the_question() {
    check_with(Fault::Mute, "not finished within 3 s");
}

#[test]
fn an_answer_cut_short() {
    check_with(Fault::Truncate(200), "ended early");
}

#[test]
fn an_answer_without_end() {
    check_with(Fault::Flood, "w-1: ");
}

#[test]
fn another_host_key_than_on_record() {
    let lab = check_with(Fault::WrongHostKey, "host key");
    assert_eq!(lab.node("w-1").counts().logins, 0);
}

#[test]
fn a_host_key_that_nobody_recorded() {
    let lab = check_with(Fault::UnknownHostKey, "harden trust");
    assert_eq!(lab.node("w-1").counts().logins, 0);
    lab.harden(&["trust", "inventory.yml", "--yes"])
        .expect(0)
        .says(&["w-1", "SHA256:"]);
    lab.check().expect(3);
}

#[test]
fn a_key_that_is_not_accepted() {
    check_with(Fault::LoginRefused, "refused the login");
}

#[test]
fn docker_is_missing() {
    check_with(Fault::DockerMissing, "docker is not installed");
}

#[test]
fn docker_has_no_daemon() {
    check_with(Fault::DockerDown, "Cannot connect to the Docker daemon");
}

#[test]
fn a_docker_that_hangs_is_waited_for_only_so_long_and_the_rest_of_the_node_is_measured() {
    let lab = Lab::built();
    lab.node("w-1").cause(Fault::DockerHangs).unwrap();
    lab.node("w-1").set_kernel("kernel.panic", "0").unwrap();

    let start = Instant::now();
    lab.check().expect(4).says(&[
        "docker did not answer within 25 s",
        "kernel.panic",
        "wanted 10",
        "seen 0",
    ]);

    assert!(start.elapsed() < Duration::from_secs(40));
}

#[test]
fn sudo_asks_for_a_password() {
    let lab = Lab::with(|fleet| {
        fleet
            .user("ubuntu")
            .nodes(1, &[harden_lab::Role::Worker, harden_lab::Role::Etcd])
            .fault("etcd-1", Fault::SudoLost)
    });
    lab.check().expect(4).says(&["may not become root", "sudo"]);
}

#[test]
fn a_missing_container_is_a_failure_and_not_unmeasured() {
    let lab = Lab::built();
    lab.node("w-1")
        .cause(Fault::ContainerMissing("kubelet".into()))
        .unwrap();

    lab.check().expect(3).says(&["no container kubelet"]);
}

#[test]
fn a_crash_looping_container_does_not_pass() {
    let lab = Lab::built();
    lab.apply().expect(0);
    lab.node("w-1")
        .cause(Fault::ContainerCrashes("kubelet".into()))
        .unwrap();

    lab.check().expect(3).says(&["crash-looping"]);
}

#[test]
fn an_unreachable_node_stops_an_apply_unless_told_otherwise() {
    let lab = Lab::built();
    lab.node("w-1").cause(Fault::LoginRefused).unwrap();
    let before = lab.digest();
    let cluster = lab.read("cluster.yml");

    lab.apply()
        .expect(4)
        .says(&["w-1", "--allow-incomplete", "nothing was changed"]);
    assert_eq!(lab.digest(), before);

    let arguments = ["apply", "inventory.yml", "--yes", "--allow-incomplete"];
    lab.harden(&arguments).expect(4).says(&["cluster.yml"]);
    assert!(lab.node("cp-1").exists("/etc/kubernetes/audit.yaml"));
    assert_eq!(lab.read("cluster.yml"), cluster);
}
