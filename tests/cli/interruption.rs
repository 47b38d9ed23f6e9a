//! A run that is stopped, killed or met by another one: what is done is whole, and the next run
//! goes on.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use harden_lab::Fault;
use harden_lab::Role;

use crate::going::APPLY;
use crate::going::Going;
use crate::going::leftovers;
use crate::going::resume;
use crate::lab::Lab;
use crate::lab::Said;

/// Two control-plane nodes, of which the second is slow, and a worker.
fn slow() -> Lab {
    Lab::with(|fleet| {
        fleet
            .nodes(2, &[Role::ControlPlane, Role::Etcd])
            .nodes(1, &[Role::Worker])
            .fault("cp-2", Fault::Slow(Duration::from_millis(150)))
    })
}

#[test]
fn a_stop_while_the_nodes_are_asked_changes_nothing() {
    for signal in ["INT", "TERM", "HUP"] {
        let lab = Lab::with(|fleet| {
            fleet
                .nodes(1, &[Role::ControlPlane, Role::Etcd])
                .nodes(1, &[Role::Worker])
                .fault("w-1", Fault::Mute)
        });
        let before = (lab.digest(), lab.read("cluster.yml"));
        let mut run = Going::apply(&lab);
        run.until("w-1: connected");

        run.signal(signal);

        run.end().expect(4).says(&["stopping", "interrupted"]);
        assert_eq!((lab.digest(), lab.read("cluster.yml")), before);
        assert!(!lab.path("harden-runs").exists());
    }
}

#[test]
fn a_stop_among_the_nodes_finishes_the_one_in_hand_and_resume_goes_on() {
    let lab = slow();
    let cluster = lab.read("cluster.yml");
    let mut run = Going::apply(&lab);
    run.until("cp-1: changed");

    run.signal("TERM");

    let said = run
        .end()
        .expect(5)
        .says(&["interrupted", "cp-2", "skipped"]);
    let (_, next) = said.stdout.split_once("\nnext ").unwrap();
    let next = next.split_whitespace().collect::<Vec<_>>().join(" ");
    let again = "run `harden apply inventory.yml` again";
    assert!(next.starts_with(again), "{}", said.stdout);
    assert_eq!(next.matches("again").count(), 1, "{}", said.stdout);
    assert_eq!(lab.read("cluster.yml"), cluster);
    let sysctl = lab.node("w-1").read("/etc/sysctl.conf").unwrap();
    assert!(!sysctl.contains("kernel.panic="), "{sysctl}");
    assert_eq!(leftovers(&lab), Vec::<PathBuf>::new());
    lab.node("cp-2").heal().unwrap();
    resume(&lab);
    lab.check().expect(0);
}

#[test]
fn a_killed_run_leaves_nothing_half_done_and_the_next_one_finishes_and_cleans_up() {
    let lab = slow();
    let mut run = Going::apply(&lab);
    run.until("cp-1: changed");
    run.child.kill().unwrap();
    run.end();
    lab.node("cp-2").heal().unwrap();
    // As a node that lost its power would keep them, one of a file that is still to be written.
    for name in [".audit.yaml.harden", ".gone.yaml.harden"] {
        let path = format!("/etc/kubernetes/{name}");
        lab.node("cp-2").write(path, "half").unwrap();
    }
    lab.write(".cluster.yml.harden-Ab12Cd", "half");

    lab.check().expect(3).says(&[".gone.yaml.harden"]);
    lab.apply().expect(0);

    assert_eq!(leftovers(&lab), Vec::<PathBuf>::new());
    lab.check().expect(0);
}

#[test]
fn rke_up_is_not_stopped_by_the_first_signal_and_the_report_says_what_is_not_proved() {
    let mut lab = Lab::built();
    let gate = lab.path("gate");
    lab.set("RKE_STANDIN_FAIL", &format!("wait:{}", gate.display()));
    let mut run = Going::apply(&lab);
    run.until("Building Kubernetes cluster");

    run.signal("INT");
    run.until("stopping");
    fs::write(&gate, "").unwrap();

    run.end()
        .expect(4)
        .says(&["Finished building", "left out: the proof"]);
    lab.check().expect(0);
}

