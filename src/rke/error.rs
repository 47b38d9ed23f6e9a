//! Why something with `cluster.yml` or `rke` could not be done at all.

use std::io;
use std::path::PathBuf;

/// A failure of this machine, as opposed to a run of `rke` that failed.
#[derive(Debug, thiserror::Error)]
pub enum RkeError {
    /// No program of that name.
    #[error("`rke` was not found at {}", .0.display())]
    NotThere(PathBuf),
    /// No `rke` in any directory of `PATH`.
    #[error("`rke` is not on this machine's PATH")]
    NotInPath,
    #[error("{} may not be executed", .0.display())]
    NotExecutable(PathBuf),
    /// `rke --version` did not answer in time or not as RKE does.
    #[error("{} does not answer `--version` as RKE does: {said}", .path.display())]
    NotRke { path: PathBuf, said: String },
    /// Someone else wrote the file after it was read.
    #[error("{} was changed by someone else in the meantime", .0.display())]
    Changed(PathBuf),
    /// A file that must be new exists.
    #[error("{} exists already", .0.display())]
    Exists(PathBuf),
    /// The path names no file, such as `..`.
    #[error("{} does not name a file", .0.display())]
    NotAFile(PathBuf),
    /// The snapshot before `rke up` was not made.
    #[error("no etcd snapshot was saved: {why}; log in {}", .log.display())]
    Snapshot { why: String, log: PathBuf },
    /// Another run holds the lock.
    #[error("{} is in use by another run of harden: {holder}", .config.display())]
    Locked { config: PathBuf, holder: String },
    #[error("cannot {doing} {}: {source}", .path.display())]
    Io {
        doing: &'static str,
        path: PathBuf,
        source: io::Error,
    },
}

impl RkeError {
    /// The next thing to type or to do.
    pub fn hint(&self) -> String {
        match self {
            Self::NotThere(_) | Self::NotInPath => {
                "install RKE, or name it with `--rke PATH`, or leave it out with `--no-rke`"
                    .to_owned()
            }
            Self::NotExecutable(path) => format!("run `chmod +x {}`", path.display()),
            Self::NotRke { path, .. } => {
                format!(
                    "try `{} --version`; name another with `--rke PATH`",
                    path.display()
                )
            }
            Self::Changed(_) => "run again; the new content will be read".to_owned(),
            Self::Exists(path) => format!("move {} away and run again", path.display()),
            Self::NotAFile(_) => "name the file with `--config FILE`".to_owned(),
            Self::Locked { .. } => {
                "wait until that run, and the `rke` that it started, have ended".to_owned()
            }
            Self::Snapshot { .. } => {
                "mend what the log says, or go on without a snapshot with `--no-snapshot`"
                    .to_owned()
            }
            Self::Io { source, path, .. } => io_hint(source, path),
        }
    }

    pub(super) fn io(
        doing: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io {
            doing,
            path,
            source,
        }
    }
}

fn io_hint(error: &io::Error, path: &std::path::Path) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => format!(
            "run as the owner of the directory of {}, the user who runs `rke`",
            path.display()
        ),
        io::ErrorKind::StorageFull => "free some space and run again".to_owned(),
        io::ErrorKind::ReadOnlyFilesystem => "mount the file system for writing".to_owned(),
        _ => format!("see `ls -ld {}`", path.display()),
    }
}
