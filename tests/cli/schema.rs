//! Results for other programs, checked by a processor of their schema that is not ours.

use std::io::Write as _;
use std::process::Command;
use std::process::Stdio;

use crate::lab::Lab;
use crate::lab::said;

const JUNIT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/schema/junit.xsd");

/// What `xmllint` says of a document.
fn checked(xml: &str) -> (bool, String) {
    let mut xmllint = Command::new("xmllint")
        .args(["--nonet", "--noout", "--schema", JUNIT, "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("xmllint: {error}; tests/prepare installs it"));
    let mut stdin = xmllint.stdin.take().unwrap();
    stdin.write_all(xml.as_bytes()).unwrap();
    drop(stdin);
    let said = said(&xmllint.wait_with_output().unwrap());
    (said.code == 0, said.stderr)
}

#[track_caller]
fn is_valid(xml: &str) {
    let (is_valid, why) = checked(xml);
    assert!(is_valid, "{why}\n{xml}");
}

fn junit(lab: &Lab, arguments: &[&str]) -> String {
    lab.harden(&[arguments, &["--format", "junit"]].concat())
        .stdout
}

#[test]
fn junit_is_what_its_schema_says_whatever_happened() {
    let lab = Lab::built();
    let json = ["check", "inventory.yml", "--output", "json=a.json"];
    is_valid(&junit(&lab, &json));
    lab.node("w-1").cause(harden_lab::Fault::Refuse).unwrap();
    is_valid(&junit(
        &lab,
        &["check", "inventory.yml", "--output", "json=b.json"],
    ));
    is_valid(&junit(&lab, &["apply", "inventory.yml", "--yes"]));
    lab.node("w-1").heal().unwrap();
    is_valid(&junit(&lab, &["apply", "inventory.yml", "--yes"]));
    is_valid(&junit(&lab, &["report", "merge", "a.json", "b.json"]));
}

#[test]
fn the_schema_refuses_what_no_reader_takes() {
    let lab =
        Lab::with(|fleet| fleet.nodes(1, &[harden_lab::Role::Worker, harden_lab::Role::Etcd]));
    let good = junit(
        &lab,
        &["check", "inventory.yml", "--control", "guide:1.1.1"],
    );
    is_valid(&good);

    for (from, to) in [
        (" errors=", " mistakes="),
        ("<testcase classname", "<case classname"),
        ("tests=\"", "tests=\"-"),
        (
            "</testcase>",
            "<failure type=\"a\" message=\"b\"/></testcase>",
        ),
        ("<testsuite name=\"harden\"", "<testsuite name=\"etcd-1\""),
    ] {
        assert!(good.contains(from), "`{from}` is not in\n{good}");
        let bad = good.replace(from, to);
        assert!(!checked(&bad).0, "{bad}");
    }
}
