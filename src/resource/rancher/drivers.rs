//! Ways to make nodes that a site did not approve: named, and switched off where it asks for that.

use crate::facts::rancher::Driver;
use crate::resource::Evidence;
use crate::resource::Remedy;
use crate::resource::Scene;
use crate::resource::Seen;
use crate::resource::rancher::listed;
use crate::resource::rancher::read;

/// What a playbook says of node drivers; a profile says nothing.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct NodeDrivers {
    /// Those that may be active.
    pub allowed: Option<Vec<String>>,
    /// True when `apply` is to deactivate the others.
    pub is_mended: bool,
}

impl NodeDrivers {
    pub(super) fn compare(&self, scene: &Scene<'_>) -> Vec<Evidence> {
        let Some(rancher) = scene.rancher else {
            return Vec::new();
        };
        let subject = "Rancher node drivers";
        let drivers: &[Driver] = match read(&rancher.drivers) {
            Ok(drivers) => drivers,
            Err(why) => return vec![Evidence::new(subject, "as allowed", Seen::Unread(why))],
        };
        let active: Vec<&str> = drivers
            .iter()
            .filter(|driver| driver.is_active)
            .map(|driver| driver.name.as_str())
            .collect();
        let Some(allowed) = &self.allowed else {
            let why = "the playbook has no `rancher.node_drivers`";
            let why = format!("{why}; active: {}", listed(&active));
            return vec![Evidence::new(subject, "as allowed", Seen::Unread(why))];
        };
        let more: Vec<&str> = unwanted(drivers, allowed)
            .map(|driver| driver.name.as_str())
            .collect();
        let seen = if more.is_empty() {
            Seen::Met(listed(&active))
        } else {
            Seen::Unmet(format!("{} active", listed(&more)))
        };
        let wanted = format!("within {}", listed(allowed));
        vec![Evidence::new(subject, wanted, seen)]
    }

    /// Nothing unless the playbook asks for it.
    pub(super) fn remedies(&self, scene: &Scene<'_>) -> Vec<Remedy> {
        let (Some(rancher), Some(allowed), true) = (scene.rancher, &self.allowed, self.is_mended)
        else {
            return Vec::new();
        };
        let drivers = read(&rancher.drivers).unwrap_or_default();
        unwanted(drivers, allowed)
            .map(|driver| Remedy::DeactivateDriver {
                id: driver.id.clone(),
                name: driver.name.clone(),
            })
            .collect()
    }
}

/// Active, and neither its name nor its id is among the allowed.
fn unwanted<'a>(drivers: &'a [Driver], allowed: &'a [String]) -> impl Iterator<Item = &'a Driver> {
    drivers.iter().filter(|driver| {
        driver.is_active && !allowed.contains(&driver.name) && !allowed.contains(&driver.id)
    })
}
