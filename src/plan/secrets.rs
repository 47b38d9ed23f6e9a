//! Whether Secrets must be written again because encryption was switched on after they were (T-13).

use crate::facts::Observed;
use crate::facts::container::State;
use crate::facts::etcd::Form;
use crate::facts::etcd::StoredSecret;
use crate::fleet::Fleet;
use crate::plan::key::FLAGS;
use crate::plan::key::wanted;
use crate::profile::Profile;
use crate::resource::encryption::KeyFile;
use crate::resource::key_ring::KeyRing;

/// Whether the API servers of a cluster encrypt.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Encrypting {
    /// All of them, with the file that they have.
    Yes,
    /// One of them does not yet, or runs with an older file.
    NotYet,
    /// Nothing is to be encrypted, there is no cluster, or not every API server was looked at.
    Unknown,
}

/// What the control-plane nodes say.
pub fn encrypting(profile: &Profile, fleet: &Fleet) -> Encrypting {
    let Some((_, encryption)) = wanted(profile) else {
        return Encrypting::Unknown;
    };
    let mut all = Encrypting::Yes;
    let mut any = false;
    for node in fleet.control_plane() {
        let Some(facts) = fleet.facts.get(&node.name) else {
            return Encrypting::Unknown;
        };
        let Observed::Present(server) = facts.container("kube-apiserver") else {
            return Encrypting::Unknown;
        };
        any = true;
        let scene = fleet.scene(facts);
        let reads = FLAGS.iter().any(|flag| server.flag(flag).is_some());
        let is_ready = reads
            && server.state == State::Running
            && !encryption.is_stale(&scene)
            && matches!(encryption.key_file(&scene), KeyFile::Valid { .. });
        if !is_ready {
            all = Encrypting::NotYet;
        }
    }
    if any { all } else { Encrypting::Unknown }
}

/// Why Secrets are written again; nothing when none lies in plain text.
pub fn reason(secrets: &[StoredSecret]) -> Option<String> {
    let plain = secrets.iter().filter(|secret| secret.form == Form::Plain);
    match (plain.count(), secrets.len()) {
        (0, _) => None,
        (1, 1) => Some("the only one lies in etcd in plain text".to_owned()),
        (plain, all) => Some(format!("{plain} of {all} lie in etcd in plain text")),
    }
}

/// The name of the key that encrypts.
pub fn first_key(profile: &Profile, fleet: &Fleet) -> Option<String> {
    let (_, encryption) = wanted(profile)?;
    fleet.control_plane().find_map(|node| {
        let facts = fleet.facts.get(&node.name)?;
        let path = facts.layout.host_path(&encryption.path);
        let Observed::Present(file) = facts.file(&path) else {
            return None;
        };
        let ring = KeyRing::read(file.content.as_ref()?).ok()?;
        Some(ring.first()?.name.clone())
    })
}
