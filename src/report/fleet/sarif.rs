//! The fleet as SARIF: a result for each control that fails on a cluster.

use std::io;

use serde_json::Value;
use serde_json::json;

use crate::report::document::Verdict;
use crate::report::fleet::Cluster;
use crate::report::fleet::Fleet;
use crate::report::sarif::Rules;
use crate::report::sarif::location;
use crate::report::sarif::write_log;

/// Writes the whole view.
///
/// # Errors
/// Those of `out`.
pub fn write(out: &mut dyn io::Write, fleet: &Fleet) -> io::Result<()> {
    let mut rules = Rules::default();
    for control in &fleet.controls {
        rules.index(&control.control, &control.title);
    }
    let clusters = fleet.clusters.iter();
    let results: Vec<Value> = clusters
        .flat_map(|cluster| cluster.with(Verdict::Fail).map(move |id| (cluster, id)))
        .map(|(cluster, id)| result(cluster, id, fleet, &mut rules))
        .collect();
    let clusters = fleet.clusters.iter();
    let notes: Vec<Value> = clusters
        .filter(|cluster| cluster.exit_code > 3)
        .map(|cluster| {
            let why = cluster.error.as_deref().unwrap_or("not fully measured");
            let text = format!("{}: {why}", cluster.name);
            json!({ "level": "error", "message": { "text": text } })
        })
        .collect();
    let invocation = json!({
        "executionSuccessful": notes.is_empty(),
        "exitCode": fleet.exit_code(),
        "toolExecutionNotifications": notes,
    });
    write_log(out, &fleet.harden, &rules, &results, &invocation)
}

fn result(cluster: &Cluster, id: &str, fleet: &Fleet, rules: &mut Rules) -> Value {
    let title = fleet.title_of(id);
    json!({
        "ruleId": id,
        "ruleIndex": rules.index(id, title),
        "kind": "fail",
        "level": "error",
        "message": { "text": format!("{}: not so: {title}", cluster.name) },
        "locations": [location(&cluster.inventory, &cluster.name)],
        "partialFingerprints": { "controlOnCluster/v1": format!("{id} {}", cluster.name) },
    })
}
