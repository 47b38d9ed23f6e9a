//! Controls of which there is nothing to say but their ids.

use crate::report::digest::controls::Block;
use crate::report::digest::controls::Control;
use crate::report::digest::group::grouped;
use crate::report::document::Verdict;

/// Controls with one verdict for one reason.
#[derive(Debug, Eq, PartialEq)]
pub(in crate::report) struct Brief<'a> {
    pub(in crate::report) verdict: Verdict,
    /// The verdict in a word, or `fail → pass`.
    pub(in crate::report) label: String,
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
        .map(|((verdict, label, why), ids)| Brief {
            verdict,
            label,
            ids,
            why,
        });
    let full = full.into_iter().map(|(_, control)| control);
    (full.collect(), brief.collect())
}

/// Verdict, label and reason, if nothing is lost by leaving out everything else.
fn in_brief(control: &Control<'_>) -> Option<(Verdict, String, String)> {
    let (silent, asked): (Vec<&Block>, Vec<&Block>) =
        control.blocks.iter().partition(|block| block.is_silent);
    let Some(first) = asked.first() else {
        return Some(unknown("no node was reached"));
    };
    let is_one = asked
        .iter()
        .all(|one| one.verdict == first.verdict && one.before == first.before);
    match first.verdict {
        Verdict::Pass if is_one && silent.is_empty() => {
            Some((Verdict::Pass, first.label(), String::new()))
        }
        Verdict::Pass if is_one && first.before.is_none() => Some(unknown(
            "pass where it was measured, unknown on nodes that were not reached",
        )),
        Verdict::NotApplicable if silent.is_empty() && control.blocks.len() == 1 => {
            Some((Verdict::NotApplicable, first.label(), first.why.clone()))
        }
        _ => None,
    }
}

fn unknown(why: &str) -> (Verdict, String, String) {
    let label = Verdict::Unknown.word().to_owned();
    (Verdict::Unknown, label, why.to_owned())
}
