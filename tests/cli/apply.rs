//! `harden apply`: makes it so, proves it, and does nothing the second time.

use std::fs;

use harden_lab::Fault;
use harden_lab::Role;

use crate::lab::Lab;

const FILES: [&str; 4] = [
    "/etc/kubernetes/encryption.yaml",
    "/etc/kubernetes/audit.yaml",
    "/etc/kubernetes/admission.yaml",
    "/etc/kubernetes/event.yaml",
];

#[test]
fn an_apply_hardens_a_running_cluster_and_the_second_one_changes_nothing() {
    let lab = Lab::built();
    lab.node("w-1").set_kernel("kernel.panic", "0").unwrap();
    let original = lab.read("cluster.yml");

    lab.apply().expect(0);

    for file in FILES {
        let first = lab.node("cp-1").read(file).unwrap();
        assert_eq!(lab.node("cp-2").read(file).unwrap(), first, "{file}");
        for node in ["cp-1", "cp-2"] {
            assert_eq!(
                lab.node(node).mode(file).unwrap(),
                0o600,
                "{file} on {node}"
            );
            assert_eq!(
                lab.node(node).owner(file).unwrap(),
                (0, 0),
                "{file} on {node}"
            );
        }
        assert!(!lab.node("w-1").exists(file));
    }
    assert_eq!(lab.node("w-1").kernel("kernel.panic").unwrap(), "10");
    let backup = fs::read_dir(lab.path("harden-runs")).unwrap();
    let run = backup
        .map(|entry| entry.unwrap().path())
        .find(|path| path.is_dir())
        .unwrap();
    assert_eq!(
        fs::read_to_string(run.join("cluster.yml")).unwrap(),
        original
    );
    assert!(
        fs::read_to_string(run.join("rke.log"))
            .unwrap()
            .contains("Finished building")
    );

    for node in lab.fleet.nodes() {
        let counts = node.counts();
        let name = node.name();
        assert_eq!(
            counts.connections, 1,
            "one connection to {name} for the whole run"
        );
        // A look, the changes with a look behind them, and the proof after `rke up`; a master's lock
        // is taken before and confirmed before `rke up`, and the first etcd node tells how Secrets lie, too.
        let of_secrets = u64::from(name == "cp-1");
        let of_locks = 2 * u64::from(name != "w-1");
        assert_eq!(counts.execs, 3 + of_secrets + of_locks, "{name}");
    }

    lab.check().expect(0);
    let before = (lab.digest(), lab.read("cluster.yml"));
    let runs = fs::read_dir(lab.path("harden-runs")).unwrap().count();

    let said = lab.apply().expect(0);

    assert_eq!((lab.digest(), lab.read("cluster.yml")), before);
    assert_eq!(fs::read_dir(lab.path("harden-runs")).unwrap().count(), runs);
    assert!(
        !said.stderr.contains("Building Kubernetes cluster"),
        "{}",
        said.stderr
    );
}

#[test]
fn a_cluster_that_is_not_built_gets_a_whole_cluster_file_and_is_built() {
    let lab = Lab::bare(|fleet| {
        fleet
            .not_built()
            .nodes(1, &[Role::ControlPlane, Role::Etcd])
            .nodes(1, &[Role::Worker])
    });

    lab.apply().expect(0);

    let cluster = lab.read("cluster.yml");
    assert!(cluster.contains("hostname_override: w-1"), "{cluster}");
    assert!(cluster.contains("PodSecurityPolicy"), "{cluster}");
    assert!(!cluster.contains("harden:"), "{cluster}");
    lab.check().expect(0);
}

