//! What happens to a run from outside: its network is lost, a node reboots, its terminal goes away.
//! No file is half written, the report says what is known, and the next run picks up.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use harden_lab::Entry;
use harden_lab::Fault;
use harden_lab::Role;
use harden_lab::Trigger;
use serde_json::Value;

use crate::going::APPLY;
use crate::going::leftovers;
use crate::going::resume;
use crate::lab::Lab;
use crate::lab::Said;
use crate::lab::rke;

/// One node of each kind.
const NODES: [&str; 3] = ["cp-1", "etcd-1", "w-1"];

/// With what the first record of a program run begins that changes a node.
const CHANGES: &[&str] = &["lock"];

/// Bytes of a program run's input after which something happens: in the middle of its second
/// record, the first change.
const MIDDLE: usize = 150;

fn lab() -> Lab {
    Lab::with(|fleet| {
        fleet
            .user("ubuntu")
            .nodes(1, &[Role::ControlPlane])
            .nodes(1, &[Role::Etcd])
            .nodes(1, &[Role::Worker])
    })
}

/// Runs an apply that gives up soon on what does not answer.
fn impatient(lab: &Lab, more: &[&str]) -> Said {
    let patience = ["--connect-timeout", "5", "--answer-timeout", "5"];
    lab.harden(&[&APPLY[..], &patience, more].concat())
}

type Etc = BTreeMap<PathBuf, Entry>;

fn etc(lab: &Lab, node: &str) -> Etc {
    lab.node(node).etc().unwrap()
}

/// Every file is what it was before or what it is in the end.
#[track_caller]
fn assert_whole(node: &str, before: &Etc, now: &Etc, after: &Etc) {
    for (path, entry) in now {
        let is_temporary = path.to_string_lossy().ends_with(".harden");
        let is_whole = before.get(path) == Some(entry) || after.get(path) == Some(entry);
        assert!(
            is_whole || is_temporary,
            "{node}: {} is half done",
            path.display()
        );
    }
    for path in before.keys() {
        let is_kept = now.contains_key(path) || !after.contains_key(path);
        assert!(is_kept, "{node}: {} is gone", path.display());
    }
}

fn changes(report: &str, node: &str) -> Vec<(String, String)> {
    let report: Value = serde_json::from_str(report).unwrap();
    let nodes = report["done"]["changes"].as_array().unwrap();
    let found = nodes.iter().find(|entry| entry["node"] == node).unwrap();
    let changes = found["changes"].as_array().unwrap().iter();
    changes
        .map(|change| {
            let [subject, outcome] = ["subject", "outcome"].map(|key| change[key].as_str());
            (subject.unwrap().to_owned(), outcome.unwrap().to_owned())
        })
        .collect()
}

/// Nobody can say what became of any change of `node`, and the report says so.
#[track_caller]
fn assert_unknown(said: Said, node: &str) {
    let said = said.says(&[node, "not known to be done"]);
    for (subject, outcome) in changes(&said.stdout, node) {
        assert_eq!(outcome, "failed", "{node}: {subject}");
    }
}

/// The next run finishes what was broken off, of which `now` is what was found.
#[track_caller]
fn assert_picked_up(lab: &Lab, node: &str, before: &Etc, now: &Etc) {
    resume(lab);
    assert_whole(node, before, now, &etc(lab, node));
    assert_eq!(leftovers(lab), Vec::<PathBuf>::new());
    lab.check().expect(0);
}

#[test]
fn a_connection_that_dies_silently_in_the_middle_of_writing_leaves_no_half_file() {
    for node in NODES {
        let lab = lab();
        let (before, cluster) = (etc(&lab, node), lab.read("cluster.yml"));
        let trigger = Trigger::Input(CHANGES, MIDDLE);
        lab.node(node).arm(trigger, Fault::NetworkLost);

        let said = impatient(&lab, &["--format", "json"]);

        let now = etc(&lab, node);
        let said = said.expect(5).says(&["5 s"]);
        assert_unknown(said, node);
        assert_eq!(lab.read("cluster.yml"), cluster);
        lab.node(node).heal().unwrap();
        assert_picked_up(&lab, node, &before, &now);
    }
}

#[test]
fn a_network_that_is_lost_for_all_nodes_at_once_delays_nobody_and_changes_nothing() {
    let lab = lab();
    let before = (lab.digest(), lab.read("cluster.yml"));
    for node in NODES {
        lab.node(node).arm(Trigger::Exec(1), Fault::NetworkLost);
    }

    impatient(&lab, &[]).expect(4).says(&NODES);

    assert_eq!((lab.digest(), lab.read("cluster.yml")), before);
    for node in NODES {
        lab.node(node).heal().unwrap();
    }
    lab.apply().expect(0);
}

#[test]
fn a_node_that_reboots_in_the_middle_of_a_change_is_whole_and_the_next_run_picks_up() {
    for node in NODES {
        let lab = lab();
        let before = etc(&lab, node);
        lab.node(node)
            .arm(Trigger::Input(CHANGES, MIDDLE), Fault::Reboots);

        let said = impatient(&lab, &["--format", "json"]);

        let now = etc(&lab, node);
        let said = said.expect(5);
        assert_unknown(said, node);
        lab.node(node).heal().unwrap();
        assert_picked_up(&lab, node, &before, &now);
    }
}

