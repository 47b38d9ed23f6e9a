//! What many nodes have in common, kept once.
//!
//! The nodes of a fleet are almost alike: they run the same components, keep the same files, and
//! the same is found of them. A [`Pool`] gives equal values one place in memory, and whoever holds
//! one of them holds a [`Shared`].

use std::borrow::Borrow;
use std::collections::HashMap;
use std::collections::HashSet;
use std::fmt;
use std::hash::Hash;
use std::ops::Deref;
use std::ops::DerefMut;
use std::sync::Arc;

use foldhash::fast::RandomState;
use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::Serializer;

/// A value that others may hold, too; whoever changes it gets one of his own first.
#[derive(Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Shared<T: ?Sized>(Arc<T>);

/// A text that others may hold, too.
pub type Text = Shared<str>;

impl<T: ?Sized> Shared<T> {
    /// The same for all that hold this one value, and different while another one lives.
    pub fn address(&self) -> usize {
        Arc::as_ptr(&self.0).cast::<()>() as usize
    }
}

/// Equal values, each kept once for as long as somebody else holds it.
#[derive(Debug)]
pub struct Pool<T: ?Sized> {
    /// Looked up by the whole of a value, of which there may be a megabyte; the seed is random.
    known: HashSet<Shared<T>, RandomState>,
    /// How many there may be before those are let go that nobody else holds.
    room: usize,
}

impl<T: ?Sized + Eq + Hash> Pool<T> {
    /// The value that equals this one, which is this one when there is none yet.
    pub fn share(&mut self, value: impl Borrow<T> + Into<Shared<T>>) -> Shared<T> {
        if let Some(known) = self.known.get(value.borrow()) {
            return known.clone();
        }
        if self.known.len() >= self.room {
            self.known.retain(|one| Arc::strong_count(&one.0) > 1);
            self.room = 2 * self.known.len().max(LEAST);
        }
        let value = value.into();
        self.known.insert(value.clone());
        value
    }
}

/// What shared values are turned into, so that what was one stays one.
#[derive(Debug)]
pub struct Turned<A, B>(HashMap<usize, (Shared<A>, Shared<B>)>);

impl<A, B> Turned<A, B> {
    /// What `value` was turned into before, else what `turn` makes of it.
    pub fn of(&mut self, value: &Shared<A>, turn: impl FnOnce(&A) -> B) -> Shared<B> {
        // The value is kept with it: no other one can come to stand at its address.
        let entry = self.0.entry(value.address());
        let (_, turned) = entry.or_insert_with(|| (value.clone(), turn(value).into()));
        turned.clone()
    }
}

impl<A, B> Default for Turned<A, B> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

/// A pool with fewer values is not worth tidying.
const LEAST: usize = 64;

impl<T: ?Sized> Default for Pool<T> {
    fn default() -> Self {
        Self {
            known: HashSet::default(),
            room: LEAST,
        }
    }
}

impl<T: ?Sized> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: ?Sized> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Clone> DerefMut for Shared<T> {
    fn deref_mut(&mut self) -> &mut T {
        Arc::make_mut(&mut self.0)
    }
}

impl<T: ?Sized> Borrow<T> for Shared<T> {
    fn borrow(&self) -> &T {
        &self.0
    }
}

impl<T: Default> Default for Shared<T> {
    fn default() -> Self {
        Self::from(T::default())
    }
}

impl<T> From<T> for Shared<T> {
    fn from(value: T) -> Self {
        Self(Arc::new(value))
    }
}

impl<T: Serialize> Serialize for Shared<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        T::serialize(self, serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Shared<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self::from)
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T: ?Sized + fmt::Display> fmt::Display for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_are_one_and_others_are_not() {
        let mut pool = Pool::<str>::default();

        let [one, same, other] = ["a", "a", "b"].map(|text| pool.share(text));

        assert_eq!(one.address(), same.address());
        assert_ne!(one.address(), other.address());
    }

    #[test]
    fn a_change_is_seen_by_nobody_else() {
        let mut own = Shared::from(vec![1]);
        let other = own.clone();

        own.push(2);

        assert_eq!((own.as_slice(), other.as_slice()), (&[1, 2][..], &[1][..]));
    }

    #[test]
    fn a_pool_does_not_keep_what_nobody_holds() {
        let mut pool = Pool::<String>::default();
        let held = pool.share("held".to_owned());

        for number in 0..100 * LEAST {
            pool.share(number.to_string());
        }

        assert!(pool.known.len() <= 2 * LEAST, "{}", pool.known.len());
        assert_eq!(pool.share("held".to_owned()).address(), held.address());
    }
}
