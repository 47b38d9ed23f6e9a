//! One thing that a run does: what was, and what is to be.

use std::path::PathBuf;

use serde::Deserialize;
use serde::Serialize;

use crate::engine::journal::Salt;
use crate::facts;
use crate::facts::Facts;
use crate::facts::Observed;
use crate::node::request::Attributes;
use crate::node::request::Request;
use crate::plan::change::ClusterChange;

/// A change as the journal tells it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Deed {
    /// A file that is written, replaced or removed.
    File {
        path: String,
        /// `None` where there was no file.
        was: Option<FileState>,
        /// Where the node keeps what was.
        kept: Option<String>,
        /// `None` where no file is to be.
        now: Option<FileState>,
    },
    /// Mode and owner of a path.
    Attributes {
        path: String,
        was: Owner,
        now: Owner,
    },
    /// A running kernel value.
    Kernel {
        key: String,
        was: String,
        now: String,
    },
    Restart {
        component: String,
    },
    /// `cluster.yml` on this machine.
    ClusterFile {
        file: PathBuf,
        /// The digest of what was; `None` where there was no file.
        was: Option<String>,
        backup: Option<PathBuf>,
        now: String,
    },
    /// A snapshot of etcd by `rke`.
    Snapshot {
        name: String,
    },
    RkeUp {
        version: String,
        log: PathBuf,
    },
    /// What a run that was killed left behind is removed.
    Sweep {
        path: String,
    },
    /// A node driver of a Rancher server.
    NodeDriver {
        /// The server's URL.
        server: String,
        id: String,
        name: String,
        /// Whether it is to be active; it was the opposite.
        now: bool,
    },
}

/// A regular file.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct FileState {
    /// Under the run's salt.
    pub digest: String,
    #[serde(flatten)]
    pub owner: Owner,
}

/// Mode and owner of a path.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Owner {
    /// Permission bits as a number; JSON knows no octal.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
}

impl Deed {
    /// What `request` will do to the node of which `facts` are known; `None` for a question.
    pub fn of(request: &Request, facts: &Facts, salt: &Salt) -> Option<Self> {
        Some(match request {
            Request::Put(put) => {
                let was = FileState::seen(facts, &put.attributes.path, salt);
                Self::File {
                    path: put.attributes.path.clone(),
                    kept: put.keep.clone().filter(|_| was.is_some()),
                    was,
                    now: Some(FileState {
                        digest: salt.digest(put.content.expose()),
                        owner: Owner::from(&put.attributes),
                    }),
                }
            }
            Request::Unput(unput) => Self::File {
                path: unput.path.clone(),
                was: FileState::seen(facts, &unput.path, salt),
                kept: Some(unput.keep.clone()),
                now: unput.back.as_ref().and_then(|back| {
                    let kept = FileState::seen(facts, &back.kept, salt)?;
                    Some(FileState {
                        owner: Owner::from(&back.attributes),
                        ..kept
                    })
                }),
            },
            Request::Attributes(attributes) => Self::Attributes {
                path: attributes.path.clone(),
                was: match facts.file(&attributes.path) {
                    Observed::Present(file) => Owner::from(file),
                    Observed::Absent | Observed::Unread { .. } => Owner::from(attributes),
                },
                now: Owner::from(attributes),
            },
            Request::Assign { key, value } => Self::Kernel {
                key: key.clone(),
                was: match facts.kernel(key) {
                    Observed::Present(was) => was.to_owned(),
                    Observed::Absent | Observed::Unread { .. } => String::new(),
                },
                now: value.clone(),
            },
            Request::Restart(component) => Self::Restart {
                component: component.clone(),
            },
            Request::Sweep(path) => Self::Sweep { path: path.clone() },
            Request::Secrets { .. }
            | Request::Log(_)
            | Request::Files(_)
            | Request::Containers(_)
            | Request::Room(_)
            | Request::Leftovers(_)
            | Request::Tools(_)
            | Request::Lock(_) => return None,
        })
    }

    /// The change of `cluster.yml`.
    pub fn of_cluster(
        file: PathBuf,
        change: &ClusterChange,
        backup: Option<PathBuf>,
        salt: &Salt,
    ) -> Self {
        Self::ClusterFile {
            file,
            was: (!change.creates).then(|| salt.digest(change.old_text.as_bytes())),
            backup,
            now: salt.digest(change.new_text.as_bytes()),
        }
    }

    /// The thing, as a plan calls it.
    pub fn subject(&self) -> String {
        match self {
            Self::File { path, .. } => format!("file {path}"),
            Self::Attributes { path, .. } => format!("mode and owner of {path}"),
            Self::Kernel { key, .. } => format!("kernel {key}"),
            Self::Restart { component } => format!("restart of {component}"),
            Self::ClusterFile { file, .. } => file.display().to_string(),
            Self::Snapshot { name } => format!("etcd snapshot {name}"),
            Self::RkeUp { .. } => "rke up".to_owned(),
            Self::Sweep { path } => format!("left-over file {path}"),
            Self::NodeDriver { name, server, .. } => format!("node driver {name} of {server}"),
        }
    }
}

impl FileState {
    /// The regular file at `path`, when its content was read.
    pub fn seen(facts: &Facts, path: &str, salt: &Salt) -> Option<Self> {
        match facts.file(path) {
            Observed::Present(file) => Self::of(file, salt),
            Observed::Absent | Observed::Unread { .. } => None,
        }
    }

    /// `None` for what has no content that was read.
    pub fn of(file: &facts::File, salt: &Salt) -> Option<Self> {
        Some(Self {
            digest: salt.digest(file.content.as_ref()?.bytes()),
            owner: Owner::from(file),
        })
    }
}

impl From<&Attributes> for Owner {
    fn from(attributes: &Attributes) -> Self {
        Self {
            mode: attributes.mode,
            uid: attributes.uid,
            gid: attributes.gid,
        }
    }
}

impl From<&facts::File> for Owner {
    fn from(file: &facts::File) -> Self {
        Self {
            mode: file.mode,
            uid: file.uid,
            gid: file.gid,
        }
    }
}
