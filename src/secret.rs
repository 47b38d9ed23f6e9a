//! Bytes that must not be seen.

use std::fmt;

use zeroize::Zeroizing;

/// Bytes that print as `[redacted]` and are wiped when dropped.
///
/// There is no `Display` and no serialisation on purpose: a secret reaches a
/// node over stdin and a file with mode 0600, and nothing else (T-12).
#[derive(Clone, Eq, PartialEq)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes themselves. Every call is a place to review.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text.into_bytes())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}