#[test]
fn a_node_that_reboots_after_its_change_has_the_kernel_values_that_were_written() {
    let lab = lab();
    lab.apply().expect(0);
    let node = lab.node("w-1");
    let boot = node.kernel("kernel.random.boot_id").unwrap();

    node.cause(Fault::Reboots).unwrap();
    lab.check().expect(4).says(&["w-1", "connection refused"]);
    node.heal().unwrap();

    assert_ne!(node.kernel("kernel.random.boot_id").unwrap(), boot);
    assert_eq!(node.kernel("kernel.panic").unwrap(), "10");
    lab.check().expect(0);
}

/// Runs apply on a terminal of its own until `moment` is there, takes the terminal away, and calls
/// `then`; hands back what the shell noted as exit code. The shell passes on that its terminal hung
/// up, as interactive ones do.
fn without_terminal(lab: &Lab, moment: impl Fn() -> bool, then: impl FnOnce()) -> String {
    let harden = env!("CARGO_BIN_EXE_harden");
    let line = format!(
        "trap 'kill -s HUP $job' HUP
        '{harden}' apply inventory.yml --yes --rke '{}' --output json=result.json & job=$!
        while wait $job; code=$?; [ $code -gt 128 ]; do :; done
        echo $code >code.new; mv code.new code",
        rke().display()
    );
    // A shell that is started with a signal ignored, as below `nohup`, could never trap it.
    let mut terminal = Command::new("env");
    terminal
        .args(["--default-signal=HUP", "script", "--quiet", "--return"])
        .args(["--command", &line, "/dev/null"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null());
    // The same place and environment as for any other run.
    let usual = lab.command(&[]);
    terminal.current_dir(lab.site.path()).env_clear();
    for (name, value) in usual.get_envs() {
        if let Some(value) = value {
            terminal.env(name, value);
        }
    }
    let mut terminal = terminal
        .env("TERM", "xterm")
        .env("SHELL", "/bin/sh")
        .spawn()
        .unwrap();
    until(moment);
    terminal.kill().unwrap();
    terminal.wait().unwrap();
    then();
    until(|| lab.path("code").exists());
    lab.read("code").trim().to_owned()
}

#[track_caller]
fn until(is_there: impl Fn() -> bool) {
    for _ in 0..6000 {
        if is_there() {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("nothing of the kind happened within a minute");
}

fn journal(lab: &Lab) -> String {
    let runs = fs::read_dir(lab.path("harden-runs")).into_iter().flatten();
    let files = runs.map(|entry| entry.unwrap().path().join("journal.json"));
    let texts = files.filter_map(|file: PathBuf| fs::read_to_string(file).ok());
    texts.collect()
}

#[test]
fn a_lost_terminal_ends_a_run_after_the_change_in_hand() {
    let lab = Lab::with(|fleet| {
        fleet
            .nodes(2, &[Role::ControlPlane, Role::Etcd])
            .nodes(1, &[Role::Worker])
            .fault("cp-2", Fault::Slow(Duration::from_millis(150)))
    });
    let cluster = lab.read("cluster.yml");

    let code = without_terminal(&lab, || journal(&lab).contains("\"cp-2\""), || {});

    assert_eq!(code, "5");
    let report: Value = serde_json::from_str(&lab.read("result.json")).unwrap();
    assert_eq!(report["exit_code"], 5);
    let outcomes = changes(&lab.read("result.json"), "w-1");
    assert!(outcomes.iter().all(|(_, outcome)| outcome == "skipped"));
    assert_eq!(lab.read("cluster.yml"), cluster);
    assert_eq!(leftovers(&lab), Vec::<PathBuf>::new());
    lab.node("cp-2").heal().unwrap();
    resume(&lab);
    lab.check().expect(0);
}

#[test]
fn a_lost_terminal_does_not_end_rke_up() {
    let mut lab = Lab::built();
    let gate = lab.path("gate");
    lab.set("RKE_STANDIN_FAIL", &format!("wait:{}", gate.display()));
    let log = |lab: &Lab| {
        let runs = fs::read_dir(lab.path("harden-runs")).into_iter().flatten();
        let logs = runs.map(|entry| entry.unwrap().path().join("rke.log"));
        logs.filter_map(|file| fs::read_to_string(file).ok())
            .collect::<String>()
    };

    let code = without_terminal(
        &lab,
        || log(&lab).contains("Building Kubernetes cluster"),
        || fs::write(&gate, "").unwrap(),
    );

    assert_eq!(code, "4");
    assert!(log(&lab).contains("Finished building Kubernetes cluster successfully"));
    let report: Value = serde_json::from_str(&lab.read("result.json")).unwrap();
    assert_eq!(report["exit_code"], 4);
    assert!(!Path::new(&lab.path(".cluster.yml.harden.lock")).exists());
    lab.check().expect(0);
}
