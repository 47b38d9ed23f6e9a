//! `harden undo`: everything as it was, and nothing touched that changed since or is in use.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread;

use crate::lab::Lab;
use crate::lab::Said;
use crate::lab::rke;

const KEY: &str = "/etc/kubernetes/encryption.yaml";
const AUDIT: &str = "/etc/kubernetes/audit.yaml";
const EVENT: &str = "/etc/kubernetes/event.yaml";

/// The directory of the only run so far.
fn run(lab: &Lab) -> PathBuf {
    run_in(&lab.path("harden-runs"))
}

fn run_in(runs: &Path) -> PathBuf {
    let runs = fs::read_dir(runs).unwrap();
    let mut runs: Vec<PathBuf> = runs
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    runs.sort();
    runs.remove(0)
}

fn name(run: &Path) -> &str {
    run.file_name().unwrap().to_str().unwrap()
}

fn undo(lab: &Lab, run: &Path) -> Said {
    lab.harden(&["undo", name(run), "inventory.yml", "--yes"])
}

/// Nodes and `cluster.yml` are changed, the containers are not.
fn changed_without_rke() -> Lab {
    let lab = Lab::built();
    lab.node("w-1").set_kernel("kernel.panic", "0").unwrap();
    lab
}

fn apply_without_rke(lab: &Lab) -> PathBuf {
    lab.harden(&["apply", "inventory.yml", "--yes", "--no-rke"])
        .expect(3);
    run(lab)
}

#[test]
fn what_no_component_uses_yet_goes_back_to_the_byte() {
    let lab = changed_without_rke();
    let before = (lab.digest(), lab.read("cluster.yml"));
    let run = apply_without_rke(&lab);
    assert_ne!((lab.digest(), lab.read("cluster.yml")), before);

    undo(&lab, &run).expect(0).says(&["cluster.yml written"]);

    assert_eq!((lab.digest(), lab.read("cluster.yml")), before);
    assert_eq!(lab.node("w-1").kernel("kernel.panic").unwrap(), "0");
    // The run itself knows its inventory; a second undo finds all as it was.
    let path = run.display().to_string();
    lab.harden(&["undo", &path, "--yes"])
        .expect(0)
        .says(&["undo would change nothing"]);
    lab.harden(&["undo", "--list", "inventory.yml"])
        .expect(0)
        .says(&[name(&run), "apply", "done", "undo"]);
}

#[test]
fn what_changed_since_is_left_and_named_and_the_rest_goes_back() {
    let lab = changed_without_rke();
    let run = apply_without_rke(&lab);
    let theirs = "apiVersion: audit.k8s.io/v1beta1\nkind: Policy\nrules: []\n";
    lab.node("cp-1").write(AUDIT, theirs).unwrap();
    lab.node("w-1").set_kernel("kernel.panic", "7").unwrap();
    lab.write(
        "cluster.yml",
        &format!("{}# ours\n", lab.read("cluster.yml")),
    );

    undo(&lab, &run).expect(3).says(&[
        "file /etc/kubernetes/audit.yaml on cp-1, because it was changed since that run",
        "kernel kernel.panic on w-1, because it was changed since",
        "left out: cluster.yml, because it was changed since",
    ]);

    assert_eq!(lab.node("cp-1").read(AUDIT).unwrap(), theirs);
    assert!(!lab.node("cp-2").exists(AUDIT));
    assert!(!lab.node("cp-1").exists(EVENT));
    assert!(lab.read("cluster.yml").ends_with("# ours\n"));
}

#[test]
fn what_a_component_runs_with_stays_until_rke_up_and_the_key_as_long_as_secrets_need_it() {
    let lab = Lab::built();
    let original = lab.read("cluster.yml");
    lab.apply().expect(0);
    let run = run(&lab);

    undo(&lab, &run).expect(3).says(&[
        "would not start without it",
        "would not start with another value",
        "can be read with this key only",
        "rke up --config cluster.yml",
    ]);

    let flag = "experimental-encryption-provider-config: /etc/kubernetes/encryption.yaml";
    let cluster = lab.read("cluster.yml");
    assert!(cluster.contains(flag), "{cluster}");
    assert!(!cluster.contains("audit-policy-file"), "{cluster}");
    for file in [KEY, AUDIT, EVENT] {
        assert!(lab.node("cp-1").exists(file), "{file}");
    }

    let up = Command::new(rke())
        .args(["up", "--config", "cluster.yml"])
        .current_dir(lab.site.path())
        .env("HARDEN_LAB_FLEET", lab.fleet.dir())
        .output()
        .unwrap();
    assert!(up.status.success());
    undo(&lab, &run)
        .expect(3)
        .says(&["can be read with this key only"]);

    assert_ne!(lab.read("cluster.yml"), original);
    for node in ["cp-1", "cp-2"] {
        assert!(lab.node(node).exists(KEY), "{node}");
        assert!(!lab.node(node).exists(AUDIT), "{node}");
        assert!(!lab.node(node).exists(EVENT), "{node}");
    }
    let sysctl = lab.node("w-1").read("/etc/sysctl.conf").unwrap();
    assert!(!sysctl.contains("kernel.panic=10"), "{sysctl}");
}

