//! Digests that tell whether a content is still the same, and nothing else about it.

use std::fmt::Write as _;

use hmac::Hmac;
use hmac::Mac as _;
use serde::Deserialize;
use serde::Serialize;
use sha2::Sha256;

/// A random word of one run. With it, a digest cannot be compared with those of other runs or
/// looked up in a list of known contents, such as published keys (T-19).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Salt(String);

impl Salt {
    /// A new one from the operating system.
    ///
    /// # Errors
    ///
    /// When the system has no random bytes.
    pub fn fresh() -> Result<Self, getrandom::Error> {
        let mut bytes = [0_u8; 16];
        getrandom::fill(&mut bytes)?;
        Ok(Self(hex(&bytes)))
    }

    /// The digest of a content in this run, in hex.
    pub fn digest(&self, content: &[u8]) -> String {
        // HMAC takes a key of any length.
        Hmac::<Sha256>::new_from_slice(self.0.as_bytes()).map_or_else(
            |_| String::new(),
            |mut mac| {
                mac.update(content);
                hex(&mac.finalize().into_bytes())
            },
        )
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_of_its_run_alone() {
        let (one, other) = (Salt::fresh().unwrap(), Salt::fresh().unwrap());

        assert_eq!(one.digest(b"secret"), one.digest(b"secret"));
        assert_ne!(one.digest(b"secret"), one.digest(b"Secret"));
        assert_ne!(one.digest(b"secret"), other.digest(b"secret"));
        assert_eq!(one.digest(b"").len(), 64);
    }
}
