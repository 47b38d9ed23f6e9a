//! Every reader of bytes that somebody else wrote, each with what must hold for any bytes.
//!
//! A target returns for every input; a broken promise is a panic, which is what a fuzzer looks for.

mod edits;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;

use harden::facts::Content;
use harden::facts::Facts;
use harden::facts::File;
use harden::facts::Observed;
use harden::facts::answer;
use harden::facts::container;
use harden::facts::question::Question;
use harden::facts::question::SYSCTL_CONF;
use harden::facts::store::Store;
use harden::inventory;
use harden::node::frame;
use harden::profile;
use harden::profile::library::DEFAULT_PLAYBOOK;
use harden::profile::library::Library;
use harden::profile::library::Source;
use harden::profile::playbook;
use harden::resource::boot;
use harden::source::Remark;
use harden::ssh::host_key::HostKey;
use harden::ssh::known_hosts::KnownHosts;
use harden::ssh::known_hosts::Verdict;

pub use edits::cluster_file;

/// A reader, by the name of its target.
pub struct Target {
    pub name: &'static str,
    pub run: fn(&[u8]),
}

/// All of them; `fuzz/seeds.list` has the first inputs of each.
pub const TARGETS: [Target; 8] = [
    Target {
        name: "record",
        run: record,
    },
    Target {
        name: "inspect",
        run: inspect,
    },
    Target {
        name: "inventory",
        run: inventory,
    },
    Target {
        name: "profile",
        run: profile,
    },
    Target {
        name: "playbook",
        run: playbook,
    },
    Target {
        name: "known_hosts",
        run: known_hosts,
    },
    Target {
        name: "sysctl",
        run: sysctl,
    },
    Target {
        name: "cluster_file",
        run: cluster_file,
    },
];

/// A node's answer: no more than it sent is believed, and what it did not say stays unread.
pub fn record(data: &[u8]) {
    let Ok(answers) = frame::decode(data) else {
        return;
    };
    let told: usize = answers.iter().map(|answer| answer.body.len()).sum();
    assert!(told <= data.len(), "{told} bytes out of {}", data.len());
    let facts = answer::read(&questions(), &answers, &mut Store::default());
    for path in ["/etc/kubernetes/audit.yaml", "/never/asked"] {
        if let Observed::Present(File {
            content: Some(content),
            ..
        }) = facts.file(path)
        {
            assert!(content.bytes().len() <= data.len());
        }
    }
    let heard = facts.container("etcd") != Observed::Absent;
    let has_denied = answers.iter().any(|answer| answer.verb == "containers");
    assert!(heard || has_denied, "absent, and docker never said so");
}

fn questions() -> BTreeSet<Question> {
    BTreeSet::from([
        Question::Kernel("kernel.panic".into()),
        Question::Content("/etc/kubernetes/audit.yaml".into()),
        Question::Directory("/etc/cni/net.d".into()),
        Question::BootSettings,
        Question::Container("etcd".into()),
        Question::Room("/etc/kubernetes/audit.yaml".into()),
        Question::Tool("mv".into()),
    ])
}

/// What `docker inspect` prints.
pub fn inspect(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let containers = container::read(text, &mut Store::default());
    for container in containers.unwrap_or_default() {
        let last = container.flags("v").last();
        assert_eq!(container.flag("v"), last, "the last of a flag counts");
        let _ = (container.host_path("/etc/kubernetes"), container.version());
    }
}

/// An inventory: every node can be named on a terminal and in a record, every mistake has a place.
pub fn inventory(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    match inventory::rke::read("inventory.yml", text, Some(Path::new("/home/me")), true) {
        Ok(inventory) => {
            let nodes = inventory.nodes.iter();
            let hops = inventory.hops().iter();
            let mut lines = vec![&inventory.prefix_path];
            lines.extend(nodes.flat_map(|it| [&it.name, &it.address, &it.user, &it.docker_socket]));
            lines.extend(hops.flat_map(|it| [&it.address, &it.user]));
            for line in lines {
                assert!(!line.chars().any(char::is_control), "{line:?}");
            }
            assert!(inventory.nodes.iter().all(|node| node.port != 0));
            for warning in &inventory.warnings {
                placed(warning, text);
            }
        }
        Err(remarks) => {
            assert!(!remarks.is_empty(), "refused without a reason");
            for remark in &remarks {
                placed(remark, text);
            }
        }
    }
}

