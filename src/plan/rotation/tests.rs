use super::*;
use crate::facts::Content;
use crate::plan::tests::OTHER_KEY;
use crate::plan::tests::fleet_of;
use crate::plan::tests::profile;

const PATH: &str = "/etc/kubernetes/encryption.yaml";
const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

fn key(name: &str) -> Key {
    let secret = if name == "key1" { KEY } else { OTHER_KEY };
    Key {
        name: name.to_owned(),
        secret: Secret::from(secret.to_owned()),
    }
}

/// A hardened fleet whose two control-plane nodes hold these keys, read by their API servers
/// unless the list ends with `!`.
fn fleet(rings: [&str; 2]) -> Fleet {
    let mut fleet = fleet_of("inspect-hardened.json");
    for (node, ring) in ["cp-1", "cp-2"].into_iter().zip(rings) {
        let names = ring.trim_end_matches('!').split(' ');
        let template = include_str!("../../../templates/encryption.yaml.hbs");
        let template = Content::new(template.replace("{{encryption_key}}", KEY).into());
        let ring_of_node = KeyRing::read(&template)
            .unwrap()
            .with(names.map(key).collect());
        let facts = fleet.facts.get_mut(node).unwrap();
        let mut file = crate::facts::File::new_regular();
        file.mode = 0o600;
        file.content = Some(Content::new(ring_of_node.rendered().expose().to_vec()));
        if ring.ends_with('!') {
            file.modified = "2099-01-01T00:00:00Z".parse().unwrap();
        }
        facts
            .files
            .insert(PATH.into(), Observed::Present(file.into()));
    }
    fleet
}

fn secrets(keys: &[&str]) -> Vec<StoredSecret> {
    let secrets = keys.iter().map(|key| StoredSecret {
        key: "/registry/secrets/a/b".to_owned(),
        namespace: "a".to_owned(),
        name: "b".to_owned(),
        form: match *key {
            "plain" => Form::Plain,
            key => Form::Aescbc {
                key: key.to_owned(),
            },
        },
    });
    secrets.collect()
}

fn found(fleet: &Fleet, keys: &[&str]) -> Result<Step, Vec<Blocker>> {
    let fresh = Secret::from(OTHER_KEY.to_owned());
    let settings = Settings {
        level: 1,
        run: "run",
        fresh_key: &fresh,
        site_key: None,
    };
    next(&profile(), fleet, &secrets(keys), &settings)
}

/// The step in words: what is written where, or restarted, or rewritten.
fn step(rings: [&str; 2], keys: &[&str]) -> String {
    let writes = |writes: &Writes| {
        let all = writes.iter();
        let all = all.map(|(node, change)| format!("{node}: {} -> {}", change.seen, change.wanted));
        all.collect::<Vec<_>>().join("; ")
    };
    match found(&fleet(rings), keys) {
        Ok(Step::Settled { begin }) => format!("settled; {}", writes(&begin.unwrap())),
        Ok(Step::Write { writes: all, .. }) => writes(&all),
        Ok(Step::Restart { restarts, is_last }) => {
            let nodes: Vec<String> = restarts.into_iter().map(|one| one.node).collect();
            let end = if is_last { ", the last step" } else { "" };
            format!("restart {}{end}", nodes.join(" "))
        }
        Ok(Step::Rewrite { key }) => format!("rewrite under {key}"),
        Err(blockers) => {
            let ids: Vec<&str> = blockers.iter().map(Blocker::id).collect();
            ids.join(" ")
        }
    }
}

