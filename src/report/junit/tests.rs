use insta::assert_snapshot;
use roxmltree::Node;

use super::*;
use crate::event::Event;
use crate::report::sample;

/// Element, attributes that it must have, attributes that it may have, what it may hold.
type Shape = (
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
    &'static [&'static str],
);

/// Each element with the attributes that it must have, those it may have, and what it may hold:
/// the part of Jenkins' `junit-10.xsd` and of Ant's `JUnit.xsd` that both agree on.
const SCHEMA: [Shape; 6] = [
    (
        "testsuites",
        &["tests", "failures", "errors"],
        &["name", "skipped", "time"],
        &["testsuite"],
    ),
    (
        "testsuite",
        &["name", "tests", "failures", "errors", "skipped", "time"],
        &["timestamp"],
        &["testcase"],
    ),
    (
        "testcase",
        &["name", "classname", "time"],
        &[],
        &["failure", "error", "skipped"],
    ),
    ("failure", &["type", "message"], &[], &[]),
    ("error", &["type", "message"], &[], &[]),
    ("skipped", &["message"], &[], &[]),
];

fn junit(document: &Document) -> String {
    let mut out = Vec::new();
    write(&mut out, document).unwrap();
    String::from_utf8(out).unwrap()
}

fn of(events: Vec<Event>) -> String {
    junit(&sample::document(events))
}

fn assert_valid(node: Node<'_, '_>) {
    let name = node.tag_name().name();
    let (_, must, may, holds) = SCHEMA
        .iter()
        .find(|(element, ..)| *element == name)
        .unwrap_or_else(|| panic!("<{name}> is unknown"));
    for attribute in node.attributes() {
        let is_known = |list: &[&str]| list.contains(&attribute.name());
        assert!(is_known(must) || is_known(may), "{name} {attribute:?}");
    }
    for attribute in *must {
        assert!(node.has_attribute(*attribute), "{name} lacks {attribute}");
    }
    for child in node.children().filter(Node::is_element) {
        assert!(holds.contains(&child.tag_name().name()), "{name} {child:?}");
        assert_valid(child);
    }
    let count = |element: &str| {
        let all = node.descendants().filter(|one| one.has_tag_name(element));
        all.count().to_string()
    };
    if name.starts_with("testsuite") {
        for (attribute, element) in [
            ("tests", "testcase"),
            ("failures", "failure"),
            ("errors", "error"),
            ("skipped", "skipped"),
        ] {
            assert_eq!(node.attribute(attribute).unwrap(), count(element));
        }
    }
}

#[test]
fn a_failing_check_has_a_suite_for_each_node_and_a_case_for_each_control() {
    assert_snapshot!(of(sample::failing_check()), @r#"
    <?xml version="1.0" encoding="UTF-8"?>
    <testsuites name="harden check inventory.yml" tests="6" failures="2" errors="1" skipped="1" time="1.500">
      <testsuite name="cp-1" tests="1" failures="1" errors="0" skipped="0" time="0" timestamp="2026-11-23T12:09:45">
        <testcase classname="cp-1" name="guide:1.1.1 The kernel behaves as the kubelet expects, now and after a reboot" time="0">
          <failure type="fail" message="kernel.panic now: wanted 10, seen 0">
    kernel.panic now: wanted 10, seen 0
    kernel.panic after a reboot: wanted 10, seen not set
    kernel.panic_on_oops now: wanted 1, seen 1</failure>
        </testcase>
      </testsuite>
      <testsuite name="cp-2" tests="1" failures="0" errors="0" skipped="0" time="0" timestamp="2026-11-23T12:09:45">
        <testcase classname="cp-2" name="guide:1.1.1 The kernel behaves as the kubelet expects, now and after a reboot" time="0"/>
      </testsuite>
      <testsuite name="cp-3" tests="1" failures="1" errors="0" skipped="0" time="0" timestamp="2026-11-23T12:09:45">
        <testcase classname="cp-3" name="guide:1.1.1 The kernel behaves as the kubelet expects, now and after a reboot" time="0">
          <failure type="fail" message="kernel.panic now: wanted 10, seen 0">
    kernel.panic now: wanted 10, seen 0
    kernel.panic after a reboot: wanted 10, seen not set
    kernel.panic_on_oops now: wanted 1, seen 1</failure>
        </testcase>
      </testsuite>
      <testsuite name="worker-1" tests="1" failures="0" errors="1" skipped="0" time="0" timestamp="2026-11-23T12:09:45">
        <testcase classname="worker-1" name="guide:1.1.1 The kernel behaves as the kubelet expects, now and after a reboot" time="0">
          <error type="unknown" message="worker-1: no connection to 10.0.0.21:22: connection refused"></error>
        </testcase>
      </testsuite>
      <testsuite name="cluster" tests="1" failures="0" errors="0" skipped="1" time="0" timestamp="2026-11-23T12:09:45">
        <testcase classname="cluster" name="guide:2.1.5 Pods are restricted unless they are allowed more" time="0">
          <skipped message="manual: look at the policies"/>
        </testcase>
      </testsuite>
      <testsuite name="harden" tests="1" failures="0" errors="0" skipped="0" time="0" timestamp="2026-11-23T12:09:45">
        <testcase classname="harden" name="harden check inventory.yml" time="0"/>
      </testsuite>
    </testsuites>
    "#);
}

#[test]
fn every_document_is_valid_and_red_exactly_where_the_exit_code_is_not_0() {
    for events in sample::all() {
        let document = sample::document(events);
        let text = junit(&document);
        let tree = roxmltree::Document::parse(&text).unwrap();
        let root = tree.root_element();
        assert_valid(root);
        let is_red =
            root.attribute("failures") != Some("0") || root.attribute("errors") != Some("0");
        assert_eq!(is_red, document.exit_code != 0, "{text}");
    }
}

#[test]
fn no_case_has_the_name_and_class_of_another() {
    let text = of(sample::failing_check());
    let tree = roxmltree::Document::parse(&text).unwrap();
    let cases = tree
        .descendants()
        .filter(|one| one.has_tag_name("testcase"));
    let mut names: Vec<_> = cases
        .map(|case| (case.attribute("classname"), case.attribute("name")))
        .collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
}

#[test]
fn what_was_accepted_or_is_for_a_person_is_skipped_and_never_passed() {
    let text = of(sample::accepted_check());
    let tree = roxmltree::Document::parse(&text).unwrap();
    let skipped = tree.descendants().filter(|one| one.has_tag_name("skipped"));
    let messages: Vec<&str> = skipped.filter_map(|one| one.attribute("message")).collect();
    assert_eq!(
        messages,
        [
            "waived: old kernel (ann, until 2027-01-31)",
            "manual: attested by bob on 2026-11-01, until 2027-05-01 (all bound): look at the policies",
            "known failure: RKE needs it",
            "documented: on purpose",
            "not applicable: no etcd",
        ]
    );
}

#[test]
fn no_text_becomes_markup() {
    let text = r#"<b a="1">]]>&amp;'"#;
    for events in sample::all() {
        let document = sample::document(events);
        let tree_of = |text: &str| {
            let tree = roxmltree::Document::parse(text).unwrap();
            assert_valid(tree.root_element());
            let elements = tree.descendants().filter(Node::is_element);
            let names =
                elements.map(|one| (one.tag_name().name().to_owned(), one.attributes().len()));
            names.collect::<Vec<_>>()
        };
        let poisoned = junit(&sample::poisoned(&document, text));
        assert_eq!(tree_of(&poisoned), tree_of(&junit(&document)));
    }
}
