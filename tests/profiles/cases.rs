//! One thing changed on a hardened cluster, and the verdict it makes: `tests/cases/profiles`.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde::Deserialize;

use harden::cluster_file::ClusterFile;
use harden::facts::File;
use harden::facts::FileKind;
use harden::facts::Observed;
use harden::facts::container::Bind;
use harden::facts::container::State;
use harden::facts::object::Kind;
use harden::facts::object::Object;
use harden::facts::object::Objects;
use harden::facts::rancher::Answers;
use harden::fleet::Fleet;
use harden::profile::Rule;
use harden::yaml;
use harden::yaml::Value;

use crate::cluster::component;
use crate::cluster::facts;
use crate::cluster::hardened;
use crate::cluster::judged;
use crate::cluster::profile;
use crate::cluster::template;
use crate::cluster::text_file;
use crate::cluster::word;
use crate::server;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    control: String,
    /// The weak audit of the source that this would fool.
    trap: Option<String>,
    change: Vec<Change>,
    verdict: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Change {
    /// Component and argument: put behind the others.
    Add([String; 2]),
    /// Component and flag: taken out.
    Drop([String; 2]),
    /// Component, then `absent`, `unread` or `exited`.
    Container([String; 2]),
    /// Component, path in it, path on the host.
    Mount([String; 3]),
    /// Component and target of a bind that is taken out.
    Unbind([String; 2]),
    /// Path, mode, owner, group.
    File([String; 4]),
    /// The same of a directory.
    Directory([String; 4]),
    Missing(String),
    Forbidden(String),
    /// Path and content.
    Text([String; 2]),
    /// Template, a part of it, and what stands there instead.
    Edited([String; 3]),
    /// Key and running value.
    Kernel([String; 2]),
    /// The whole pod security policy `restricted`, without its name; or none.
    Policy(Option<BTreeMap<String, Value>>),
    NoApi(String),
    /// A Rancher server: `default`, `group`, `down`; without a word none.
    Rancher(Option<String>),
    /// `--add-local` and the audit level of its Deployment.
    Deployment([String; 2]),
    /// Parts of cluster.yml.
    Cluster([String; 2]),
}

fn cases() -> Vec<Case> {
    let text = include_str!("../cases/profiles/rancher-2.1.yml");
    yaml::read("rancher-2.1.yml", text).unwrap_or_else(|remark| panic!("{remark}"))
}

fn make(fleet: &mut Fleet, change: &Change) {
    match change {
        Change::Add([name, word]) => component(fleet, name).command.push(word.as_str().into()),
        Change::Drop([name, flag]) => {
            let command = &mut component(fleet, name).command;
            let before = command.len();
            let is = |word: &str| word.trim_start_matches('-').split('=').next() == Some(flag);
            command.retain(|word| !is(word));
            assert!(command.len() < before, "{name} has no --{flag}");
        }
        Change::Container([name, state]) => match state.as_str() {
            "absent" => {
                facts(fleet)
                    .containers
                    .insert(name.as_str().into(), Observed::Absent);
            }
            "unread" => {
                let why = Observed::unread("docker did not answer");
                facts(fleet).containers.insert(name.as_str().into(), why);
            }
            status => {
                let status = status.to_owned();
                component(fleet, name).state = State::Stopped { status };
            }
        },
        Change::Mount([name, target, source]) => {
            component(fleet, name)
                .mounts
                .insert(target.clone(), source.clone());
        }
        Change::Unbind([name, target]) => {
            component(fleet, name)
                .binds
                .retain(|bind: &Bind| bind.target != *target);
        }
        Change::File(file) => attributes(fleet, file, FileKind::Regular),
        Change::Directory(file) => attributes(fleet, file, FileKind::Directory),
        Change::Missing(path) => {
            facts(fleet)
                .files
                .insert(path.as_str().into(), Observed::Absent);
        }
        Change::Forbidden(path) => {
            facts(fleet)
                .files
                .insert(path.as_str().into(), Observed::unread("no permission"));
        }
        Change::Text([path, text]) => {
            facts(fleet)
                .files
                .insert(path.as_str().into(), text_file(text, 0o600));
        }
        Change::Edited([name, part, instead]) => {
            let text = template(name);
            assert!(text.contains(part.as_str()), "{part} is not in {name}");
            let file = text_file(&text.replace(part, instead), 0o600);
            facts(fleet)
                .files
                .insert(format!("/etc/kubernetes/{name}.yaml").into(), file);
        }
        Change::Kernel([key, value]) => {
            facts(fleet)
                .kernel
                .insert(key.clone(), Observed::Present(value.clone()));
        }
        Change::Policy(content) => {
            let policies = content.iter().map(policy).collect();
            let lists = &mut fleet.objects.lists;
            lists.insert(Kind::PodSecurityPolicy, Observed::Present(policies));
        }
        Change::Rancher(server) => fleet.rancher = server.as_deref().map(answers),
        Change::Deployment(values) => deploy(fleet, values),
        Change::NoApi(why) => fleet.objects = Objects::silent(why),
        Change::Cluster([part, instead]) => {
            let text = fleet.cluster.file.text();
            assert!(text.contains(part.as_str()), "{part} is not in cluster.yml");
            let text = text.replace(part, instead);
            fleet.cluster.file = ClusterFile::parse("cluster.yml", &text).unwrap();
        }
    }
}