#[test]
fn an_rke_whose_run_was_killed_keeps_the_next_run_out() {
    let mut lab = Lab::built();
    let gate = lab.path("gate");
    lab.set("RKE_STANDIN_FAIL", &format!("wait:{}", gate.display()));
    let mut run = Going::apply(&lab);
    run.until("Building Kubernetes cluster");
    let pid = run.child.id().to_string();
    run.child.kill().unwrap();
    run.end();

    lab.apply().expect(1).says(&[&pid, "`rke` that it started"]);

    fs::write(&gate, "").unwrap();
    let lock = lab.path(".cluster.yml.harden.lock");
    let free = || fs::File::open(&lock).unwrap().try_lock().is_ok();
    while !free() {
        std::thread::yield_now();
    }
    lab.apply().expect(0);
}

#[test]
fn a_node_that_another_run_changes_is_left_and_a_lock_of_the_dead_holds_nothing() {
    let lab = Lab::built();
    let lock = lab.node("cp-1").dir().join("run/harden.lock.1");
    fs::create_dir_all(lock.parent().unwrap()).unwrap();
    let boot = lab.node("cp-1").kernel("kernel.random.boot_id").unwrap();
    let held = |pid: u32| {
        let holder = format!("{pid}\t{}\t0815\trun 7 of ann at bastion-2\n", boot.trim());
        fs::write(&lock, holder).unwrap();
    };
    let before = (lab.digest(), lab.read("cluster.yml"));

    held(std::process::id());
    lab.apply()
        .expect(5)
        .says(&["cp-1", "locked by run 7 of ann at bastion-2"]);
    assert_eq!((lab.digest(), lab.read("cluster.yml")), before);

    let mut dead = Command::new("true").spawn().unwrap();
    dead.wait().unwrap();
    held(dead.id());
    lab.apply().expect(0);
    assert_eq!(leftovers(&lab), Vec::<PathBuf>::new());
}

#[test]
fn without_a_snapshot_the_cluster_is_not_touched_unless_told() {
    let mut lab = Lab::built();
    let cluster = lab.read("cluster.yml");
    lab.set("RKE_STANDIN_FAIL", "snapshot");

    lab.apply()
        .expect(5)
        .says(&["no etcd snapshot was saved", "--no-snapshot"]);
    assert_eq!(lab.read("cluster.yml"), cluster);

    lab.harden(&[&APPLY[..], &["--no-snapshot"]].concat())
        .expect(0)
        .says(&["left out: the etcd snapshot"]);
}

#[test]
fn a_snapshot_is_on_every_etcd_node_before_rke_up() {
    let lab = Lab::built();

    lab.apply().expect(0);

    for node in ["cp-1", "cp-2"] {
        let dir = lab.node(node).dir().join("opt/rke/etcd-snapshots");
        let names: Vec<_> = fs::read_dir(dir).unwrap().collect();
        assert_eq!(names.len(), 1, "{node}");
    }
}

/// Three workers, of which the first two cannot be changed, under this rollout.
fn failing_workers(rollout: &str) -> (Lab, Said) {
    let lab = Lab::with(|fleet| {
        fleet
            .nodes(1, &[Role::ControlPlane, Role::Etcd])
            .nodes(3, &[Role::Worker])
    });
    for node in ["w-1", "w-2"] {
        let node = lab.node(node);
        fs::create_dir_all(node.path("/var/lib")).unwrap();
        node.write("/var/lib/harden", "in the way").unwrap();
    }
    let playbook = format!("playbook: site\nprofile: rancher-2.1\nrollout: {rollout}\n");
    lab.write("site.yml", &playbook);
    let said = lab.harden(&[&APPLY[..], &["--playbook", "site.yml"]].concat());
    (lab, said)
}

#[test]
fn a_failed_worker_stops_the_others_and_a_playbook_may_bear_some() {
    let is_changed = |lab: &Lab| {
        let sysctl = lab.node("w-3").read("/etc/sysctl.conf").unwrap();
        sysctl.contains("kernel.panic=")
    };

    let (lab, said) = failing_workers("{workers: 1}");
    said.expect(5).says(&["w-1", "skipped"]);
    assert!(!is_changed(&lab));

    let (lab, said) = failing_workers("{workers: 1, stop_after: 3}");
    said.expect(5);
    assert!(is_changed(&lab));
    assert!(!lab.read("cluster.yml").contains("audit-policy-file"));
}
