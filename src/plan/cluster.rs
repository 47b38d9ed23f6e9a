//! All edits of `cluster.yml`, and whether `rke up` must run.

use crate::cluster_file::ClusterFile;
use crate::cluster_file::Edit;
use crate::cluster_file::EditError;
use crate::cluster_file::Edited;
use crate::cluster_file::Scalar;
use crate::cluster_file::unified;
use crate::fleet::Fleet;
use crate::plan::Plan;
use crate::plan::blocker::Blocker;
use crate::plan::change::ClusterChange;
use crate::plan::change::ClusterEdit;
use crate::profile::Control;
use crate::profile::ControlId;
use crate::resource::Remedy;

/// What all nodes and controls want of `cluster.yml`, equal wishes merged.
#[derive(Debug, Default)]
pub(super) struct Wishes {
    edits: Vec<(Edit, Vec<ControlId>)>,
    lists: Vec<(Vec<String>, Vec<String>, Vec<ControlId>)>,
    rke_up: bool,
}

impl Wishes {
    pub(super) fn add_all(&mut self, remedies: &[Remedy], control: &Control) {
        for remedy in remedies {
            match remedy {
                Remedy::Edit(edit) => self.edit(edit, &control.id),
                Remedy::EditList { path, items } => self.list(path, items, &control.id),
                Remedy::RkeUp => self.rke_up = true,
                Remedy::Kernel { .. }
                | Remedy::Boot { .. }
                | Remedy::Put(_)
                | Remedy::Attributes(_)
                | Remedy::EncryptionFile
                | Remedy::Restart { .. }
                | Remedy::DeactivateDriver { .. } => {}
            }
        }
    }

    fn edit(&mut self, edit: &Edit, control: &ControlId) {
        match self.edits.iter_mut().find(|(known, _)| known == edit) {
            Some((_, controls)) if controls.contains(control) => {}
            Some((_, controls)) => controls.push(control.clone()),
            None => self.edits.push((edit.clone(), vec![control.clone()])),
        }
    }

    fn list(&mut self, path: &[String], items: &[String], control: &ControlId) {
        let Some((_, known, controls)) = self.lists.iter_mut().find(|(known, ..)| known == path)
        else {
            self.lists
                .push((path.to_vec(), items.to_vec(), vec![control.clone()]));
            return;
        };
        for item in items {
            if !known.contains(item) {
                known.push(item.clone());
            }
        }
        if !controls.contains(control) {
            controls.push(control.clone());
        }
    }

    fn into_edits(self) -> Vec<(Edit, Vec<ControlId>)> {
        let lists = self.lists.into_iter().map(|(path, items, controls)| {
            let value = Scalar::Text(items.join(","));
            (Edit::Set { path, value }, controls)
        });
        self.edits.into_iter().chain(lists).collect()
    }
}

/// Turns the wishes into one change of `cluster.yml`, and decides on `rke up`; hands back the file
/// as it will be, where it will be another one.
pub(super) fn finish(plan: &mut Plan, wishes: Wishes, fleet: &Fleet) -> Option<ClusterFile> {
    let stale = wishes.rke_up;
    let wanted = wishes.into_edits();
    let cluster = &fleet.cluster;
    let edits: Vec<Edit> = wanted.iter().map(|(edit, _)| edit.clone()).collect();
    let creates = !cluster.exists && (stale || !wanted.is_empty());
    let mut file = None;
    match edited(fleet, &edits) {
        Err(error) => plan.blockers.push(Blocker::ClusterFile {
            message: error.to_string(),
            hint: error.hint(),
        }),
        Ok(after) if creates || (cluster.exists && after.changed) => {
            let old_text = if cluster.exists {
                cluster.file.text()
            } else {
                ""
            };
            plan.cluster = Some(ClusterChange {
                edits: wanted
                    .iter()
                    .flat_map(|(edit, ids)| told(edit, ids))
                    .collect(),
                diff: unified(old_text, &after.text, cluster.file.name()),
                old_text: old_text.to_owned(),
                new_text: after.text,
                creates,
            });
            file = Some(after.file);
        }
        Ok(_) => {}
    }
    plan.rke_up = if !cluster.exists && plan.cluster.is_none() {
        None
    } else if !fleet.is_built() {
        Some("the cluster is not built yet".to_owned())
    } else if plan.cluster.is_some() {
        Some("cluster.yml changes".to_owned())
    } else if stale {
        Some("the containers are not as cluster.yml says".to_owned())
    } else {
        None
    };
    file
}

fn edited(fleet: &Fleet, edits: &[Edit]) -> Result<Edited, EditError> {
    if fleet.cluster.exists {
        fleet.cluster.file.edited(edits)
    } else {
        fleet.cluster.file.created(edits)
    }
}

/// An edit in one line for people, and a line an object for addons.
fn told(edit: &Edit, controls: &[ControlId]) -> Vec<ClusterEdit> {
    let line = |path: String, wanted: String| ClusterEdit {
        path,
        wanted,
        controls: controls.to_vec(),
    };
    match edit {
        Edit::Set { path, value } => {
            let value = match value {
                Scalar::Bool(value) => value.to_string(),
                Scalar::Text(text) => format!("\"{text}\""),
            };
            vec![line(path.join("."), value)]
        }
        Edit::Append { path, item } => vec![line(path.join("."), format!("+ {item}"))],
        Edit::Addons { .. } => vec![line(
            "addons".to_owned(),
            "the objects of the guide".to_owned(),
        )],
        Edit::AddonsCount { number } => vec![line(
            "addons".to_owned(),
            format!("number {number} in a comment line, so that RKE applies the objects again"),
        )],
    }
}
