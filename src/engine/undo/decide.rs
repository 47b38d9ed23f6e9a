//! From what a run did and what is there now to what may be put back.

use crate::engine::ByNode;
use crate::engine::journal::Deed;
use crate::engine::journal::FileState;
use crate::engine::journal::Owner;
use crate::engine::journal::Past;
use crate::engine::undo::cluster;
use crate::engine::undo::drivers;
use crate::engine::undo::reliance;
use crate::facts::Facts;
use crate::facts::Observed;
use crate::facts::rancher::Driver;
use crate::fleet::ClusterState;
use crate::inventory::Inventory;
use crate::node::request::Attributes;
use crate::node::request::Kept;
use crate::node::request::Request;
use crate::node::request::Seen;
use crate::node::request::Unput;
use crate::node::request::digest;
use crate::plan::KEEP;
use crate::plan::Plan;
use crate::plan::blocker;
use crate::plan::change::Change;
use crate::plan::change::Restart;

/// Everything that a decision depends on.
pub(super) struct Scene<'a> {
    pub(super) past: &'a Past,
    /// The run that undoes.
    pub(super) run: &'a str,
    pub(super) inventory: &'a Inventory,
    pub(super) selected: &'a [String],
    pub(super) cluster: &'a ClusterState,
    /// The old `cluster.yml`, when it can be read.
    pub(super) backup: Option<String>,
    pub(super) facts: &'a ByNode<Facts>,
    /// The URL of the Rancher server that the playbook names now, and its node drivers.
    pub(super) rancher: Option<(&'a str, Observed<Vec<Driver>>)>,
}

/// Why the key of before a rotation stays gone.
const OLD_KEY: &str =
    "Secrets would be unreadable under the old key; `harden rotate-key` changes it again";

/// What will be put back, and what will not.
#[derive(Debug, Default)]
pub(super) struct Decision {
    pub(super) plan: Plan,
    pub(super) left: Vec<Left>,
}

/// One thing that stays as it is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Left {
    pub(super) node: Option<String>,
    pub(super) what: String,
    pub(super) why: String,
    /// True when a running component stands in the way.
    pub(super) is_in_use: bool,
}

/// The way back of one thing.
enum Way {
    /// It is as it was.
    Back,
    Left {
        why: String,
        is_in_use: bool,
    },
    Change {
        request: Box<Request>,
        seen: String,
        wanted: String,
        /// The component that must be restarted to see it (T-22).
        restart: Option<String>,
    },
}

pub(super) fn decide(scene: &Scene<'_>) -> Decision {
    let mut decision = Decision::default();
    for place in &scene.past.begun.nodes {
        let deeds = deeds_of(scene.past, &place.name);
        if deeds.is_empty() {
            continue;
        }
        let nodes = &scene.inventory.nodes;
        let is_same = nodes
            .iter()
            .any(|node| node.name == place.name && node.address == place.address);
        let why = match scene.facts.get(&place.name) {
            _ if scene.past.begun.command == "rotate-key" => OLD_KEY,
            _ if !is_same => "the inventory has no node of that name and address any more",
            None if !scene.selected.contains(&place.name) => {
                "only some nodes were selected with --on"
            }
            Some(facts) if !facts.is_empty() => {
                decision.of_node(&place.name, &deeds, facts, scene);
                continue;
            }
            _ => "it could not be asked",
        };
        decision.leave(
            Some(&place.name),
            "everything",
            Left::because(why.to_owned()),
        );
    }
    cluster::decide(scene, &mut decision);
    drivers::decide(scene, &mut decision);
    decision
}

impl Decision {
    fn of_node(&mut self, node: &str, deeds: &[Deed], facts: &Facts, scene: &Scene<'_>) {
        let mut changes = Vec::new();
        // The last thing that was done is the first to be undone.
        for deed in deeds.iter().rev() {
            match way(deed, deeds, facts, scene) {
                Way::Back => {}
                Way::Left { why, is_in_use } => {
                    self.leave(Some(node), &deed.subject(), (why, is_in_use));
                }
                Way::Change {
                    request,
                    seen,
                    wanted,
                    restart,
                } => {
                    let node = node.to_owned();
                    let restarts = restart.map(|component| Restart { node, component });
                    self.plan.restarts.extend(restarts);
                    changes.push(Change {
                        subject: deed.subject(),
                        seen,
                        wanted,
                        controls: Vec::new(),
                        request: *request,
                        diff: String::new(),
                    });
                }
            }
        }
        if !changes.is_empty() {
            let blockers = blocker::of_writes(node, facts, &changes);
            self.plan.blockers.extend(blockers);
            self.plan.nodes.push((node.to_owned(), changes.into()));
        }
    }

