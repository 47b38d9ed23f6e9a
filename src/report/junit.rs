//! `JUnit` XML, for CI systems: a suite for each node, a case for each control.
//!
//! A run of which nothing fails here is a run with exit code 0: what could not
//! be measured is an error, and the run itself is a case. What a person must
//! look at, what does not apply and what is accepted is skipped, never passed.

use std::io;

use crate::report::digest::controls::CLUSTER;
use crate::report::digest::controls::reason;
use crate::report::digest::group::grouped;
use crate::report::digest::troubles;
use crate::report::digest::troubles::Kind;
use crate::report::document::Document;
use crate::report::document::Evidence;
use crate::report::document::Finding;
use crate::report::document::Outcome;
use crate::report::document::State;
use crate::report::document::Switched;
use crate::report::document::Verdict;
use crate::report::escape::xml;

/// Writes `document` as one `testsuites` element.
///
/// # Errors
/// Those of `out`.
pub fn write(out: &mut dyn io::Write, document: &Document) -> io::Result<()> {
    let run = document.run.as_ref();
    let name = run.map_or_else(
        || "harden".to_owned(),
        |run| format!("harden {} {}", run.command, run.inventory),
    );
    let mut suites = suites(document);
    suites.push(own_suite(document, &name, &suites));
    // The strictest schema in use knows no time zone; the time is UTC.
    let started = run.map_or("", |run| run.started.trim_end_matches('Z'));
    write_all(out, &name, document.seconds, started, &suites)
}

