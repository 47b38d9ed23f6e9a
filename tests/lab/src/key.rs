//! The ed25519 keys of the fleet and of its nodes.

use std::fs;
use std::io::Read as _;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::Context as _;
use russh::keys::PrivateKey;
use russh::keys::ssh_key::LineEnding;
use russh::keys::ssh_key::private::Ed25519Keypair;

/// The key in `path`, made there (OpenSSH format, mode 0600) when the file does not exist.
pub(crate) fn kept_in(path: &Path, comment: &str) -> Result<PrivateKey, anyhow::Error> {
    if path.exists() {
        return PrivateKey::read_openssh_file(path).with_context(|| path.display().to_string());
    }
    let key = fresh(comment)?;
    let mut file = fs::File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(key.to_openssh(LineEnding::LF)?.as_bytes())?;
    Ok(key)
}

/// A new key from the operating system's generator.
pub(crate) fn fresh(comment: &str) -> Result<PrivateKey, anyhow::Error> {
    let mut seed = [0; 32];
    fs::File::open("/dev/urandom")?.read_exact(&mut seed)?;
    let mut key = PrivateKey::from(Ed25519Keypair::from_seed(&seed));
    key.set_comment(comment);
    Ok(key)
}
