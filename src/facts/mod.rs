//! What is known of one node, as values.
//!
//! A question is asked once per node, however many controls want its answer.
//! Asking makes a record, answering reads one, and both are pure: a test needs
//! a string and not a machine.

pub mod addon_job;
pub mod answer;
pub mod container;
pub mod etcd;
pub mod layout;
pub mod object;
pub mod question;
pub mod rancher;
mod sections;
pub mod store;

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::facts::container::Container;
use crate::facts::layout::Layout;
use crate::secret::Secret;
use crate::shared::Shared;
use crate::shared::Text;

/// The answer to one question.
///
/// `Absent` and `Unread` must never be mixed up: a file that does not exist
/// can satisfy a control, a file we were not allowed to stat satisfies none.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Observed<T> {
    Present(T),
    Absent,
    Unread { why: String },
}

impl<T> Observed<T> {
    pub fn unread(why: impl Into<String>) -> Self {
        Self::Unread { why: why.into() }
    }

    /// The same of what `change` makes of the value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Observed<U> {
        match self {
            Self::Present(value) => Observed::Present(change(value)),
            Self::Absent => Observed::Absent,
            Self::Unread { why } => Observed::Unread { why },
        }
    }
}

/// Everything known of one node.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    pub kernel: Shared<BTreeMap<String, Observed<String>>>,
    pub files: BTreeMap<Text, Observed<Shared<File>>>,
    pub containers: BTreeMap<Text, Observed<Shared<Container>>>,
    pub room: BTreeMap<Text, Observed<Room>>,
    /// Temporary files of runs that were killed, where files of a profile are.
    pub leftovers: BTreeSet<String>,
    /// Programs that a change would need and that are not there; `None` when nothing was answered.
    pub missing_tools: Option<Vec<String>>,
    /// As Docker calls it, else as os-release(5) does.
    pub operating_system: Option<Text>,
    /// Where RKE keeps its files here; follows from the other facts.
    pub layout: Layout,
    /// Why nothing at all is known; the node could not be reached or did not answer.
    pub silent: Option<String>,
}

impl Facts {
    /// The facts of a node that gave none.
    pub fn silent(why: impl Into<String>) -> Self {
        Self {
            silent: Some(why.into()),
            ..Self::default()
        }
    }

    /// True when not one question was answered.
    pub fn is_empty(&self) -> bool {
        self.kernel.is_empty()
            && self.files.is_empty()
            && self.containers.is_empty()
            && self.room.is_empty()
            && self.missing_tools.is_none()
    }

    pub fn kernel(&self, key: &str) -> Observed<&str> {
        self.lookup(&self.kernel, key, String::as_str)
    }

    pub fn file(&self, path: &str) -> Observed<&File> {
        self.lookup(&self.files, path, |file| &**file)
    }

    pub fn container(&self, name: &str) -> Observed<&Container> {
        self.lookup(&self.containers, name, |container| &**container)
    }

    pub fn room(&self, path: &str) -> Observed<&Room> {
        self.lookup(&self.room, path, |room| room)
    }

    fn lookup<'a, K, T, U>(
        &'a self,
        answers: &'a BTreeMap<K, Observed<T>>,
        name: &str,
        value: impl Fn(&'a T) -> U,
    ) -> Observed<U>
    where
        K: Borrow<str> + Ord,
    {
        match answers.get(name) {
            Some(Observed::Present(found)) => Observed::Present(value(found)),
            Some(Observed::Absent) => Observed::Absent,
            Some(Observed::Unread { why }) => Observed::unread(why),
            None => Observed::unread(self.silent.as_deref().unwrap_or("it was not asked for")),
        }
    }
}

/// A file, directory or something else at a path.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct File {
    pub kind: FileKind,
    /// Permission bits, set-id and sticky included.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub owner: Text,
    pub group: Text,
    /// By the node's own clock, as finely as its file system tells.
    pub modified: Timestamp,
    /// True when the path itself is a symbolic link; everything else is about its target.
    pub link: bool,
    /// `None` when only the attributes were asked for, or there is no content to read.
    pub content: Option<Content>,
}

impl File {
    /// A file of root's as a plan would make it, still without content.
    pub fn new_regular() -> Self {
        Self {
            kind: FileKind::Regular,
            mode: 0o644,
            uid: 0,
            gid: 0,
            owner: "root".into(),
            group: "root".into(),
            modified: Timestamp::UNIX_EPOCH,
            link: false,
            content: None,
        }
    }
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum FileKind {
    Regular,
    Directory,
    Other,
}

/// What stands in a file. A secret until somebody needs the bytes, because it may be one.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Content(Shared<Secret>);

impl Content {
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Secret::new(bytes).into())
    }

    pub fn bytes(&self) -> &[u8] {
        self.0.expose()
    }

    /// The content as what it may be.
    pub fn secret(&self) -> &Secret {
        &self.0
    }

    /// The content as text, nothing when it is none.
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(self.bytes()).ok()
    }
}

/// What a write to a path would meet.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Room {
    /// The nearest directory that exists.
    pub near: Text,
    pub read_only: bool,
    /// Nobody may write the file, not even root: `chattr +i`, or a mount of its own.
    pub immutable: bool,
    pub free_bytes: u64,
    /// `None` on file systems that do not count inodes.
    pub free_inodes: Option<u64>,
}
