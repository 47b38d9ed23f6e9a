//! What a node is asked or told, as records.

use sha2::Digest;
use sha2::Sha256;

use crate::node::escaped;
use crate::secret::Secret;

/// One record to a node. The questions change nothing; what stands below them does.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Request {
    /// Kernel values too, because one program reads them all.
    Files(Vec<FileQuestion>),
    Containers(Vec<String>),
    /// What a write to these paths would fail on, and what a killed run left beside them.
    Room(Vec<String>),
    /// What a killed run left beside these paths, alone.
    Leftovers(Vec<String>),
    /// Programs that a change needs.
    Tools(Vec<String>),
    /// How the Secrets in etcd begin, a page of them from a key on (T-13).
    Secrets {
        /// Below which the API server keeps everything, such as `/registry`.
        prefix: String,
        from: String,
    },
    /// The last lines that a container wrote.
    Log(String),
    /// Keeps every other run from changing the node. Stands before the changes.
    Lock(Lock),
    Put(Put),
    Unput(Unput),
    Attributes(Attributes),
    Assign {
        key: String,
        value: String,
    },
    /// Restarts a container, by name.
    Restart(String),
    /// Removes the temporary file of a run that was killed.
    Sweep(String),
}

/// That a node is to be one run's own.
///
/// The program that takes the lock goes on running, and holds it, until its input ends.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Lock {
    /// Who the run is, for others that meet it.
    pub holder: String,
    /// Where runs cannot be two at once; no tabs.
    pub site: String,
    /// True when an earlier program of the same run holds the lock.
    pub is_held: bool,
}

/// What is asked about a file.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum FileQuestion {
    /// Owner and mode.
    Attributes(String),
    /// Owner, mode and content, at most 1 MiB.
    Content(String),
    /// The same of every file that a pattern matches.
    Glob(String),
    /// Owner and mode of a directory and of everything directly in it, hidden files too.
    Directory(String),
    /// A running kernel value, by dotted key.
    Kernel(String),
}

/// A file to be written beside its target and renamed over it.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Put {
    pub attributes: Attributes,
    pub seen: Seen,
    /// Where the node keeps the old content for `undo`, a path below a directory of root's.
    pub keep: Option<String>,
    pub content: Secret,
}

/// A file to be put back as it was, or to be removed because it was not there.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Unput {
    pub path: String,
    /// What stands there now.
    pub seen: Seen,
    /// Where the node keeps that, because undoing can be a mistake too.
    pub keep: String,
    /// `None` for a file that is to be gone.
    pub back: Option<Kept>,
}

/// What a node kept of a file.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Kept {
    /// Where it is.
    pub kept: String,
    /// SHA-256 of it, in hex.
    pub digest: String,
    /// The path to put it back to, with the mode and the owner of before.
    pub attributes: Attributes,
}

/// Owner and mode of a path.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Attributes {
    pub path: String,
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
}

/// What the plan was made for; the node refuses when it finds anything else.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Seen {
    Absent,
    /// SHA-256 of the content, in hex.
    Content(String),
}

impl Seen {
    /// The digest of a content that was read.
    pub fn content(bytes: &[u8]) -> Self {
        Self::Content(digest(bytes))
    }

    fn field(&self) -> String {
        match self {
            Self::Absent => "absent".to_owned(),
            Self::Content(digest) => digest.clone(),
        }
    }
}

impl Request {
    /// True when the node is different afterwards.
    pub fn changes(&self) -> bool {
        matches!(
            self,
            Self::Put(_)
                | Self::Unput(_)
                | Self::Attributes(_)
                | Self::Assign { .. }
                | Self::Restart(_)
                | Self::Sweep(_)
        )
    }

    /// True for a question, which leaves nothing on the node, not even a lock.
    pub(crate) fn asks(&self) -> bool {
        !self.changes() && !matches!(self, Self::Lock(_))
    }

    /// True when the program goes on running behind its answer, until its input ends.
    pub fn stays(&self) -> bool {
        matches!(self, Self::Lock(lock) if !lock.is_held)
    }

    /// What it asks or does, for people; no content.
    pub fn told(&self) -> String {
        let of = |what: &str, names: &[String]| format!("{what} {}", names.join(", "));
        match self {
            Self::Files(files) => told_of_files(files),
            Self::Containers(names) => of("containers", names),
            Self::Room(paths) => of("room for", paths),
            Self::Leftovers(paths) => of("what was left beside", paths),
            Self::Tools(names) => of("programs", names),
            Self::Secrets { prefix, .. } => format!("how the Secrets below {prefix} begin"),
            Self::Log(container) => format!("the last lines of {container}"),
            Self::Lock(_) => "the lock of the node".to_owned(),
            Self::Put(put) => format!("write {}", put.attributes.path),
            Self::Unput(unput) => format!("put back {}", unput.path),
            Self::Attributes(attributes) => format!("owner and mode of {}", attributes.path),
            Self::Assign { key, value } => format!("set {key} to {value}"),
            Self::Restart(container) => format!("restart {container}"),
            Self::Sweep(path) => format!("remove {path}"),
        }
    }

