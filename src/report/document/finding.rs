//! What each control says about each node, and the evidence.

use std::borrow::Cow;
use std::ops::Deref;

use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::Serializer;

use crate::finding;
use crate::resource;
use crate::resource::Seen;
use crate::shared::Shared;
use crate::shared::Text;
use crate::shared::Turned;

/// One verdict and the evidence for it; the nodes of which the same is found have it in common.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ruling {
    pub control: String,
    pub title: String,
    pub verdict: Verdict,
    /// Why the verdict is none of pass and fail, or what a person must look at.
    pub why: Option<String>,
    /// Who accepts the failure; only where the verdict is `waived`, with the reason as `why`.
    pub waiver: Option<Waiver>,
    /// Who looked; only where the verdict is `manual` and somebody did.
    pub attestation: Option<Attestation>,
    pub evidence: Vec<Evidence>,
}

/// What was found of a node or of the cluster; reads as its ruling.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// `None` for what is about the cluster as a whole.
    pub node: Option<Text>,
    pub ruling: Shared<Ruling>,
}

impl Deref for Finding {
    type Target = Ruling;

    fn deref(&self) -> &Ruling {
        &self.ruling
    }
}

/// A finding in the JSON format; its fields and their order are part of that.
#[derive(Deserialize, Serialize)]
struct Line<'a> {
    control: Cow<'a, str>,
    title: Cow<'a, str>,
    node: Option<Cow<'a, str>>,
    verdict: Verdict,
    why: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    waiver: Option<Cow<'a, Waiver>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    attestation: Option<Cow<'a, Attestation>>,
    evidence: Cow<'a, [Evidence]>,
}

impl Serialize for Finding {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let line = Line {
            control: Cow::Borrowed(&self.control),
            title: Cow::Borrowed(&self.title),
            node: self.node.as_deref().map(Cow::Borrowed),
            verdict: self.verdict,
            why: self.why.as_deref().map(Cow::Borrowed),
            waiver: self.waiver.as_ref().map(Cow::Borrowed),
            attestation: self.attestation.as_ref().map(Cow::Borrowed),
            evidence: Cow::Borrowed(&self.evidence),
        };
        line.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Finding {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let line = Line::deserialize(deserializer)?;
        let ruling = Ruling {
            control: line.control.into_owned(),
            title: line.title.into_owned(),
            verdict: line.verdict,
            why: line.why.map(Cow::into_owned),
            waiver: line.waiver.map(Cow::into_owned),
            attestation: line.attestation.map(Cow::into_owned),
            evidence: line.evidence.into_owned(),
        };
        Ok(Self {
            node: line.node.as_deref().map(Text::from),
            ruling: ruling.into(),
        })
    }
}

/// The verdict of one control on one node or cluster.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Pass,
    Fail,
    /// A failure that the site accepts for a time.
    Waived,
    /// The benchmark's own assessment fails here, and says what makes up for it.
    KnownFailure,
    /// Left undone on purpose, and the benchmark's own assessment says so too.
    Documented,
    /// A person must look.
    Manual,
    NotApplicable,
    Unknown,
}

/// Who accepts a failure.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct Waiver {
    pub by: String,
    /// The last day, in UTC.
    pub until: String,
}

/// Who looked at what no program can judge.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct Attestation {
    pub by: String,
    pub on: String,
    /// The last day, in UTC.
    pub holds_until: String,
    pub note: String,
}

/// One thing that was looked at.
#[derive(Clone, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct Evidence {
    pub subject: String,
    pub wanted: String,
    /// What was seen, or why nothing was.
    pub seen: String,
    pub state: State,
}

/// Whether a thing is as it should be.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Met,
    Unmet,
    Unread,
}

/// All of them, in their order.
pub(super) fn of(findings: Vec<finding::Finding>) -> Vec<Finding> {
    let mut rulings = Turned::default();
    let findings = findings.into_iter().map(|finding| Finding {
        node: finding.node,
        ruling: rulings.of(&finding.ruling, Ruling::of),
    });
    findings.collect()
}

