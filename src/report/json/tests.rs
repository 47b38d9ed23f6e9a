use serde_json::Value;

use super::*;
use crate::event::Event;
use crate::finding::Verdict;
use crate::report::sample;

fn json(events: Vec<Event>) -> String {
    let mut out = Vec::new();
    write(&mut out, &sample::document(events)).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn what_is_sent_to_a_node_and_the_texts_of_cluster_yml_are_not_in_it() {
    let text = json(sample::failing_check());
    assert!(!text.contains("what only the node must see"), "{text}");
    assert!(!text.contains("secret: "), "{text}");
}

#[test]
fn odd_names_are_escaped_and_come_back_as_they_were() {
    let node = "cp\u{1b}[2J\u{9b}\u{202e}\u{7f}é\n\u{e0001}";
    let findings = vec![sample::kernel(node, Verdict::Pass, Vec::new())];
    let text = json(vec![sample::judged(findings)]);
    let is_calm = |one: char| one == '\n' || !crate::report::words::is_treacherous(one);
    assert!(text.chars().all(is_calm), "{text}");
    let parsed: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(parsed["findings"][0]["node"], node);
}

#[test]
fn a_saved_report_reads_as_what_was_written_and_writes_the_same_bytes() {
    for events in sample::all() {
        let document = sample::document(events);
        let mut first = Vec::new();
        write(&mut first, &document).unwrap();
        let read = read(&first).unwrap();
        assert_eq!(read, document);
        let mut second = Vec::new();
        write(&mut second, &read).unwrap();
        assert_eq!(first, second);
    }
}

#[test]
fn a_field_of_tomorrow_is_passed_over_and_a_version_of_tomorrow_is_not() {
    let text = json(sample::clean_check());
    let with_more = text.replacen('{', r#"{ "mood": "calm","#, 1);
    assert!(read(with_more.as_bytes()).is_ok());

    let newer = text.replacen(r#""version": 1"#, r#""version": 2, "run": 7"#, 1);
    let error = read(newer.as_bytes()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a report of version 2 of the format, and this program knows 1"
    );
}

#[test]
fn what_is_no_report_is_refused_by_what_it_is() {
    let why = |text: &str| read(text.as_bytes()).unwrap_err().to_string();
    assert_eq!(
        why(""),
        "not JSON: EOF while parsing a value at line 1 column 0"
    );
    assert!(why("version: 1").starts_with("not JSON: "));
    assert_eq!(
        why(r#"{"nodes": []}"#),
        "JSON, but not a report of `harden check` or `harden apply`"
    );
    assert!(
        why(r#"{"version": 1, "findings": []}"#).starts_with("not a whole report: missing field")
    );
    let cut = &json(sample::clean_check())[..200];
    assert!(why(cut).starts_with("not JSON: EOF while parsing"), "{cut}");
}
