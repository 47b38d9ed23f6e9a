//! The key for Secrets: the site's own, exported, rotated; and the Secrets of before.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use harden_lab::Role;

use crate::going::Going;
use crate::lab::Lab;
use crate::lab::Said;

const FILE: &str = "/etc/kubernetes/encryption.yaml";
const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const OTHER_KEY: &str = "HwECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const SECRETS: [&str; 3] = ["default/token-1", "kube-system/token-2", "shop/till"];
const SERVER: &str = "docker/kube-apiserver.fails";

/// Two hardened control-plane nodes with Secrets under their first key.
fn hardened() -> Lab {
    let lab = Lab::with(|fleet| fleet.nodes(2, &[Role::ControlPlane, Role::Etcd]));
    lab.fleet.keep_secrets(&SECRETS).unwrap();
    lab.apply().expect(0);
    assert_eq!(forms(&lab), BTreeSet::from(["key1".to_owned()]));
    lab
}

const ROTATE: [&str; 5] = [
    "rotate-key",
    "inventory.yml",
    "--yes",
    "--restart-timeout",
    "6",
];

fn rotate(lab: &Lab) -> Said {
    lab.harden(&ROTATE)
}

/// The names of the keys on a node, in their order.
fn ring(lab: &Lab, node: &str) -> Vec<String> {
    keys_of(&lab.node(node).read(FILE).unwrap_or_default())
}

fn keys_of(text: &str) -> Vec<String> {
    let names = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- name: "));
    names.map(str::to_owned).collect()
}

/// Under which keys the Secrets lie in etcd.
fn forms(lab: &Lab) -> BTreeSet<String> {
    let form = |value: &String| match value.strip_prefix("k8s:enc:aescbc:v1:") {
        Some(rest) => rest.split(':').next().unwrap_or_default().to_owned(),
        None => "plain".to_owned(),
    };
    lab.fleet.secrets().unwrap().values().map(form).collect()
}

#[track_caller]
fn has_only(lab: &Lab, key: &str) {
    for node in ["cp-1", "cp-2"] {
        assert_eq!(ring(lab, node), [key], "{node}");
        assert_eq!(lab.node(node).mode(FILE).unwrap(), 0o600, "{node}");
    }
    assert_eq!(forms(lab), BTreeSet::from([key.to_owned()]));
    lab.check().expect(0);
}

#[test]
fn secrets_of_before_are_written_again_once_and_a_lost_run_is_made_up_for() {
    let lab = hardened();
    // As if the first run had been killed before it came to the Secrets.
    lab.fleet.keep_secrets(&SECRETS).unwrap();

    lab.check()
        .expect(0)
        .says(&["3 of 3 lie in etcd in plain text"]);
    lab.apply().expect(0).says(&["3 Secrets written again"]);

    assert_eq!(forms(&lab), BTreeSet::from(["key1".to_owned()]));
    let said = lab.apply().expect(0);
    assert!(!said.stdout.contains("written again"), "{}", said.stdout);
}

#[test]
fn a_rotation_leaves_the_new_key_alone_everywhere_and_restarts_one_server_at_a_time() {
    let lab = hardened();
    let before = lab.node("cp-1").read(FILE).unwrap();

    rotate(&lab).expect(0).says(&[
        "adding the new key as the second one",
        "making the new key the first one",
        "3 Secrets written again",
        "dropping the old key",
    ]);

    has_only(&lab, "key2");
    assert_ne!(lab.node("cp-1").read(FILE).unwrap(), before);
    rotate(&lab).expect(0);
    has_only(&lab, "key3");
}

#[test]
fn a_rotation_is_not_undone_because_secrets_would_be_unreadable() {
    let lab = hardened();
    rotate(&lab).expect(0);
    let after = lab.digest();
    let runs = fs::read_dir(lab.path("harden-runs")).unwrap();
    let runs = runs
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_dir());
    let rotation = runs
        .map(|entry| entry.file_name().into_string().unwrap())
        .max();

    let undo = ["undo", &rotation.unwrap(), "inventory.yml", "--yes"];
    let said = lab.harden(&undo).says(&[
        "Secrets would be unreadable under the old key",
        "harden rotate-key",
    ]);

    assert_ne!(said.code, 0, "what was left is no success");
    assert_eq!(lab.digest(), after);
    has_only(&lab, "key2");
}

