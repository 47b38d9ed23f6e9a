//! The fleet as Markdown: what fails where, and the clusters folded away.

use std::io;

use crate::report::digest::headline::word;
use crate::report::document::Verdict;
use crate::report::escape::markdown;
use crate::report::fleet::Fleet;
use crate::report::fold::folded;

/// Writes the whole view.
///
/// # Errors
/// Those of `out`.
pub fn write(out: &mut dyn io::Write, fleet: &Fleet) -> io::Result<()> {
    let verdict = word(fleet.exit_code(), false);
    writeln!(out, "## harden, all clusters: {verdict}\n")?;
    writeln!(out, "{}\n", markdown(&fleet.sum()))?;
    for (index, control) in fleet.troubled().enumerate() {
        if index == 0 {
            writeln!(out, "| Control | Fails on | Unknown on |")?;
            writeln!(out, "|---|---|---|")?;
        }
        let on = |verdict| markdown(&folded(fleet.with(&control.control, verdict)));
        writeln!(
            out,
            "| **{}** {} | {} | {} |",
            markdown(&control.control),
            markdown(&control.title),
            on(Verdict::Fail),
            on(Verdict::Unknown)
        )?;
    }
    writeln!(out, "\n<details><summary>Every cluster</summary>\n")?;
    writeln!(out, "| Cluster | Result | Nodes | Controls |")?;
    writeln!(out, "|---|---|---|---|")?;
    for cluster in &fleet.clusters {
        let told = cluster.error.clone();
        writeln!(
            out,
            "| {} | {} | {} | {} |",
            markdown(&cluster.name),
            word(cluster.exit_code, false),
            cluster.nodes,
            markdown(&told.unwrap_or_else(|| cluster.controls.in_words()))
        )?;
    }
    writeln!(out, "\n</details>")
}
