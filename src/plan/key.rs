//! The encryption key of the cluster: kept, copied, made once, or a reason to stop (T-10, T-11).

use std::collections::BTreeMap;

use crate::facts::Content;
use crate::facts::Observed;
use crate::facts::layout::Layout;
use crate::fleet::Fleet;
use crate::node::request;
use crate::node::request::Put;
use crate::plan::Settings;
use crate::plan::blocker::Blocker;
use crate::plan::nodes::Draft;
use crate::profile::ControlId;
use crate::profile::Profile;
use crate::profile::Rule;
use crate::resource::Resource;
use crate::resource::encryption::Encryption;
use crate::resource::encryption::KeyFile;
use crate::resource::file::root_only;
use crate::resource::key_ring::KeyRing;
use crate::secret::Secret;

/// Both names of the flag that names the file (T-15).
pub(super) const FLAGS: [&str; 2] = [
    "experimental-encryption-provider-config",
    "encryption-provider-config",
];

/// Decides for the whole cluster, and writes the decision into the drafts of the nodes.
pub(super) fn decide(
    profile: &Profile,
    fleet: &Fleet,
    settings: &Settings<'_>,
    drafts: &mut BTreeMap<&str, Draft>,
    blockers: &mut Vec<Blocker>,
) {
    let Some((_, encryption)) = wanted(profile) else {
        return;
    };
    let held = held(encryption, fleet);
    let needed = drafts.values().any(|draft| draft.encryption.is_some());
    match content(encryption, fleet, settings, &held) {
        // Where no file is to be written, a node that was not looked at stands in nobody's way; one that
        // answered and whose file could not be read may hold another key.
        Err(found) => {
            let counts =
                |found: &Blocker| needed || found.is_about_a_key() || has_answered(found, fleet);
            blockers.extend(found.into_iter().filter(counts));
        }
        Ok(content) => {
            let wanting = drafts
                .iter_mut()
                .filter(|(_, draft)| draft.encryption.is_some());
            for (node, draft) in wanting {
                let layout = fleet.facts.get(*node).map(|facts| &facts.layout);
                let path = layout
                    .unwrap_or(&Layout::default())
                    .host_path(&encryption.path);
                draft.put_key(Put {
                    attributes: root_only(&path, encryption.mode),
                    seen: request::Seen::Absent,
                    keep: None,
                    content: content.clone(),
                });
            }
        }
    }
}

/// True for a file of a node that was asked and said that it could not be read.
fn has_answered(found: &Blocker, fleet: &Fleet) -> bool {
    let Blocker::KeyFileUnread { node, .. } = found else {
        return false;
    };
    let facts = fleet.facts.get(node);
    facts.is_some_and(|facts| !facts.is_empty())
}

/// The encryption file of a profile, and the control that wants it.
pub(super) fn wanted(profile: &Profile) -> Option<(&ControlId, &Encryption)> {
    profile
        .controls
        .iter()
        .find_map(|control| match &control.rule {
            Rule::Audit(audit) => audit.resources.iter().find_map(|resource| match resource {
                Resource::Encryption(encryption) => Some((&control.id, encryption)),
                _ => None,
            }),
            Rule::Manual(_) | Rule::NotApplicable(_) => None,
        })
}

/// What every control-plane node holds, those that were not looked at included.
fn held(encryption: &Encryption, fleet: &Fleet) -> Vec<(String, KeyFile)> {
    let held = fleet.control_plane().map(|node| {
        let file = match fleet.facts.get(&node.name) {
            Some(facts) => encryption.key_file(&fleet.scene(facts)),
            None => KeyFile::Unread {
                why: "the node was not selected".to_owned(),
            },
        };
        (node.name.clone(), file)
    });
    held.collect()
}

/// The one file that all control-plane nodes hold.
///
/// # Errors
///
/// They do not hold one, or not the same.
pub fn agreed(profile: &Profile, fleet: &Fleet) -> Result<Secret, Vec<Blocker>> {
    let held = wanted(profile).map(|(_, encryption)| held(encryption, fleet));
    let held = held.unwrap_or_default();
    let mut found = kept(&held)?;
    let missing = held.iter().filter_map(|(node, file)| match file {
        KeyFile::Absent | KeyFile::Blank => Some(Blocker::NoKey { node: node.clone() }),
        _ => None,
    });
    let missing: Vec<Blocker> = missing.collect();
    match found.pop() {
        Some(kept) if missing.is_empty() => Ok(kept.bytes.clone()),
        _ => Err(missing),
    }
}

