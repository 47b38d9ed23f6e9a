//! `harden check`: says everything, changes nothing.

use std::fs;

use harden_lab::Counts;
use harden_lab::Fault;
use harden_lab::Role;

use crate::lab::Lab;

#[test]
fn a_check_changes_nothing_and_costs_one_connection_and_one_exec() {
    let lab = Lab::built();
    let before = lab.digest();
    let cluster = lab.read("cluster.yml");

    lab.check().expect(3);

    assert_eq!(lab.digest(), before);
    assert_eq!(lab.read("cluster.yml"), cluster);
    assert!(!lab.path("harden-runs").exists());
    for node in lab.fleet.nodes() {
        let once = Counts {
            connections: 1,
            logins: 1,
            execs: 1,
        };
        assert_eq!(node.counts(), once, "{}", node.name());
        assert!(!node.exists("/var/lib/harden"), "something was left behind");
    }
}

#[test]
fn findings_name_control_node_wanted_and_seen_and_then_what_apply_would_do() {
    let lab = Lab::built();

    lab.check().expect(3).says(&[
        "guide:1.1.3",
        "cp-[1-2]",
        "/etc/kubernetes/audit.yaml",
        "missing",
        "kubelet --protect-kernel-defaults",
        "services.kube-api.extra_args.anonymous-auth",
        "rke up",
    ]);
}

#[test]
fn what_asks_nothing_of_cluster_yml_makes_none() {
    let lab = Lab::built();
    fs::remove_file(lab.path("cluster.yml")).unwrap();
    let passing = ["check", "inventory.yml", "--control=cis:1.1.2"];

    lab.harden(&passing)
        .expect(0)
        .says(&["apply would change nothing"]);
    lab.check().expect(3).says(&["make cluster.yml"]);
    let named = [passing.as_slice(), &["--config=clutser.yml"]].concat();
    lab.harden(&named)
        .expect(2)
        .says(&["clutser.yml: there is no such file"]);
}

#[test]
fn a_check_tells_what_apply_would_refuse_or_leave() {
    let lab = Lab::built();

    lab.harden(&["check", "inventory.yml", "--control=guide:2.1.1"])
        .expect(3)
        .says(&[
            "`apply` would refuse: guide:2.1.1 would be applied without guide:1.1.1",
            "add `--control guide:1.1.1`",
        ]);
    lab.harden(&["check", "inventory.yml", "--no-rke"])
        .expect(3)
        .says(&["run rke up, because cluster.yml changes; with --no-rke that is left to you"]);
}

#[test]
fn a_user_with_sudo_sees_the_same_as_root() {
    let verdicts = |lab: &Lab| {
        let (code, report) = lab.report(&["check", "inventory.yml"]);
        assert_eq!(code, 3);
        report["findings"].clone()
    };
    let fleet = |user: &'static str| {
        Lab::with(move |fleet| fleet.user(user).nodes(1, &[Role::ControlPlane, Role::Etcd]))
    };

    assert_eq!(verdicts(&fleet("root")), verdicts(&fleet("ubuntu")));
}

#[test]
fn a_diff_shows_contents_and_no_key() {
    let lab = Lab::built();

    let said = lab.harden(&["check", "inventory.yml", "--diff"]).expect(3);

    let said = said.says(&[
        "+kind: AdmissionConfiguration",
        "anonymous-auth",
        "[redacted]",
    ]);
    assert!(!said.stdout.contains("secret: "), "{}", said.stdout);
}

#[test]
fn on_selects_nodes_and_matching_nothing_is_an_error() {
    let lab = Lab::built();

    let (_, report) = lab.report(&["check", "inventory.yml", "--on", "@worker"]);
    let nodes: Vec<_> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|finding| finding["node"].as_str())
        .collect();
    assert!(nodes.iter().all(|node| *node == "w-1"), "{nodes:?}");
    assert_eq!(lab.node("cp-1").counts().connections, 0);

    lab.harden(&["check", "inventory.yml", "--on", "nobody"])
        .expect(2)
        .says(&["nobody", "hint"]);
}

