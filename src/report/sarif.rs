//! SARIF 2.1.0, for code scanning: rules are controls, results are what fails.
//!
//! What could not be measured is no result but a notification of the
//! invocation, and makes it an unsuccessful one.

use std::collections::BTreeSet;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::io;

use serde_json::Value;
use serde_json::json;

use crate::report::digest::controls::CLUSTER;
use crate::report::digest::controls::reason;
use crate::report::document::Document;
use crate::report::document::Finding;
use crate::report::document::State;
use crate::report::document::Verdict;
use crate::report::json::write_any;
use crate::report::words::named;

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// Writes `document` as a log with one run.
///
/// # Errors
/// Those of `out`.
pub fn write(out: &mut dyn io::Write, document: &Document) -> io::Result<()> {
    let mut rules = Rules::default();
    for finding in &document.findings {
        rules.index(&finding.control, &finding.title);
    }
    let inventory = document.run.as_ref().map_or("", |run| &run.inventory);
    let results = document.findings.iter();
    let results: Vec<Value> = results
        .filter(|one| matches!(one.verdict, Verdict::Fail | Verdict::Waived))
        .map(|one| result(one, &mut rules, inventory))
        .collect();
    let troubles = notifications(document);
    let is_whole = document.finished && troubles.is_empty() && !document.has_failed();
    let mut invocation = json!({
        "executionSuccessful": is_whole,
        "exitCode": document.exit_code,
        "toolExecutionNotifications": troubles,
    });
    let run = document.run.as_ref();
    if let Some(run) = run.filter(|run| !run.started.is_empty()) {
        invocation["startTimeUtc"] = json!(run.started);
    }
    write_log(out, &document.harden, &rules, &results, &invocation)
}

/// Writes a log of one run.
pub(super) fn write_log(
    out: &mut dyn io::Write,
    version: &str,
    rules: &Rules,
    results: &[Value],
    invocation: &Value,
) -> io::Result<()> {
    let mut driver = json!({ "name": "harden", "rules": rules.list });
    if !version.is_empty() {
        driver["version"] = json!(version);
    }
    let log = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": driver },
            "invocations": [invocation],
            "results": results,
        }],
    });
    write_any(out, &log)
}

/// The controls, each once.
#[derive(Default)]
pub(super) struct Rules {
    list: Vec<Value>,
    known: HashMap<String, usize>,
}

impl Rules {
    pub(super) fn index(&mut self, id: &str, title: &str) -> usize {
        if let Some(index) = self.known.get(id) {
            return *index;
        }
        self.list
            .push(json!({ "id": id, "shortDescription": { "text": shown(title, id) } }));
        self.known.insert(id.to_owned(), self.list.len() - 1);
        self.list.len() - 1
    }
}

fn result(finding: &Finding, rules: &mut Rules, inventory: &str) -> Value {
    let node = finding.node.as_deref().unwrap_or(CLUSTER);
    let mut text = format!("{node}: ");
    let unmet = finding.evidence.iter();
    let unmet = unmet.filter(|one| one.state == State::Unmet);
    let told: Vec<String> = unmet
        .map(|one| format!("{} is {}, wanted {}", one.subject, one.seen, one.wanted))
        .collect();
    text.push_str(&told.join("; "));
    if told.is_empty() {
        text.push_str(&finding.title);
    }
    let mut result = json!({
        "ruleId": finding.control,
        "ruleIndex": rules.index(&finding.control, &finding.title),
        "kind": "fail",
        "level": "error",
        "message": { "text": text },
        "locations": [location(inventory, node)],
        // The same finding has the same name in every run, so that it is one alert.
        "partialFingerprints": { "controlOnNode/v1": format!("{} {node}", finding.control) },
    });
    if finding.verdict == Verdict::Waived {
        let why = reason(finding);
        result["suppressions"] = json!([{ "kind": "external", "justification": why }]);
    }
    result
}

/// The inventory, because code scanning wants a file, and what it is about within it.
pub(super) fn location(inventory: &str, node: &str) -> Value {
    json!({
        "physicalLocation": {
            "artifactLocation": { "uri": uri(inventory) },
            "region": { "startLine": 1 },
        },
        "logicalLocations": [{ "name": shown(node, CLUSTER), "kind": "resource" }],
    })
}

fn notifications(document: &Document) -> Vec<Value> {
    let mut told = BTreeSet::new();
    let mut notes = Vec::new();
    let mut tell = |text: String| {
        if told.insert(text.clone()) {
            notes.push(json!({ "level": "error", "message": { "text": text } }));
        }
    };
    for node in document.unreachable() {
        tell(named(
            Some(&node.name),
            node.error.as_deref().unwrap_or_default(),
        ));
    }
    for one in document.findings.iter().filter(|one| one.is_incomplete()) {
        let unread = one
            .evidence
            .iter()
            .find(|one| one.state == State::Unread)
            .map(|one| format!("{}: {}", one.subject, one.seen));
        let why = unread.unwrap_or_else(|| reason(one));
        let node = one.node.as_deref();
        tell(format!("{}: {}", one.control, named(node, &why)));
    }
    let failures = document.failures.iter().chain(document.done.rke_failure());
    for failure in failures.chain(&document.refusal) {
        tell(named(failure.node.as_deref(), &failure.message));
    }
    notes
}

/// SARIF wants texts that are not empty.
fn shown<'a>(text: &'a str, otherwise: &'a str) -> &'a str {
    if text.is_empty() { otherwise } else { text }
}

/// A path as a reference, whatever it is made of.
fn uri(path: &str) -> String {
    let mut uri = String::new();
    for byte in path.trim_start_matches("./").bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
}

#[cfg(test)]
mod tests;
