//! What a tree of files looks like, to tell whether anything in it changed.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::path::PathBuf;

use sha2::Digest as _;
use sha2::Sha256;

/// All of a file that a change could touch; times are left out.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    /// File type and permission bits as `st_mode` has them.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    /// SHA-256 of the content, of a link's target, or of nothing for a directory, in hex.
    pub content: String,
}

/// Every file, link and directory under `root`, by its path relative to `root`.
pub(crate) fn entries(root: &Path) -> io::Result<BTreeMap<PathBuf, Entry>> {
    let mut entries = BTreeMap::new();
    let mut open = vec![root.to_owned()];
    while let Some(directory) = open.pop() {
        for child in fs::read_dir(directory)? {
            let path = child?.path();
            let metadata = fs::symlink_metadata(&path)?;
            entries.insert(relative(root, &path), entry(&path, &metadata)?);
            if metadata.is_dir() {
                open.push(path);
            }
        }
    }
    Ok(entries)
}

/// One SHA-256 over `entries`, in hex.
pub(crate) fn of(entries: &BTreeMap<PathBuf, Entry>) -> String {
    let mut all = Sha256::new();
    for (path, entry) in entries {
        all.update(path.as_os_str().as_bytes());
        all.update(format!(
            "\0{:o} {}:{} {}\n",
            entry.mode, entry.uid, entry.gid, entry.content
        ));
    }
    hex(&all.finalize())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn relative(root: &Path, path: &Path) -> PathBuf {
    path.strip_prefix(root).unwrap_or(path).to_owned()
}

fn entry(path: &Path, metadata: &fs::Metadata) -> io::Result<Entry> {
    let content = if metadata.is_symlink() {
        fs::read_link(path)?.as_os_str().as_bytes().to_vec()
    } else if metadata.is_file() {
        fs::read(path)?
    } else {
        Vec::new()
    };
    Ok(Entry {
        mode: metadata.mode(),
        uid: metadata.uid(),
        gid: metadata.gid(),
        content: hex(&Sha256::digest(content)),
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn digest(root: &Path) -> String {
        of(&entries(root).unwrap())
    }

    #[test]
    fn content_mode_and_name_change_the_digest_and_times_do_not() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("a");
        fs::write(&file, "1").unwrap();
        let first = digest(root.path());

        fs::write(&file, "1").unwrap();
        assert_eq!(digest(root.path()), first);

        fs::write(&file, "2").unwrap();
        let second = digest(root.path());
        assert_ne!(second, first);

        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        let third = digest(root.path());
        assert_ne!(third, second);

        fs::rename(&file, root.path().join("b")).unwrap();
        assert_ne!(digest(root.path()), third);
    }
}
