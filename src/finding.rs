//! What a control says about a node, and why.

use crate::profile::ControlId;
use crate::resource::Evidence;

/// The verdict of one control on one node or cluster.
///
/// Only `Pass`, `Fail`, `KnownFailure` and `Documented` are measurements. Everything else says why there is
/// none, and no report may count it as a pass.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Verdict {
    Pass,
    Fail,
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
    },
    NotApplicable {
        why: String,
    },
    Unknown {
        why: String,
    },
}

/// One verdict and the evidence for it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    pub control: ControlId,
    pub title: String,
    /// `None` for what is about the cluster as a whole.
    pub node: Option<String>,
    pub verdict: Verdict,
    pub evidence: Vec<Evidence>,
}

impl Finding {
    /// True when some part could not be measured, whatever the other parts say.
    pub fn is_incomplete(&self) -> bool {
        matches!(self.verdict, Verdict::Unknown { .. })
            || self.evidence.iter().any(Evidence::is_unread)
    }
}
