//! Controls of which there is nothing to say but their ids.

use crate::report::digest::controls::Block;
use crate::report::digest::controls::Control;
use crate::report::digest::group::grouped;
use crate::report::document::Verdict;

/// Controls with one verdict for one reason.
#[derive(Debug, Eq, PartialEq)]
pub(in crate::report) struct Brief<'a> {
    pub(in crate::report) verdict: Verdict,
    pub(in crate::report) ids: Vec<&'a str>,
    /// Empty where the verdict says it all.
    pub(in crate::report) why: String,
}

/// What has to be told in full, and what in brief.
pub(in crate::report) fn parted(controls: Vec<Control<'_>>) -> (Vec<Control<'_>>, Vec<Brief<'_>>) {
    let (brief, full): (Vec<_>, Vec<_>) = controls
        .into_iter()
        .map(|control| (in_brief(&control), control))
        .partition(|(brief, _)| brief.is_some());
    let brief = brief
        .into_iter()
        .filter_map(|(brief, control)| Some((brief?, control.id)));
    let brief = grouped(brief)
        .into_iter()
        .map(|((verdict, why), ids)| Brief { verdict, ids, why });
    let full = full.into_iter().map(|(_, control)| control);
    (full.collect(), brief.collect())
}

/// The verdict and the reason, if nothing is lost by leaving out everything else.
fn in_brief(control: &Control<'_>) -> Option<(Verdict, String)> {
    let (silent, asked): (Vec<&Block>, Vec<&Block>) =
        control.blocks.iter().partition(|block| block.is_silent);
    let all = |verdict| {
        asked
            .iter()
            .all(|block| block.verdict == verdict && block.before.is_none())
    };
    match (silent.as_slice(), asked.as_slice()) {
        ([], [only]) if all(Verdict::NotApplicable) => Some((only.verdict, only.why.clone())),
        ([], [_, ..]) if all(Verdict::Pass) => Some((Verdict::Pass, String::new())),
        ([..], []) => Some((Verdict::Unknown, "no node was reached".to_owned())),
        ([..], _) if all(Verdict::Pass) => {
            let why = "pass where it was measured, unknown on nodes that were not reached";
            Some((Verdict::Unknown, why.to_owned()))
        }
        _ => None,
    }
}