#[test]
fn sysctl_conf_keeps_every_other_line_and_its_old_content_stays_for_undo() {
    let lab = Lab::built();
    let old = "# ours\nnet.ipv4.ip_forward = 1\nkernel/panic = 0\n; the end";
    lab.node("w-1").write("/etc/sysctl.conf", old).unwrap();

    lab.apply().expect(0);

    let new = lab.node("w-1").read("/etc/sysctl.conf").unwrap();
    assert_eq!(
        new,
        "# ours\nnet.ipv4.ip_forward = 1\nkernel/panic = 10\n; the end\nkernel.panic_on_oops=1\nvm.overcommit_memory=1\n"
    );
    let undo = lab.node("w-1").path("/var/lib/harden/undo");
    let run = fs::read_dir(undo).unwrap().next().unwrap().unwrap().path();
    assert_eq!(
        fs::read_to_string(run.join("etc/sysctl.conf")).unwrap(),
        old
    );
}

#[test]
fn an_existing_key_is_kept_and_copied_and_two_keys_stop_everything() {
    let file = FILES[0];
    let lab = Lab::built();
    lab.apply().expect(0);
    let key = lab.node("cp-1").read(file).unwrap();
    fs::remove_file(lab.node("cp-2").path(file)).unwrap();

    lab.apply().expect(0);
    assert_eq!(lab.node("cp-2").read(file).unwrap(), key);

    let position = key.find("secret: ").unwrap() + 8;
    let letter = if key[position..].starts_with('A') {
        "B"
    } else {
        "A"
    };
    let mut other = key.clone();
    other.replace_range(position..=position, letter);
    lab.node("cp-2").write(file, &other).unwrap();
    let before = lab.digest();

    lab.apply().expect(3).says(&[
        "encryption keys of cp-1, cp-2 differ",
        "nothing was changed",
    ]);
    assert_eq!(lab.digest(), before);
}

#[test]
fn a_key_that_could_not_be_read_keeps_the_api_servers_from_being_told_to_use_it() {
    let lab = Lab::built();
    let before = lab.read("cluster.yml");
    lab.harden(&["apply", "inventory.yml", "--yes", "--no-rke"])
        .expect(3);
    lab.write("cluster.yml", &before);
    let key = lab.node("cp-2").read(FILES[0]).unwrap();
    let more_than_is_read = format!("{key}#{}\n", "x".repeat(1100 * 1024));
    lab.node("cp-2")
        .write(FILES[0], &more_than_is_read)
        .unwrap();

    lab.apply()
        .expect(4)
        .says(&["cp-2", "nothing was changed", "encryption.yaml"]);

    assert_eq!(lab.read("cluster.yml"), before);
}

#[test]
fn a_lost_key_is_never_replaced_by_a_new_one() {
    let lab = Lab::built();
    lab.apply().expect(0);
    for node in ["cp-1", "cp-2"] {
        fs::remove_file(lab.node(node).path(FILES[0])).unwrap();
    }

    lab.apply()
        .expect(3)
        .says(&["no node has a key", "restore"]);

    assert!(!lab.node("cp-1").exists(FILES[0]));
}

#[test]
fn a_file_changed_behind_a_running_api_server_is_mended_and_the_server_restarted() {
    let lab = Lab::built();
    lab.apply().expect(0);
    let policy = "apiVersion: audit.k8s.io/v1beta1\nkind: Policy\nrules: [{level: None}]\n";
    lab.node("cp-1").write(FILES[1], policy).unwrap();
    let started = |node: &str| {
        let file = lab.node(node).dir().join("docker/kube-apiserver.json");
        let inspected: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
        inspected["State"]["StartedAt"].as_str().unwrap().to_owned()
    };
    let before = (started("cp-1"), started("cp-2"));

    lab.apply().expect(0);

    assert!(
        lab.node("cp-1")
            .read(FILES[1])
            .unwrap()
            .contains("Metadata")
    );
    assert_ne!(
        started("cp-1"),
        before.0,
        "the API server still runs with the old policy"
    );
    assert_eq!(started("cp-2"), before.1);
}

#[test]
fn a_node_that_fails_stops_the_run_before_the_cluster_is_touched() {
    let lab = Lab::built();
    let cluster = lab.read("cluster.yml");
    // A directory where a file belongs cannot be foretold by looking for room.
    fs::create_dir_all(lab.node("cp-2").path("/var/lib")).unwrap();
    lab.node("cp-2")
        .write("/var/lib/harden", "in the way")
        .unwrap();

    let said = lab.apply().expect(5);

    assert_eq!(lab.read("cluster.yml"), cluster);
    said.says(&["cp-2", "cluster.yml"]);
    for entry in lab.node("cp-2").etc().unwrap().keys() {
        assert!(
            !entry.to_string_lossy().contains(".harden"),
            "{}",
            entry.display()
        );
    }
}

