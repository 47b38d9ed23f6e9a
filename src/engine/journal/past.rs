//! A run that is over, read from its journal.

use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use crate::engine::journal::Begun;
use crate::engine::journal::Deed;
use crate::engine::journal::End;
use crate::engine::journal::Entry;
use crate::engine::journal::FILE;
use crate::engine::journal::Journal;

/// A run, and everything that it set out to do, in its order.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Past {
    /// When it began, by this machine's clock.
    pub at: String,
    pub begun: Begun,
    pub items: Vec<Item>,
    /// False for a run that was killed, and for one that still goes on.
    pub ended: bool,
}

/// One thing that was to be done.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Item {
    /// `None` for what is about the cluster.
    pub node: Option<String>,
    pub deed: Deed,
    /// `None` where nobody knows: the run was killed.
    pub end: Option<End>,
}

/// Why a run cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum PastError {
    #[error("there is no run {}", .run.display())]
    Missing { run: PathBuf },
    #[error("{}: {source}", .path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{} line {line}: {why}", .path.display())]
    Malformed {
        path: PathBuf,
        line: usize,
        why: String,
    },
}

impl Item {
    /// `cp-1: file /etc/kubernetes/audit.yaml`.
    pub fn told(&self) -> String {
        let subject = self.deed.subject();
        match &self.node {
            Some(node) => format!("{node}: {subject}"),
            None => subject,
        }
    }
}

impl PastError {
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Missing { .. } => {
                "`harden undo --list INVENTORY` names the runs that there are; they lie beside cluster.yml, and `--config` says where that is"
            }
            Self::Io { .. } => "make it readable",
            Self::Malformed { .. } => {
                "only the version of harden that wrote it can read it; the old contents are on the nodes, in /var/lib/harden/undo"
            }
        }
    }
}

impl Past {
    /// Reads the journal in a run's directory. A last line without its end was being written when
    /// the run was killed; what it would have told was not begun.
    ///
    /// # Errors
    ///
    /// When there is none, or it is not one of this version.
    pub fn read(dir: &Path) -> Result<Self, PastError> {
        let path = dir.join(FILE);
        let bytes = fs::read(&path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => PastError::Missing {
                run: dir.to_owned(),
            },
            _ => PastError::Io {
                path: path.clone(),
                source,
            },
        })?;
        Self::parse(&bytes).map_err(|(line, why)| PastError::Malformed { path, line, why })
    }

    /// Bytes, because a last line may break off within a letter.
    fn parse(bytes: &[u8]) -> Result<Self, (usize, String)> {
        let mut past: Option<Self> = None;
        for (index, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
            let Some(line) = line.strip_suffix(b"\n") else {
                break;
            };
            let refuse = |why: &str| (index + 1, why.to_owned());
            let entry: Entry =
                serde_json::from_slice(line).map_err(|error| refuse(&error.to_string()))?;
            match (entry, &mut past) {
                (Entry::Begun { at, begun }, None) if begun.version == Journal::VERSION => {
                    past = Some(Self {
                        at,
                        begun,
                        items: Vec::new(),
                        ended: false,
                    });
                }
                (Entry::Begun { .. }, None) => return Err(refuse("another version of the format")),
                (_, None) | (Entry::Begun { .. }, Some(_)) => {
                    return Err(refuse("a journal begins once"));
                }
                (entry, Some(past)) => past.take(entry).map_err(refuse)?,
            }
        }
        past.ok_or((1, "it is empty".to_owned()))
    }

    fn take(&mut self, entry: Entry) -> Result<(), &'static str> {
        match entry {
            Entry::Will {
                number, node, deed, ..
            } => {
                if number != self.items.len() as u64 + 1 {
                    return Err("a number is missing");
                }
                if !is_harmless(&deed) {
                    return Err("a path that this program never writes");
                }
                let end = None;
                self.items.push(Item { node, deed, end });
            }
            Entry::Did { number, end, .. } => {
                let index = usize::try_from(number).ok().and_then(|n| n.checked_sub(1));
                let item = index.and_then(|index| self.items.get_mut(index));
                item.ok_or("the end of something that was not begun")?.end = Some(end);
            }
            Entry::Begun { .. } | Entry::Ended { .. } => self.ended = true,
        }
        Ok(())
    }

    /// What was not done, or of which nobody knows whether it was.
    pub fn left(&self) -> impl Iterator<Item = &Item> {
        self.items.iter().filter(|item| item.end != Some(End::Done))
    }

    /// What may have been done.
    pub fn begun_items(&self) -> impl Iterator<Item = &Item> {
        self.items
            .iter()
            .filter(|item| item.end != Some(End::Skipped))
    }

    /// True when `rke up` was begun.
    pub fn ran_rke(&self) -> bool {
        self.begun_items()
            .any(|item| matches!(item.deed, Deed::RkeUp { .. }))
    }
}

/// A path goes into a record to a node as root; one with a tab or a line break would be two.
fn is_harmless(deed: &Deed) -> bool {
    let plain = |path: &str| path.starts_with('/') && !path.chars().any(char::is_control);
    match deed {
        Deed::File { path, kept, .. } => plain(path) && kept.as_deref().is_none_or(plain),
        Deed::Attributes { path, .. } | Deed::Sweep { path } => plain(path),
        Deed::Kernel { key, .. } => !key.chars().any(char::is_control),
        Deed::Restart { .. }
        | Deed::ClusterFile { .. }
        | Deed::Snapshot { .. }
        | Deed::RkeUp { .. }
        | Deed::NodeDriver { .. } => true,
    }
}
