//! The page as the template wants it: words, tones and anchors, and no decision left to make.

use std::collections::HashMap;

use serde::Serialize;

use crate::report::digest::controls;
use crate::report::digest::controls::Block;
use crate::report::digest::controls::CLUSTER;
use crate::report::digest::controls::Control;
use crate::report::digest::controls::Detail;
use crate::report::digest::headline;
use crate::report::digest::standing;
use crate::report::digest::steps;
use crate::report::digest::steps::Carried;
use crate::report::digest::steps::Planned;
use crate::report::digest::troubles;
use crate::report::digest::troubles::Troubles;
use crate::report::document::Change;
use crate::report::document::ClusterPlan;
use crate::report::document::Document;
use crate::report::document::Evidence;
use crate::report::document::Outcome;
use crate::report::document::State;
use crate::report::document::Verdict;
use crate::report::summary::Counts;
use crate::report::words::escaped;

/// The whole page.
#[derive(Serialize)]
pub(super) struct Page<'a> {
    title: String,
    verdict: &'static str,
    tone: Tone,
    sum: String,
    facts: Vec<Fact>,
    standing: Option<Standing>,
    counts: Vec<Count>,
    troubles: Vec<TroublesView>,
    controls: Vec<ControlView<'a>>,
    nodes: Vec<NodeView<'a>>,
    done: Option<Work>,
    plan: Option<Work>,
    harden: &'a str,
}

/// A class of the stylesheet; what it says is said in words beside it.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::report) enum Tone {
    Good,
    Bad,
    Doubt,
    Quiet,
}

#[derive(Serialize)]
pub(in crate::report) struct Fact {
    pub(in crate::report) name: &'static str,
    pub(in crate::report) value: String,
}

#[derive(Serialize)]
struct Standing {
    now: String,
    next: String,
}

#[derive(Serialize)]
pub(in crate::report) struct Count {
    word: &'static str,
    tone: Tone,
    controls: usize,
    findings: usize,
}

#[derive(Serialize)]
struct TroublesView {
    id: &'static str,
    title: &'static str,
    all: Vec<TroubleView>,
}

#[derive(Serialize)]
struct TroubleView {
    message: String,
    hint: String,
}

#[derive(Serialize)]
struct ControlView<'a> {
    anchor: String,
    open: bool,
    word: &'static str,
    tone: Tone,
    id: &'a str,
    title: &'a str,
    blocks: Vec<BlockView>,
}

#[derive(Serialize)]
struct BlockView {
    label: String,
    tone: Tone,
    nodes: String,
    why: String,
    evidence: Vec<EvidenceView>,
}

#[derive(Serialize)]
struct EvidenceView {
    subject: String,
    wanted: String,
    seen: String,
    state: &'static str,
    tone: Tone,
}

#[derive(Serialize)]
struct NodeView<'a> {
    name: &'a str,
    silent: bool,
    pass: usize,
    fail: usize,
    unknown: usize,
    other: usize,
    troubles: Vec<Link<'a>>,
}

#[derive(Serialize)]
struct Link<'a> {
    anchor: String,
    id: &'a str,
}

/// Steps in groups: of a plan, or of what was done.
#[derive(Serialize)]
struct Work {
    title: &'static str,
    groups: Vec<Group>,
}

#[derive(Serialize)]
struct Group {
    title: String,
    steps: Vec<Step>,
}

#[derive(Serialize)]
struct Step {
    word: &'static str,
    tone: Tone,
    text: String,
    why: String,
    diff: Vec<String>,
}

impl<'a> Page<'a> {
    pub(super) fn of(document: &'a Document) -> Self {
        let run = document.run.as_ref();
        let controls = controls::of(document, Detail::Everything);
        Self {
            title: run.map_or_else(
                || "harden".to_owned(),
                |run| format!("harden {} {}", run.command, run.inventory),
            ),
            verdict: headline::verdict(document),
            tone: Tone::of_exit(document.exit_code),
            sum: headline::sum(document).join(" · "),
            facts: facts(document),
            standing: standing::of(document).map(|standing| Standing {
                now: standing.now,
                next: standing.next,
            }),
            counts: counts(&document.summary.controls, &document.summary.findings),
            troubles: troubles::of(document)
                .into_iter()
                .map(TroublesView::of)
                .collect(),
            nodes: nodes(document, &controls),
            controls: controls
                .into_iter()
                .enumerate()
                .map(|(index, control)| ControlView::of(index, control))
                .collect(),
            done: steps::carried(document).map(|carried| Work::done(&carried)),
            plan: steps::planned(document).map(|planned| Work::planned(&planned)),
            harden: &document.harden,
        }
    }
}

