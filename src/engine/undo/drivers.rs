//! The way back of node drivers: those that the run deactivated become active again.

use crate::engine::journal::Deed;
use crate::engine::journal::Past;
use crate::engine::undo::decide::Decision;
use crate::engine::undo::decide::Left;
use crate::engine::undo::decide::Scene;
use crate::facts::Observed;
use crate::plan::change::DriverSwitch;

/// True when the server must be asked.
pub(super) fn is_concerned(past: &Past) -> bool {
    deeds(past).next().is_some()
}

pub(super) fn decide(scene: &Scene<'_>, decision: &mut Decision) {
    for deed in deeds(scene.past) {
        match way(scene, deed) {
            Ok(switch) => decision.plan.drivers.extend(switch),
            Err(why) => decision.leave(None, &deed.subject(), Left::because(why)),
        }
    }
}

fn deeds(past: &Past) -> impl Iterator<Item = &Deed> {
    let deeds = past.begun_items().map(|item| &item.deed);
    deeds.filter(|deed| matches!(deed, Deed::NodeDriver { .. }))
}

/// The switch back, `None` when it is as before, or why it stays.
fn way(scene: &Scene<'_>, deed: &Deed) -> Result<Option<DriverSwitch>, String> {
    let Deed::NodeDriver {
        server,
        id,
        name,
        now,
    } = deed
    else {
        return Ok(None);
    };
    let drivers = match &scene.rancher {
        None => {
            return Err(
                "the playbook names no Rancher server; pass the one of that run with --playbook"
                    .to_owned(),
            );
        }
        Some((url, _)) if url != server => {
            return Err(format!("the playbook names another server now: {url}"));
        }
        Some((_, Observed::Unread { why })) => return Err(format!("it could not be read: {why}")),
        Some((_, Observed::Absent)) => return Err("the server knows no node drivers".to_owned()),
        Some((_, Observed::Present(drivers))) => drivers,
    };
    let Some(driver) = drivers.iter().find(|driver| driver.id == *id) else {
        return Err("it is gone".to_owned());
    };
    Ok((driver.is_active == *now).then(|| DriverSwitch {
        id: id.clone(),
        name: name.clone(),
        activates: !now,
        controls: Vec::new(),
    }))
}