/// A usable file of one node.
struct Kept<'a> {
    node: &'a str,
    bytes: &'a Secret,
    identity: &'a str,
}

/// The usable files, which are all the same, or what stands in the way of any use.
fn kept(held: &[(String, KeyFile)]) -> Result<Vec<Kept<'_>>, Vec<Blocker>> {
    let mut blockers = Vec::new();
    let mut valid: Vec<Kept<'_>> = Vec::new();
    for (name, file) in held {
        let node = name.clone();
        match file {
            KeyFile::Absent | KeyFile::Blank => {}
            KeyFile::Valid { sample: true, .. } => blockers.push(Blocker::SampleKey { node }),
            KeyFile::Valid {
                bytes, identity, ..
            } => valid.push(Kept {
                node: name,
                bytes: bytes.secret(),
                identity,
            }),
            KeyFile::Invalid { why } => {
                let why = why.clone();
                blockers.push(Blocker::KeyFileInvalid { node, why });
            }
            KeyFile::Unread { why } => {
                let why = why.clone();
                blockers.push(Blocker::KeyFileUnread { node, why });
            }
        }
    }
    if valid.iter().any(|kept| kept.identity != valid[0].identity) {
        let nodes = valid.iter().map(|kept| kept.node.to_owned()).collect();
        blockers.push(Blocker::KeysDiffer { nodes });
    }
    if blockers.is_empty() {
        Ok(valid)
    } else {
        Err(blockers)
    }
}

/// The bytes of the one file that all control-plane nodes shall hold.
fn content(
    encryption: &Encryption,
    fleet: &Fleet,
    settings: &Settings<'_>,
    held: &[(String, KeyFile)],
) -> Result<Secret, Vec<Blocker>> {
    let has_any = held
        .iter()
        .any(|(_, file)| matches!(file, KeyFile::Valid { sample: false, .. }));
    let mut blockers = if has_any {
        Vec::new()
    } else {
        flagged(encryption, fleet)
    };
    match kept(held) {
        Err(found) => {
            blockers.splice(0..0, found);
        }
        Ok(valid) => {
            blockers.extend(not_the_sites(&valid, settings));
            if let ([], Some(kept)) = (blockers.as_slice(), valid.first()) {
                return Ok(kept.bytes.clone());
            }
        }
    }
    if blockers.is_empty() {
        return rendered(encryption, settings.fresh_key).map_err(|blocker| vec![blocker]);
    }
    Err(blockers)
}

/// The site keeps a key, and the cluster encrypts with another one.
fn not_the_sites(valid: &[Kept<'_>], settings: &Settings<'_>) -> Option<Blocker> {
    let (file, key) = settings.site_key?;
    let ring = KeyRing::read(&Content::new(valid.first()?.bytes.expose().to_vec())).ok()?;
    (ring.first()?.secret != *key).then(|| Blocker::KeyNotSites {
        nodes: valid.iter().map(|kept| kept.node.to_owned()).collect(),
        file: file.to_owned(),
    })
}

/// An API server that already encrypts, although no key was found: its key is elsewhere, or lost.
fn flagged(encryption: &Encryption, fleet: &Fleet) -> Vec<Blocker> {
    let mut blockers = Vec::new();
    for node in fleet.control_plane() {
        let Some(facts) = fleet.facts.get(&node.name) else {
            continue;
        };
        match facts.container("kube-apiserver") {
            Observed::Present(server) => {
                if let Some(file) = FLAGS.iter().find_map(|flag| server.flag(flag)) {
                    blockers.push(Blocker::KeyLost {
                        node: node.name.clone(),
                        file: file.to_owned(),
                        wanted: encryption.path.clone(),
                    });
                }
            }
            Observed::Absent => {}
            Observed::Unread { why } => blockers.push(Blocker::KeyFileUnread {
                node: node.name.clone(),
                why: format!("whether kube-apiserver encrypts already is not known: {why}"),
            }),
        }
    }
    blockers
}

fn rendered(encryption: &Encryption, key: &Secret) -> Result<Secret, Blocker> {
    let broken = || Blocker::Template {
        template: encryption.template.clone(),
    };
    let key = std::str::from_utf8(key.expose()).map_err(|_| broken())?;
    Ok(Secret::from(encryption.with_key(key)))
}