    pub(super) fn leave(&mut self, node: Option<&str>, what: &str, because: (String, bool)) {
        let (why, is_in_use) = because;
        self.left.push(Left {
            node: node.map(str::to_owned),
            what: what.to_owned(),
            why,
            is_in_use,
        });
    }
}

impl Left {
    /// True for the same thing, whatever the reasons.
    pub(super) fn is_about(&self, other: &Self) -> bool {
        (&self.node, &self.what) == (&other.node, &other.what)
    }

    /// A reason that no running component gives.
    pub(super) fn because(why: impl Into<String>) -> (String, bool) {
        (why.into(), false)
    }
}

/// What the run did to a node, each thing once: as it was before the first time, and as it was
/// made the last time.
fn deeds_of(past: &Past, node: &str) -> Vec<Deed> {
    let mut deeds: Vec<Deed> = Vec::new();
    for item in past
        .begun_items()
        .filter(|item| item.node.as_deref() == Some(node))
    {
        match (known(&mut deeds, &item.deed), &item.deed) {
            (Some(Deed::File { now: known, .. }), Deed::File { now, .. }) => known.clone_from(now),
            (
                Some(Deed::File {
                    now: Some(known), ..
                }),
                Deed::Attributes { now, .. },
            ) => known.owner = *now,
            (Some(Deed::Attributes { now: known, .. }), Deed::Attributes { now, .. }) => {
                *known = *now;
            }
            (Some(Deed::Kernel { now: known, .. }), Deed::Kernel { now, .. }) => {
                known.clone_from(now);
            }
            (None, Deed::File { .. } | Deed::Attributes { .. } | Deed::Kernel { .. }) => {
                deeds.push(item.deed.clone());
            }
            _ => {}
        }
    }
    deeds
}

fn known<'a>(deeds: &'a mut [Deed], deed: &Deed) -> Option<&'a mut Deed> {
    deeds.iter_mut().find(|known| match (known, deed) {
        (
            Deed::File { path: known, .. } | Deed::Attributes { path: known, .. },
            Deed::File { path, .. } | Deed::Attributes { path, .. },
        ) => known == path,
        (Deed::Kernel { key: known, .. }, Deed::Kernel { key, .. }) => known == key,
        _ => false,
    })
}

fn way(deed: &Deed, deeds: &[Deed], facts: &Facts, scene: &Scene<'_>) -> Way {
    match deed {
        Deed::File {
            path,
            was,
            kept,
            now,
        } => {
            let others: Vec<&str> = deeds.iter().filter_map(path_of).collect();
            let file = Replaced {
                path,
                was: was.as_ref(),
                kept: kept.as_deref(),
                now: now.as_ref(),
            };
            file.way(&others, facts, scene)
        }
        Deed::Attributes { path, was, now } => way_of_attributes(path, *was, *now, facts),
        Deed::Kernel { key, was, now } => way_of_kernel(key, was, now, facts),
        Deed::Restart { .. }
        | Deed::ClusterFile { .. }
        | Deed::Snapshot { .. }
        | Deed::RkeUp { .. }
        | Deed::Sweep { .. }
        | Deed::NodeDriver { .. } => Way::Back,
    }
}

fn path_of(deed: &Deed) -> Option<&str> {
    match deed {
        Deed::File { path, .. } => Some(path),
        _ => None,
    }
}

/// A file that the run wrote or removed.
struct Replaced<'a> {
    path: &'a str,
    was: Option<&'a FileState>,
    kept: Option<&'a str>,
    now: Option<&'a FileState>,
}

