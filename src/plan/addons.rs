//! Objects of the addons that RKE's job cannot change, and at which it would fail.

use crate::facts::Observed;
use crate::fleet::Fleet;
use crate::plan::Plan;
use crate::plan::blocker::Blocker;
use crate::plan::mended;
use crate::profile::Profile;
use crate::resource::Resource;

/// A blocker for each of them when the job would run: everything else would be changed, and the
/// job would fail at the end.
pub(super) fn blockers(profile: &Profile, fleet: &Fleet, level: u8, plan: &Plan) -> Vec<Blocker> {
    if !runs_job(fleet, plan) {
        return Vec::new();
    }
    let scene = fleet.cluster_scene();
    let addons = mended(profile, level, fleet).filter_map(|(_, resource)| match resource {
        Resource::Addons(addons) => Some(addons),
        _ => None,
    });
    addons
        .flat_map(|addons| addons.unchangeable(&scene))
        .map(|(object, command)| Blocker::Unchangeable { object, command })
        .collect()
}

fn runs_job(fleet: &Fleet, plan: &Plan) -> bool {
    let is_edited = plan
        .cluster
        .as_ref()
        .is_some_and(|change| change.edits.iter().any(|edit| edit.path == "addons"));
    let text = fleet.cluster.file.addons_text();
    let would_run =
        matches!(&fleet.objects.addon_job, Observed::Present(job) if job.would_run(text));
    is_edited || (plan.rke_up.is_some() && would_run)
}
