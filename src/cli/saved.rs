//! Files that hold a result: whole or not there, never half.

use std::fs;
use std::fs::File;
use std::fs::Permissions;
use std::io;
use std::io::BufWriter;
use std::io::Write;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::path::PathBuf;

use tempfile::NamedTempFile;

/// As any file that a program makes; the umask takes its part away.
const MODE: u32 = 0o666;

/// Whether `file` could be written now; leaves nothing behind.
///
/// # Errors
///
/// Why it could not.
pub(super) fn probe(file: &Path) -> io::Result<()> {
    match Place::of(file)? {
        Place::Stream(path) => File::options().write(true).open(path).map(drop),
        Place::File { path, mode } => beside(&path, mode).map(drop),
    }
}

/// Fills a file beside `path` and renames it; what is no file, such as a pipe, is written to.
///
/// # Errors
///
/// Those of the file system and of `fill`; what was there is there still.
pub(super) fn write(
    path: &Path,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    match Place::of(path)? {
        Place::Stream(path) => {
            let mut out = BufWriter::new(File::options().write(true).open(path)?);
            fill(&mut out)?;
            out.flush()
        }
        Place::File { path, mode } => {
            let mut out = BufWriter::new(beside(&path, mode)?);
            fill(&mut out)?;
            let written = out.into_inner().map_err(io::IntoInnerError::into_error)?;
            written.as_file().sync_all()?;
            written.persist(path)?;
            Ok(())
        }
    }
}

/// What a name stands for.
enum Place {
    /// A pipe or a device.
    Stream(PathBuf),
    /// A file, behind all links, and the mode that it has or shall have.
    File { path: PathBuf, mode: u32 },
}

impl Place {
    fn of(file: &Path) -> io::Result<Self> {
        match fs::metadata(file) {
            Ok(there) if there.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
            Ok(there) if there.is_file() => Ok(Self::File {
                path: file.canonicalize()?,
                mode: there.permissions().mode(),
            }),
            Ok(_) => Ok(Self::Stream(file.to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::File {
                path: file.to_owned(),
                mode: MODE,
            }),
            Err(error) => Err(error),
        }
    }
}

fn beside(path: &Path, mode: u32) -> io::Result<NamedTempFile> {
    let directory = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    // Whoever looks for the file must not be told of the temporary one.
    fs::metadata(directory)?;
    tempfile::Builder::new()
        .prefix(".harden-")
        .permissions(Permissions::from_mode(mode & 0o777))
        .tempfile_in(directory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_keeps_its_mode_and_leaves_nothing_beside() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("report.json");
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();

        probe(&file).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "old");
        write(&file, |out| out.write_all(b"new")).unwrap();

        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
        assert_eq!(
            fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o640
        );
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_write_that_fails_half_way_leaves_what_was_there() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("report.json");
        fs::write(&file, "old").unwrap();

        let failed = write(&file, |out| {
            out.write_all(b"half")?;
            Err(io::ErrorKind::StorageFull.into())
        });

        assert_eq!(failed.unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(fs::read_to_string(&file).unwrap(), "old");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_link_stays_a_link() {
        let directory = tempfile::tempdir().unwrap();
        let (file, link) = (
            directory.path().join("july.json"),
            directory.path().join("latest.json"),
        );
        fs::write(&file, "old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();

        write(&link, |out| out.write_all(b"new")).unwrap();

        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
    }

    #[test]
    fn no_directory_and_no_place_are_errors_before_anything_is_written() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(
            probe(directory.path()).unwrap_err().kind(),
            io::ErrorKind::IsADirectory
        );
        let nowhere = directory.path().join("missing/report.json");
        assert_eq!(probe(&nowhere).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
