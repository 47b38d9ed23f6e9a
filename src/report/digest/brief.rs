//! Controls of which there is nothing to say but their ids.

use crate::report::digest::controls::Block;
use crate::report::digest::controls::Control;
use crate::report::digest::group::grouped;
use crate::report::document::Verdict;

/// All that is to be said of a control.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(in crate::report) struct Brief {
    pub(in crate::report) verdict: Verdict,
    /// The verdict in a word, or `fail → pass`.
    pub(in crate::report) label: String,
    /// Empty where the verdict says it all.
    pub(in crate::report) why: String,
}

/// What has to be told in full, and what in brief, each with the ids of its controls.
pub(in crate::report) fn parted(
    controls: Vec<Control<'_>>,
) -> (Vec<Control<'_>>, Vec<(Brief, Vec<&str>)>) {
    let mut full = Vec::new();
    let mut brief = Vec::new();
    for control in controls {
        match Brief::of(&control) {
            Some(told) => brief.push((told, control.id)),
            None => full.push(control),
        }
    }
    (full, grouped(brief))
}

impl Brief {
    /// `None` where something would be lost by leaving out everything else.
    fn of(control: &Control<'_>) -> Option<Self> {
        let (silent, asked): (Vec<&Block>, Vec<&Block>) =
            control.blocks.iter().partition(|block| block.is_silent);
        let Some(first) = asked.first() else {
            return Some(Self::unknown("no node was reached"));
        };
        let is_one = asked
            .iter()
            .all(|one| one.verdict == first.verdict && one.before == first.before);
        let as_first = |why: &str| Self {
            verdict: first.verdict,
            label: first.label(),
            why: why.to_owned(),
        };
        match first.verdict {
            Verdict::Pass if is_one && silent.is_empty() => Some(as_first("")),
            Verdict::Pass if is_one && first.before.is_none() => Some(Self::unknown(
                "pass where it was measured, unknown on nodes that were not reached",
            )),
            Verdict::NotApplicable if control.blocks.len() == 1 => Some(as_first(&first.why)),
            _ => None,
        }
    }

    fn unknown(why: &str) -> Self {
        Self {
            verdict: Verdict::Unknown,
            label: Verdict::Unknown.word().to_owned(),
            why: why.to_owned(),
        }
    }
}
