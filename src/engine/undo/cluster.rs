//! The way back of `cluster.yml`.

use std::path::Path;

use crate::cluster_file::ClusterFile;
use crate::cluster_file::Edit;
use crate::cluster_file::Scalar;
use crate::cluster_file::unified;
use crate::engine::journal::Deed;
use crate::engine::journal::Past;
use crate::engine::undo::decide::Decision;
use crate::engine::undo::decide::Left;
use crate::engine::undo::decide::Scene;
use crate::engine::undo::reliance::ENCRYPTION_FLAGS;
use crate::facts::Observed;
use crate::plan::change::ClusterChange;
use crate::plan::change::ClusterEdit;

/// Where the run kept what `cluster.yml` was.
pub(super) fn backup_of(past: &Past) -> Option<&Path> {
    match deed(past)? {
        Deed::ClusterFile { backup, .. } => backup.as_deref(),
        _ => None,
    }
}

pub(super) fn decide(scene: &Scene<'_>, decision: &mut Decision) {
    let Some(Deed::ClusterFile { was, now, .. }) = deed(scene.past) else {
        return;
    };
    match way(scene, was.as_deref(), now) {
        Ok(change) => decision.plan.cluster = change,
        Err(why) => decision.leave(None, "cluster.yml", Left::because(why)),
    }
}

fn deed(past: &Past) -> Option<&Deed> {
    let items = past.begun_items().map(|item| &item.deed);
    items
        .filter(|deed| matches!(deed, Deed::ClusterFile { .. }))
        .last()
}

/// The change to the old text, `None` when it is there already, or why it stays.
fn way(scene: &Scene<'_>, was: Option<&str>, now: &str) -> Result<Option<ClusterChange>, String> {
    let salt = &scene.past.begun.salt;
    if !scene.cluster.exists {
        return match was {
            None => Ok(None),
            Some(_) => Err("it is gone; the run directory has what it was".to_owned()),
        };
    }
    let current = scene.cluster.file.text();
    let is_ours = salt.digest(current.as_bytes()) == now;
    let Some(was) = was else {
        let why = if is_ours {
            "that run made it, and whoever runs `rke` needs it; remove it by hand when no cluster was built from it"
        } else {
            "that run made it, and it was changed since"
        };
        return Err(why.to_owned());
    };
    if salt.digest(current.as_bytes()) == was {
        return Ok(None);
    }
    let backup = scene.backup.as_deref();
    let backup = backup.filter(|text| salt.digest(text.as_bytes()) == was);
    let backup = backup.ok_or("its copy in the run directory is gone or was changed")?;
    let file = ClusterFile::parse(scene.cluster.file.name(), backup)
        .map_err(|remark| remark.to_string())?;
    let kept = encryption(scene, &file)?;
    let wanted = file.edited(&kept).map_err(|error| error.to_string())?.text;
    if wanted == current {
        return Ok(None);
    }
    if !is_ours {
        return Err("it was changed since that run; compare it with its copy there".to_owned());
    }
    if scene.selected.len() < scene.inventory.nodes.len() {
        return Err("only some nodes were selected with --on".to_owned());
    }
    Ok(Some(ClusterChange {
        edits: edits(scene, &kept),
        diff: unified(current, &wanted, scene.cluster.file.name()),
        old_text: current.to_owned(),
        new_text: wanted,
        creates: false,
    }))
}

/// The option of the encryption file stays as long as an API server runs with it: without it the
/// next `rke up` would leave Secrets that nobody can read (T-11, rke.md section 5).
fn encryption(scene: &Scene<'_>, file: &ClusterFile) -> Result<Vec<Edit>, String> {
    let mut kept = Vec::new();
    for facts in scene.facts.values().filter(|facts| !facts.is_empty()) {
        let api_server = match facts.container("kube-apiserver") {
            Observed::Present(api_server) => api_server,
            Observed::Absent => continue,
            Observed::Unread { why } => {
                return Err(format!(
                    "it is not known whether an API server encrypts Secrets: {why}"
                ));
            }
        };
        for flag in ENCRYPTION_FLAGS {
            let path = ["services", "kube-api", "extra_args", flag];
            let (Some(value), None) = (api_server.flag(flag), file.value_at(&path)) else {
                continue;
            };
            let edit = Edit::Set {
                path: path.map(str::to_owned).to_vec(),
                value: Scalar::Text(value.to_owned()),
            };
            if !kept.contains(&edit) {
                kept.push(edit);
            }
        }
    }
    Ok(kept)
}

fn edits(scene: &Scene<'_>, kept: &[Edit]) -> Vec<ClusterEdit> {
    let line = |path: String, wanted: &str| ClusterEdit {
        path,
        wanted: wanted.to_owned(),
        controls: Vec::new(),
    };
    let run = &scene.past.begun.run;
    let whole = line(
        "everything".to_owned(),
        &format!("as it was before run {run}"),
    );
    let kept = kept.iter().filter_map(|edit| match edit {
        Edit::Set { path, .. } => Some(line(
            path.join("."),
            "stays: API servers run with it, and Secrets can be read with its key only",
        )),
        Edit::Append { .. } | Edit::Addons { .. } | Edit::AddonsCount { .. } => None,
    });
    [whole].into_iter().chain(kept).collect()
}
