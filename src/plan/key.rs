//! The encryption key of the cluster: kept, copied, made once, or a reason to stop (T-10, T-11).

use std::collections::BTreeMap;

use crate::facts::Observed;
use crate::facts::layout::Layout;
use crate::fleet::Fleet;
use crate::node::request;
use crate::node::request::Put;
use crate::plan::Settings;
use crate::plan::blocker::Blocker;
use crate::plan::nodes::Draft;
use crate::profile::Profile;
use crate::profile::Rule;
use crate::resource::Resource;
use crate::resource::encryption::Encryption;
use crate::resource::encryption::KeyFile;
use crate::resource::file::root_only;
use crate::secret::Secret;

/// Both names of the flag that names the file (T-15).
const FLAGS: [&str; 2] = [
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
    let Some(encryption) = wanted(profile) else {
        return;
    };
    let held = held(encryption, fleet);
    let needed = drafts.values().any(|draft| draft.encryption.is_some());
    match content(encryption, fleet, settings, &held) {
        // Where no file is to be written, what was not looked at stands in nobody's way.
        Err(found) => blockers.extend(
            found
                .into_iter()
                .filter(|found| needed || found.is_about_a_key()),
        ),
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

fn wanted(profile: &Profile) -> Option<&Encryption> {
    profile
        .controls
        .iter()
        .find_map(|control| match &control.rule {
            Rule::Audit(audit) => audit.resources.iter().find_map(|resource| match resource {
                Resource::Encryption(encryption) => Some(encryption),
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

/// The bytes of the one file that all control-plane nodes shall hold.
fn content(
    encryption: &Encryption,
    fleet: &Fleet,
    settings: &Settings<'_>,
    held: &[(String, KeyFile)],
) -> Result<Secret, Vec<Blocker>> {
    let mut blockers = Vec::new();
    let mut valid: Vec<(&str, &Secret, &str)> = Vec::new();
    for (name, file) in held {
        let node = name.clone();
        match file {
            KeyFile::Absent | KeyFile::Blank => {}
            KeyFile::Valid { sample: true, .. } => blockers.push(Blocker::SampleKey { node }),
            KeyFile::Valid {
                bytes, identity, ..
            } => valid.push((name, bytes.secret(), identity)),
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
    if valid.iter().any(|(_, _, identity)| *identity != valid[0].2) {
        let nodes = valid.iter().map(|(node, ..)| (*node).to_owned()).collect();
        blockers.push(Blocker::KeysDiffer { nodes });
    }
    if let ([], Some((_, bytes, _))) = (blockers.as_slice(), valid.first()) {
        return Ok((*bytes).clone());
    }
    if valid.is_empty() {
        blockers.extend(flagged(encryption, fleet));
    }
    if blockers.is_empty() {
        return rendered(encryption, settings.fresh_key).map_err(|blocker| vec![blocker]);
    }
    Err(blockers)
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