/// Writes any suites as one document.
pub(super) fn write_all(
    out: &mut dyn io::Write,
    name: &str,
    seconds: f64,
    started: &str,
    suites: &[Suite],
) -> io::Result<()> {
    let all = suites.iter().flat_map(|suite| &suite.cases);
    writeln!(out, r#"<?xml version="1.0" encoding="UTF-8"?>"#)?;
    writeln!(
        out,
        r#"<testsuites name="{}" {} time="{seconds:.3}">"#,
        xml(name),
        Tally::of(all)
    )?;
    for suite in suites {
        suite.write(out, started)?;
    }
    writeln!(out, "</testsuites>")
}

/// What is judged together.
pub(super) struct Suite {
    pub(super) name: String,
    pub(super) cases: Vec<Case>,
}

/// One control on one node.
pub(super) struct Case {
    pub(super) name: String,
    pub(super) end: End,
}

/// How a case ended: its message, and the evidence line by line.
pub(super) enum End {
    Passed,
    Failed { message: String, lines: Vec<String> },
    NotMeasured { message: String, lines: Vec<String> },
    Skipped { message: String },
}

fn suites(document: &Document) -> Vec<Suite> {
    let findings = document.findings.iter();
    let by_node = grouped(findings.map(|one| (one.node.as_deref().unwrap_or(CLUSTER), one)));
    let suites = by_node.into_iter().map(|(node, findings)| Suite {
        name: node.to_owned(),
        cases: findings.into_iter().map(Case::of).collect(),
    });
    suites.collect()
}

/// The run itself, so that one that failed is not green for want of findings.
fn own_suite(document: &Document, name: &str, others: &[Suite]) -> Suite {
    let mut lines: Vec<String> = troubles::of(document)
        .into_iter()
        .filter(|troubles| matches!(troubles.kind, Kind::Failed | Kind::Refused))
        .flat_map(|troubles| troubles.all)
        .map(|trouble| trouble.message)
        .collect();
    let done = &document.done;
    lines.extend(done.rke_failure().map(|failure| failure.message.clone()));
    for node in &done.changes {
        let failed = node.changes.iter();
        let failed = failed.filter(|end| end.outcome == Outcome::Failed);
        lines.extend(failed.map(|end| {
            let why = end.why.as_deref().unwrap_or_default();
            format!("{}: {}: {why}", node.node, end.subject)
        }));
    }
    let restarts = done.restarts.iter();
    let restarts = restarts.filter(|one| one.outcome == Outcome::Failed);
    lines.extend(restarts.map(|one| {
        let why = one.why.as_deref().unwrap_or_default();
        format!("{} was not restarted: {why}", one.component)
    }));
    let drivers = done.drivers.iter();
    let drivers = drivers.filter(|one| one.outcome == Outcome::Failed);
    lines.extend(drivers.map(Switched::text));
    if !document.finished {
        lines.push("stopped before the end".to_owned());
    }
    let is_red = |case: &Case| matches!(case.end, End::Failed { .. } | End::NotMeasured { .. });
    let is_told = others.iter().flat_map(|suite| &suite.cases).any(is_red);
    if document.exit_code != 0 && lines.is_empty() && !is_told {
        lines.push("not everything could be measured".to_owned());
    }
    let end = match lines.first() {
        None => End::Passed,
        Some(first) => End::NotMeasured {
            message: first.clone(),
            lines,
        },
    };
    Suite {
        name: "harden".to_owned(),
        cases: vec![Case {
            name: name.to_owned(),
            end,
        }],
    }
}

impl Suite {
    fn write(&self, out: &mut dyn io::Write, started: &str) -> io::Result<()> {
        let name = xml(&self.name);
        let tally = Tally::of(&self.cases);
        let timestamp = match started {
            "" => String::new(),
            started => format!(r#" timestamp="{}""#, xml(started)),
        };
        writeln!(
            out,
            r#"  <testsuite name="{name}" {tally} time="0"{timestamp}>"#
        )?;
        for case in &self.cases {
            case.write(out, &name)?;
        }
        writeln!(out, "  </testsuite>")
    }
}

impl Case {
    fn of(finding: &Finding) -> Self {
        let name = format!("{} {}", finding.control, finding.title);
        let lines = || finding.evidence.iter().map(line).collect();
        let why = reason(finding);
        let word = finding.verdict.word();
        let end = match finding.verdict {
            Verdict::Fail => End::Failed {
                message: first_trouble(finding, State::Unmet),
                lines: lines(),
            },
            Verdict::Unknown => End::NotMeasured {
                message: why,
                lines: lines(),
            },
            _ if finding.is_incomplete() => End::NotMeasured {
                message: first_trouble(finding, State::Unread),
                lines: lines(),
            },
            Verdict::Pass => End::Passed,
            Verdict::Waived
            | Verdict::KnownFailure
            | Verdict::Documented
            | Verdict::Manual
            | Verdict::NotApplicable => End::Skipped {
                message: format!("{word}: {why}"),
            },
        };
        Self { name, end }
    }

    /// `class` is escaped already.
    fn write(&self, out: &mut dyn io::Write, class: &str) -> io::Result<()> {
        let name = xml(&self.name);
        let case = format!(r#"    <testcase classname="{class}" name="{name}" time="0""#);
        let (element, kind, message, lines) = match &self.end {
            End::Passed => return writeln!(out, "{case}/>"),
            End::Skipped { message } => {
                writeln!(out, "{case}>")?;
                writeln!(out, r#"      <skipped message="{}"/>"#, xml(message))?;
                return writeln!(out, "    </testcase>");
            }
            End::Failed { message, lines } => ("failure", "fail", message, lines),
            End::NotMeasured { message, lines } => ("error", "unknown", message, lines),
        };
        writeln!(out, "{case}>")?;
        write!(
            out,
            r#"      <{element} type="{kind}" message="{}">"#,
            xml(message)
        )?;
        for line in lines {
            write!(out, "\n{}", xml(line))?;
        }
        writeln!(out, "</{element}>")?;
        writeln!(out, "    </testcase>")
    }
}

fn first_trouble(finding: &Finding, state: State) -> String {
    let trouble = finding.evidence.iter().find(|one| one.state == state);
    trouble.map_or_else(|| reason(finding), line)
}

fn line(evidence: &Evidence) -> String {
    let Evidence {
        subject,
        wanted,
        seen,
        state,
    } = evidence;
    let verb = match state {
        State::Met | State::Unmet => "seen",
        State::Unread => "unread",
    };
    format!("{subject}: wanted {wanted}, {verb} {seen}")
}

/// The counts that an element carries.
#[derive(Default)]
struct Tally {
    tests: usize,
    failures: usize,
    errors: usize,
    skipped: usize,
}

impl Tally {
    fn of<'a>(cases: impl IntoIterator<Item = &'a Case>) -> String {
        let mut tally = Self::default();
        for case in cases {
            tally.tests += 1;
            match case.end {
                End::Passed => {}
                End::Failed { .. } => tally.failures += 1,
                End::NotMeasured { .. } => tally.errors += 1,
                End::Skipped { .. } => tally.skipped += 1,
            }
        }
        let Self {
            tests,
            failures,
            errors,
            skipped,
        } = tally;
        format!(r#"tests="{tests}" failures="{failures}" errors="{errors}" skipped="{skipped}""#)
    }
}

#[cfg(test)]
mod tests;