#[test]
fn with_on_the_cluster_is_left_alone_and_the_report_says_so() {
    let lab = Lab::built();
    let cluster = lab.read("cluster.yml");

    let said = lab.harden(&["apply", "inventory.yml", "--yes", "--on", "w-1"]);

    assert_eq!(lab.read("cluster.yml"), cluster);
    assert!(
        lab.node("w-1")
            .read("/etc/sysctl.conf")
            .unwrap()
            .contains("kernel.panic")
    );
    assert!(
        !lab.node("cp-1")
            .read("/etc/sysctl.conf")
            .unwrap()
            .contains("\nkernel.panic")
    );
    said.expect(3).says(&["--on", "rke up"]);
}

#[test]
fn a_kernel_value_that_nobody_manages_stops_the_run_whatever_node_has_it() {
    let lab = Lab::built();
    lab.node("w-1")
        .set_kernel("kernel.keys.root_maxkeys", "200")
        .unwrap();

    lab.apply()
        .expect(3)
        .says(&["w-1", "kernel.keys.root_maxkeys is 200", "sysctl -w"]);
}

#[test]
fn every_way_in_which_rke_fails_is_a_failure_and_told() {
    let ways = [
        ("addon", "addon"),
        ("healthcheck", "kube-apiserver"),
        ("fatal", "rke"),
    ];
    for (fault, word) in ways {
        let mut lab = Lab::built();
        lab.set("RKE_STANDIN_FAIL", fault);

        lab.apply().expect(5).says(&[word, "rke up"]);
    }
}

#[test]
fn an_rke_that_is_missing_is_told_before_anything_is_touched() {
    let lab = Lab::built();
    let before = lab.digest();

    let said = lab.harden(&["apply", "inventory.yml", "--yes", "--rke", "/no/such/rke"]);

    said.expect(3).says(&["/no/such/rke", "--no-rke"]);
    assert_eq!(lab.digest(), before);
    let said = lab.harden(&["apply", "inventory.yml", "--yes", "--no-rke"]);
    said.expect(3).says(&["rke up --config"]);
    assert!(lab.read("cluster.yml").contains("EventRateLimit"));
}

#[test]
fn a_missing_kubeconfig_of_a_running_cluster_stops_the_run() {
    let lab = Lab::built();
    fs::remove_file(lab.path("kube_config_cluster.yml")).unwrap();

    lab.apply().expect(4).says(&[
        "there is no kubeconfig",
        "kube_config_cluster.yml",
        "nothing was changed",
    ]);
}

#[test]
fn nobody_to_ask_and_no_yes_is_wrong_usage() {
    let lab = Lab::built();

    lab.harden(&["apply", "inventory.yml"])
        .expect(2)
        .says(&["--yes"]);

    assert_eq!(lab.node("cp-1").counts().connections, 0);
}

#[test]
fn a_second_run_at_the_same_time_is_refused_and_told_who_holds_the_lock() {
    let lab = Lab::with(|fleet| {
        fleet
            .nodes(1, &[Role::ControlPlane, Role::Etcd])
            .fault("cp-1", Fault::Hang)
    });
    let rke = crate::lab::rke().display().to_string();
    let mut first = lab.command(&["apply", "inventory.yml", "--yes", "--rke", &rke]);
    let mut first = first
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    // The first run connects only after it has the lock.
    while lab.node("cp-1").counts().connections == 0 {
        assert!(
            first.try_wait().unwrap().is_none(),
            "the first run ended early"
        );
        std::thread::yield_now();
    }

    lab.apply().expect(1).says(&[&first.id().to_string()]);

    first.kill().unwrap();
    first.wait().unwrap();
}