#[test]
fn a_rotation_passes_its_steps_in_their_order() {
    let cases: [([&str; 2], &[&str], &str); 12] = [
        (
            ["key1", "key1"],
            &["key1"],
            "settled; cp-1: key1 -> key1, key2; cp-2: key1 -> key1, key2",
        ),
        (
            ["key1 key2!", "key1"],
            &["key1"],
            "cp-2: key1 -> key1, key2",
        ),
        (["key1 key2!", "key1 key2!"], &["key1"], "restart cp-1 cp-2"),
        (["key1 key2", "key1 key2!"], &["key1"], "restart cp-2"),
        (
            ["key1 key2", "key1 key2"],
            &["key1"],
            "cp-1: key1, key2 -> key2, key1; cp-2: key1, key2 -> key2, key1",
        ),
        (
            ["key2 key1!", "key1 key2"],
            &["key1"],
            "cp-2: key1, key2 -> key2, key1",
        ),
        (["key2 key1", "key2 key1!"], &["key1"], "restart cp-2"),
        (
            ["key2 key1", "key2 key1"],
            &["key2", "key1"],
            "rewrite under key2",
        ),
        (
            ["key2 key1", "key2 key1"],
            &["key2", "plain"],
            "rewrite under key2",
        ),
        (
            ["key2 key1", "key2 key1"],
            &["key2"],
            "cp-1: key2, key1 -> key2; cp-2: key2, key1 -> key2",
        ),
        (
            ["key2!", "key2 key1"],
            &["key2"],
            "cp-2: key2, key1 -> key2",
        ),
        (["key2", "key2!"], &["key2"], "restart cp-2, the last step"),
    ];
    for (rings, keys, wanted) in cases {
        assert_eq!(step(rings, keys), wanted, "{rings:?} {keys:?}");
    }
}

#[test]
fn no_step_is_skipped() {
    // A server that does not run with what its node has would be two steps behind.
    assert_eq!(step(["key2 key1", "key1 key2!"], &["key1"]), "restart cp-2");
    // A Secret that came under the old key meanwhile keeps that key from going.
    assert_eq!(
        step(["key2!", "key2 key1"], &["key1"]),
        "rewrite under key2"
    );
    for rings in [
        ["key1", "key2 key1"],
        ["key1", "key2"],
        ["key1 key2", "key2"],
    ] {
        assert_eq!(step(rings, &["key1"]), "step-skipped", "{rings:?}");
    }
}

#[test]
fn what_cannot_be_read_any_more_stops_a_rotation() {
    assert_eq!(step(["key1", "key1"], &["key1", "key9"]), "key-unknown");
    assert_eq!(step(["key1", "site"], &["key1"]), "step-skipped");
    assert_eq!(step(["site", "own"], &["site"]), "keys-differ");
}

#[test]
fn a_file_with_more_in_it_than_a_rotation_writes_is_not_rotated() {
    let mut fleet = fleet(["key1", "key1"]);
    let template = include_str!("../../../templates/encryption.yaml.hbs");
    let more = template
        .replace("{{encryption_key}}", KEY)
        .replace("- secrets", "- secrets\n    - configmaps");
    for node in ["cp-1", "cp-2"] {
        let facts = fleet.facts.get_mut(node).unwrap();
        let mut file = crate::facts::File::new_regular();
        file.content = Some(Content::new(more.clone().into()));
        facts
            .files
            .insert(PATH.into(), Observed::Present(file.into()));
    }

    let blockers = found(&fleet, &["key1"]).unwrap_err();

    let told: Vec<String> = blockers.iter().map(ToString::to_string).collect();
    assert_eq!(blockers[0].id(), "key-not-rotatable", "{told:?}");
    assert!(
        told[0].contains("it encrypts more than Secrets"),
        "{told:?}"
    );
}

#[test]
fn every_api_server_must_run_with_the_file() {
    let ids = |fleet: &Fleet| {
        let blockers = found(fleet, &["key1"]).unwrap_err();
        blockers.iter().map(Blocker::id).collect::<Vec<_>>()
    };
    let mut unhardened = fleet_of("inspect-default.json");
    assert_eq!(ids(&unhardened), ["no-key", "no-key"]);
    let held = fleet(["key1", "key1"]);
    for node in ["cp-1", "cp-2"] {
        let file = held.facts[node].files[PATH].clone();
        let facts = unhardened.facts.get_mut(node).unwrap();
        facts.files.insert(PATH.into(), file);
    }
    assert_eq!(ids(&unhardened), ["server-not-ready", "server-not-ready"]);
    let mut silent = held;
    silent.facts.remove("cp-2");
    assert_eq!(ids(&silent), ["key-unread"]);
}

#[test]
fn a_key_that_is_there_is_no_new_one_and_no_key_is_ever_shown() {
    let one = fleet(["key2", "key2"]);
    assert_eq!(found(&one, &["key2"]), Ok(Step::Settled { begin: None }));

    let shown = format!("{:?}", found(&fleet(["key1", "key1"]), &["key1"]));
    assert!(
        !shown.contains(KEY) && !shown.contains(OTHER_KEY),
        "{shown}"
    );
    assert!(shown.contains("[redacted]"));
}
