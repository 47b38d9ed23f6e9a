//! What each control says about each node, and the evidence.

use serde::Deserialize;
use serde::Serialize;

use crate::finding;
use crate::resource;
use crate::resource::Seen;

/// One verdict and the evidence for it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Finding {
    pub control: String,
    pub title: String,
    /// Null for what is about the cluster as a whole.
    pub node: Option<String>,
    pub verdict: Verdict,
    /// Why the verdict is none of pass and fail, or what a person must look at.
    pub why: Option<String>,
    /// Who accepts the failure; only where the verdict is `waived`, with the reason as `why`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiver: Option<Box<Waiver>>,
    /// Who looked; only where the verdict is `manual` and somebody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attestation: Option<Box<Attestation>>,
    pub evidence: Vec<Evidence>,
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

impl Finding {
    pub(super) fn of(finding: finding::Finding) -> Self {
        let verdict = Verdict::of(&finding.verdict);
        let Reason {
            why,
            waiver,
            attestation,
        } = Reason::of(finding.verdict);
        Self {
            control: finding.control.0,
            title: finding.title,
            node: finding.node,
            verdict,
            why,
            waiver,
            attestation,
            evidence: finding.evidence.into_iter().map(Evidence::of).collect(),
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
    waiver: Option<Box<Waiver>>,
    attestation: Option<Box<Attestation>>,
}

impl Reason {
    fn of(verdict: finding::Verdict) -> Self {
        match verdict {
            finding::Verdict::Pass | finding::Verdict::Fail => Self::default(),
            finding::Verdict::Waived { reason, by, until } => Self {
                why: Some(reason),
                waiver: Some(Box::new(Waiver { by, until })),
                attestation: None,
            },
            finding::Verdict::Manual { what, attested } => Self {
                why: Some(what),
                waiver: None,
                attestation: attested.map(|said| Box::new(Attestation::of(*said))),
            },
            finding::Verdict::KnownFailure { why }
            | finding::Verdict::Documented { why }
            | finding::Verdict::NotApplicable { why }
            | finding::Verdict::Unknown { why } => Self {
                why: Some(why),
                ..Self::default()
            },
        }
    }
}

impl Attestation {
    fn of(said: finding::Attested) -> Self {
        Self {
            by: said.by,
            on: said.on,
            holds_until: said.holds_until,
            note: said.note,
        }
    }
}

impl Evidence {
    fn of(evidence: resource::Evidence) -> Self {
        let (state, seen) = match evidence.seen {
            Seen::Met(seen) => (State::Met, seen),
            Seen::Unmet(seen) => (State::Unmet, seen),
            Seen::Unread(why) => (State::Unread, why),
        };
        Self {
            subject: evidence.subject,
            wanted: evidence.wanted,
            seen,
            state,
        }
    }
}
