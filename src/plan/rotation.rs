//! The next step of a key rotation, found out from what nodes and etcd hold (T-16).
//!
//! No file remembers where a rotation stands: the order of the keys on the nodes says it, the
//! start of each API server says whether it runs with them, and the beginning of each value in etcd
//! says which key wrote it. So a run that was killed goes on where it was, and none can skip a step.

use crate::facts::Facts;
use crate::facts::Observed;
use crate::facts::container::Container;
use crate::facts::container::State;
use crate::facts::etcd::Form;
use crate::facts::etcd::StoredSecret;
use crate::fleet::Fleet;
use crate::inventory::Node;
use crate::node::request;
use crate::node::request::Put;
use crate::node::request::Request;
use crate::plan::Settings;
use crate::plan::blocker::Blocker;
use crate::plan::change::Change;
use crate::plan::change::Restart;
use crate::plan::key::FLAGS;
use crate::plan::key::wanted;
use crate::plan::nodes::keep;
use crate::profile::ControlId;
use crate::profile::Profile;
use crate::resource::encryption::Encryption;
use crate::resource::encryption::KeyFile;
use crate::resource::file::root_only;
use crate::resource::key_ring::Key;
use crate::resource::key_ring::KeyRing;
use crate::secret::Secret;

/// The program that reads the file.
const SERVER: &str = "kube-apiserver";

/// Which keys a node has, in the order in which a rotation passes them.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Stage {
    /// The old key alone.
    Old,
    /// The new key is second: every API server can read it, none writes with it.
    Added,
    /// The new key is first.
    Promoted,
    /// The new key alone.
    New,
}

/// What comes next. Each is done on every control-plane node before another is found out.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// One key everywhere, and every API server runs with it; these writes would begin a rotation.
    /// Nothing when the key to change to is the one that is there.
    Settled { begin: Option<Writes> },
    /// Brings the nodes that are behind to this stage.
    Write { stage: Stage, writes: Writes },
    /// API servers that do not run with the file they have, to be restarted one at a time.
    Restart {
        restarts: Vec<Restart>,
        /// All nodes have the same one key, so that nothing is left to do behind these.
        is_last: bool,
    },
    /// Every Secret that the key of this name did not encrypt is to be written again.
    Rewrite { key: String },
}

/// One change each, by node, in the inventory's order.
pub type Writes = Vec<(String, Change)>;

/// Finds out the next step.
///
/// # Errors
///
/// Why a rotation must not begin, or not go on.
pub fn next(
    profile: &Profile,
    fleet: &Fleet,
    secrets: &[StoredSecret],
    settings: &Settings<'_>,
) -> Result<Step, Vec<Blocker>> {
    let Some((control, encryption)) = wanted(profile) else {
        let why = "the profile has no encryption file".to_owned();
        return Err(vec![Blocker::EtcdUnread { why }]);
    };
    let holders = holders(encryption, fleet)?;
    let pair = Pair::of(&holders).map_err(|blocker| vec![blocker])?;
    pair.knows_all(secrets).map_err(|blocker| vec![blocker])?;
    let writer = Writer {
        encryption,
        control,
        run: settings.run,
    };
    pair.next(&holders, secrets, &writer, settings.fresh_key)
        .map_err(|blocker| vec![blocker])
}

/// A control-plane node with its keys.
struct Holder<'a> {
    node: &'a Node,
    ring: KeyRing,
    path: String,
    content: &'a [u8],
    is_stale: bool,
}

fn holders<'a>(encryption: &Encryption, fleet: &'a Fleet) -> Result<Vec<Holder<'a>>, Vec<Blocker>> {
    let found = fleet
        .control_plane()
        .map(|node| holder(encryption, fleet, node));
    let (holders, blockers): (Vec<_>, Vec<_>) = found.partition(Result::is_ok);
    let blockers: Vec<Blocker> = blockers.into_iter().filter_map(Result::err).collect();
    if blockers.is_empty() {
        Ok(holders.into_iter().filter_map(Result::ok).collect())
    } else {
        Err(blockers)
    }
}

