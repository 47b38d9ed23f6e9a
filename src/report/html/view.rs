//! The page as the template wants it: words, tones and anchors, and no decision left to make.

use serde::Serialize;

use crate::report::digest::controls;
use crate::report::digest::controls::Block;
use crate::report::digest::controls::Control;
use crate::report::digest::controls::Detail;
use crate::report::digest::headline;
use crate::report::digest::standing;
use crate::report::digest::steps;
use crate::report::digest::troubles;
use crate::report::digest::troubles::Troubles;
use crate::report::document::Document;
use crate::report::document::Evidence;
use crate::report::document::Outcome;
use crate::report::document::State;
use crate::report::document::Verdict;
use crate::report::html::nodes;
use crate::report::html::nodes::NodeView;
use crate::report::html::work::Work;
use crate::report::summary::Counts;

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
            nodes: nodes::of(document, &controls),
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

/// A verdict's name, its tone, and how many have it.
type Row = (&'static str, Tone, fn(&Counts) -> usize);

/// The verdicts that there are, and the three that are always told.
pub(in crate::report) fn counts(controls: &Counts, findings: &Counts) -> Vec<Count> {
    let rows: [Row; 7] = [
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

/// Where a control stands on the page.
pub(super) fn anchor(index: usize) -> String {
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

    pub(super) fn of_outcome(outcome: Outcome) -> Self {
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
