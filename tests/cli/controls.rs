//! `--control`, `--skip` and `harden controls`: which controls a run is about, and what they are.

use harden_lab::Role;
use serde_json::Value;

use crate::lab::Lab;

fn lab() -> Lab {
    Lab::with(|fleet| fleet.nodes(1, &[Role::ControlPlane, Role::Etcd]))
}

/// The ids of the controls that a check judged.
fn judged(lab: &Lab, flags: &[&str]) -> Vec<String> {
    let (_, report) = lab.report(&[&["check", "inventory.yml"], flags].concat());
    let findings = report["findings"].as_array().unwrap().iter();
    findings.map(|one| text(&one["control"])).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

#[test]
fn control_and_skip_take_ids_and_globs() {
    let lab = lab();

    assert_eq!(
        judged(&lab, &["--control", "guide:1.1.*", "--skip", "*.4"]),
        ["guide:1.1.1", "guide:1.1.2", "guide:1.1.3"]
    );
    assert_eq!(
        judged(
            &lab,
            &["--control", "cis:1.2.1", "--control", "guide:2.1.3"]
        ),
        ["guide:2.1.3", "cis:1.2.1"]
    );
}

#[test]
fn a_pattern_that_matches_nothing_is_an_error_with_what_was_meant() {
    let lab = lab();
    let check = |flags: &[&str]| {
        lab.harden(&[&["check", "inventory.yml"], flags].concat())
            .expect(2)
    };

    check(&["--control", "guid:2.1.2"]).says(&["guid:2.1.2", "did you mean `guide:2.1.2`?"]);
    check(&["--skip", "1.1.1"]).says(&["did you mean `guide:1.1.1` or `cis:1.1.1`?"]);
    check(&["--control", "nist:*"]).says(&["matches no control", "`harden controls` lists"]);
    check(&["--control", "cis:1.2.1", "--skip", "cis:*"]).says(&["skipped too"]);
    assert_eq!(lab.node("cp-1").counts().connections, 0);
}

#[test]
fn apply_changes_only_what_was_asked_for_and_nothing_without_what_it_needs() {
    let lab = lab();
    let apply = |id: &str| lab.harden(&["apply", "inventory.yml", "--yes", "--control", id]);
    let cluster = lab.read("cluster.yml");

    apply("guide:2.1.2")
        .expect(2)
        .says(&["guide:2.1.2 would be applied without guide:1.1.2"]);
    apply("guide:1.1.1").expect(0);

    let node = lab.node("cp-1");
    assert!(
        node.read("/etc/sysctl.conf")
            .unwrap()
            .contains("kernel.panic")
    );
    assert!(!node.exists("/etc/kubernetes/audit.yaml"));
    assert_eq!(lab.read("cluster.yml"), cluster);
}

#[test]
fn controls_lists_the_profile() {
    let lab = lab();

    let listed = lab.harden(&["controls"]).expect(0).says(&[
        "CONTROL",
        "guide:2.1.2",
        "cis:1.1.1",
        "apply",
        "a person",
    ]);
    assert_eq!(listed.stdout.lines().count(), 1 + 15 + 113);

    let json = lab.harden(&["controls", "--format", "json"]).expect(0);
    let json: Value = serde_json::from_str(&json.stdout).unwrap();
    let controls = json["controls"].as_array().unwrap();
    assert_eq!(controls.len(), 15 + 113);
    let one = controls
        .iter()
        .find(|one| one["id"] == "cis:1.1.1")
        .unwrap();
    assert_eq!(one["level"], 1);
    assert_eq!(one["scored"], true);
    assert_eq!(one["roles"][0], "controlplane");
    assert_eq!(one["work_of"], "guide:2.1.2");
}

#[test]
fn one_control_is_explained() {
    let lab = lab();

    lab.harden(&["controls", "guide:2.1.2"]).expect(0).says(&[
        "Why",
        "Looks at",
        "container kube-apiserver, --anonymous-auth: false",
        "Changes",
        "services.kube-api.extra_args.anonymous-auth; then `rke up`",
        "Side effects",
        "audit log takes up to",
        "Needs",
        "guide:1.1.2",
        "cis:1.1.1",
    ]);
    let json = lab.harden(&["controls", "guide:2.1.2", "--format", "json"]);
    let json: Value = serde_json::from_str(&json.expect(0).stdout).unwrap();
    assert_eq!(json["needs"][0], "guide:1.1.2");

    lab.harden(&["controls", "2.1.2"])
        .expect(2)
        .says(&["did you mean `guide:2.1.2` or `cis:2.1.2`?"]);
}

#[test]
fn a_known_failure_says_what_is_known() {
    let lab = lab();

    lab.harden(&["controls", "cis:1.4.11"]).expect(0).says(&[
        "Where it finds",
        "usually /var/lib/rancher/etcd: 0755 or stricter",
        "everything in what etcd names by --data-dir",
    ]);
}

#[test]
fn what_is_not_measured_is_explained_too() {
    let lab = lab();
    let sections = [
        ("cis:1.6.1", "For a person to do"),
        ("cis:1.4.1", "Does not apply"),
        ("cis:1.1.13", "Left undone on purpose"),
        ("cis:1.1.2", "Is the work of"),
        ("guide:3.2.1", "Looks at"),
    ];
    for (id, section) in sections {
        lab.harden(&["controls", id]).expect(0).says(&[section]);
    }
}

#[test]
fn an_item_of_the_server_is_explained_with_its_steps_and_with_what_a_playbook_may_ask_for() {
    let lab = lab();

    lab.harden(&["controls", "guide:3.4.1"]).expect(0).says(&[
        "Why",
        "For a person, while no server is named",
        "deactivate every active driver",
        "mend: [node_drivers]",
        "Side effects",
    ]);
    let json = lab.harden(&["controls", "guide:3.2.1", "--format", "json"]);
    let json: Value = serde_json::from_str(&json.expect(0).stdout).unwrap();
    assert!(json["said"].as_str().unwrap().contains("log in to Rancher"));
    assert_eq!(json["changes"], serde_json::json!([]));
}

#[test]
fn the_profile_of_the_next_guide_is_chosen_by_name() {
    let lab = lab();
    let only = ["--control", "cis:1.4.21", "--profile", "rancher-2.2"];

    assert_eq!(judged(&lab, &only), ["cis:1.4.21"]);
    lab.harden(&["controls", "cis:2.1.1", "--profile", "rancher-2.2"])
        .expect(0)
        .says(&["The kubelet refuses anonymous requests"]);
    lab.harden(&["controls", "--profile", "rancher-2.9"])
        .expect(2)
        .says(&["there is no profile `rancher-2.9`", "rancher-2.2"]);
}