/// A profile under the playbook of this program.
pub fn profile(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut library = Library::embedded();
    library.add_profile("rancher-2.1", source("profile.yml", text));
    let (file, default) = DEFAULT_PLAYBOOK;
    let Ok(playbook) = playbook::read(file, default) else {
        panic!("the embedded playbook does not load");
    };
    match profile::load::load(&source(file, default), &playbook, &library) {
        Ok(profile) => {
            let ids: BTreeSet<_> = profile.controls.iter().map(|it| &it.id.0).collect();
            assert_eq!(ids.len(), profile.controls.len(), "an id is used twice");
        }
        Err(remark) => drop(remark.to_string()),
    }
}

/// A playbook over the profiles of this program.
pub fn playbook(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    match playbook::read("playbook.yml", text) {
        Ok(playbook) => {
            assert!(playbook.rollout.workers.of(7) > 0, "a rollout of nobody");
            let source = source("playbook.yml", text);
            if let Err(remark) = profile::load::load(&source, &playbook, &Library::embedded()) {
                drop(remark.to_string());
            }
        }
        Err(remark) => placed(&remark, text),
    }
}

/// Host keys on record: whatever else is there, a revoked key is not a known one.
pub fn known_hosts(data: &[u8]) {
    let file = Path::new("known_hosts");
    let key = host_key();
    let known = KnownHosts::parse(file, data);
    for (host, port) in [("cp-1", 22), ("10.0.0.11", 2222), ("", 0), ("::1", 22)] {
        let _ = known.verdict(host, port, &key);
        let _ = (
            known.algorithms(host, port),
            known.has_authority(host, port),
        );
        let _ = known.mentions(host, port);
    }
    let line = format!("\n@revoked * {}\n", key.openssh());
    let revoked = KnownHosts::parse(file, &[data, line.as_bytes()].concat());
    let verdict = revoked.verdict("cp-1", 22, &key);
    assert!(matches!(verdict, Verdict::Revoked(_)), "{verdict:?}");
}

fn host_key() -> HostKey {
    let mut blob = b"\x00\x00\x00\x0bssh-ed25519\x00\x00\x00\x20".to_vec();
    blob.extend([7; 32]);
    let Some(key) = HostKey::from_blob(blob) else {
        panic!("an ed25519 key is not one");
    };
    key
}

/// Kernel settings: after the edit every wanted value wins, every other line stands, and a second
/// edit changes nothing.
pub fn sysctl(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let wanted = BTreeMap::from([
        ("kernel.panic".to_owned(), "10".to_owned()),
        ("vm.overcommit_memory".to_owned(), "1".to_owned()),
    ]);
    let edited = boot::edited(text, &wanted);
    assert_eq!(boot::edited(&edited, &wanted), edited, "it does not settle");
    let facts = with_sysctl_conf(&edited);
    for (key, value) in &wanted {
        let assignments = boot::assignments(&facts, key).unwrap_or_default();
        assert!(!assignments.is_empty(), "{key} is not set");
        assert!(assignments.iter().all(|it| it.value == *value), "{key}");
    }
    let mut after = edited.lines();
    for line in text.lines().filter(|line| !line.contains(['=', '\r'])) {
        assert!(after.any(|it| it == line), "{line:?} is gone");
    }
}

fn with_sysctl_conf(text: &str) -> Facts {
    let file = File {
        content: Some(Content::new(text.into())),
        ..File::new_regular()
    };
    let mut facts = Facts::default();
    facts
        .files
        .insert(SYSCTL_CONF.into(), Observed::Present(file.into()));
    facts
}

fn source(file: &str, text: &str) -> Source {
    Source {
        file: file.to_owned(),
        text: text.to_owned(),
    }
}

/// A remark can be printed, and its place is one of the text.
fn placed(remark: &Remark, text: &str) {
    drop(remark.to_string());
    if let Some(place) = remark.place {
        // A lone carriage return ends a line for YAML too, and an error may be behind the last one.
        let lines = text.split(['\r', '\n']).count();
        assert!(place.line <= lines + 1, "{remark}");
    }
}
