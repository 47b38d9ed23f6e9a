//! One writer at a time.

use std::fs;
use std::fs::File;
use std::fs::OpenOptions;
use std::fs::TryLockError;
use std::io::Read;
use std::io::Seek;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::path::PathBuf;
use std::process::Stdio;

use sha2::Digest;
use sha2::Sha256;

use crate::rke::RkeError;
use crate::rke::write::folder;
use crate::rke::write::temporary;

/// How often a lock file that vanished under our hands is made anew.
const ATTEMPTS: usize = 10;

/// The right to write `cluster.yml` and to run `rke up`; given back when dropped.
///
/// It is a lock of the kernel on a file beside the configuration, so a run
/// that was killed holds nothing.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    /// Open as long as the lock is held.
    file: File,
}

impl Lock {
    /// Takes the lock of `config`, which need not exist.
    ///
    /// # Errors
    ///
    /// [`RkeError::Locked`] tells who has it; other errors when the lock file
    /// cannot be made.
    pub fn take(config: &Path) -> Result<Self, RkeError> {
        let path = lock_path(config)?;
        for _ in 0..ATTEMPTS {
            let mut file = open(&path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(held(config, &mut file)),
                Err(TryLockError::Error(error)) => return Err(RkeError::io("lock", &path)(error)),
            }
            // The holder before us may have removed the file between our opening and locking it.
            if is_still(&path, &file) {
                write_holder(&mut file).map_err(RkeError::io("write", &path))?;
                sweep(config);
                return Ok(Self { path, file });
            }
        }
        Err(RkeError::Locked {
            config: config.to_owned(),
            holder: "several runs at once".to_owned(),
        })
    }

