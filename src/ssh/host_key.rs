//! A server's key, and what to make of one that nobody has seen.

use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use sha2::Digest;
use sha2::Sha256;

/// A public key of a server in wire format.
///
/// Two keys are equal when their bytes are; a comment is no part of a key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HostKey {
    algorithm: String,
    blob: Vec<u8>,
}

impl HostKey {
    /// The key in `blob`; `None` unless it begins with the name of its type.
    pub fn from_blob(blob: Vec<u8>) -> Option<Self> {
        let algorithm = type_name(&blob)?.to_owned();
        Some(Self { algorithm, blob })
    }

    /// The key in base64, as files have it.
    pub(super) fn from_base64(text: &[u8]) -> Option<Self> {
        Self::from_blob(STANDARD.decode(text).ok()?)
    }

    /// Its type, such as `ssh-ed25519`; `ssh-rsa` for all RSA keys.
    pub fn algorithm(&self) -> &str {
        &self.algorithm
    }

    /// `SHA256:` and the digest, as `ssh-keygen -l` shows it.
    pub fn fingerprint(&self) -> String {
        format!(
            "SHA256:{}",
            STANDARD_NO_PAD.encode(Sha256::digest(&self.blob))
        )
    }

    /// Type and key as a line of a file has them, without host and comment.
    pub fn openssh(&self) -> String {
        format!("{} {}", self.algorithm, STANDARD.encode(&self.blob))
    }
}

/// The first field, which must be followed by others.
fn type_name(blob: &[u8]) -> Option<&str> {
    let (length, rest) = blob.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let name = std::str::from_utf8(rest.get(..length)?).ok()?;
    let named = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
    (named && rest.len() > length).then_some(name)
}

/// What to do with a host of which nothing is on record.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum HostKeys {
    /// Refuse it (architecture section 7).
    #[default]
    Strict,
    /// Write its key into this file and go on; for labs and CI.
    AcceptNew(PathBuf),
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &[u8] = b"AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";

    #[test]
    fn a_key_knows_its_type_and_prints_as_files_have_it() {
        let key = HostKey::from_base64(KEY).unwrap();

        assert_eq!(key.algorithm(), "ssh-ed25519");
        assert_eq!(
            key.openssh().as_bytes(),
            [b"ssh-ed25519 ".as_slice(), KEY].concat()
        );
        assert!(key.fingerprint().starts_with("SHA256:"));
    }

    #[test]
    fn bytes_without_a_type_are_no_key() {
        assert_eq!(HostKey::from_blob(Vec::new()), None);
        assert_eq!(HostKey::from_blob(vec![0, 0, 0, 200, b'x']), None);
        assert_eq!(HostKey::from_blob(vec![0, 0, 0, 1, b' ', 1]), None);
    }
}
