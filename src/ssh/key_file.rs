//! Private keys as text: in a file, or in the inventory itself.

use std::fs::File;
use std::io;
use std::io::Read;
use std::path::Path;

use russh::keys::PrivateKey;
use russh::keys::decode_secret_key;

use crate::secret::Secret;
use crate::ssh::key_error::KeyError;
use crate::ssh::key_error::KeyName;

/// Reads at most as much as any key file has.
pub(super) fn read(path: &Path) -> Result<Secret, KeyError> {
    const LIMIT: u64 = 1 << 20;
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LIMIT).read_to_end(&mut bytes));
    match read {
        Ok(_) => Ok(Secret::new(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(KeyError::Missing {
            file: path.to_owned(),
        }),
        Err(error) => Err(KeyError::Unreadable {
            file: path.to_owned(),
            reason: error.to_string(),
        }),
    }
}

/// The key in `text`, opened with `passphrase` where one is needed.
///
/// # Errors
///
/// Among others [`KeyError::Encrypted`] without a passphrase, and
/// [`KeyError::Passphrase`] with a wrong one.
pub(super) fn parse(
    text: &Secret,
    key: KeyName,
    passphrase: Option<&Secret>,
) -> Result<PrivateKey, KeyError> {
    let Ok(text) = std::str::from_utf8(text.expose()) else {
        let reason = "it is not text".to_owned();
        return Err(KeyError::Junk { key, reason });
    };
    if is_public(text) {
        return Err(KeyError::Public { key });
    }
    let passphrase = passphrase.and_then(|secret| std::str::from_utf8(secret.expose()).ok());
    if passphrase.is_none() && is_encrypted(text) {
        return Err(KeyError::Encrypted { key });
    }
    if is_encrypted(text) && text.contains("-----BEGIN EC PRIVATE KEY-----") {
        // The library cannot open this form (rust-stack.md 4.1).
        return Err(KeyError::OldForm { key });
    }
    match (decode_secret_key(text, passphrase), passphrase) {
        (Ok(parsed), _) => Ok(parsed),
        (Err(russh::keys::Error::KeyIsEncrypted), _) => Err(KeyError::Encrypted { key }),
        // A wrong passphrase looks like any damage, differently for every form of key.
        (Err(_), Some(_)) => Err(KeyError::Passphrase { key }),
        (Err(error), None) => Err(KeyError::Junk {
            key,
            reason: error.to_string(),
        }),
    }
}

fn is_public(text: &str) -> bool {
    let text = text.trim_start();
    let one_line = ["ssh-", "ecdsa-sha2-", "sk-"];
    let armour = text.lines().next().unwrap_or("");
    one_line.iter().any(|start| text.starts_with(start))
        || (armour.starts_with("----") && armour.contains("PUBLIC KEY"))
}

/// The PEM forms say so themselves; the library's error for PKCS#8 does not (rust-stack.md 4.1).
fn is_encrypted(text: &str) -> bool {
    text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----")
        || text
            .lines()
            .any(|line| line.starts_with("Proc-Type:") && line.contains("ENCRYPTED"))
}
