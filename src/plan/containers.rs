//! Containers whose arguments decide over `cluster.yml`, and that could not be looked at.

use std::collections::BTreeMap;

use crate::facts::Observed;
use crate::fleet::Fleet;
use crate::plan::blocker::Blocker;
use crate::plan::mended;
use crate::profile::Profile;
use crate::resource::Resource;
use crate::resource::arg::Arg;
use crate::resource::bind::Bind;

/// What an unread container would leave out of `cluster.yml`, without a word: an edit is only
/// planned where a container was seen without it.
pub(super) fn blockers(profile: &Profile, fleet: &Fleet, level: u8) -> Vec<Blocker> {
    let mut unread = BTreeMap::new();
    for (control, resource) in mended(profile, level, fleet) {
        let (Resource::Arg(Arg { of, .. }) | Resource::Bind(Bind { of, .. })) = resource else {
            continue;
        };
        for (node, facts) in fleet.nodes().filter(|(node, _)| control.scope.covers(node)) {
            if let (false, Observed::Unread { why }) = (facts.is_empty(), facts.container(of)) {
                unread.insert((&node.name, of), why);
            }
        }
    }
    let blocker =
        |((node, container), why): ((&String, &String), String)| Blocker::ContainerUnread {
            node: node.clone(),
            container: container.clone(),
            why,
        };
    unread.into_iter().map(blocker).collect()
}