    /// The fields of the record. Control characters in a path have been refused by the loaders.
    pub(crate) fn fields(&self) -> Vec<String> {
        let record = |verb: &str, fields: &[String]| {
            let mut all = vec![verb.to_owned()];
            all.extend_from_slice(fields);
            all
        };
        match self {
            Self::Files(files) => {
                let marked: Vec<String> = files.iter().map(FileQuestion::marked).collect();
                record("files", &marked)
            }
            Self::Containers(names) => record("containers", names),
            Self::Room(paths) => record("room", paths),
            Self::Leftovers(paths) => record("leftovers", paths),
            Self::Tools(names) => record("tools", names),
            Self::Secrets { prefix, from } => record("secrets", &[prefix.clone(), from.clone()]),
            Self::Log(container) => record("log", std::slice::from_ref(container)),
            Self::Lock(lock) => {
                let known = lock.is_held.then(|| "held".to_owned());
                let mut fields = vec![lock.holder.clone(), lock.site.clone()];
                fields.extend(known);
                record("lock", &fields)
            }
            Self::Put(put) => put.fields(),
            Self::Unput(unput) => unput.fields(),
            Self::Attributes(attributes) => record("attributes", &attributes.fields()),
            Self::Assign { key, value } => record("assign", &[proc_path(key), value.clone()]),
            Self::Restart(container) => record("restart", std::slice::from_ref(container)),
            Self::Sweep(path) => record("sweep", std::slice::from_ref(path)),
        }
    }
}

/// Kernel values and files are two kinds of thing for people.
fn told_of_files(files: &[FileQuestion]) -> String {
    let (keys, paths): (Vec<&FileQuestion>, Vec<&FileQuestion>) = files
        .iter()
        .partition(|file| matches!(file, FileQuestion::Kernel(_)));
    let parts = [("kernel values", keys), ("files", paths)]
        .into_iter()
        .filter(|(_, files)| !files.is_empty())
        .map(|(what, files)| {
            let names: Vec<&str> = files.iter().map(|file| file.path()).collect();
            format!("{what} {}", names.join(", "))
        });
    parts.collect::<Vec<String>>().join("; ")
}

impl FileQuestion {
    fn path(&self) -> &str {
        match self {
            Self::Attributes(path)
            | Self::Content(path)
            | Self::Glob(path)
            | Self::Directory(path)
            | Self::Kernel(path) => path,
        }
    }

    fn marked(&self) -> String {
        match self {
            Self::Attributes(path) => format!("s{path}"),
            Self::Content(path) => format!("r{path}"),
            Self::Glob(pattern) => format!("g{pattern}"),
            Self::Directory(path) => format!("d{path}"),
            Self::Kernel(key) => format!("k{}", proc_path(key)),
        }
    }
}

impl Put {
    fn fields(&self) -> Vec<String> {
        let mut fields = vec!["put".to_owned()];
        fields.extend(self.attributes.fields());
        fields.push(self.seen.field());
        fields.push(self.keep.clone().unwrap_or_else(|| "none".to_owned()));
        fields.push(digest(self.content.expose()));
        // A field is never empty: the shell would not count it. `\c` ends what `printf` prints.
        fields.push(match self.content.expose() {
            [] => "\\c".to_owned(),
            content => escaped(content),
        });
        fields
    }
}

impl Unput {
    fn fields(&self) -> Vec<String> {
        let (path, keep) = (self.path.clone(), self.keep.clone());
        let mut fields = vec!["unput".to_owned(), path, self.seen.field(), keep];
        match &self.back {
            None => fields.push("none".to_owned()),
            Some(back) => {
                fields.extend([back.kept.clone(), back.digest.clone()]);
                fields.extend(back.attributes.fields().into_iter().skip(1));
            }
        }
        fields
    }
}

impl Attributes {
    fn fields(&self) -> Vec<String> {
        vec![
            self.path.clone(),
            format!("{:04o}", self.mode),
            self.uid.to_string(),
            self.gid.to_string(),
        ]
    }
}

/// SHA-256 in hex, as `sha256sum` prints it.
pub fn digest(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// `kernel.panic` as its path below `/proc/sys`; sysctl itself accepts either separator.
fn proc_path(key: &str) -> String {
    key.replace('.', "/")
}
