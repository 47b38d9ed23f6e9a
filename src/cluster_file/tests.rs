//! Cases as data (`tests/cases/cluster_file/*.case`: before, edits, after) and what data cannot say.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;
use std::time::Instant;

use super::*;

mod generated;

fn set(path: &str, value: &str) -> Edit {
    Edit::Set {
        path: keys(path),
        value: Scalar::Text(value.to_owned()),
    }
}

fn append(path: &str, item: &str) -> Edit {
    Edit::Append {
        path: keys(path),
        item: item.to_owned(),
    }
}

fn keys(path: &str) -> Vec<String> {
    path.split('/').map(str::to_owned).collect()
}

fn edited(text: &str, edits: &[Edit]) -> Edited {
    ClusterFile::parse("cluster.yml", text)
        .unwrap()
        .edited(edits)
        .unwrap()
}

/// `set PATH = TEXT`, `bool PATH = true`, `append PATH = ITEM`, `count NUMBER`, and `addons` with
/// `| ` lines.
fn edit(paragraph: &str) -> Edit {
    if let Some(manifest) = paragraph.strip_prefix("addons\n") {
        let lines = manifest
            .lines()
            .map(|line| line.strip_prefix("| ").unwrap_or(""));
        let text: Vec<&str> = lines.collect();
        return Edit::Addons {
            documents: vec![text.join("\n")],
        };
    }
    if let Some(number) = paragraph.strip_prefix("count ") {
        let number = number.parse().unwrap();
        return Edit::AddonsCount { number };
    }
    let (what, value) = paragraph.split_once(" = ").unwrap();
    match what.split_once(' ').unwrap() {
        ("set", path) => set(path, value),
        ("append", path) => append(path, value),
        ("bool", path) => Edit::Set {
            path: keys(path),
            value: Scalar::Bool(value == "true"),
        },
        other => panic!("unknown edit {other:?}"),
    }
}

fn edits(text: &str) -> Vec<Edit> {
    let mut paragraphs: Vec<String> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        match paragraphs.last_mut() {
            Some(last) if line.starts_with('|') => *last = format!("{last}\n{line}"),
            _ => paragraphs.push(line.to_owned()),
        }
    }
    paragraphs.iter().map(|paragraph| edit(paragraph)).collect()
}

fn run_case(path: &Path) -> Result<(), String> {
    let case = fs::read_to_string(path).map_err(|error| error.to_string())?;
    let (before, rest) = case.split_once("=== edits\n").ok_or("no edits")?;
    let before = before.split_once("=== before\n").ok_or("no before")?.1;
    let file = ClusterFile::parse("cluster.yml", before).map_err(|error| error.to_string())?;
    if let Some((wishes, refusal)) = rest.split_once("=== refused\n") {
        let error = file.edited(&edits(wishes)).map(|edited| edited.text);
        let error = error.err().ok_or("was not refused")?;
        let said = format!("{error}\nhint: {}\n", error.hint());
        return (said == refusal).then_some(()).ok_or(said);
    }
    let (wishes, after) = rest.split_once("=== after\n").ok_or("no after")?;
    let wishes = edits(wishes);
    let edited = file
        .edited(&wishes)
        .map_err(|error| format!("{error}\nhint: {}\n", error.hint()))?;
    if edited.text != after {
        return Err(edited.text);
    }
    let again = ClusterFile::parse("cluster.yml", &edited.text)
        .unwrap()
        .edited(&wishes)
        .map_err(|error| error.to_string())?;
    let quiet = !again.changed && again.text == edited.text;
    quiet
        .then_some(())
        .ok_or("a second edit changes more".to_owned())
}

#[test]
fn every_case_becomes_what_it_says_and_stays_so() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/cluster_file");
    let mut paths: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert!(paths.len() >= 40, "only {} cases found", paths.len());
    let failures: Vec<String> = paths
        .iter()
        .filter_map(|path| {
            let failure = run_case(path).err()?;
            let name = path.file_stem().unwrap().to_string_lossy();
            Some(format!("##### {name}\n{failure}"))
        })
        .collect();
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

const PLAIN: &str = "# head\nnodes:\n- address: 10.0.0.1\nservices:\n  kube-api:\n    extra_args:\n      v: \"2\" # two\naddons: |\n  # theirs\n  kind: Namespace\n  metadata: {name: theirs}\n";

