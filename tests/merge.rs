//! A thousand reports in the memory of a few.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::print_stdout, reason = "the figure is part of the result")]

use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;

use serde_json::Value;
use serde_json::json;

/// How much more memory 900 more reports may take: what stays of a report is its verdicts.
const MORE_KIB: u64 = 24 * 1024;

const CONTROLS: usize = 110;
const NODES: usize = 4;

#[test]
fn the_memory_of_a_merge_does_not_grow_with_the_reports() {
    let directory = tempfile::tempdir().unwrap();
    let files = reports(directory.path(), 1000);

    let few = peak_of_merging(&files[..100]);
    let all = peak_of_merging(&files);

    let size = fs::metadata(&files[0]).unwrap().len() * 1000 / 1024;
    assert!(size > 4 * MORE_KIB, "{size} KiB of reports prove nothing");
    println!("100 reports: {few} KiB; 1000 reports, {size} KiB of them: {all} KiB");
    assert!(
        all < few + MORE_KIB,
        "100 reports took {few} KiB, and 1000 took {all} KiB"
    );
}

/// Many names for a few files, which differ in what fails.
fn reports(directory: &Path, number: usize) -> Vec<PathBuf> {
    let kinds: Vec<PathBuf> = (0..5)
        .map(|kind| {
            let file = directory.join(format!("kind-{kind}.json"));
            fs::write(&file, serde_json::to_vec_pretty(&report(kind)).unwrap()).unwrap();
            file
        })
        .collect();
    (1..=number)
        .map(|index| {
            let name = directory.join(format!("cluster-{index:04}.json"));
            fs::hard_link(&kinds[index % kinds.len()], &name).unwrap();
            name
        })
        .collect()
}

fn report(kind: usize) -> Value {
    let nodes: Vec<String> = (1..=NODES).map(|n| format!("node-{n}")).collect();
    let mut findings = Vec::new();
    for control in 0..CONTROLS {
        let verdict = if control % 5 == kind { "fail" } else { "pass" };
        for node in &nodes {
            findings.push(json!({
                "control": format!("cis:1.{control}"),
                "title": "The API server refuses anonymous requests",
                "node": node,
                "verdict": verdict,
                "why": null,
                "evidence": [{
                    "subject": "kube-apiserver --anonymous-auth",
                    "wanted": "false",
                    "seen": "true",
                    "state": if verdict == "pass" { "met" } else { "unmet" },
                }],
            }));
        }
    }
    let counts = json!({
        "pass": 4, "fail": 1, "known_failure": 0, "manual": 0, "not_applicable": 0, "unknown": 0,
    });
    let nodes = nodes.iter();
    json!({
        "version": 1,
        "run": {
            "command": "check", "inventory": "cluster.yml", "profile": "rancher-2.1",
            "guide": "guide", "benchmark": "benchmark", "level": 1, "controls": CONTROLS,
            "fleet": NODES,
        },
        "finished": true,
        "seconds": 1.5,
        "exit_code": 3,
        "summary": {
            "controls": counts, "findings": counts, "incomplete": 0, "nodes": NODES,
            "unreachable": 0, "planned": 0, "changed": 0, "failed": 0, "skipped": 0,
        },
        "nodes": nodes
            .map(|name| json!({ "name": name, "reached": true, "error": null, "hint": null }))
            .collect::<Vec<_>>(),
        "findings": findings,
        "findings_before": null,
        "plan": null,
        "done": {
            "changes": [], "cluster_file": null, "rke": null, "restarts": [], "skipped": [],
        },
        "warnings": [],
        "failures": [],
        "refusal": null,
    })
}

/// In KiB, read while the program waits for somebody to take its output: by then it has taken
/// in every report.
fn peak_of_merging(files: &[PathBuf]) -> u64 {
    let mut child = Command::new(env!("CARGO_BIN_EXE_harden"))
        .args(["report", "merge", "--format", "json"])
        .args(files)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut first = [0];
    stdout.read_exact(&mut first).unwrap();
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let mut rest = Vec::from(first);
    stdout.read_to_end(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(3));

    let fleet: Value = serde_json::from_slice(&rest).unwrap();
    assert_eq!(fleet["summary"]["clusters"], files.len());
    assert_eq!(fleet["controls"].as_array().unwrap().len(), CONTROLS);
    let peak = status.lines().find(|line| line.starts_with("VmHWM:"));
    let peak = peak.unwrap_or_else(|| panic!("the program was gone: {status}"));
    peak.split_whitespace().nth(1).unwrap().parse().unwrap()
}
