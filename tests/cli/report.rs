//! `--format`, `--output` and `harden report`: one result in many forms.

use std::fs;
use std::io::Write as _;
use std::process::Stdio;

use serde_json::Value;

use crate::lab::Lab;

const FORMATS: [&str; 6] = ["table", "json", "junit", "html", "markdown", "sarif"];

#[test]
fn a_saved_report_renders_to_the_same_bytes_as_the_run_itself_did() {
    let lab = Lab::built();
    let outputs: Vec<String> = FORMATS
        .iter()
        .map(|format| format!("--output={format}=run.{format}"))
        .collect();
    let mut arguments = vec!["check", "inventory.yml"];
    arguments.extend(outputs.iter().map(String::as_str));

    let ran = lab.harden(&arguments).expect(3);

    assert_eq!(ran.stdout, lab.read("run.table"));
    for format in FORMATS {
        let again = lab.harden(&["report", "run.json", "--format", format]);
        assert_eq!(again.expect(0).stdout, lab.read(&format!("run.{format}")));
    }
    let files = fs::read_dir(lab.site.path()).unwrap();
    let beside = files.filter(|file| {
        let name = file.as_ref().unwrap().file_name();
        name.to_string_lossy().starts_with(".harden")
    });
    assert_eq!(beside.count(), 0, "a temporary file was left behind");
}

#[test]
fn a_report_may_come_through_a_pipe() {
    let lab = Lab::built();
    let said = lab.harden(&["check", "inventory.yml", "--format", "json"]);

    let mut child = lab
        .command(&["report", "-", "--format", "markdown"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(said.stdout.as_bytes()).unwrap();
    drop(stdin);
    let output = child.wait_with_output().unwrap();

    assert!(output.status.success());
    assert!(output.stdout.starts_with(b"## harden check "));
}

#[test]
fn a_file_that_cannot_be_written_is_told_before_any_node_is_asked() {
    let lab = Lab::built();
    for (output, says) in [
        (
            "html=missing/report.html",
            "missing/report.html: there is no such file",
        ),
        ("html=.", ".: this is a directory"),
        ("pdf=report.pdf", "`pdf` is not a form"),
        ("report.html", "write FORMAT=FILE"),
    ] {
        let said = lab.harden(&["check", "inventory.yml", "--output", output]);
        said.expect(2).says(&[says]);
    }
    let twice = ["--output", "html=a", "--output", "json=a"];
    let said = lab.harden(&[&["check", "inventory.yml"], &twice[..]].concat());
    said.expect(2).says(&["`--output` names a twice"]);
    for node in lab.fleet.nodes() {
        assert_eq!(node.counts().connections, 0, "{}", node.name());
    }
}

#[test]
fn what_is_no_report_is_refused_with_the_way_to_one() {
    let lab = Lab::built();
    lab.write("empty.json", "");
    lab.write("other.json", "{\"kind\": \"Pod\"}");
    lab.write("newer.json", "{\"version\": 99, \"findings\": []}");
    for (file, says) in [
        ("empty.json", "empty.json: not JSON"),
        ("other.json", "not a report of `harden check`"),
        ("newer.json", "version 99"),
        ("none.json", "none.json: there is no such file"),
    ] {
        let said = lab.harden(&["report", file]).expect(2);
        said.says(&[says, "hint: "]);
    }
}

#[test]
fn a_comparison_gates_on_drift_and_not_on_state() {
    let lab = Lab::built();
    lab.harden(&["check", "inventory.yml", "--output", "json=before.json"])
        .expect(3);
    lab.apply().expect(0);
    lab.harden(&["check", "inventory.yml", "--output", "json=after.json"])
        .expect(0);

    let same = lab.harden(&["report", "--compare", "before.json", "before.json"]);
    same.expect(0).says(&["0 differences", "0 regressed"]);
    let better = lab.harden(&["report", "--compare", "before.json", "after.json"]);
    better
        .expect(0)
        .says(&["mended", "guide:1.1.1", "fail → pass"]);
    let worse = ["report", "--compare", "after.json", "before.json"];
    let said = lab.harden(&worse).expect(3);
    said.says(&["regressed", "guide:1.1.1", "pass → fail", "cp-[1-2]"]);

    let said = lab.harden(&[&worse[..], &["--format", "json"]].concat());
    let trend: Value = serde_json::from_str(&said.expect(3).stdout).unwrap();
    assert!(trend["summary"]["regressed"].as_u64().unwrap() > 0);
    let said = lab.harden(&[&worse[..], &["--format", "html"]].concat());
    said.expect(2).says(&["the forms are `table`, `json`"]);
}

#[test]
fn reports_of_many_clusters_are_joined_and_a_broken_one_is_not_passed_over() {
    let lab = Lab::built();
    lab.harden(&["check", "inventory.yml", "--output", "json=west.json"])
        .expect(3);
    lab.apply().expect(0);
    lab.harden(&["check", "inventory.yml", "--output", "json=east.json"])
        .expect(0);
    lab.write("lost.json", "{\"version\": 1,");

    let well = lab.harden(&["report", "merge", "east.json"]);
    well.expect(0).says(&["passes"]);
    let failing = lab.harden(&["report", "merge", "east.json", "west.json"]);
    failing
        .expect(3)
        .says(&["guide:1.1.1", "fail", "west", "2 clusters"]);
    let files = ["report", "merge", "east.json", "west.json", "lost.json"];
    let said = lab.harden(&[&files[..], &["--output", "html=fleet.html"]].concat());
    said.expect(4)
        .says(&["lost: not JSON", "report not readable"]);
    assert!(lab.read("fleet.html").contains("not fully measured"));
    lab.harden(&[&files[..], &["--output", "json=fleet.json"]].concat());
    let again = ["report", "fleet.json", "--output", "html=again.html"];
    lab.harden(&again).expect(0);
    assert_eq!(lab.read("again.html"), lab.read("fleet.html"));
    lab.harden(&["report", "merge", "fleet.json", "east.json"])
        .expect(4)
        .says(&[
            "3 clusters",
            "the run of east came with a file before this one",
        ]);
    lab.harden(&["report", "--compare", "fleet.json", "east.json"])
        .expect(2)
        .says(&["fleet.json: the joined report of many clusters"]);
}

#[test]
fn shards_are_disjoint_and_make_up_the_fleet() {
    let lab = Lab::built();
    let mut nodes = Vec::new();
    for shard in ["@shard=1/2", "@shard=2/2"] {
        let said = lab.harden(&["nodes", "inventory.yml", "--on", shard]);
        if said.code == 0 {
            let lines = said.stdout.lines().skip(1);
            nodes.extend(lines.filter_map(|line| line.split(' ').next().map(str::to_owned)));
        }
    }
    nodes.sort();
    assert_eq!(nodes, ["cp-1", "cp-2", "w-1"]);
}