#[test]
fn a_rotation_killed_after_any_step_goes_on_where_it_was() {
    let lab = hardened();
    let first = |node: &str| ring(&lab, node).first().cloned().unwrap_or_default();
    let moments: [(&str, &dyn Fn() -> bool); 4] = [
        ("added", &|| ring(&lab, "cp-1").len() == 2),
        ("promoted", &|| first("cp-2") == "key2"),
        ("rewritten", &|| forms(&lab).contains("key2")),
        ("dropped", &|| ring(&lab, "cp-1") == ["key2"]),
    ];
    for (name, has_come) in moments {
        let mut running = lab
            .command(&ROTATE)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let deadline = Instant::now() + Duration::from_secs(120);
        while !has_come() {
            assert!(
                running.try_wait().unwrap().is_none(),
                "it ended before `{name}`"
            );
            assert!(Instant::now() < deadline, "`{name}` never came");
            std::thread::yield_now();
        }
        running.kill().unwrap();
        running.wait().unwrap();
    }

    rotate(&lab).expect(0);

    has_only(&lab, "key2");
    for node in ["cp-1", "cp-2"] {
        let left = lab.node(node).etc().unwrap();
        let mut left = left.keys().map(|path| path.to_string_lossy());
        assert!(!left.any(|path| path.ends_with(".harden")), "{node}");
    }
}

/// Every Secret is under a key that each API server has, in its file and in what it runs with.
#[track_caller]
fn every_secret_is_readable(lab: &Lab, when: &str) {
    for node in ["cp-1", "cp-2"] {
        let running = lab.node(node).dir().join("docker/running-encryption.yaml");
        let running = fs::read_to_string(running).unwrap_or_default();
        for key in forms(lab) {
            assert!(ring(lab, node).contains(&key), "{key} on {node} {when}");
            assert!(
                running.is_empty() || keys_of(&running).contains(&key),
                "{key} in the API server of {node} {when}"
            );
        }
    }
}

#[test]
fn a_rotation_stopped_in_any_step_says_so_loses_no_key_and_goes_on() {
    let lab = hardened();
    let restarted = "cp-1: restarted kube-apiserver";
    let mut code = 0;
    for step in [
        "adding the new key as the second one",
        restarted,
        "making the new key the first one",
        restarted,
        "writing Secrets again",
        "dropping the old key",
        restarted,
    ] {
        let mut run = Going::of(lab.command(&ROTATE));
        run.until(step);
        run.signal("INT");
        let said = run.end();

        every_secret_is_readable(&lab, step);
        assert!(!said.stdout.contains("rke up not run"), "{}", said.stdout);
        assert!(
            said.stdout.contains("left out: the proof"),
            "{}",
            said.stdout
        );
        code = said.code;
        // A stop behind the last change stops nothing.
        if code != 4 {
            said.expect(5).says(&[
                "interrupted",
                "no key was dropped that a Secret needs",
                "next       run `harden rotate-key inventory.yml` again",
            ]);
        }
    }
    if code != 4 {
        rotate(&lab).expect(0);
    }

    has_only(&lab, "key2");
}

#[test]
fn a_rotation_stopped_behind_its_last_change_is_done_and_is_not_followed_by_another() {
    let lab = hardened();
    let mut run = Going::of(lab.command(&ROTATE));
    run.until("dropping the old key");
    run.until("cp-2: changed");
    run.signal("INT");

    run.end().expect(5).says(&["not at its end"]);
    let server = "left out: a new key, because first every API server has to run with";
    rotate(&lab).expect(0).says(&[server]);

    has_only(&lab, "key2");
}

