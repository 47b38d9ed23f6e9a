//! `-v`, `-vv`, `-vvv`: who is asked and how long it takes, what for, and over what kind of connection.

use crate::lab::Lab;

/// Standard error of a check with this option.
fn told(lab: &Lab, option: &str) -> String {
    lab.harden(&["check", "inventory.yml", option])
        .expect(3)
        .stderr
}

#[test]
fn each_v_tells_more_and_the_result_is_the_same() {
    let lab = Lab::built();
    let plain = lab.check().expect(3);
    let node = ["let us in after", "answers after", "the Kubernetes API of"];
    let step = ["cp-1: asked: kernel values", "w-1: asked: containers kube"];
    let wire = [
        "host key ssh-ed25519 SHA256:",
        "packets encrypted by aes256-gcm@openssh.com",
        "as on record",
        "id_ed25519`: accepted",
        "exit status 0",
        "answer files: ",
    ];
    let all = [&node[..], &step, &wire].concat();

    let levels = [
        ("-v", node.len()),
        ("-vv", node.len() + step.len()),
        ("-vvv", all.len()),
    ];

    for (option, known) in levels {
        let said = told(&lab, option);
        for (index, word) in all.iter().enumerate() {
            assert_eq!(
                said.contains(word),
                index < known,
                "{option}: `{word}`\n{said}"
            );
        }
        let same = lab.harden(&["check", "inventory.yml", option]);
        assert_eq!(same.stdout, plain.stdout);
        for line in said.lines().filter(|line| !line.starts_with("  hint")) {
            let time = line.split_whitespace().next().unwrap_or_default();
            assert!(time.parse::<f64>().is_ok(), "no time: {line}");
        }
    }
    assert!(!plain.stderr.contains("let us in"));
}

#[test]
fn every_change_and_its_outcome_is_told() {
    let lab = Lab::built();

    let arguments = ["apply", "inventory.yml", "--yes", "-vv"];
    lab.harden(&arguments).expect(0).says(&[
        "changing the nodes",
        "cp-1: asked: the lock of the node",
        "cp-1: asked: write /etc/kubernetes/encryption.yaml",
        "cp-1: changed file /etc/kubernetes/encryption.yaml",
    ]);
}

#[test]
fn saying_more_and_nothing_at_once_is_wrong_usage() {
    let lab = Lab::built();

    lab.harden(&["check", "inventory.yml", "-v", "-q"])
        .expect(2)
        .says(&["--verbose", "--quiet"]);
}

#[test]
fn behind_changes_only_what_they_touch_is_asked_and_after_rke_up_everything() {
    let lab = Lab::built();
    lab.node("w-1").set_kernel("kernel.panic", "0").unwrap();

    let arguments = ["apply", "inventory.yml", "--yes", "-vv"];
    let said = lab.harden(&arguments).expect(0).stderr;

    let asked = |what: &str| said.matches(&format!("w-1: asked: {what}")).count();
    assert_eq!(asked("set kernel.panic to 10"), 1, "{said}");
    assert_eq!(asked("kernel values"), 3, "{said}");
    assert_eq!(asked("containers"), 2, "{said}");
}