    /// Names what is locked: the same for every run that needs this lock, and for no other.
    ///
    /// The boot tells one kernel from another, and the folder one container's files from another's.
    pub fn site(&self) -> String {
        let boot = fs::read("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let folder = fs::metadata(folder(&self.path));
        let folder = folder.map_or((0, 0), |folder| (folder.dev(), folder.ino()));
        let mut digest = Sha256::new();
        digest.update(boot);
        digest.update(format!("{folder:?}{:?}", self.path.file_name()));
        let digest: [u8; 32] = digest.finalize().into();
        let first = digest.first_chunk().copied().unwrap_or_default();
        format!("{:016x}", u64::from_be_bytes(first))
    }

    /// The lock as an empty standard input: whoever gets it holds the lock too, until it ends.
    ///
    /// # Errors
    ///
    /// When this process has no room for another open file.
    pub fn shared(&self) -> Result<Stdio, RkeError> {
        let file = self
            .file
            .try_clone()
            .map_err(RkeError::io("share", &self.path))?;
        Ok(Stdio::from(file))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Removed while it is still locked; who waits for it sees that and makes a new one.
        let _ = fs::remove_file(&self.path);
    }
}

/// The lock file belongs to the file itself, whatever link leads to it.
fn lock_path(config: &Path) -> Result<PathBuf, RkeError> {
    let real = match fs::canonicalize(config) {
        Ok(real) => real,
        Err(_) => fs::canonicalize(folder(config))
            .map_err(RkeError::io("find", folder(config)))?
            .join(config.file_name().unwrap_or_default()),
    };
    let Some(name) = real.file_name() else {
        return Err(RkeError::NotAFile(config.to_owned()));
    };
    let name = format!(".{}.harden.lock", name.to_string_lossy());
    Ok(real.with_file_name(name))
}

/// Removes what a run that was killed was writing beside `config`; who holds the lock is alone.
fn sweep(config: &Path) {
    let config = fs::canonicalize(config).unwrap_or_else(|_| config.to_owned());
    let prefix = temporary(&config);
    let entries = fs::read_dir(folder(&config))
        .into_iter()
        .flatten()
        .flatten();
    for entry in entries {
        if entry.file_name().to_string_lossy().starts_with(&prefix) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn open(path: &Path) -> Result<File, RkeError> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o644)
        .open(path)
        .map_err(RkeError::io("create", path))
}

fn is_still(path: &Path, file: &File) -> bool {
    match (fs::metadata(path), file.metadata()) {
        (Ok(there), Ok(ours)) => (there.dev(), there.ino()) == (ours.dev(), ours.ino()),
        _ => false,
    }
}

fn write_holder(file: &mut File) -> std::io::Result<()> {
    let user = match std::env::var("USER") {
        Ok(user) => user,
        Err(_) => format!("uid {}", file.metadata()?.uid()),
    };
    let now = jiff::Timestamp::now().as_second();
    let since = jiff::Timestamp::from_second(now).unwrap_or_default();
    file.set_len(0)?;
    file.rewind()?;
    write!(
        file,
        "process {} of {user} since {since}",
        std::process::id()
    )?;
    file.flush()
}

fn held(config: &Path, file: &mut File) -> RkeError {
    let mut holder = String::new();
    let read = file.read_to_string(&mut holder);
    if read.is_err() || holder.is_empty() {
        "a process that has just begun".clone_into(&mut holder);
    }
    RkeError::Locked {
        config: config.to_owned(),
        holder,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_is_the_same_for_every_run_that_needs_the_lock_and_for_no_other() {
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let site = |dir: &tempfile::TempDir, name: &str| {
            Lock::take(&dir.path().join(name)).unwrap().site()
        };

        assert_eq!(site(&here, "cluster.yml"), site(&here, "cluster.yml"));
        assert_ne!(site(&here, "cluster.yml"), site(&there, "cluster.yml"));
        assert_ne!(site(&here, "cluster.yml"), site(&here, "other.yml"));
    }

    #[test]
    fn a_second_run_is_told_who_holds_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("cluster.yml");

        let lock = Lock::take(&config).unwrap();
        let error = Lock::take(&config).unwrap_err();

        let pid = format!("process {} of ", std::process::id());
        assert!(error.to_string().contains(&pid), "{error}");
        assert!(error.to_string().contains(" since 2"), "{error}");
        drop(lock);
        drop(Lock::take(&config).unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_process_that_shares_the_lock_holds_it_after_its_owner_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("cluster.yml");
        let lock = Lock::take(&config).unwrap();
        let mut child = std::process::Command::new("sleep")
            .arg("1000")
            .stdin(lock.shared().unwrap())
            .spawn()
            .unwrap();

        // As when the owner is killed: the file stays, its own handle goes.
        let Lock { path, .. } = &lock;
        let copy = path.with_extension("kept");
        fs::hard_link(path, &copy).unwrap();
        let path = path.clone();
        drop(lock);
        fs::rename(&copy, &path).unwrap();

        assert!(matches!(Lock::take(&config), Err(RkeError::Locked { .. })));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(Lock::take(&config).is_ok());
    }

    #[test]
    fn what_a_killed_run_was_writing_is_removed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("cluster.yml");
        for name in [
            ".cluster.yml.harden-Ab12",
            ".other.yml.harden-Ab12",
            "cluster.yml",
        ] {
            fs::write(folder.path().join(name), "").unwrap();
        }

        drop(Lock::take(&config).unwrap());

        assert!(!folder.path().join(".cluster.yml.harden-Ab12").exists());
        assert!(folder.path().join(".other.yml.harden-Ab12").exists());
        assert!(config.exists());
    }

    #[test]
    fn a_link_to_the_same_file_is_the_same_lock() {
        let folder = tempfile::tempdir().unwrap();
        let (config, link) = (folder.path().join("a.yml"), folder.path().join("b.yml"));
        fs::write(&config, "").unwrap();
        std::os::unix::fs::symlink(&config, &link).unwrap();

        let _lock = Lock::take(&config).unwrap();

        assert!(matches!(Lock::take(&link), Err(RkeError::Locked { .. })));
    }

    #[test]
    fn a_left_over_lock_file_holds_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("cluster.yml");
        fs::write(
            folder.path().join(".cluster.yml.harden.lock"),
            "process 1 of x",
        )
        .unwrap();

        assert!(Lock::take(&config).is_ok());
        assert!(Lock::take(Path::new("/nowhere/c.yml")).is_err());
    }
}
