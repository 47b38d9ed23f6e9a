//! The steps of a plan, or of what was done, as the template wants them.

use serde::Serialize;

use crate::report::digest::steps::Carried;
use crate::report::digest::steps::End;
use crate::report::digest::steps::Planned;
use crate::report::document::Change;
use crate::report::document::ClusterPlan;
use crate::report::html::view::Tone;
use crate::report::words::escaped;

/// Steps in groups: of a plan, or of what was done.
#[derive(Serialize)]
pub(super) struct Work {
    title: String,
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

impl Work {
    pub(super) fn planned(planned: &Planned<'_>) -> Self {
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
            title: planned.title.clone(),
            groups,
        }
    }

    pub(super) fn done(carried: &Carried<'_>) -> Self {
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
            title: "done".to_owned(),
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
            title: if cluster.creates {
                "Make cluster.yml".to_owned()
            } else {
                "Edit cluster.yml".to_owned()
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

    fn of_end(end: &End<'_>) -> Self {
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
