//! The ed25519 keys of the fleet and of its nodes.

use std::fs;
use std::io;
use std::io::Read as _;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::Context as _;
use russh::keys::PrivateKey;
use russh::keys::ssh_key::LineEnding;
use russh::keys::ssh_key::private::Ed25519Keypair;

/// The key in `path`, or a new one that [`keep`] can put there.
pub(crate) fn found_or_fresh(path: &Path, comment: &str) -> Result<PrivateKey, anyhow::Error> {
    if path.exists() {
        return PrivateKey::read_openssh_file(path).with_context(|| path.display().to_string());
    }
    fresh(comment)
}

/// Writes `key` to `path` in OpenSSH's format with mode 0600, unless the file exists.
pub(crate) fn keep(key: &PrivateKey, path: &Path) -> Result<(), anyhow::Error> {
    let text = key.to_openssh(LineEnding::LF)?;
    match fs::File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
    {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        file => Ok(file?.write_all(text.as_bytes())?),
    }
}

/// A new key from the operating system's generator.
pub(crate) fn fresh(comment: &str) -> Result<PrivateKey, anyhow::Error> {
    let mut seed = [0; 32];
    fs::File::open("/dev/urandom")?.read_exact(&mut seed)?;
    let mut key = PrivateKey::from(Ed25519Keypair::from_seed(&seed));
    key.set_comment(comment);
    Ok(key)
}
