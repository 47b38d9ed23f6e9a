//! Objects of the addons that somebody altered in the cluster: applied again, or named with the way out.

use std::fs;

use harden_lab::Role;
use serde_json::Value;

use crate::lab::Lab;
use crate::lab::Said;

const POLICY: &str = "PodSecurityPolicy";
const BINDING: &str = "ClusterRoleBinding";

/// A hardened cluster whose operator writes comments into the addons.
fn hardened() -> Lab {
    let lab = Lab::with(|fleet| fleet.nodes(1, &[Role::ControlPlane, Role::Etcd]));
    let commented = format!(
        "{}addons: | # the guide's\n  # ours alone\n",
        lab.read("cluster.yml")
    );
    lab.write("cluster.yml", &commented);
    lab.apply().expect(0);
    lab.check().expect(0);
    lab
}

fn state(lab: &Lab) -> Value {
    let text = fs::read_to_string(lab.fleet.state_file()).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn set_state(lab: &Lab, state: &Value) {
    fs::write(lab.fleet.state_file(), state.to_string()).unwrap();
}

/// Changes the objects of a kind behind everybody's back.
fn meddle(lab: &Lab, kind: &str, change: impl Fn(&mut Value)) {
    let mut state = state(lab);
    let objects = state["objects"].as_array_mut().unwrap().iter_mut();
    objects.filter(|one| one["kind"] == kind).for_each(change);
    set_state(lab, &state);
}

fn delete(lab: &Lab, kind: &str) {
    let mut state = state(lab);
    let objects = state["objects"].as_array_mut().unwrap();
    objects.retain(|one| one["kind"] != kind);
    set_state(lab, &state);
}

fn spec(lab: &Lab) -> Value {
    let state = state(lab);
    let mut objects = state["objects"].as_array().unwrap().iter();
    objects.find(|one| one["kind"] == POLICY).unwrap()["spec"].clone()
}

fn widen(lab: &Lab) {
    meddle(lab, POLICY, |policy| {
        policy["spec"]["privileged"] = true.into();
    });
}

/// The lines of `cluster.yml` that count.
fn counts(lab: &Lab) -> Vec<String> {
    let text = lab.read("cluster.yml");
    let lines = text.lines().map(str::trim);
    let lines = lines.filter(|line| line.starts_with("# harden has these objects"));
    lines.map(str::to_owned).collect()
}

fn changes_nothing(said: &Said) {
    assert!(
        said.stdout.contains("apply would change nothing"),
        "{}",
        said.stdout
    );
}

#[test]
fn a_widened_policy_is_narrowed_again_and_the_comments_stay() {
    let lab = hardened();
    let before = spec(&lab);

    for number in 1..=2 {
        widen(&lab);
        let line = format!(
            "addons: number {number} in a comment line, so that RKE applies the objects again (guide:2.1.5)"
        );
        lab.check()
            .expect(3)
            .says(&["spec.privileged is true", &line]);
        lab.apply().expect(0).says(&[&line, "rke: done"]);

        assert_eq!(spec(&lab), before);
        let counted = format!("# harden has these objects applied again, number {number}");
        assert_eq!(counts(&lab), [counted]);
        let cluster = lab.read("cluster.yml");
        assert!(cluster.contains("addons: | # the guide's\n"), "{cluster}");
        assert!(cluster.contains("  # ours alone\n"), "{cluster}");
        let again = lab.apply().expect(0);
        changes_nothing(&again);
        assert_eq!(lab.read("cluster.yml"), cluster);
    }
}

#[test]
fn a_line_that_waits_for_rke_up_is_not_written_twice() {
    let lab = hardened();
    widen(&lab);
    let without_rke = ["apply", "inventory.yml", "--yes", "--no-rke"];

    lab.harden(&without_rke).expect(3);
    let once = lab.read("cluster.yml");
    assert_eq!(counts(&lab).len(), 1);
    lab.harden(&without_rke).expect(3);

    assert_eq!(lab.read("cluster.yml"), once);
    lab.apply().expect(0);
    assert_eq!(lab.read("cluster.yml"), once);
}

#[test]
fn after_a_job_that_failed_rke_up_alone_is_enough() {
    let mut lab = hardened();
    widen(&lab);
    lab.set("RKE_STANDIN_FAIL", "addon");
    lab.apply().expect(5);
    let after = lab.read("cluster.yml");
    delete(&lab, "RoleBinding");
    lab.set("RKE_STANDIN_FAIL", "");

    lab.apply().expect(0);

    assert_eq!(lab.read("cluster.yml"), after);
}

#[test]
fn a_binding_to_another_role_is_named_with_the_command_and_not_planned() {
    let lab = hardened();
    meddle(&lab, BINDING, |binding| {
        binding["roleRef"]["name"] = "cluster-admin".into();
    });
    widen(&lab);
    let before = lab.read("cluster.yml");

    let said = lab.apply().expect(3).says(&[
        "roleRef.name is cluster-admin",
        "delete clusterrolebinding psp:restricted",
    ]);
    changes_nothing(&said);
    assert_eq!(lab.read("cluster.yml"), before);

    // What the command does.
    delete(&lab, BINDING);
    lab.apply().expect(0);
    assert_eq!(counts(&lab).len(), 1);
    changes_nothing(&lab.apply().expect(0));
}

#[test]
fn a_job_that_would_fail_at_such_a_binding_stops_the_apply_before_it_begins() {
    let lab = hardened();
    meddle(&lab, BINDING, |binding| {
        binding["roleRef"]["name"] = "cluster-admin".into();
    });
    let edited = lab
        .read("cluster.yml")
        .replace("    privileged: false\n", "    privileged: true\n");
    lab.write("cluster.yml", &edited);

    lab.apply().expect(3).says(&[
        "unchangeable-object",
        "delete clusterrolebinding psp:restricted",
        "nothing was changed",
    ]);

    assert_eq!(lab.read("cluster.yml"), edited);
}

#[test]
fn what_somebody_added_stays_and_is_named_with_the_command() {
    let lab = hardened();
    meddle(&lab, POLICY, |policy| {
        policy["spec"]["hostNetwork"] = true.into();
    });

    let said = lab.apply().expect(3).says(&[
        "spec.hostNetwork is true",
        "edit podsecuritypolicy restricted",
    ]);
    changes_nothing(&said);

    // With a widened field beside it, that one is mended, and the rest is left for a person.
    widen(&lab);
    lab.apply().expect(3).says(&["rke: done"]);
    assert_eq!(spec(&lab)["privileged"], false);
    assert_eq!(spec(&lab)["hostNetwork"], true);
    changes_nothing(&lab.apply().expect(3));
}
