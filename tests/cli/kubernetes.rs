//! What the Kubernetes API says counts, and what it does not say is not made up.

use std::fs;

use harden_lab::Role;
use serde_json::Value;

use crate::lab::Lab;

fn hardened() -> Lab {
    let lab = Lab::with(|fleet| fleet.nodes(1, &[Role::ControlPlane, Role::Etcd]));
    lab.apply().expect(0);
    lab.check().expect(0);
    lab
}

/// Changes what the cluster remembers behind everybody's back.
fn meddle(lab: &Lab, change: impl FnOnce(&mut Vec<Value>)) {
    let file = lab.fleet.state_file();
    let mut state: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    change(state["objects"].as_array_mut().unwrap());
    fs::write(file, state.to_string()).unwrap();
}

#[test]
fn an_object_that_was_widened_or_bound_elsewhere_fails_and_is_named() {
    let lab = hardened();
    meddle(&lab, |objects| {
        for object in objects {
            match object["kind"].as_str().unwrap() {
                "PodSecurityPolicy" => object["spec"]["privileged"] = true.into(),
                "ClusterRoleBinding" => object["roleRef"]["name"] = "cluster-admin".into(),
                _ => {}
            }
        }
    });

    lab.check().expect(3).says(&[
        "guide:2.1.5",
        "in the cluster: PodSecurityPolicy restricted",
        "spec.privileged is true",
        "roleRef.name is cluster-admin",
        "cis:1.7.1",
    ]);
}

#[test]
fn an_object_that_is_gone_fails_although_cluster_yml_has_it() {
    let lab = hardened();
    meddle(&lab, |objects| {
        objects.retain(|object| object["kind"] != "RoleBinding");
    });

    lab.check().expect(3).says(&[
        "in the cluster: RoleBinding cattle-system/default-psp-rolebinding",
        "missing",
        "rke up",
    ]);
    lab.apply().expect(0);
}

#[test]
fn an_api_that_does_not_answer_leaves_open_what_only_it_can_tell() {
    let mut lab = hardened();
    lab.fleet.end_api();

    lab.check().expect(4).says(&[
        "the Kubernetes API told nothing",
        "connection refused",
        "guide:2.1.5",
        "cis:1.7.1",
    ]);
}

#[test]
fn without_the_api_everything_else_is_judged_all_the_same() {
    let lab = hardened();

    let (code, report) = lab.report(&["check", "inventory.yml", "--no-kube"]);

    assert_eq!(code, 4);
    let unknown: Vec<&str> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["verdict"] == "unknown")
        .map(|finding| {
            assert!(finding["why"].as_str().unwrap().contains("--no-kube"));
            finding["control"].as_str().unwrap()
        })
        .collect();
    assert_eq!(unknown[0], "guide:2.1.5");
    assert!(
        unknown
            .iter()
            .all(|id| *id == "guide:2.1.5" || id.starts_with("cis:1.7."))
    );
}

#[test]
fn a_failed_addon_job_is_a_failure_with_the_jobs_own_line() {
    let mut lab = Lab::built();
    lab.set("RKE_STANDIN_FAIL", "addon");

    lab.apply()
        .expect(5)
        .says(&["addons", "Error from server (Forbidden): told to fail"]);
}

#[test]
fn pods_that_the_policy_would_refuse_are_named_before_anything_is_touched() {
    let lab = Lab::built();
    let pod = r#"{"kind": "Pod", "metadata": {"namespace": "shop", "name": "till-0"}, "spec": {"hostNetwork": true}}"#;
    fs::write(lab.fleet.state_file(), format!("{{\"objects\": [{pod}]}}")).unwrap();
    let before = lab.digest();

    lab.apply().expect(3).says(&[
        "shop/till-0 (hostNetwork)",
        "--allow-refused-pods",
        "nothing was changed",
    ]);
    assert_eq!(lab.digest(), before);

    let knowing = ["apply", "inventory.yml", "--yes", "--allow-refused-pods"];
    lab.harden(&knowing).expect(0);
    // From here on the policy is there, and whoever runs again knows.
    lab.apply().expect(0);
}
