//! Values of which there is one, however many hold it.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::Str;
use crate::pool::Pool;

/// A value that all who have an equal one hold together: a pointer, which alone tells it from others. Its order, its hash and
/// how it is written are the value's.
pub struct Interned<T>(Arc<T>);

/// What can be interned.
pub trait Pooled: Eq + Hash + Sized + 'static {
    /// Where all of a kind are found.
    fn pool() -> &'static Pool<Self>;

    /// The one value that is equal to this.
    fn interned(&self) -> Interned<Self>;
}

impl<T: Pooled> Interned<T> {
    /// The value that `is` what is `asked` for, made if there is none. `asked` has the hash of the value.
    pub(crate) fn one(
        asked: &(impl Hash + ?Sized),
        is: impl Fn(&T) -> bool,
        make: impl FnOnce() -> T,
    ) -> Self {
        Self(T::pool().one(asked, is, || Arc::new(make())))
    }
}

/// The order of two strings; most often they are one.
pub(crate) fn order(a: &Str, b: &Str) -> Ordering {
    match Arc::ptr_eq(a, b) {
        true => Ordering::Equal,
        false => a.cmp(b),
    }
}

impl<T> Clone for Interned<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Deref for Interned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> PartialEq for Interned<T> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl<T> Eq for Interned<T> {}

impl<T: Ord> PartialOrd for Interned<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T: Ord> Ord for Interned<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        match self == other {
            true => Ordering::Equal,
            false => self.0.cmp(&other.0),
        }
    }
}

impl<T: Hash> Hash for Interned<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl<T: fmt::Debug> fmt::Debug for Interned<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl<T: fmt::Display> fmt::Display for Interned<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&**self, f)
    }
}

impl<T: Serialize> Serialize for Interned<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, T: Pooled + Deserialize<'de>> Deserialize<'de> for Interned<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(T::deserialize(deserializer)?.interned())
    }
}

#[cfg(test)]
mod tests {
    use crate::{Name, ObjectId};

    #[test]
    fn order_is_that_of_the_texts() {
        let of = |group, kind, namespace, name| ObjectId::new(group, kind, namespace, name);
        let sorted = [
            of("", "Pod", "shop", "b"),
            of("", "Service", "art", "a"),
            of("", "Service", "shop", "a"),
            of("", "Service", "shop", "b"),
            of("apps", "Deployment", "art", "a"),
        ];
        for (at, a) in sorted.iter().enumerate() {
            for (other, b) in sorted.iter().enumerate() {
                assert_eq!(a.cmp(b), at.cmp(&other));
                assert_eq!(a == b, at == other);
            }
        }
    }

    #[test]
    fn what_is_read_is_the_one_that_is_there() {
        let name = Name::new("appmesh", "shop", "cart");
        let read: Name = serde_json::from_value(serde_json::to_value(&name).unwrap()).unwrap();
        assert_eq!(read, name);
    }
}
