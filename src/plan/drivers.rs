//! Node drivers of the Rancher server that a playbook asks to be deactivated.

use crate::fleet::Fleet;
use crate::plan::audited;
use crate::plan::change::DriverSwitch;
use crate::profile::Profile;
use crate::resource::Remedy;
use crate::resource::Resource;

/// Every driver that is to be deactivated, each once.
pub(super) fn switches(profile: &Profile, fleet: &Fleet, level: u8) -> Vec<DriverSwitch> {
    let scene = fleet.cluster_scene();
    let mut switches: Vec<DriverSwitch> = Vec::new();
    for (control, audit) in audited(profile, level, fleet) {
        let resources = audit.resources.iter();
        let resources = resources.filter(|one| matches!(one, Resource::Rancher(_)));
        for remedy in resources.flat_map(|resource| resource.remedies(&scene)) {
            let Remedy::DeactivateDriver { id, name } = remedy else {
                continue;
            };
            match switches.iter_mut().find(|known| known.id == id) {
                Some(known) => known.controls.push(control.id.clone()),
                None => switches.push(DriverSwitch {
                    id,
                    name,
                    activates: false,
                    controls: vec![control.id.clone()],
                }),
            }
        }
    }
    switches
}
