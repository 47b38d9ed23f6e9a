//! Replacing a file so that nobody ever sees half of it.

use std::fs;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::fs::chown;
use std::path::Path;
use std::path::PathBuf;

use tempfile::NamedTempFile;

use crate::rke::RkeError;

/// Replaces the content of `path`, following a link to its target, and keeps mode and owner.
///
/// `expected` is the text that was read; with `None` the file must not exist
/// and becomes readable for its owner only. The old text is first written to
/// `backup` with mode 0600. Returns the path of the file itself.
///
/// # Errors
///
/// When the file is not as expected, and when anything cannot be read or
/// written; the file is then as it was.
pub fn write_atomically(
    path: &Path,
    expected: Option<&str>,
    text: &str,
    backup: Option<&Path>,
) -> Result<PathBuf, RkeError> {
    let Some(expected) = expected else {
        return create(path, text);
    };
    let target = fs::canonicalize(path).map_err(RkeError::io("find", path))?;
    let now = fs::read(&target).map_err(RkeError::io("read", &target))?;
    if now != expected.as_bytes() {
        return Err(RkeError::Changed(path.to_owned()));
    }
    if let Some(backup) = backup {
        back_up(&target, backup)?;
    }
    let metadata = fs::metadata(&target).map_err(RkeError::io("read", &target))?;
    let file = written_beside(&target, text)?;
    let own = file
        .as_file()
        .metadata()
        .map_err(RkeError::io("read", &target))?;
    if (own.uid(), own.gid()) != (metadata.uid(), metadata.gid()) {
        chown(file.path(), Some(metadata.uid()), Some(metadata.gid()))
            .map_err(RkeError::io("keep the owner of", &target))?;
    }
    file.as_file()
        .set_permissions(metadata.permissions())
        .map_err(RkeError::io("keep the mode of", &target))?;
    file.persist(&target)
        .map_err(|error| RkeError::io("replace", &target)(error.error))?;
    sync_folder(&target)?;
    Ok(target)
}

/// Copies `file` to `to`, which must not exist, with mode 0600.
///
/// # Errors
///
/// When `to` exists, or something cannot be read or written.
pub fn back_up(file: &Path, to: &Path) -> Result<(), RkeError> {
    let content = fs::read(file).map_err(RkeError::io("read", file))?;
    let mut copy = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(to)
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => RkeError::Exists(to.to_owned()),
            _ => RkeError::io("create", to)(error),
        })?;
    copy.write_all(&content)
        .and_then(|()| copy.sync_all())
        .map_err(RkeError::io("write", to))
}

fn create(path: &Path, text: &str) -> Result<PathBuf, RkeError> {
    let file = written_beside(path, text)?;
    file.persist_noclobber(path)
        .map_err(|error| match error.error.kind() {
            std::io::ErrorKind::AlreadyExists => RkeError::Exists(path.to_owned()),
            _ => RkeError::io("create", path)(error.error),
        })?;
    sync_folder(path)?;
    Ok(path.to_owned())
}

/// A complete file in the folder of `target`, for its owner only, gone again unless it is kept.
fn written_beside(target: &Path, text: &str) -> Result<NamedTempFile, RkeError> {
    let folder = folder(target);
    let mut file = tempfile::Builder::new()
        .prefix(&temporary(target))
        .tempfile_in(folder)
        .map_err(RkeError::io("write in", folder))?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.as_file().sync_all())
        .map_err(RkeError::io("write in", folder))?;
    Ok(file)
}

/// How the names of files begin that are being written beside `target`.
pub(super) fn temporary(target: &Path) -> String {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    format!(".{name}.harden-")
}

fn sync_folder(file: &Path) -> Result<(), RkeError> {
    let folder = folder(file);
    fs::File::open(folder)
        .and_then(|handle| handle.sync_all())
        .map_err(RkeError::io("write in", folder))
}

/// The folder that holds `file`.
pub(super) fn folder(file: &Path) -> &Path {
    match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::fs::symlink;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn the_content_is_replaced_mode_kept_and_the_old_one_saved_for_the_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let (path, backup) = (folder.path().join("cluster.yml"), folder.path().join("old"));
        fs::write(&path, "a").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();

        write_atomically(&path, Some("a"), "b", Some(&backup)).unwrap();

        assert_eq!(fs::read_to_string(&path).unwrap(), "b");
        assert_eq!(fs::read_to_string(&backup).unwrap(), "a");
        assert_eq!((mode(&path), mode(&backup)), (0o640, 0o600));
        assert_eq!(names(folder.path()), ["cluster.yml", "old"]);
    }

    #[test]
    fn a_file_that_someone_else_changed_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cluster.yml");
        fs::write(&path, "theirs").unwrap();

        let error = write_atomically(&path, Some("a"), "b", None).unwrap_err();

        assert!(matches!(error, RkeError::Changed(_)));
        assert_eq!(fs::read_to_string(&path).unwrap(), "theirs");
        assert_eq!(names(folder.path()), ["cluster.yml"]);
    }

    #[test]
    fn an_older_backup_is_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let (path, backup) = (folder.path().join("cluster.yml"), folder.path().join("old"));
        fs::write(&path, "a").unwrap();
        fs::write(&backup, "precious").unwrap();

        let error = write_atomically(&path, Some("a"), "b", Some(&backup)).unwrap_err();

        assert!(matches!(error, RkeError::Exists(_)));
        assert_eq!(fs::read_to_string(&path).unwrap(), "a");
        assert_eq!(fs::read_to_string(&backup).unwrap(), "precious");
    }

    #[test]
    fn a_link_stays_and_its_target_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let (link, real) = (
            folder.path().join("cluster.yml"),
            folder.path().join("real.yml"),
        );
        fs::write(&real, "a").unwrap();
        symlink("real.yml", &link).unwrap();

        let written = write_atomically(&link, Some("a"), "b", None).unwrap();

        assert_eq!(written.file_name(), real.file_name());
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&real).unwrap(), "b");
    }

    #[test]
    fn a_new_file_is_for_its_owner_only_and_must_not_exist() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cluster.yml");

        write_atomically(&path, None, "a", None).unwrap();
        let error = write_atomically(&path, None, "b", None).unwrap_err();

        assert_eq!(mode(&path), 0o600);
        assert!(matches!(error, RkeError::Exists(_)));
        assert_eq!(fs::read_to_string(&path).unwrap(), "a");
        assert_eq!(names(folder.path()), ["cluster.yml"]);
    }

    #[test]
    fn a_missing_folder_is_named_with_a_hint() {
        let error =
            write_atomically(Path::new("/nowhere/at/all/c.yml"), None, "a", None).unwrap_err();

        assert!(error.to_string().contains("/nowhere/at/all"), "{error}");
        assert!(!error.hint().is_empty());
    }
}