impl Replaced<'_> {
    fn way(&self, others: &[&str], facts: &Facts, scene: &Scene<'_>) -> Way {
        let salt = &scene.past.begun.salt;
        let (state, seen) = match facts.file(self.path) {
            Observed::Unread { why } => return left(format!("it could not be read: {why}")),
            Observed::Absent => (None, None),
            Observed::Present(file) if file.link => return left("it is a symbolic link now"),
            Observed::Present(file) => match FileState::of(file, salt) {
                Some(state) => (Some(state), file.content.as_ref()),
                None => return left("its content could not be read"),
            },
        };
        if state.as_ref() == self.was {
            return Way::Back;
        }
        if state.as_ref() != self.now {
            let is_key = seen.is_some_and(|content| is_of_key(content.bytes()));
            return left(if is_key {
                OLD_KEY
            } else {
                "it was changed since that run; put it back by hand"
            });
        }
        let (in_use, restart) = self.use_of(others, facts);
        if let Some(why) = in_use {
            return Way::Left {
                why,
                is_in_use: true,
            };
        }
        let back = match self.back(facts, scene) {
            Ok(back) => back,
            Err(why) => return left(why),
        };
        Way::Change {
            seen: match self.now {
                Some(_) => "as that run wrote it",
                None => "removed by that run",
            }
            .to_owned(),
            wanted: self.was.map_or_else(
                || "gone, as before".to_owned(),
                |was| format!("as before, {}", told(was.owner)),
            ),
            request: Box::new(Request::Unput(Unput {
                path: self.path.to_owned(),
                seen: seen.map_or(Seen::Absent, |seen| Seen::content(seen.bytes())),
                keep: format!("{KEEP}/{}{}", scene.run, self.path),
                back,
            })),
            restart,
        }
    }

    /// Why it must stay, else the component that must see the old content.
    fn use_of(&self, others: &[&str], facts: &Facts) -> (Option<String>, Option<String>) {
        if reliance::is_read_at_boot(self.path) {
            return (reliance::of_kernel(facts), None);
        }
        match reliance::of_file(self.path, others, facts) {
            Some(named) if named.is_of_key() => (
                Some(
                    "the API server runs with it: Secrets written since can be read with this key only; write them in plain first, with `identity: {}` in front on every control-plane node, take the option out of cluster.yml, and run `rke up`"
                        .to_owned(),
                ),
                None,
            ),
            Some(reliance::Use::Named { component, .. }) if self.was.is_some() => {
                (None, Some(component))
            }
            Some(found) => (Some(found.why()), None),
            None => (None, None),
        }
    }

    /// The copy that the node kept, when it is still what it was.
    fn back(&self, facts: &Facts, scene: &Scene<'_>) -> Result<Option<Kept>, String> {
        let Some(was) = self.was else {
            return Ok(None);
        };
        let kept = self
            .kept
            .ok_or("the journal does not say where it was kept")?;
        let copy = match facts.file(kept) {
            Observed::Present(file) => file.content.as_ref(),
            Observed::Absent | Observed::Unread { .. } => None,
        };
        let copy = copy.ok_or_else(|| format!("{kept} is gone or cannot be read"))?;
        if scene.past.begun.salt.digest(copy.bytes()) != was.digest {
            return Err(format!("{kept} is not what was kept"));
        }
        Ok(Some(Kept {
            kept: kept.to_owned(),
            digest: digest(copy.bytes()),
            attributes: attributes(self.path, was.owner),
        }))
    }
}

/// Whether a file holds what Secrets are encrypted with, by the kind that it states, old or new.
fn is_of_key(content: &[u8]) -> bool {
    const KIND: &[u8] = b"EncryptionConfig";
    content.windows(KIND.len()).any(|window| window == KIND)
}

fn way_of_attributes(path: &str, was: Owner, now: Owner, facts: &Facts) -> Way {
    let file = match facts.file(path) {
        Observed::Present(file) => Owner::from(file),
        Observed::Absent => return left("it is gone"),
        Observed::Unread { why } => return left(format!("it could not be read: {why}")),
    };
    if file == was {
        return Way::Back;
    }
    if file != now {
        return left("they were changed since that run");
    }
    Way::Change {
        request: Box::new(Request::Attributes(attributes(path, was))),
        seen: told(now),
        wanted: told(was),
        restart: None,
    }
}

fn way_of_kernel(key: &str, was: &str, now: &str, facts: &Facts) -> Way {
    let value = match facts.kernel(key) {
        Observed::Present(value) => value,
        Observed::Absent => return left("this kernel has no such value"),
        Observed::Unread { why } => return left(format!("it could not be read: {why}")),
    };
    if value == was {
        return Way::Back;
    }
    if value != now {
        return left("it was changed since that run");
    }
    if was.is_empty() || was.chars().any(char::is_control) {
        return left("what it was before cannot be written back");
    }
    if reliance::is_refused(key, was)
        && let Some(why) = reliance::of_kernel(facts)
    {
        return Way::Left {
            why,
            is_in_use: true,
        };
    }
    Way::Change {
        request: Box::new(Request::Assign {
            key: key.to_owned(),
            value: was.to_owned(),
        }),
        seen: value.to_owned(),
        wanted: was.to_owned(),
        restart: None,
    }
}

fn left(why: impl Into<String>) -> Way {
    Way::Left {
        why: why.into(),
        is_in_use: false,
    }
}

fn attributes(path: &str, owner: Owner) -> Attributes {
    Attributes {
        path: path.to_owned(),
        mode: owner.mode,
        uid: owner.uid,
        gid: owner.gid,
    }
}

fn told(owner: Owner) -> String {
    format!("{:04o} {}:{}", owner.mode, owner.uid, owner.gid)
}
