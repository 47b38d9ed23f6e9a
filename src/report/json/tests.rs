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

#[test]
fn every_report_is_as_the_schema_says_and_has_no_field_that_it_does_not_name() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    for events in sample::all() {
        let report: Value = serde_json::from_str(&json(events)).unwrap();
        assert_eq!(trouble(&report, &schema, &schema), None);
    }
}

#[test]
fn the_schema_refuses_what_is_no_report() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let report: Value = serde_json::from_str(&json(sample::failing_check())).unwrap();
    for (pointer, wrong) in [
        ("/version", Value::from(2)),
        ("/findings/0/verdict", Value::from("splendid")),
        ("/findings/0/evidence/0/seen", Value::Null),
        ("/summary/controls/pass", Value::from("one")),
    ] {
        let mut report = report.clone();
        *report.pointer_mut(pointer).unwrap() = wrong;
        assert!(trouble(&report, &schema, &schema).is_some(), "{pointer}");
    }
}

const SCHEMA: &str = include_str!("../../../docs/report.schema.json");

/// Why `value` is not as `schema` says; the part of JSON Schema that ours is written in.
fn trouble(value: &Value, schema: &Value, root: &Value) -> Option<String> {
    let with_value = |why: &str| Some(format!("{why}: {value}"));
    if let Some(name) = schema["$ref"].as_str() {
        let found = root.pointer(name.trim_start_matches('#')).unwrap();
        return trouble(value, found, root);
    }
    if let Some(all) = schema["anyOf"].as_array() {
        let troubles: Vec<_> = all.iter().map(|one| trouble(value, one, root)).collect();
        if troubles.iter().all(Option::is_some) {
            return Some(
                troubles
                    .into_iter()
                    .flatten()
                    .collect::<Vec<_>>()
                    .join("; or "),
            );
        }
        return None;
    }
    if schema.get("const").is_some_and(|only| only != value) {
        return with_value("not the constant");
    }
    let known = schema["enum"].as_array();
    if known.is_some_and(|known| !known.contains(value)) {
        return with_value("not one of the enum");
    }
    let types = match &schema["type"] {
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
        other => other.as_str().into_iter().collect::<Vec<_>>(),
    };
    if !types.is_empty() && !types.iter().any(|name| is_a(value, name)) {
        return with_value("of another type");
    }
    let least = schema["minimum"].as_f64().unwrap_or(f64::MIN);
    if value.as_f64().is_some_and(|number| number < least) {
        return with_value("too small");
    }
    match value {
        Value::Array(all) => all
            .iter()
            .find_map(|one| trouble(one, &schema["items"], root)),
        Value::Object(fields) => {
            let required = schema["required"].as_array().into_iter().flatten();
            let missing = required
                .filter_map(Value::as_str)
                .find(|name| !fields.contains_key(*name));
            if let Some(name) = missing {
                return Some(format!("{name} is missing"));
            }
            fields
                .iter()
                .find_map(|(name, one)| match schema["properties"].get(name) {
                    Some(schema) => trouble(one, schema, root).map(|why| format!("{name}: {why}")),
                    None => Some(format!("{name} is not in the schema")),
                })
        }
        _ => None,
    }
}

fn is_a(value: &Value, name: &str) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "integer" => value.is_u64(),
        "number" => value.is_number(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("the schema uses a type {other}"),
    }
}