#[test]
fn an_api_server_that_does_not_come_back_stops_the_rotation_with_its_last_words() {
    let lab = hardened();
    let fails = lab.node("cp-1").dir().join(SERVER);
    fs::write(&fails, "error: no luck today\n").unwrap();

    rotate(&lab)
        .expect(5)
        .says(&["cp-1", "kube-apiserver", "error: no luck today"]);

    // The other one was not touched after it, and no Secret is under a key that one of them lacks.
    assert_eq!(forms(&lab), BTreeSet::from(["key1".to_owned()]));
    assert!(
        !lab.node("cp-2")
            .dir()
            .join("docker/running-encryption.yaml")
            .exists()
    );
    let said = rotate(&lab).expect(3);
    said.says(&["server-not-ready", "nothing was changed"]);

    fs::remove_file(fails).unwrap();
    let file = lab.node("cp-1").dir().join("docker/kube-apiserver.json");
    let mended = fs::read_to_string(&file).unwrap();
    let mended = mended.replace("\"restarting\"", "\"running\"");
    fs::write(
        &file,
        mended.replace("\"Restarting\": true", "\"Restarting\": false"),
    )
    .unwrap();
    rotate(&lab).expect(0);
    has_only(&lab, "key2");
}

#[test]
fn nodes_that_are_more_than_a_step_apart_are_refused() {
    let lab = hardened();
    let text = lab.node("cp-1").read(FILE).unwrap();
    let old = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("secret: "));
    let old = old.unwrap().to_owned();
    let other = text.replace("key1", "key2").replace(&old, OTHER_KEY);
    lab.node("cp-2").write(FILE, &other).unwrap();
    let before = lab.digest();

    rotate(&lab)
        .expect(3)
        .says(&["step-skipped", "cp-1, cp-2", "nothing was changed"]);
    lab.node("cp-2")
        .write(FILE, &text.replace(&old, OTHER_KEY))
        .unwrap();
    rotate(&lab).expect(3).says(&["keys-differ"]);

    lab.node("cp-2").write(FILE, &other).unwrap();
    assert_eq!(lab.digest(), before);
}

#[test]
fn a_rotation_is_not_begun_where_it_could_not_be_proved() {
    let lab = hardened();
    let mut secrets = lab.fleet.secrets().unwrap();
    let foreign = secrets["shop/till"].replace("key1", "key7");
    secrets.insert("shop/till".to_owned(), foreign);
    let before = lab.digest();
    lab.fleet.keep_values(&secrets).unwrap();

    rotate(&lab)
        .expect(3)
        .says(&["1 Secret under key key7", "key-unknown"]);

    for node in ["cp-1", "cp-2"] {
        let etcd = lab.node(node).dir().join("docker/etcd.json");
        fs::rename(&etcd, etcd.with_extension("away")).unwrap();
    }
    rotate(&lab)
        .expect(3)
        .says(&["etcd-unread", "No such container: etcd"]);
    assert_eq!(lab.digest(), before);
}

#[test]
fn a_rotation_needs_all_nodes_a_cluster_that_encrypts_and_a_yes() {
    let lab = Lab::with(|fleet| fleet.nodes(1, &[Role::ControlPlane, Role::Etcd]));

    rotate(&lab).expect(3).says(&["no-key", "harden apply"]);
    lab.harden(&["rotate-key", "inventory.yml"])
        .expect(2)
        .says(&["--yes"]);
    lab.harden(&["rotate-key", "inventory.yml", "--yes", "--on", "cp-1"])
        .expect(2)
        .says(&["--on"]);
}

