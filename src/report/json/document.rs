//! The whole document: the run, its nodes and its findings.

use std::collections::HashMap;

use serde::Serialize;

use crate::event::RunStarted;
use crate::finding;
use crate::finding::Verdict;
use crate::profile::ControlId;
use crate::report;
use crate::report::Report;
use crate::report::Summary;
use crate::report::json::VERSION;
use crate::report::json::work::Done;
use crate::report::json::work::Plan;
use crate::resource;
use crate::resource::Seen;

/// Everything that a run has to say.
#[derive(Serialize)]
pub(super) struct Document<'a> {
    version: u32,
    run: Option<Run<'a>>,
    /// False when the run was stopped from outside.
    finished: bool,
    seconds: f64,
    exit_code: u8,
    summary: Summary,
    nodes: Vec<Node<'a>>,
    /// As it is now: of an apply, afterwards.
    findings: Vec<Finding<'a>>,
    /// What an apply began with; null where the fleet was judged once.
    findings_before: Option<Vec<Finding<'a>>>,
    plan: Option<Plan<'a>>,
    done: Done<'a>,
    warnings: Vec<Notice<'a>>,
    failures: Vec<Notice<'a>>,
    refusal: Option<Notice<'a>>,
}

#[derive(Serialize)]
struct Run<'a> {
    command: &'a str,
    inventory: &'a str,
    profile: &'a str,
    guide: &'a str,
    benchmark: &'a str,
    level: u8,
    controls: usize,
    /// Nodes of the inventory, selected or not.
    fleet: usize,
}

#[derive(Serialize)]
struct Node<'a> {
    name: &'a str,
    reached: bool,
    error: Option<&'a str>,
    hint: Option<&'a str>,
}

#[derive(Serialize)]
struct Finding<'a> {
    control: &'a str,
    title: &'a str,
    /// Null for what is about the cluster as a whole.
    node: Option<&'a str>,
    verdict: &'static str,
    /// Why the verdict is none of pass and fail, or what a person must look at.
    why: Option<&'a str>,
    /// Who accepts the failure; only where the verdict is `waived`, with the reason as `why`.
    #[serde(skip_serializing_if = "Option::is_none")]
    waiver: Option<Waiver<'a>>,
    /// Who looked; only where the verdict is `manual` and somebody did.
    #[serde(skip_serializing_if = "Option::is_none")]
    attestation: Option<Attestation<'a>>,
    evidence: Vec<Evidence<'a>>,
}

#[derive(Serialize)]
struct Waiver<'a> {
    by: &'a str,
    /// The last day, in UTC.
    until: &'a str,
}

#[derive(Serialize)]
struct Attestation<'a> {
    by: &'a str,
    on: &'a str,
    /// The last day, in UTC.
    holds_until: &'a str,
    note: &'a str,
}

#[derive(Serialize)]
struct Evidence<'a> {
    subject: &'a str,
    wanted: &'a str,
    /// What was seen, or why nothing was.
    seen: &'a str,
    state: &'static str,
}

/// A message and what to do about it.
#[derive(Serialize)]
pub(super) struct Notice<'a> {
    node: Option<&'a str>,
    message: &'a str,
    hint: &'a str,
}

impl<'a> Document<'a> {
    pub(super) fn of(report: &'a Report) -> Self {
        let earlier = report.before.as_ref().filter(|_| report.after.is_some());
        Self {
            version: VERSION,
            run: report.run.as_ref().map(Run::of),
            finished: report.finished,
            seconds: report.elapsed.as_secs_f64(),
            exit_code: report.exit_code(),
            summary: report.summary(),
            nodes: nodes(report),
            findings: report.findings().iter().map(Finding::of).collect(),
            findings_before: earlier.map(|found| found.iter().map(Finding::of).collect()),
            plan: report.plan.as_deref().map(Plan::of),
            done: Done::of(report),
            warnings: report.warnings.iter().map(Notice::of).collect(),
            failures: report.failures.iter().map(Notice::of).collect(),
            refusal: report.refusal.as_ref().map(Notice::of),
        }
    }
}

impl<'a> Run<'a> {
    fn of(run: &'a RunStarted) -> Self {
        Self {
            command: &run.command,
            inventory: &run.inventory,
            profile: &run.profile,
            guide: &run.guide,
            benchmark: &run.benchmark,
            level: run.level,
            controls: run.controls,
            fleet: run.fleet,
        }
    }
}

fn nodes(report: &Report) -> Vec<Node<'_>> {
    let unreachable = report.unreachable.iter();
    let unreachable: HashMap<&str, &report::Notice> = unreachable
        .filter_map(|notice| Some((notice.node.as_deref()?, notice)))
        .collect();
    let names = report.run.iter().flat_map(|run| &run.nodes);
    names
        .map(|name| {
            let notice = unreachable.get(name.as_str());
            Node {
                name,
                reached: notice.is_none(),
                error: notice.map(|notice| notice.message.as_str()),
                hint: notice.map(|notice| notice.hint.as_str()),
            }
        })
        .collect()
}

impl<'a> Finding<'a> {
    fn of(finding: &'a finding::Finding) -> Self {
        let (verdict, why) = match &finding.verdict {
            Verdict::Pass => ("pass", None),
            Verdict::Fail => ("fail", None),
            Verdict::KnownFailure { why } => ("known_failure", Some(why)),
            Verdict::Documented { why } => ("documented", Some(why)),
            Verdict::Waived { reason, .. } => ("waived", Some(reason)),
            Verdict::Manual { what, .. } => ("manual", Some(what)),
            Verdict::NotApplicable { why } => ("not_applicable", Some(why)),
            Verdict::Unknown { why } => ("unknown", Some(why)),
        };
        Self {
            control: &finding.control.0,
            title: &finding.title,
            node: finding.node.as_deref(),
            verdict,
            why: why.map(String::as_str),
            waiver: Waiver::of(&finding.verdict),
            attestation: Attestation::of(&finding.verdict),
            evidence: finding.evidence.iter().map(Evidence::of).collect(),
        }
    }
}

impl<'a> Waiver<'a> {
    fn of(verdict: &'a Verdict) -> Option<Self> {
        let Verdict::Waived { by, until, .. } = verdict else {
            return None;
        };
        Some(Self { by, until })
    }
}

impl<'a> Attestation<'a> {
    fn of(verdict: &'a Verdict) -> Option<Self> {
        let Verdict::Manual { attested, .. } = verdict else {
            return None;
        };
        attested.as_ref().map(|said| Self {
            by: &said.by,
            on: &said.on,
            holds_until: &said.holds_until,
            note: &said.note,
        })
    }
}

impl<'a> Evidence<'a> {
    fn of(evidence: &'a resource::Evidence) -> Self {
        let (state, seen) = match &evidence.seen {
            Seen::Met(seen) => ("met", seen),
            Seen::Unmet(seen) => ("unmet", seen),
            Seen::Unread(why) => ("unread", why),
        };
        Self {
            subject: &evidence.subject,
            wanted: &evidence.wanted,
            seen,
            state,
        }
    }
}

impl<'a> Notice<'a> {
    pub(super) fn of(notice: &'a report::Notice) -> Self {
        Self {
            node: notice.node.as_deref(),
            message: &notice.message,
            hint: &notice.hint,
        }
    }
}

/// Control ids as a list of strings.
pub(super) fn ids(controls: &[ControlId]) -> Vec<&str> {
    controls.iter().map(|id| id.0.as_str()).collect()
}