fn holder<'a>(
    encryption: &Encryption,
    fleet: &'a Fleet,
    node: &'a Node,
) -> Result<Holder<'a>, Blocker> {
    let name = || node.name.clone();
    let unread = |why: String| Blocker::KeyFileUnread { node: name(), why };
    let Some(facts) = fleet.facts.get(&node.name) else {
        return Err(unread("the node was not selected".to_owned()));
    };
    let scene = fleet.scene(facts);
    match encryption.key_file(&scene) {
        KeyFile::Absent | KeyFile::Blank => return Err(Blocker::NoKey { node: name() }),
        KeyFile::Invalid { why } => return Err(Blocker::KeyFileInvalid { node: name(), why }),
        KeyFile::Unread { why } => return Err(unread(why)),
        KeyFile::Valid { .. } => {}
    }
    let path = facts.layout.host_path(&encryption.path);
    let Observed::Present(file) = facts.file(&path) else {
        return Err(unread("its file is gone".to_owned()));
    };
    let Some(content) = &file.content else {
        return Err(unread("its content could not be read".to_owned()));
    };
    let ring = KeyRing::read(content);
    let ring = ring.map_err(|why| Blocker::KeyNotRotatable { node: name(), why })?;
    reads(facts, encryption).map_err(|why| Blocker::ServerNotReady { node: name(), why })?;
    Ok(Holder {
        node,
        ring,
        path,
        content: content.bytes(),
        is_stale: encryption.is_stale(&scene),
    })
}

/// Whether the API server of a node runs, and with this file.
fn reads(facts: &Facts, encryption: &Encryption) -> Result<(), String> {
    let server: &Container = match facts.container(SERVER) {
        Observed::Present(server) => server,
        Observed::Absent => return Err("there is no such container".to_owned()),
        Observed::Unread { why } => return Err(why),
    };
    if server.state != State::Running {
        return Err("it does not run".to_owned());
    }
    match FLAGS.iter().find_map(|flag| server.flag(flag)) {
        Some(path) if path == encryption.path => Ok(()),
        Some(path) => Err(format!("it encrypts with {path}")),
        None => Err("it does not encrypt yet".to_owned()),
    }
}

/// The one key of a settled cluster, or the two of a rotation.
struct Pair {
    old: Key,
    new: Option<Key>,
}