fn usual_edits() -> Vec<Edit> {
    vec![
        set("services/kube-api/extra_args/anonymous-auth", "false"),
        append("services/kubelet/extra_binds", "/b:/b"),
        Edit::Addons {
            documents: vec!["kind: Role\nmetadata:\n  name: r\n".to_owned()],
        },
    ]
}

#[test]
fn windows_line_endings_stay_and_new_lines_get_them() {
    let crlf = PLAIN.replace('\n', "\r\n");

    let new = edited(&crlf, &usual_edits()).text;

    assert_eq!(new.matches('\n').count(), new.matches("\r\n").count());
    assert_eq!(
        new.replace("\r\n", "\n"),
        edited(PLAIN, &usual_edits()).text
    );
}

#[test]
fn every_kept_line_keeps_its_own_ending() {
    let mixed = PLAIN.replace("# two\n", "# two\r\n");

    let new = edited(&mixed, &usual_edits()).text;

    assert_eq!(new.matches("\r\n").count(), 1);
    assert!(new.contains("# two\r\n"));
}

#[test]
fn a_byte_order_mark_stays_where_it_is() {
    let new = edited(&format!("\u{feff}{PLAIN}"), &usual_edits()).text;

    assert_eq!(
        new,
        format!("\u{feff}{}", edited(PLAIN, &usual_edits()).text)
    );
}

#[test]
fn a_missing_last_newline_is_added_by_an_edit_only() {
    let cut = PLAIN.trim_end();

    assert_eq!(
        edited(cut, &usual_edits()).text,
        edited(PLAIN, &usual_edits()).text
    );
    assert_eq!(edited(cut, &[]).text, cut);
    assert_eq!(
        edited("services: {}", &[set("services/etcd/extra_args/v", "a")]).text,
        "services:\n  etcd:\n    extra_args:\n      v: a\n",
    );
}

#[test]
fn an_edit_that_is_met_changes_no_byte() {
    let odd = "\u{feff}services:  {kube-api: {extra_args: {v: '2'}}}\r\n\n\r\n# x";

    let outcome = edited(odd, &[set("services/kube-api/extra_args/v", "2")]);

    assert_eq!((outcome.text.as_str(), outcome.changed), (odd, false));
}

#[test]
fn five_thousand_lines_take_less_than_a_second() {
    let mut text = String::from("nodes:\n");
    for node in 0..1200 {
        write!(text, "- address: node-{node}.example # rack {node}\n  user: rke\n  role: [worker]\n  labels: {{n: \"{node}\"}}\n").unwrap();
    }
    text.push_str("services:\n  kube-api:\n    extra_args:\n      v: \"2\"\naddons: |\n");
    for map in 0..40 {
        write!(
            text,
            "  ---\n  kind: ConfigMap\n  metadata:\n    name: map-{map}\n  data: {{}}\n"
        )
        .unwrap();
    }
    assert!(text.lines().count() > 5000);
    let mut edits = usual_edits();
    for number in 0..40 {
        edits.push(set(
            &format!("services/kubelet/extra_args/arg-{number}"),
            "true",
        ));
        edits.push(set(
            &format!("services/kube-api/extra_args/arg-{number}"),
            "true",
        ));
    }

    let file = ClusterFile::parse("cluster.yml", &text).unwrap();
    // The best of a few, because other tests run beside this one.
    let times = (0..5).map(|_| {
        let start = Instant::now();
        assert!(file.edited(&edits).unwrap().changed);
        start.elapsed()
    });

    let best = times.min().unwrap();
    assert!(best < Duration::from_secs(1), "{best:?}");
}

fn refusal(text: &str) -> Remark {
    ClusterFile::parse("cluster.yml", text).unwrap_err()
}

#[test]
fn what_rke_would_misread_is_refused_with_its_place_and_a_hint() {
    for (text, line, word) in [
        ("a: 1\nb: 2\na: 3\n", 3, "duplicate"),
        ("services:\n  etcd: {a: 1, a: 2}\n", 2, "duplicate"),
        ("services:\n\tetcd: {}\n", 2, ""),
        ("a: 1\n---\nb: 2\n", 2, "second document"),
        ("# x\n---\na: 1\n---\nb: 2\n", 4, "second document"),
        ("- a\n- b\n", 1, "not a mapping"),
        ("", 1, "not a mapping"),
        ("# only a comment\n", 1, "not a mapping"),
        ("just text\n", 1, "not a mapping"),
    ] {
        let remark = refusal(text);
        assert_eq!(
            remark.place.map(|place| place.line),
            Some(line),
            "{text:?}: {remark}"
        );
        assert!(remark.message.contains(word), "{text:?}: {remark}");
        assert!(!remark.hint.is_empty(), "{text:?}: {remark}");
    }
    assert!(!refusal("a: b: c\n").message.is_empty());
}

