//! Markdown for a merge request: what fails first, everything else folded away.

use std::io;

use crate::report::digest::controls;
use crate::report::digest::controls::Block;
use crate::report::digest::controls::Control;
use crate::report::digest::controls::Detail;
use crate::report::digest::headline;
use crate::report::digest::standing;
use crate::report::digest::steps;
use crate::report::digest::troubles;
use crate::report::digest::troubles::Kind;
use crate::report::document::Document;
use crate::report::document::Evidence;
use crate::report::document::State;
use crate::report::document::Verdict;
use crate::report::escape::markdown;
use crate::report::words::counted;
use crate::report::words::escaped;

/// Writes `document` in GitHub's dialect, which GitLab and Gitea read, too.
///
/// # Errors
/// Those of `out`.
pub fn write(out: &mut dyn io::Write, document: &Document) -> io::Result<()> {
    writeln!(out, "## {}\n", title(document))?;
    writeln!(out, "{}\n", markdown(&headline::sum(document).join(" · ")))?;
    if let Some(run) = &document.run {
        let about = [
            headline::subject(run, document.nodes.len()),
            headline::sources(run),
            run.started.clone(),
        ];
        writeln!(out, "{}\n", markdown(&about.join("; ")))?;
    }
    if let Some(standing) = standing::of(document) {
        writeln!(out, "**Half done:** {}\n", markdown(&standing.now))?;
        writeln!(out, "**Next:** {}\n", markdown(&standing.next))?;
    }
    let controls = controls::of(document, Detail::Trouble);
    let is_urgent = |block: &&Block| matches!(block.verdict, Verdict::Fail | Verdict::Unknown);
    write_controls(out, &controls, is_urgent)?;
    write_troubles(out, document)?;
    let rest = controls.iter().flat_map(|control| &control.blocks);
    let rest = rest.filter(|block| !is_urgent(block)).count();
    if rest > 0 {
        open(out, "Everything else that was looked at")?;
        write_controls(out, &controls, |block| !is_urgent(block))?;
        close(out)?;
    }
    write_planned(out, document)?;
    write_done(out, document)
}

fn title(document: &Document) -> String {
    let verdict = headline::verdict(document);
    match &document.run {
        Some(run) => format!(
            "harden {} {}: {verdict}",
            markdown(&run.command),
            code(&run.inventory)
        ),
        None => format!("harden: {verdict}"),
    }
}

