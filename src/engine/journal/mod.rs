//! What a run did, line by line, so that it can be read after the run is gone.
//!
//! Every change is written down and on the disk before it is sent, and once
//! more with its end. A line without its end is a change of which nobody
//! knows: the run was killed, or the connection broke. The journal holds no
//! content and no secret: contents are named by digests under the run's own
//! salt, so nobody can look them up.

mod deed;
mod past;
mod salt;

use std::fs;
use std::fs::File;
use std::fs::OpenOptions;
use std::io;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::path::PathBuf;
use std::path::absolute;

use jiff::Timestamp;
use serde::Deserialize;
use serde::Serialize;

use crate::event::Outcome;
use crate::inventory::Node;

pub use crate::engine::journal::deed::Deed;
pub use crate::engine::journal::deed::FileState;
pub use crate::engine::journal::deed::Owner;
pub use crate::engine::journal::past::Item;
pub use crate::engine::journal::past::Past;
pub use crate::engine::journal::past::PastError;
pub use crate::engine::journal::salt::Salt;

/// Its name in a run's directory.
pub const FILE: &str = "journal.json";

/// The journal of the run in progress; one JSON object a line, for its owner only.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    salt: Salt,
    next: u64,
    /// How long it is up to the end of its last entry.
    length: u64,
    /// True when something may stand behind that, of an entry that could not be written.
    is_torn: bool,
}

/// What a run is, written before anything else.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Begun {
    pub version: u32,
    pub run: String,
    /// `apply` or `undo`.
    pub command: String,
    /// The release of this program.
    pub program: String,
    /// Absolute, as are all paths of this machine.
    pub inventory: PathBuf,
    pub config: PathBuf,
    pub nodes: Vec<Place>,
    pub salt: Salt,
}

/// A node and where it was.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Place {
    pub name: String,
    pub address: String,
    pub port: u16,
}

/// One line.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "entry", rename_all = "kebab-case")]
enum Entry {
    Begun {
        at: String,
        #[serde(flatten)]
        begun: Begun,
    },
    /// Will be done now.
    Will {
        at: String,
        number: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        node: Option<String>,
        deed: Deed,
    },
    /// The end of that number.
    Did {
        at: String,
        number: u64,
        #[serde(flatten)]
        end: End,
    },
    Ended {
        at: String,
    },
}

/// How something ended.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "end", rename_all = "kebab-case")]
pub enum End {
    Done,
    Failed {
        why: String,
    },
    /// Something before it failed, so it was not begun.
    Skipped,
}

impl From<&Outcome> for End {
    fn from(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Changed => Self::Done,
            Outcome::Failed { why } => Self::Failed { why: why.clone() },
            Outcome::Skipped => Self::Skipped,
        }
    }
}

/// The journal could not be kept; what it should have told is not done then.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", .path.display())]
pub struct JournalError {
    path: PathBuf,
    source: io::Error,
}

impl JournalError {
    pub fn hint(&self) -> &'static str {
        "make room for the run directory, or make it writable; nothing is changed that is not written down first"
    }
}

impl Place {
    /// Where `node` is.
    pub fn of(node: &Node) -> Self {
        Self {
            name: node.name.clone(),
            address: node.address.clone(),
            port: node.port,
        }
    }
}

impl Journal {
    /// The version of the format; a reader refuses every other.
    pub const VERSION: u32 = 1;

    /// Begins the journal of a run in `dir`, which exists.
    ///
    /// # Errors
    ///
    /// When there is one already, or it cannot be written.
    pub fn begin(dir: &Path, begun: Begun) -> Result<Self, JournalError> {
        let path = dir.join(FILE);
        let failed = |source| JournalError {
            path: path.clone(),
            source,
        };
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        File::open(dir)
            .and_then(|dir| dir.sync_all())
            .map_err(failed)?;
        let mut journal = Self {
            path,
            file,
            salt: begun.salt.clone(),
            next: 1,
            length: 0,
            is_torn: false,
        };
        let at = now();
        if let Err(error) = journal.write(&[Entry::Begun { at, begun }]) {
            // Else the run could not begin it again when there is room.
            let _ = fs::remove_file(&journal.path);
            return Err(error);
        }
        Ok(journal)
    }

    /// What digests of this run are made with.
    pub fn salt(&self) -> &Salt {
        &self.salt
    }

    /// Writes what will be done now, and gives the number of the first; the others follow.
    ///
    /// # Errors
    ///
    /// When it is not on the disk: do not do it then.
    pub fn will(&mut self, node: Option<&str>, deeds: Vec<Deed>) -> Result<u64, JournalError> {
        let first = self.next;
        let at = now();
        let entries: Vec<Entry> = deeds
            .into_iter()
            .zip(first..)
            .map(|(deed, number)| Entry::Will {
                at: at.clone(),
                number,
                node: node.map(str::to_owned),
                deed,
            })
            .collect();
        self.write(&entries)?;
        self.next += entries.len() as u64;
        Ok(first)
    }

    /// Writes how what has the numbers from `first` on ended. It is on the disk with the next entry
    /// that has to be: a machine that dies before loses no more than the end of what it began.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn did(
        &mut self,
        first: u64,
        ends: impl IntoIterator<Item = End>,
    ) -> Result<(), JournalError> {
        let at = now();
        let entries: Vec<Entry> = ends
            .into_iter()
            .zip(first..)
            .map(|(end, number)| Entry::Did {
                at: at.clone(),
                number,
                end,
            })
            .collect();
        self.append(&entries, |_| Ok(()))
            .map_err(|source| self.failed(source))
    }

    /// Writes that the run came to its end, whatever it did.
    ///
    /// # Errors
    ///
    /// When it is not on the disk.
    pub fn end(mut self) -> Result<(), JournalError> {
        let at = now();
        self.write(&[Entry::Ended { at }])
    }

    /// Writes to the disk.
    fn write(&mut self, entries: &[Entry]) -> Result<(), JournalError> {
        self.append(entries, File::sync_data)
            .map_err(|source| self.failed(source))
    }

    /// Writes all of `entries` and keeps them with `sync`, or none of them: what a failure leaves
    /// is cut off before anything is written behind it.
    fn append(
        &mut self,
        entries: &[Entry],
        sync: impl FnOnce(&File) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut lines = Vec::new();
        for entry in entries {
            serde_json::to_writer(&mut lines, entry)?;
            lines.push(b'\n');
        }
        if self.is_torn {
            self.file.set_len(self.length)?;
        }
        self.is_torn = true;
        self.file.write_all(&lines)?;
        sync(&self.file)?;
        self.is_torn = false;
        self.length += lines.len() as u64;
        Ok(())
    }

    fn failed(&self, source: io::Error) -> JournalError {
        JournalError {
            path: self.path.clone(),
            source,
        }
    }
}

/// The path from the root, so that it means the same in another directory.
pub fn whole(path: &Path) -> PathBuf {
    path.canonicalize()
        .or_else(|_| absolute(path))
        .unwrap_or_else(|_| path.to_owned())
}

/// In UTC, to the second.
fn now() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests;