#[test]
fn writes_that_would_fail_are_foretold_before_anything_is_touched() {
    let immutable = Fault::Immutable("/etc/sysctl.conf".into());
    let faults = [
        (Fault::ReadOnlyEtc, "read-only"),
        (Fault::DiskFull, "KiB left"),
        (Fault::NoInodes, "no inode left"),
        (immutable, "immutable"),
    ];
    for (fault, said) in faults {
        let lab = Lab::built();
        lab.node("cp-2").cause(fault.clone()).unwrap();
        let before = lab.digest();

        lab.check()
            .expect(3)
            .says(&["cp-2", "cannot be written", said]);
        lab.apply()
            .expect(3)
            .says(&["cp-2", said, "nothing was changed"]);

        lab.node("cp-2").heal().unwrap();
        for (node, digest) in lab.digest() {
            // The faulty file system itself lies over the second node's files.
            assert!(
                node == "cp-2" || before[&node] == digest,
                "{fault:?} on {node}"
            );
        }
    }
}

#[test]
fn the_json_report_is_versioned_and_alone_on_standard_output() {
    let lab = Lab::built();

    let (code, report) = lab.report(&["check", "inventory.yml", "--quiet"]);

    assert_eq!(code, 3);
    assert_eq!(report["version"], 1);
    assert_eq!(report["exit_code"], 3);
    let failed = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|finding| finding["control"] == "guide:1.1.4" && finding["node"] == "cp-1")
        .unwrap();
    assert_eq!(failed["verdict"], "fail");
    assert_eq!(failed["evidence"][0]["seen"], "missing");
}

#[test]
fn a_site_may_choose_values_and_bring_its_own_audit_policy() {
    let lab = Lab::built();
    lab.write(
        "ours.yml",
        "playbook: ours\nprofile: rancher-2.1\nvariables:\n  event_qps: 77\n  audit_log_max_age: 30\n  audit_policy: |\n    apiVersion: audit.k8s.io/v1beta1\n    kind: Policy\n    rules: [{level: Request}]\n",
    );

    let ours = ["check", "inventory.yml", "--playbook", "ours.yml", "--diff"];
    lab.harden(&ours)
        .expect(3)
        .says(&["+  qps: 77", "level: Request", "audit-log-maxage", "30"]);
}

#[test]
fn profiles_and_templates_beside_the_playbook_go_before_the_embedded_ones() {
    let lab = Lab::built();
    let site = |path: &str, text: &str| {
        let path = lab.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    site(
        "playbooks/ours.yml",
        "playbook: ours\nprofile: ours\nvariables: {who: me}\n",
    );
    site(
        "playbooks/profiles/ours.yml",
        "profile: ours\nguide: Ours\nbenchmark: none\nplatform: rke1\nkubernetes: \"1.11\"\nvariables: {who: you}\ncontrols:\n- id: ours:1\n  title: Our file is there\n  roles: [worker]\n  audit:\n  - file: {path: /etc/ours.yaml, mode: \"0644\", template: ours.yaml}\n",
    );
    site(
        "templates/ours.yaml.hbs",
        "apiVersion: v1\nkind: Ours\nwho: {{who}}\n",
    );

    let ours = ["--playbook", "playbooks/ours.yml", "--no-rke"];
    let check = [&["check", "inventory.yml", "--diff"], &ours[..]].concat();
    lab.harden(&check).expect(3).says(&["ours:1", "+who: me"]);
    let apply = [&["apply", "inventory.yml", "--yes"], &ours[..]].concat();
    lab.harden(&apply).expect(0);

    assert!(
        lab.node("w-1")
            .read("/etc/ours.yaml")
            .unwrap()
            .ends_with("who: me\n")
    );
    assert!(!lab.node("cp-1").exists("/etc/ours.yaml"));
}
