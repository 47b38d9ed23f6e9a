//! Two machines from which somebody works on one cluster.

use std::fs;

use tempfile::TempDir;

use crate::going::APPLY;
use crate::going::Going;
use crate::going::leftovers;
use crate::lab::Lab;
use crate::lab::Said;
use crate::lab::rke;
use crate::lab::said;

/// Another operator's directory, with what the first one's holds now.
fn another(lab: &Lab) -> TempDir {
    let site = tempfile::tempdir().unwrap();
    for file in [
        "inventory.yml",
        "known_hosts",
        "cluster.yml",
        "kube_config_cluster.yml",
    ] {
        fs::copy(lab.path(file), site.path().join(file)).unwrap();
    }
    site
}

fn apply_from(lab: &Lab, site: &TempDir, more: &[&str]) -> Said {
    let mut command = lab.command(&[&APPLY[..], more].concat());
    command.arg("--rke").arg(rke()).current_dir(site.path());
    said(&command.output().unwrap())
}

/// A run that has changed all nodes and waits in `rke up` for a file.
fn in_the_middle(lab: &mut Lab) -> Going {
    let gate = lab.path("gate");
    lab.set("RKE_STANDIN_FAIL", &format!("wait:{}", gate.display()));
    let mut run = Going::apply(lab);
    run.until("Building Kubernetes cluster");
    run
}

#[test]
fn a_second_run_is_refused_on_every_node_until_the_first_has_ended() {
    let mut lab = Lab::built();
    let site = another(&lab);
    let first = in_the_middle(&mut lab);
    let before = lab.digest();
    // What a node lacks a second run would mend.
    lab.node("w-1").set_kernel("kernel.panic", "0").unwrap();

    apply_from(&lab, &site, &[]).expect(5).says(&[
        "cp-1: locked by run ",
        "cp-2: locked by run ",
        "nothing more is changed",
    ]);
    apply_from(&lab, &site, &["--on", "w-1"])
        .expect(5)
        .says(&["w-1", "locked by run "]);

    assert_eq!(lab.digest(), before);
    assert_eq!(lab.node("w-1").kernel("kernel.panic").unwrap(), "0");
    fs::write(lab.path("gate"), "").unwrap();
    first.end();
    assert_eq!(leftovers(&lab), [] as [std::path::PathBuf; 0]);
    // Its cluster.yml is the one of before.
    apply_from(&lab, &site, &["--on", "w-1"])
        .expect(3)
        .says(&["w-1: changed kernel kernel.panic"]);
}

#[test]
fn a_run_whose_machine_died_keeps_nobody_out() {
    let mut lab = Lab::built();
    let mut first = in_the_middle(&mut lab);

    first.child.kill().unwrap();
    fs::write(lab.path("gate"), "").unwrap();
    first.end();
    // What it started goes on to its end.
    let lock = lab.path(".cluster.yml.harden.lock");
    let free = || fs::File::open(&lock).unwrap().try_lock().is_ok();
    while !free() {
        std::thread::yield_now();
    }

    let site = another(&lab);
    lab.node("w-1").set_kernel("kernel.panic", "0").unwrap();
    apply_from(&lab, &site, &[]).expect(0);
    assert_eq!(leftovers(&lab), [] as [std::path::PathBuf; 0]);
}

#[test]
fn a_holder_without_a_sign_of_life_for_three_minutes_holds_nothing() {
    let lab = Lab::built();
    let node = lab.node("cp-1");
    let lock = node.dir().join("run/harden.lock.1");
    fs::create_dir_all(lock.parent().unwrap()).unwrap();
    let boot = node.kernel("kernel.random.boot_id").unwrap();
    let holder = format!(
        "{}\t{}\t0815\trun 7 of ann at bastion-2\n",
        std::process::id(),
        boot.trim()
    );
    let uptime = fs::read_to_string("/proc/uptime").unwrap();
    let up: u64 = uptime.split('.').next().unwrap().parse().unwrap();
    let alive = |ago: u64| {
        let last = up.saturating_sub(ago);
        fs::write(&lock, format!("{holder}{last}\n")).unwrap();
    };

    alive(60);
    lab.apply()
        .expect(5)
        .says(&["locked by run 7 of ann at bastion-2"]);

    alive(200);
    lab.apply().expect(0);
    assert_eq!(leftovers(&lab), [] as [std::path::PathBuf; 0]);
}