#[test]
fn a_sites_own_key_is_used_and_a_cluster_with_another_one_is_not_touched() {
    let lab = Lab::with(|fleet| fleet.nodes(2, &[Role::ControlPlane, Role::Etcd]));
    key_file(&lab, "site.key", KEY);
    lab.write(
        "site.yml",
        "playbook: site\nprofile: rancher-2.1\nencryption: {key_file: site.key}\n",
    );
    let apply = ["apply", "inventory.yml", "--yes", "--playbook", "site.yml"];

    lab.harden(&apply).expect(0);

    assert!(lab.node("cp-2").read(FILE).unwrap().contains(KEY));
    key_file(&lab, "other.key", OTHER_KEY);
    let other = [&apply[..], &["--encryption-key-file", "other.key"]].concat();
    let before = lab.digest();
    lab.harden(&other)
        .expect(3)
        .says(&["key-not-sites", "rotate-key"]);
    assert_eq!(lab.digest(), before);

    let to = |file| [&ROTATE[..], &["--encryption-key-file", file]].concat();
    lab.harden(&to("site.key")).expect(3).says(&["key-not-new"]);
    lab.harden(&to("other.key")).expect(0);
    for node in ["cp-1", "cp-2"] {
        let text = lab.node(node).read(FILE).unwrap();
        assert!(text.contains(OTHER_KEY) && !text.contains(KEY), "{node}");
    }
}

#[test]
fn a_key_file_that_others_may_read_or_that_everybody_knows_is_wrong_usage() {
    let lab = Lab::with(|fleet| fleet.nodes(1, &[Role::ControlPlane, Role::Etcd]));
    let apply = |file| {
        lab.harden(&[
            "apply",
            "inventory.yml",
            "--yes",
            "--encryption-key-file",
            file,
        ])
    };
    key_file(&lab, "short.key", "AAECAwQFBgcICQoLDA0ODw==");
    key_file(&lab, "open.key", KEY);
    fs::set_permissions(lab.path("open.key"), fs::Permissions::from_mode(0o644)).unwrap();

    apply("short.key").expect(2).says(&["not 32 bytes"]);
    apply("open.key").expect(2).says(&["chmod 600"]);
    apply("missing.key").expect(2);
    assert_eq!(lab.node("cp-1").counts().connections, 0);
}

#[test]
fn an_exported_key_is_the_clusters_own_and_for_nobody_else() {
    let lab = hardened();
    let export = |arguments: &[&str]| {
        lab.harden(&[&["key", "export", "inventory.yml", "--to"], arguments].concat())
    };

    let said = export(&["backup.yml"]).expect(0);

    let file = lab.path("backup.yml");
    let text = fs::read_to_string(&file).unwrap();
    assert_eq!(text, lab.node("cp-1").read(FILE).unwrap());
    assert_eq!(mode(&file), 0o600);
    let key = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("secret: "))
        .unwrap();
    assert!(!format!("{}{}", said.stdout, said.stderr).contains(key));
    export(&["backup.yml"]).expect(2).says(&["there already"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
    let apply = [
        "apply",
        "inventory.yml",
        "--yes",
        "--encryption-key-file",
        "backup.yml",
    ];
    lab.harden(&apply).expect(0);
}

#[test]
fn an_encrypted_export_goes_through_age_and_never_through_an_argument() {
    let mut lab = hardened();
    let recipient = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";
    let export = [
        "key",
        "export",
        "inventory.yml",
        "--to",
        "backup.age",
        "--recipient",
        recipient,
    ];

    lab.harden(&export).expect(1).says(&["`age` does not run"]);
    assert!(!lab.path("backup.age").exists());

    fs::create_dir(lab.path("bin")).unwrap();
    let age = "#!/bin/sh\necho \"age: $*\"\nwc -c\n";
    lab.write("bin/age", age);
    fs::set_permissions(lab.path("bin/age"), fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", lab.path("bin").display());
    lab.set("PATH", &path);
    lab.harden(&export).expect(0);

    let text = lab.read("backup.age");
    let length = lab.node("cp-1").read(FILE).unwrap().len();
    assert_eq!(
        text,
        format!("age: --encrypt --armor --recipient {recipient}\n{length}\n")
    );
    assert_eq!(mode(&lab.path("backup.age")), 0o600);
}

fn key_file(lab: &Lab, name: &str, key: &str) {
    lab.write(name, &format!("{key}\n"));
    fs::set_permissions(lab.path(name), fs::Permissions::from_mode(0o600)).unwrap();
}

fn mode(file: &PathBuf) -> u32 {
    fs::metadata(file).unwrap().permissions().mode() & 0o7777
}
