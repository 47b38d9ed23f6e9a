//! What a control says about a node, and why.

use std::ops::Deref;

use crate::profile::ControlId;
use crate::resource::Evidence;
use crate::shared::Shared;
use crate::shared::Text;

/// The verdict of one control on one node or cluster.
///
/// Only `Pass`, `Fail`, `Waived`, `KnownFailure` and `Documented` are measurements. Everything else says why there is
/// none, and no report may count it as a pass.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Verdict {
    Pass,
    Fail,
    /// It fails, and the site accepts that for a time; the evidence is that of the failure.
    Waived {
        reason: String,
        by: String,
        /// The last day on which it holds, in UTC.
        until: String,
    },
    /// The benchmark's own assessment fails here, and says what makes up for it.
    KnownFailure {
        why: String,
    },
    /// Left undone on purpose, and the benchmark's own assessment says so too.
    Documented {
        why: String,
    },
    /// A person must look.
    Manual {
        what: String,
        /// Somebody has looked, and it still holds.
        attested: Option<Box<Attested>>,
    },
    NotApplicable {
        why: String,
    },
    Unknown {
        why: String,
    },
}

/// Who looked at what no machine can judge; days are in UTC.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Attested {
    pub by: String,
    pub on: String,
    /// The last day on which it holds.
    pub holds_until: String,
    /// What was seen; may be empty.
    pub note: String,
}

/// One verdict and the evidence for it; the nodes of which the same is found have it in common.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Ruling {
    pub control: ControlId,
    pub title: String,
    pub verdict: Verdict,
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

impl Ruling {
    /// True when some part could not be measured, whatever the other parts say.
    pub fn is_incomplete(&self) -> bool {
        matches!(self.verdict, Verdict::Unknown { .. })
            || self.evidence.iter().any(Evidence::is_unread)
    }
}