impl Pair {
    fn of(holders: &[Holder<'_>]) -> Result<Self, Blocker> {
        let mut all: Vec<&Key> = Vec::new();
        for key in holders.iter().flat_map(|holder| &holder.ring.keys) {
            if !all.contains(&key) {
                all.push(key);
            }
        }
        all.sort_by_key(|key| key.generation());
        match all.as_slice() {
            [only] => Ok(Self {
                old: (*only).clone(),
                new: None,
            }),
            [old, new] if old.generation() < new.generation() => Ok(Self {
                old: (*old).clone(),
                new: Some((*new).clone()),
            }),
            _ => Err(Blocker::KeysDiffer {
                nodes: names(holders),
            }),
        }
    }

    /// A Secret under a key that no node has cannot be read, and so not be written again.
    fn knows_all(&self, secrets: &[StoredSecret]) -> Result<(), Blocker> {
        let known = |name: &str| {
            let new = self.new.as_ref().is_some_and(|new| new.name == name);
            new || self.old.name == name
        };
        let unknown = secrets.iter().filter_map(|secret| match &secret.form {
            Form::Aescbc { key } if !known(key) => Some(format!("key {key}")),
            Form::Other { provider } => Some(format!("provider {provider}")),
            Form::Aescbc { .. } | Form::Plain => None,
        });
        let mut under: Vec<String> = unknown.collect();
        let secrets = under.len();
        under.sort();
        under.dedup();
        match secrets {
            0 => Ok(()),
            secrets => Err(Blocker::KeyUnknown { under, secrets }),
        }
    }

    fn next(
        &self,
        holders: &[Holder<'_>],
        secrets: &[StoredSecret],
        writer: &Writer<'_>,
        fresh: &Secret,
    ) -> Result<Step, Blocker> {
        let reached: Option<Vec<Stage>> = holders
            .iter()
            .map(|holder| self.stage(&holder.ring))
            .collect();
        let apart = || Blocker::StepSkipped {
            nodes: names(holders),
        };
        let reached = reached.ok_or_else(apart)?;
        let (Some(low), Some(high)) = (reached.iter().min(), reached.iter().max()) else {
            return Err(apart());
        };
        let behind: Vec<&Holder<'_>> = holders
            .iter()
            .zip(&reached)
            .filter_map(|(holder, stage)| (stage == low).then_some(holder))
            .collect();
        let restarts: Vec<Restart> = behind
            .iter()
            .filter(|holder| holder.is_stale)
            .map(|holder| restart(holder))
            .collect();
        if *high as usize - *low as usize > 1 {
            return Err(apart());
        }
        // A node that does not run with what it has would be two steps behind the others.
        if !restarts.is_empty() {
            let is_last = self.new.is_none();
            return Ok(Step::Restart { restarts, is_last });
        }
        let is_mixed = low < high;
        Ok(match (&self.new, low) {
            (None, _) if self.old.secret == *fresh => Step::Settled { begin: None },
            (None, _) => {
                let next = Self {
                    old: self.old.clone(),
                    new: Some(Key::after(std::slice::from_ref(&self.old), fresh.clone())),
                };
                let begin = Some(writer.writes(&behind, &next.keys(Stage::Added)));
                Step::Settled { begin }
            }
            (Some(new), Stage::Promoted)
                if secrets
                    .iter()
                    .any(|secret| !secret.form.is_under(&new.name)) =>
            {
                let key = new.name.clone();
                Step::Rewrite { key }
            }
            (Some(_), low) => {
                let target = if is_mixed { *high } else { low.after() };
                Step::Write {
                    stage: target,
                    writes: writer.writes(&behind, &self.keys(target)),
                }
            }
        })
    }

    fn keys(&self, stage: Stage) -> Vec<Key> {
        let (old, new) = (Some(&self.old), self.new.as_ref());
        let keys = match stage {
            Stage::Old => [old, None],
            Stage::Added => [old, new],
            Stage::Promoted => [new, old],
            Stage::New => [new, None],
        };
        keys.into_iter().flatten().cloned().collect()
    }

    /// Nothing for keys in an order that no rotation makes.
    fn stage(&self, ring: &KeyRing) -> Option<Stage> {
        let stages = [Stage::Old, Stage::Added, Stage::Promoted, Stage::New];
        stages
            .into_iter()
            .find(|stage| self.keys(*stage) == ring.keys)
    }
}

impl Stage {
    fn after(self) -> Self {
        match self {
            Self::Old => Self::Added,
            Self::Added => Self::Promoted,
            Self::Promoted | Self::New => Self::New,
        }
    }
}

fn names(holders: &[Holder<'_>]) -> Vec<String> {
    let nodes = holders.iter();
    nodes.map(|holder| holder.node.name.clone()).collect()
}

fn restart(holder: &Holder<'_>) -> Restart {
    Restart {
        node: holder.node.name.clone(),
        component: SERVER.to_owned(),
    }
}

/// What a change of the file needs beside the keys.
struct Writer<'a> {
    encryption: &'a Encryption,
    control: &'a ControlId,
    run: &'a str,
}

impl Writer<'_> {
    fn writes(&self, holders: &[&Holder<'_>], keys: &[Key]) -> Writes {
        let changes = holders.iter();
        changes
            .map(|holder| (holder.node.name.clone(), self.change(holder, keys)))
            .collect()
    }

    fn change(&self, holder: &Holder<'_>, keys: &[Key]) -> Change {
        let path = &holder.path;
        let (seen, wanted) = (listed(&holder.ring.keys), listed(keys));
        Change {
            subject: format!("file {path} ({seen} → {wanted})"),
            controls: vec![self.control.clone()],
            diff: format!("--- {path}\n+++ {path}\n-{seen} [redacted]\n+{wanted} [redacted]\n"),
            seen,
            wanted,
            request: Request::Put(Put {
                attributes: root_only(path, self.encryption.mode),
                seen: request::Seen::content(holder.content),
                keep: Some(keep(self.run, path)),
                content: holder.ring.with(keys.to_vec()).rendered(),
            }),
        }
    }
}

fn listed(keys: &[Key]) -> String {
    let names: Vec<&str> = keys.iter().map(|key| key.name.as_str()).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests;