fn attributes(fleet: &mut Fleet, [path, mode, owner, group]: &[String; 4], kind: FileKind) {
    let id = |name: &String| if name == "root" { 0 } else { 52034 };
    let content = match facts(fleet).files.get(path.as_str()) {
        Some(Observed::Present(file)) => file.content.clone(),
        _ => None,
    };
    let file = File {
        kind,
        mode: u32::from_str_radix(mode, 8).unwrap(),
        uid: id(owner),
        gid: id(group),
        owner: owner.as_str().into(),
        group: group.as_str().into(),
        modified: jiff::Timestamp::UNIX_EPOCH,
        link: false,
        content,
    };
    facts(fleet)
        .files
        .insert(path.as_str().into(), Observed::Present(file.into()));
}

fn deploy(fleet: &mut Fleet, [add_local, level]: &[String; 2]) {
    let deployment = Object::of(server::deployment(add_local, level)).unwrap();
    let lists = &mut fleet.objects.lists;
    lists.insert(Kind::Deployment, Observed::Present(vec![deployment]));
}

fn answers(name: &str) -> Answers {
    match name {
        "default" => server::default(),
        "group" => server::with_group(),
        "down" => Answers::silent("it is down"),
        other => panic!("{other}"),
    }
}

fn policy(content: &BTreeMap<String, Value>) -> Object {
    let mut content = content.clone();
    let name = Value::Text("restricted".to_owned());
    let metadata = BTreeMap::from([("name".to_owned(), name)]);
    content.insert("metadata".to_owned(), Value::Map(metadata));
    Object::of(Value::Map(content)).unwrap()
}

#[test]
fn every_case_has_its_verdict() {
    let mut wrong = String::new();
    for case in cases() {
        let mut fleet = hardened();
        for change in &case.change {
            make(&mut fleet, change);
        }

        let findings = judged(&fleet);

        let finding = &findings[&case.control];
        let said = word(&finding.verdict);
        if said != case.verdict {
            let _ = writeln!(wrong, "{said}: {case:?}\n{:#?}", finding.evidence);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_audit_has_a_case_that_passes_and_one_that_does_not() {
    let mut passing: BTreeSet<String> = BTreeSet::new();
    let mut failing: BTreeSet<String> = BTreeSet::new();
    let mut sort = |control: &str, verdict: &str| {
        match verdict {
            "pass" => passing.insert(control.to_owned()),
            "fail" | "known failure" | "documented" => failing.insert(control.to_owned()),
            _ => false,
        };
    };
    for (control, finding) in judged(&hardened()) {
        sort(&control, word(&finding.verdict));
    }
    for case in cases() {
        sort(&case.control, &case.verdict);
    }

    let profile = profile();
    let audits = profile
        .controls
        .iter()
        .filter(|one| matches!(one.rule, Rule::Audit(_)));
    let audits: BTreeSet<String> = audits.map(|control| control.id.0.clone()).collect();
    let missing =
        |cases: &BTreeSet<String>| -> Vec<String> { audits.difference(cases).cloned().collect() };
    assert_eq!(missing(&passing), [""; 0], "never pass");
    assert_eq!(missing(&failing), [""; 0], "never fail");
}

#[test]
fn every_weak_audit_of_the_source_has_a_case_that_would_fool_it() {
    let cases = cases();
    let traps: BTreeSet<&str> = cases
        .iter()
        .filter_map(|case| case.trap.as_deref())
        .collect();

    // T-37 is about the score, not the measurement; the counts have it.
    let wanted = [
        "T-30", "T-31", "T-32", "T-33", "T-34", "T-35", "T-36", "T-38", "T-39", "T-40", "T-41",
        "T-42", "T-43",
    ];
    assert_eq!(traps, BTreeSet::from(wanted));
}
