//! The kernel values without which a kubelet with `--protect-kernel-defaults` does not start (T-20).

use std::collections::BTreeMap;

use crate::facts::Observed;
use crate::fleet::Fleet;
use crate::plan::blocker::Blocker;
use crate::plan::nodes::Draft;
use crate::profile::Profile;
use crate::profile::Rule;
use crate::resource::Resource;

/// What the kubelet compares before it starts.
pub const KUBELET_VALUES: [(&str, &str); 6] = [
    ("vm.overcommit_memory", "1"),
    ("vm.panic_on_oom", "0"),
    ("kernel.panic", "10"),
    ("kernel.panic_on_oops", "1"),
    ("kernel.keys.root_maxkeys", "1000000"),
    ("kernel.keys.root_maxbytes", "25000000"),
];

/// True when the profile makes kubelets compare the kernel's values.
pub(super) fn is_protected(profile: &Profile) -> bool {
    profile.controls.iter().any(|control| match &control.rule {
        Rule::Audit(audit) => audit.is_mended() && audit.resources.iter().any(|resource| {
            matches!(resource, Resource::Arg(arg) if arg.of == "kubelet" && arg.name == "protect-kernel-defaults")
        }),
        Rule::Manual(_) | Rule::NotApplicable(_) => false,
    })
}

/// A value that is wrong or unread on some node and that no planned change mends.
pub(super) fn blockers(
    profile: &Profile,
    fleet: &Fleet,
    drafts: &BTreeMap<&str, Draft>,
) -> Vec<Blocker> {
    if !is_protected(profile) {
        return Vec::new();
    }
    let mut blockers = Vec::new();
    for (node, facts) in fleet.nodes().filter(|(_, facts)| !facts.is_empty()) {
        for (key, wanted) in KUBELET_VALUES {
            let mended = drafts
                .get(node.name.as_str())
                .is_some_and(|draft| draft.sets_kernel(key));
            let seen = match facts.kernel(key) {
                Observed::Present(value) if value == wanted || mended => continue,
                Observed::Present(value) => value.to_owned(),
                Observed::Absent => "not there".to_owned(),
                Observed::Unread { why } => why,
            };
            blockers.push(Blocker::Kernel {
                node: node.name.clone(),
                key: key.to_owned(),
                wanted: wanted.to_owned(),
                seen,
            });
        }
    }
    blockers
}