fn facts(document: &Document) -> Vec<Fact> {
    let Some(run) = &document.run else {
        return Vec::new();
    };
    let fact = |name, value: &str| Fact {
        name,
        value: value.to_owned(),
    };
    vec![
        fact("Run", &headline::subject(run, document.nodes.len())),
        fact("Against", &headline::sources(run)),
        fact("Began", &run.started),
        Fact {
            name: "Took",
            value: format!("{:.1} s", document.seconds),
        },
    ]
}

/// The verdicts that there are, and the three that are always told.
pub(in crate::report) fn counts(controls: &Counts, findings: &Counts) -> Vec<Count> {
    let rows: [(&'static str, Tone, fn(&Counts) -> usize); 7] = [
        ("fail", Tone::Bad, |counts| counts.fail),
        ("unknown", Tone::Doubt, |counts| counts.unknown),
        ("pass", Tone::Good, |counts| counts.pass),
        ("waived", Tone::Doubt, |counts| counts.waived),
        ("known failure", Tone::Doubt, |counts| counts.known_failure),
        ("manual", Tone::Doubt, |counts| counts.manual),
        ("not applicable", Tone::Quiet, |counts| {
            counts.not_applicable
        }),
    ];
    let counts = rows.into_iter().enumerate();
    let counts = counts.map(|(index, (word, tone, of))| {
        let count = Count {
            word,
            tone,
            controls: of(controls),
            findings: of(findings),
        };
        (index < 3 || count.findings > 0, count)
    });
    counts
        .filter_map(|(is_told, count)| is_told.then_some(count))
        .collect()
}

/// The selected nodes and the cluster as a whole, each with its counts.
fn nodes<'a>(document: &'a Document, controls: &[Control<'a>]) -> Vec<NodeView<'a>> {
    let ids = controls.iter().enumerate();
    let ids: HashMap<&str, usize> = ids.map(|(index, control)| (control.id, index)).collect();
    let mut views: Vec<NodeView<'a>> = document
        .nodes
        .iter()
        .map(|node| NodeView::new(&node.name, !node.reached))
        .collect();
    let known = views.iter().enumerate();
    let mut known: HashMap<&str, usize> = known.map(|(index, one)| (one.name, index)).collect();
    for finding in &document.findings {
        let name = finding.node.as_deref().unwrap_or(CLUSTER);
        let index = *known.entry(name).or_insert_with(|| {
            views.push(NodeView::new(name, false));
            views.len() - 1
        });
        let view = &mut views[index];
        let is_trouble = match finding.verdict {
            Verdict::Pass => {
                view.pass += 1;
                false
            }
            Verdict::Fail => {
                view.fail += 1;
                true
            }
            Verdict::Unknown => {
                view.unknown += 1;
                true
            }
            _ => {
                view.other += 1;
                false
            }
        };
        if is_trouble {
            let id = finding.control.as_str();
            let anchor = anchor(ids.get(id).copied().unwrap_or_default());
            view.troubles.push(Link { anchor, id });
        }
    }
    views
}

impl<'a> NodeView<'a> {
    fn new(name: &'a str, silent: bool) -> Self {
        Self {
            name,
            silent,
            pass: 0,
            fail: 0,
            unknown: 0,
            other: 0,
            troubles: Vec::new(),
        }
    }
}

fn anchor(index: usize) -> String {
    format!("control-{}", index + 1)
}

impl Tone {
    pub(in crate::report) fn of_exit(code: u8) -> Self {
        match code {
            0 => Self::Good,
            4 => Self::Doubt,
            _ => Self::Bad,
        }
    }

    pub(in crate::report) fn of_verdict(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Pass => Self::Good,
            Verdict::Fail => Self::Bad,
            Verdict::Waived
            | Verdict::KnownFailure
            | Verdict::Documented
            | Verdict::Manual
            | Verdict::Unknown => Self::Doubt,
            Verdict::NotApplicable => Self::Quiet,
        }
    }

    fn of_outcome(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Changed => Self::Good,
            Outcome::Failed => Self::Bad,
            Outcome::Skipped => Self::Doubt,
        }
    }
}