/// Sets w-1's `kernel.panic` to 7 whenever it is 0, for as long as `work` takes.
fn while_another_sets_it_to_7<T>(lab: &Lab, work: impl FnOnce() -> T) -> T {
    let file = lab.node("w-1").dir().join("proc/kernel.panic");
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                if fs::read_to_string(&file).is_ok_and(|text| text.trim() == "0") {
                    fs::write(&file, "7\n").unwrap();
                }
                thread::yield_now();
            }
        });
        let done = work();
        is_over.store(true, Ordering::Relaxed);
        done
    })
}

#[test]
fn what_did_not_go_back_is_said_even_where_it_is_something_third_now() {
    let lab = changed_without_rke();
    let run = apply_without_rke(&lab);

    let said = while_another_sets_it_to_7(&lab, || undo(&lab, &run));

    assert_eq!(lab.node("w-1").kernel("kernel.panic").unwrap(), "7");
    said.expect(5)
        .says(&["w-1: kernel kernel.panic is not as it was before"]);
}

#[test]
fn the_key_of_before_a_rotation_is_nothing_to_put_back_by_hand() {
    let lab = changed_without_rke();
    let run = apply_without_rke(&lab);
    for node in ["cp-1", "cp-2"] {
        let file = lab.node(node).read(KEY).unwrap();
        let rotated = file.replace("name: key1", "name: key2");
        assert_ne!(file, rotated);
        lab.node(node).write(KEY, &rotated).unwrap();
    }

    undo(&lab, &run)
        .expect(3)
        .says(&["Secrets would be unreadable under the old key; `harden rotate-key`"]);
}

#[test]
fn a_run_finds_the_cluster_yml_that_it_was_about() {
    let lab = changed_without_rke();
    let before = lab.digest();
    fs::create_dir(lab.path("rke")).unwrap();
    lab.write("rke/prod.yml", &lab.read("cluster.yml"));
    lab.harden(&[
        "apply",
        "inventory.yml",
        "--config=rke/prod.yml",
        "--yes",
        "--no-rke",
        "--no-kube",
    ])
    .expect(4);
    let run = run_in(&lab.path("rke/harden-runs"));
    let path = run.display().to_string();

    lab.harden(&["undo", &path, "inventory.yml", "--yes"])
        .expect(2)
        .says(&["is about", "or pass `--config", "rke/prod.yml`"]);
    lab.harden(&["undo", "--list", "inventory.yml", "--config=rke/prod.yml"])
        .expect(0)
        .says(&[name(&run)]);
    lab.harden(&["undo", &path, "--yes"]).expect(0);

    assert_eq!(lab.digest(), before);
}

#[test]
fn an_undo_can_be_undone() {
    let lab = changed_without_rke();
    let first = apply_without_rke(&lab);
    let hardened = (lab.digest(), lab.read("cluster.yml"));
    undo(&lab, &first).expect(0);
    let runs = fs::read_dir(lab.path("harden-runs")).unwrap();
    let second = runs
        .map(|entry| entry.unwrap().path())
        .find(|path| path.is_dir() && *path != first)
        .unwrap();

    undo(&lab, &second).expect(0);

    assert_eq!((lab.digest(), lab.read("cluster.yml")), hardened);
}

#[test]
fn the_journal_tells_everything_and_holds_no_key() {
    let lab = Lab::built();
    lab.apply().expect(0);

    let journal = fs::read_to_string(run(&lab).join("journal.json")).unwrap();

    let file = lab.node("cp-1").read(KEY).unwrap();
    let key = file.split("secret: ").nth(1).unwrap();
    let key = key.lines().next().unwrap().trim();
    assert_eq!(key.len(), 44);
    assert!(!journal.contains(key));
    for told in [
        KEY,
        "\"kind\":\"cluster-file\"",
        "\"kind\":\"rke-up\"",
        "\"entry\":\"ended\"",
    ] {
        assert!(journal.contains(told), "{told}");
    }
    assert!(!journal.contains("failed"), "{journal}");
}

#[test]
fn a_run_of_another_cluster_or_none_at_all_is_wrong_usage() {
    let lab = changed_without_rke();
    let run = apply_without_rke(&lab);

    lab.harden(&["undo", "20180101T000000Z-1", "inventory.yml"])
        .expect(2)
        .says(&["there is no run", "--list"]);
    lab.harden(&["undo", "--list", "nobodys.yml"])
        .expect(2)
        .says(&["nobodys.yml: there is no such file"]);
    lab.harden(&["undo", name(&run), "inventory.yml"])
        .expect(2)
        .says(&["--yes"]);
    lab.write("other.yml", &lab.read("cluster.yml"));
    let path = run.display().to_string();
    lab.harden(&["undo", &path, "other.yml", "--yes"])
        .expect(2)
        .says(&["is about"]);
}