#[test]
fn addons_are_listed_with_what_identifies_them() {
    let file = ClusterFile::parse("cluster.yml", PLAIN).unwrap();

    let addons = file.addons().unwrap();

    assert_eq!(addons.len(), 1);
    assert_eq!(
        (addons[0].kind.as_str(), addons[0].name.as_str()),
        ("Namespace", "theirs")
    );
    assert_eq!(addons[0].namespace, None);
}

fn inventory(file: &str, addresses: &[&str]) -> Inventory {
    let nodes = addresses.iter().map(|address| crate::inventory::Node {
        name: (*address).to_owned(),
        address: (*address).to_owned(),
        port: 22,
        has_port: true,
        internal_address: (*address).to_owned(),
        roles: BTreeSet::new(),
        user: "rke".to_owned(),
        docker_socket: String::new(),
        key: crate::inventory::KeySource::Agent,
        labels: std::collections::BTreeMap::new(),
        taints: Vec::new(),
    });
    Inventory {
        file: file.to_owned(),
        nodes: nodes.collect(),
        bastion: None,
        proxy_jump: Vec::new(),
        shared_key: None,
        ssh_agent_auth: false,
        prefix_path: "/".to_owned(),
        ignore_docker_version: false,
        kubernetes_version: None,
        is_cluster_file: false,
        site: crate::inventory::Site::default(),
        warnings: Vec::new(),
    }
}

#[test]
fn nodes_that_only_one_of_two_files_lists_are_named() {
    let text = "nodes:\n- address: 10.0.0.1\n- address: '[FE80::1]'\n- address: b.example\n";
    let file = ClusterFile::parse("cluster.yml", text).unwrap();

    let missing = file.missing_nodes(&inventory(
        "fleet.yml",
        &["10.0.0.1", "fe80::1", "c.example"],
    ));

    assert_eq!(
        missing,
        [
            "b.example (only in cluster.yml)",
            "c.example (only in fleet.yml)"
        ]
    );
    let agreed = inventory("fleet.yml", &["b.example", "fe80::1", "10.0.0.1"]);
    assert_eq!(file.missing_nodes(&agreed), Vec::<String>::new());
}

#[test]
fn a_new_cluster_file_is_the_inventory_without_what_is_ours() {
    let text = "# fleet\nnodes:\n- address: 10.0.0.1 # one\n  ssh_key: |\n    PEM\n  unknown: kept\n# for us\nharden:\n  # which\n  playbook: x\n  # last of ours\n\n# theirs\nkubernetes_version: v1.11.3-rancher1-1";
    let inventory = ClusterFile::parse("fleet.yml", text).unwrap();

    let created = inventory
        .created(&[set("services/kubelet/extra_args/v", "2")])
        .unwrap();

    assert_eq!(
        created.text,
        "# fleet\nnodes:\n- address: 10.0.0.1 # one\n  ssh_key: |\n    PEM\n  unknown: kept\n# for us\n\n# theirs\nkubernetes_version: v1.11.3-rancher1-1\nservices:\n  kubelet:\n    extra_args:\n      v: \"2\"\n",
    );
}

#[test]
fn a_new_cluster_file_needs_no_block_of_ours_and_works_in_braces() {
    let created = |text: &str| {
        let file = ClusterFile::parse("fleet.yml", text).unwrap();
        file.created(&[]).map(|created| created.text)
    };

    assert_eq!(created("nodes: []").unwrap(), "nodes: []");
    assert_eq!(
        created("harden: {playbook: x}\nnodes: []\n").unwrap(),
        "nodes: []\n"
    );
    assert_eq!(
        created("{nodes: [], harden: {a: b}}\n").unwrap(),
        "{nodes: []}\n"
    );
    assert!(created("harden: &x {a: b}\nnodes: []\ny: *x\n").is_err());
}