impl TroublesView {
    fn of(troubles: Troubles) -> Self {
        let all = troubles.all.into_iter().map(|trouble| TroubleView {
            message: trouble.message,
            hint: trouble.hint,
        });
        Self {
            id: troubles.kind.title(),
            title: troubles.kind.heading(),
            all: all.collect(),
        }
    }
}

impl<'a> ControlView<'a> {
    fn of(index: usize, control: Control<'a>) -> Self {
        let worst = control.worst();
        Self {
            anchor: anchor(index),
            open: matches!(worst, Verdict::Fail | Verdict::Unknown),
            word: worst.word(),
            tone: Tone::of_verdict(worst),
            id: control.id,
            title: control.title,
            blocks: control.blocks.into_iter().map(BlockView::of).collect(),
        }
    }
}

impl BlockView {
    fn of(block: Block) -> Self {
        Self {
            label: block.label(),
            tone: Tone::of_verdict(block.verdict),
            nodes: block.nodes,
            why: block.why,
            evidence: block.evidence.into_iter().map(EvidenceView::of).collect(),
        }
    }
}

impl EvidenceView {
    fn of(evidence: Evidence) -> Self {
        let (state, tone) = match evidence.state {
            State::Met => ("as wanted", Tone::Good),
            State::Unmet => ("differs", Tone::Bad),
            State::Unread => ("not read", Tone::Doubt),
        };
        Self {
            subject: evidence.subject,
            wanted: evidence.wanted,
            seen: evidence.seen,
            state,
            tone,
        }
    }
}

impl Work {
    fn planned(planned: &Planned<'_>) -> Self {
        let groups = planned.nodes.iter().map(|(nodes, changes)| Group {
            title: format!("Change on {nodes}"),
            steps: changes.iter().map(Step::of_change).collect(),
        });
        let mut groups: Vec<Group> = groups.collect();
        groups.extend(planned.cluster.map(Group::of_cluster));
        if !planned.rest.is_empty() {
            groups.push(Group {
                title: "Then".to_owned(),
                steps: planned
                    .rest
                    .iter()
                    .map(|line| Step::plain(line.clone()))
                    .collect(),
            });
        }
        Self {
            title: planned.title,
            groups,
        }
    }

    fn done(carried: &Carried<'_>) -> Self {
        let groups = carried.nodes.iter().map(|(nodes, ends)| Group {
            title: format!("On {nodes}"),
            steps: ends.iter().map(Step::of_end).collect(),
        });
        let mut groups: Vec<Group> = groups.collect();
        if let Some((line, cluster)) = &carried.cluster {
            groups.push(Group {
                title: line.clone(),
                steps: cluster
                    .map(Group::of_cluster)
                    .map_or(Vec::new(), |group| group.steps),
            });
        }
        if !carried.rest.is_empty() {
            let steps = carried.rest.iter().map(|line| Step {
                word: line.outcome.word(),
                tone: Tone::of_outcome(line.outcome),
                why: line.hint.clone(),
                ..Step::plain(line.text.clone())
            });
            groups.push(Group {
                title: "The cluster".to_owned(),
                steps: steps.collect(),
            });
        }
        Self {
            title: "done",
            groups,
        }
    }
}

impl Group {
    fn of_cluster(cluster: &ClusterPlan) -> Self {
        let edits = cluster.edits.iter();
        let mut steps: Vec<Step> = edits.map(|edit| Step::plain(edit.text())).collect();
        if let Some(last) = steps.last_mut() {
            last.diff = lines(&cluster.diff);
        }
        Self {
            title: match cluster.creates {
                true => "Make cluster.yml".to_owned(),
                false => "Edit cluster.yml".to_owned(),
            },
            steps,
        }
    }
}

impl Step {
    fn plain(text: String) -> Self {
        Self {
            word: "",
            tone: Tone::Quiet,
            text,
            why: String::new(),
            diff: Vec::new(),
        }
    }

    fn of_change(change: &Change) -> Self {
        Self {
            diff: lines(&change.diff),
            ..Self::plain(change.text())
        }
    }

    fn of_end(end: &steps::End<'_>) -> Self {
        Self {
            word: end.ended.outcome.word(),
            tone: Tone::of_outcome(end.ended.outcome),
            why: end.ended.why.clone().unwrap_or_default(),
            diff: lines(end.diff()),
            ..Self::plain(end.text())
        }
    }
}

/// A tab is a tab in content, and nothing that must be shown.
fn lines(diff: &str) -> Vec<String> {
    let lines = diff.lines();
    lines
        .map(|line| escaped(&line.replace('\t', "    ")))
        .collect()
}