fn write_controls(
    out: &mut dyn io::Write,
    controls: &[Control<'_>],
    wanted: impl Fn(&&Block) -> bool,
) -> io::Result<()> {
    let rows = controls.iter().flat_map(|control| {
        let blocks = control.blocks.iter().filter(&wanted);
        blocks.map(move |block| (control, block))
    });
    for (index, (control, block)) in rows.enumerate() {
        if index == 0 {
            writeln!(out, "| Control | Verdict | Where | Why |")?;
            writeln!(out, "|---|---|---|---|")?;
        }
        let why: Vec<String> = (!block.why.is_empty())
            .then(|| markdown(&block.why))
            .into_iter()
            .chain(block.evidence.iter().map(line))
            .collect();
        writeln!(
            out,
            "| **{}** {} | {} | {} | {} |",
            markdown(control.id),
            markdown(control.title),
            block.label(),
            code(&block.nodes),
            why.join("<br>")
        )?;
    }
    writeln!(out)
}

fn line(evidence: &Evidence) -> String {
    let verb = match evidence.state {
        State::Met | State::Unmet => "seen",
        State::Unread => "unread",
    };
    let [subject, wanted, seen] =
        [&evidence.subject, &evidence.wanted, &evidence.seen].map(|text| code(text));
    format!("{subject}: wanted {wanted}, {verb} {seen}")
}

fn write_troubles(out: &mut dyn io::Write, document: &Document) -> io::Result<()> {
    for troubles in troubles::of(document) {
        let is_folded = troubles.kind == Kind::Warnings;
        let number = troubles.all.len();
        if is_folded {
            open(out, &counted(number, "warning"))?;
        } else {
            writeln!(out, "### {}\n", troubles.kind.heading())?;
        }
        for trouble in &troubles.all {
            writeln!(out, "- {}", markdown(&trouble.message))?;
            if !trouble.hint.is_empty() {
                writeln!(out, "  <br>Hint: {}", markdown(&trouble.hint))?;
            }
        }
        writeln!(out)?;
        if is_folded {
            close(out)?;
        }
    }
    Ok(())
}

fn write_planned(out: &mut dyn io::Write, document: &Document) -> io::Result<()> {
    let Some(planned) = steps::planned(document) else {
        return Ok(());
    };
    let number = counted(document.summary.planned, "change");
    open(out, &format!("{} ({number})", planned.title))?;
    for (nodes, changes) in &planned.nodes {
        writeln!(out, "Change on {}\n", code(nodes))?;
        for change in *changes {
            writeln!(out, "- {}", markdown(&change.text()))?;
        }
        writeln!(out)?;
        write_diffs(out, changes.iter().map(|change| change.diff.as_str()))?;
    }
    if let Some(cluster) = planned.cluster {
        writeln!(out, "{}\n", capitalized(cluster.title()))?;
        for edit in &cluster.edits {
            writeln!(out, "- {}", markdown(&edit.text()))?;
        }
        writeln!(out)?;
        write_diffs(out, [cluster.diff.as_str()])?;
    }
    for line in &planned.rest {
        writeln!(out, "- {}", markdown(line))?;
    }
    writeln!(out)?;
    close(out)
}

fn write_done(out: &mut dyn io::Write, document: &Document) -> io::Result<()> {
    let Some(carried) = steps::carried(document) else {
        return Ok(());
    };
    open(out, "What was done")?;
    for (nodes, ends) in &carried.nodes {
        writeln!(out, "On {}\n", code(nodes))?;
        for end in ends {
            let word = end.ended.outcome.word();
            let why = end.ended.why.as_deref();
            let why = why.map_or_else(String::new, |why| format!(": {}", markdown(why)));
            writeln!(out, "- {word}: {}{why}", markdown(&end.text()))?;
        }
        writeln!(out)?;
        write_diffs(out, ends.iter().map(steps::End::diff))?;
    }
    if let Some((line, cluster)) = &carried.cluster {
        writeln!(out, "- {}\n", markdown(line))?;
        write_diffs(out, cluster.iter().map(|cluster| cluster.diff.as_str()))?;
    }
    for line in &carried.rest {
        writeln!(out, "- {}", markdown(&line.text))?;
    }
    writeln!(out)?;
    close(out)
}

fn write_diffs<'a>(
    out: &mut dyn io::Write,
    diffs: impl IntoIterator<Item = &'a str>,
) -> io::Result<()> {
    for diff in diffs.into_iter().filter(|diff| !diff.is_empty()) {
        let fence = fence(diff);
        writeln!(out, "{fence}diff")?;
        for line in diff.lines() {
            let cells: Vec<String> = line.split('\t').map(escaped).collect();
            writeln!(out, "{}", cells.join("\t"))?;
        }
        writeln!(out, "{fence}\n")?;
    }
    Ok(())
}

/// More backticks than stand together anywhere in `text`.
fn fence(text: &str) -> String {
    let runs = text.split(|one| one != '`').map(str::len);
    "`".repeat(runs.max().unwrap_or_default().max(2) + 1)
}

fn code(text: &str) -> String {
    format!("<code>{}</code>", markdown(text))
}

fn open(out: &mut dyn io::Write, summary: &str) -> io::Result<()> {
    let summary = markdown(&capitalized(summary));
    writeln!(out, "<details><summary>{summary}</summary>\n")
}

fn close(out: &mut dyn io::Write) -> io::Result<()> {
    writeln!(out, "</details>\n")
}

fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|one| one.to_ascii_uppercase());
    first.into_iter().chain(chars).collect()
}

#[cfg(test)]
mod tests;
