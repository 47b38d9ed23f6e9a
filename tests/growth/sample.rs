//! A run of any size without a network: what the files say, what the nodes say, and the report.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use harden::audit;
use harden::cluster_file::ClusterFile;
use harden::cluster_file::Edit;
use harden::cluster_file::Scalar;
use harden::event::Event;
use harden::event::EventKind;
use harden::event::RunStarted;
use harden::facts::Facts;
use harden::facts::Observed;
use harden::facts::answer;
use harden::facts::question::Question;
use harden::facts::store::Store;
use harden::fleet::ClusterState;
use harden::fleet::Fleet;
use harden::inventory::Inventory;
use harden::inventory::rke;
use harden::node::frame::Answer;
use harden::plan;
use harden::plan::Plan;
use harden::plan::Settings;
use harden::profile::Profile;
use harden::profile::library::DEFAULT_PLAYBOOK;
use harden::profile::library::Library;
use harden::profile::library::Source;
use harden::profile::load::load;
use harden::profile::playbook;
use harden::report::Report;
use harden::report::document::Document;
use harden::secret::Secret;

/// What `docker inspect` says on a node with every component.
const INSPECTED: &str = include_str!("../fixtures/rke-v0.1.11/inspect-default.json");

/// Levels are judged and planned up to this one.
const LEVEL: u8 = 2;

pub(crate) fn profile() -> Profile {
    let source = Source {
        file: DEFAULT_PLAYBOOK.0.into(),
        text: DEFAULT_PLAYBOOK.1.into(),
    };
    let playbook = playbook::read(&source.file, &source.text).unwrap();
    load(&source, &playbook, &Library::embedded()).unwrap()
}

/// A node list of `count` nodes, three of them with a control plane.
pub(crate) fn inventory_text(count: usize) -> String {
    let mut text = String::from("kubernetes_version: v1.11.3-rancher1-1\nnodes:\n");
    for index in 0..count {
        let role = if index < 3 {
            "controlplane, etcd"
        } else {
            "worker"
        };
        let (high, low) = (index / 250, index % 250);
        let _ = writeln!(
            text,
            "- address: 10.1.{high}.{low}\n  hostname_override: node-{index:05}\n  user: root\n  role: [{role}]"
        );
    }
    text
}

/// A node list of about `lines` lines, and a comment for what is missing.
pub(crate) fn cluster_text(lines: usize) -> String {
    let mut text = inventory_text(lines / 4 - 10);
    let missing = lines - text.lines().count();
    text.push_str(&"# a comment to be kept\n".repeat(missing));
    text
}

/// Arguments for the API server.
pub(crate) fn edits(count: usize) -> Vec<Edit> {
    let argument = |number: usize| {
        let name = format!("argument-{number}");
        let path = ["services", "kube-api", "extra_args", &name];
        Edit::Set {
            path: path.map(str::to_owned).to_vec(),
            value: Scalar::Text("true".to_owned()),
        }
    };
    (0..count).map(argument).collect()
}

pub(crate) fn inventory(text: &str) -> Inventory {
    rke::read("cluster.yml", text, Some(Path::new("/home/me")), true).unwrap()
}

pub(crate) fn cluster(text: &str) -> ClusterFile {
    ClusterFile::parse("cluster.yml", text).unwrap()
}

/// A `docker inspect` of about 100 KiB, and what else a node says.
pub(crate) fn answers() -> Vec<Answer> {
    let padding = " ".repeat((100 * 1024_usize).saturating_sub(INSPECTED.len()));
    answers_with(format!("{INSPECTED}{padding}"))
}

/// What a node says on which there are `count` times as many containers.
pub(crate) fn answers_times(count: usize) -> Vec<Answer> {
    let elements = INSPECTED.trim().strip_prefix('[').unwrap();
    let elements = elements.strip_suffix(']').unwrap();
    answers_with(format!("[{}]", vec![elements; count].join(",")))
}

fn answers_with(inspected: String) -> Vec<Answer> {
    let answer = |verb: &str, body: String| Answer {
        verb: verb.to_owned(),
        body: body.into_bytes(),
    };
    let (mut listing, mut content) = (String::new(), String::new());
    for key in [
        "kernel/panic",
        "kernel/panic_on_oops",
        "vm/overcommit_memory",
    ] {
        let _ = writeln!(listing, "value\t{key}");
        let _ = writeln!(content, "==> /proc/sys/{key} <==\n0\n");
    }
    vec![
        answer("files", format!("{listing}absent\t/etc/sysctl.conf\n")),
        answer("content", format!("{content}==> standard input <==")),
        answer("containers", inspected),
        answer("tools", String::new()),
    ]
}

pub(crate) fn questions() -> BTreeSet<Question> {
    let components = ["kube-apiserver", "kubelet", "kube-proxy", "etcd"];
    let containers = components.map(|name| Question::Container(name.to_owned()));
    BTreeSet::from(containers)
}

pub(crate) fn facts() -> Facts {
    answer::read(&questions(), &answers(), &mut Store::default())
}

/// Every node answered alike.
pub(crate) fn fleet(count: usize) -> Fleet {
    fleet_of(count, |_, facts| facts)
}

/// No node answered like another one.
pub(crate) fn strangers(count: usize) -> Fleet {
    fleet_of(count, |index, mut facts| {
        let value = Observed::Present(format!("7{index}"));
        facts.kernel.insert("kernel.panic".to_owned(), value);
        facts
    })
}

fn fleet_of(count: usize, of: impl Fn(usize, Facts) -> Facts) -> Fleet {
    let text = inventory_text(count);
    let inventory = inventory(&text);
    let one = facts();
    let names = inventory.nodes.iter().map(|node| node.name.clone());
    let facts = names.enumerate();
    let facts: BTreeMap<String, Facts> = facts
        .map(|(index, name)| (name, of(index, one.clone())))
        .collect();
    let cluster = ClusterState {
        file: cluster(&text),
        exists: true,
    };
    Fleet::new(inventory.into(), cluster, facts)
}

pub(crate) fn planned(profile: &Profile, fleet: &Fleet) -> Plan {
    let settings = Settings {
        level: LEVEL,
        run: "run",
        fresh_key: &Secret::from("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=".to_owned()),
        site_key: None,
    };
    plan::plan(profile, fleet, &settings)
}

pub(crate) fn judged(profile: &Profile, fleet: &Fleet) -> Vec<harden::finding::Finding> {
    audit::judge(profile, LEVEL, fleet)
}

/// The result of a check, ready to be rendered.
pub(crate) fn document(profile: &Profile, fleet: &Fleet) -> Document {
    Document::of(report(profile, fleet))
}

fn report(profile: &Profile, fleet: &Fleet) -> Report {
    let mut report = Report::default();
    let nodes = fleet.inventory.nodes.iter();
    let kinds = [
        EventKind::RunStarted(RunStarted {
            command: "check".to_owned(),
            started: "2026-11-23T12:09:45Z".to_owned(),
            inventory: "cluster.yml".to_owned(),
            profile: profile.name.clone(),
            guide: profile.guide.clone(),
            benchmark: profile.benchmark.clone(),
            level: LEVEL,
            nodes: nodes.map(|node| node.name.clone()).collect(),
            fleet: fleet.inventory.nodes.len(),
            controls: profile.controls.len(),
        }),
        EventKind::Judged {
            findings: judged(profile, fleet),
        },
        EventKind::Planned(Arc::new(planned(profile, fleet))),
        EventKind::RunFinished,
    ];
    for kind in kinds {
        report.absorb(Event {
            since_start: Duration::from_secs(1),
            node: None,
            kind,
        });
    }
    report
}
