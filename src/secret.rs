//! Bytes that must not be seen.

use std::fmt;
use std::hash::Hash;
use std::hash::Hasher;

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

impl Hash for Secret {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.expose().hash(state);
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use zeroize::ZeroizeOnDrop;

    /// Does not compile when the type has the trait: then there are two things to choose from.
    macro_rules! never {
        ($type:ty: $trait:path) => {{
            trait Chosen<A> {
                fn it() {}
            }
            impl<T: ?Sized> Chosen<()> for T {}
            impl<T: ?Sized + $trait> Chosen<u8> for T {}
            <$type as Chosen<_>>::it();
        }};
    }

    #[test]
    fn a_secret_is_neither_shown_nor_serialised() {
        never!(Secret: fmt::Display);
        never!(Secret: fmt::LowerHex);
        never!(Secret: serde::Serialize);
        never!(Secret: std::ops::Deref);
        never!(Secret: AsRef<[u8]>);

        let secret = Secret::from("hunter2".to_owned());

        assert_eq!(format!("{secret:?}"), "[redacted]");
        assert_eq!(format!("{:#?}", Some(secret)), "Some(\n    [redacted],\n)");
    }

    #[test]
    fn a_secret_is_wiped_when_dropped() {
        fn is_wiped(_: &impl ZeroizeOnDrop) {}

        is_wiped(&Secret::new(vec![1]).0);
    }
}