impl Ruling {
    fn of(ruling: &finding::Ruling) -> Self {
        let Reason {
            why,
            waiver,
            attestation,
        } = Reason::of(&ruling.verdict);
        Self {
            control: ruling.control.0.clone(),
            title: ruling.title.clone(),
            verdict: Verdict::of(&ruling.verdict),
            why,
            waiver,
            attestation,
            evidence: ruling.evidence.iter().map(Evidence::of).collect(),
        }
    }

    /// True when some part could not be measured, whatever the other parts say.
    pub fn is_incomplete(&self) -> bool {
        let unread = |one: &Evidence| one.state == State::Unread;
        self.verdict == Verdict::Unknown || self.evidence.iter().any(unread)
    }
}

impl Verdict {
    /// Every verdict, the one that wants most to be done first.
    pub const ALL: [Self; 8] = [
        Self::Fail,
        Self::Unknown,
        Self::Waived,
        Self::KnownFailure,
        Self::Documented,
        Self::Manual,
        Self::Pass,
        Self::NotApplicable,
    ];

    /// The verdict without its reasons.
    pub fn of(verdict: &finding::Verdict) -> Self {
        match verdict {
            finding::Verdict::Pass => Self::Pass,
            finding::Verdict::Fail => Self::Fail,
            finding::Verdict::Waived { .. } => Self::Waived,
            finding::Verdict::KnownFailure { .. } => Self::KnownFailure,
            finding::Verdict::Documented { .. } => Self::Documented,
            finding::Verdict::Manual { .. } => Self::Manual,
            finding::Verdict::NotApplicable { .. } => Self::NotApplicable,
            finding::Verdict::Unknown { .. } => Self::Unknown,
        }
    }

    /// As people read it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Waived => "waived",
            Self::KnownFailure => "known failure",
            Self::Documented => "documented",
            Self::Manual => "manual",
            Self::NotApplicable => "not applicable",
            Self::Unknown => "unknown",
        }
    }

    /// Which verdict speaks for a control when its nodes differ: the one that wants most to be
    /// done has most of it.
    pub fn gravity(self) -> u8 {
        match self {
            Self::Fail => 6,
            Self::Unknown => 5,
            Self::Waived => 4,
            Self::KnownFailure | Self::Documented => 3,
            Self::Manual => 2,
            Self::Pass => 1,
            Self::NotApplicable => 0,
        }
    }
}

/// What a verdict says beside its name.
#[derive(Default)]
struct Reason {
    why: Option<String>,
    waiver: Option<Waiver>,
    attestation: Option<Attestation>,
}

impl Reason {
    fn of(verdict: &finding::Verdict) -> Self {
        match verdict {
            finding::Verdict::Pass | finding::Verdict::Fail => Self::default(),
            finding::Verdict::Waived { reason, by, until } => Self {
                why: Some(reason.clone()),
                waiver: Some(Waiver {
                    by: by.clone(),
                    until: until.clone(),
                }),
                attestation: None,
            },
            finding::Verdict::Manual { what, attested } => Self {
                why: Some(what.clone()),
                waiver: None,
                attestation: attested.as_deref().map(Attestation::of),
            },
            finding::Verdict::KnownFailure { why }
            | finding::Verdict::Documented { why }
            | finding::Verdict::NotApplicable { why }
            | finding::Verdict::Unknown { why } => Self {
                why: Some(why.clone()),
                ..Self::default()
            },
        }
    }
}

impl Attestation {
    fn of(said: &finding::Attested) -> Self {
        Self {
            by: said.by.clone(),
            on: said.on.clone(),
            holds_until: said.holds_until.clone(),
            note: said.note.clone(),
        }
    }
}

impl Evidence {
    fn of(evidence: &resource::Evidence) -> Self {
        let (state, seen) = match &evidence.seen {
            Seen::Met(seen) => (State::Met, seen),
            Seen::Unmet(seen) => (State::Unmet, seen),
            Seen::Unread(why) => (State::Unread, why),
        };
        Self {
            subject: evidence.subject.clone(),
            wanted: evidence.wanted.clone(),
            seen: seen.clone(),
            state,
        }
    }
}
