//! Places where a component reads a file, and where none can be put.

use crate::facts::File;
use crate::facts::Observed;
use crate::fleet::Fleet;
use crate::plan::blocker::Blocker;
use crate::plan::mended;
use crate::profile::Profile;
use crate::resource::Resource;

/// A component that is told to read a pipe waits for ever, and one that reads what nobody could
/// check is not hardened: neither is planned around.
pub(super) fn blockers(profile: &Profile, fleet: &Fleet, level: u8) -> Vec<Blocker> {
    let mut blockers = Vec::new();
    for (control, resource) in mended(profile, level, fleet) {
        let Resource::File(file) = resource else {
            continue;
        };
        for (node, facts) in fleet.nodes().filter(|(node, _)| control.scope.covers(node)) {
            let path = fleet.scene(facts).layout.host_path(&file.path);
            let why = match facts.file(&path) {
                Observed::Unread { why } if !facts.is_empty() => why,
                Observed::Present(File { content: None, .. }) => {
                    "it is no regular file, or its content could not be read".to_owned()
                }
                _ => continue,
            };
            blockers.push(Blocker::NotAFile {
                node: node.name.clone(),
                path,
                why,
            });
        }
    }
    blockers
}
