//! Whether the audit logs may grow as far as their options let them (T-26).

use crate::facts::Observed;
use crate::fleet::Fleet;
use crate::plan::blocker::Blocker;
use crate::profile::Profile;
use crate::profile::Rule;
use crate::resource::Resource;
use crate::resource::expect::Expect;

const MIB: u64 = 1024 * 1024;

/// Where the API server of this profile writes its audit log; nothing when it writes none.
pub fn path(profile: &Profile) -> Option<&str> {
    let path = wanted(profile, "audit-log-path")?;
    path.starts_with('/').then_some(path)
}

/// Nodes whose file system could not hold the logs. Where an API server writes them already, what
/// is there counts for it.
pub(super) fn blockers(profile: &Profile, fleet: &Fleet) -> Vec<Blocker> {
    let number = |name: &str| wanted(profile, name)?.parse::<u64>().ok();
    let (Some(path), Some(size), Some(backups)) = (
        path(profile),
        number("audit-log-maxsize"),
        number("audit-log-maxbackup"),
    ) else {
        return Vec::new();
    };
    let needed_mib = size.saturating_mul(backups.saturating_add(1));
    let mut blockers = Vec::new();
    for (node, facts) in fleet.nodes() {
        let writes = matches!(
            facts.container("kube-apiserver"),
            Observed::Present(server) if server.flag("audit-log-path").is_some()
        );
        let Observed::Present(room) = facts.room(path) else {
            continue;
        };
        let free_mib = room.free_bytes / MIB;
        if !writes && free_mib < needed_mib {
            blockers.push(Blocker::NoRoomForAudit {
                node: node.name.clone(),
                near: room.near.to_string(),
                needed_mib,
                free_mib,
            });
        }
    }
    blockers
}

/// The value that the profile wants of an argument of the API server.
fn wanted<'a>(profile: &'a Profile, name: &str) -> Option<&'a str> {
    let audits = profile
        .controls
        .iter()
        .filter_map(|control| match &control.rule {
            Rule::Audit(audit) if audit.is_mended() => Some(&audit.resources),
            _ => None,
        });
    audits.flatten().find_map(|resource| match resource {
        Resource::Arg(arg) if arg.of == "kube-apiserver" && arg.name == name => match &arg.expect {
            Expect::Equals(value) => Some(value.as_str()),
            _ => None,
        },
        _ => None,
    })
}
