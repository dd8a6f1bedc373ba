//! Values that are held once, however often they are made.

use std::hash::{BuildHasher, Hash};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use hashbrown::{DefaultHashBuilder, HashTable};

/// Below this it is not worth while to look for what nobody holds any more.
const FEW: usize = 1024;

/// Every value of one kind that was asked for and that somebody may hold.
pub struct Pool<T: ?Sized>(LazyLock<Mutex<Known<T>>>);

struct Known<T: ?Sized> {
    values: HashTable<Arc<T>>,
    hasher: DefaultHashBuilder,
    /// At so many values those are let go that nobody holds.
    full: usize,
}

impl<T: ?Sized + Hash> Pool<T> {
    /// An empty one.
    pub(crate) const fn new() -> Self {
        Self(LazyLock::new(|| {
            Mutex::new(Known {
                values: HashTable::new(),
                hasher: DefaultHashBuilder::default(),
                full: FEW,
            })
        }))
    }

    /// The value that `is` what is `asked` for, made if there is none. `asked` has the hash of the value.
    pub(crate) fn one(
        &self,
        asked: &(impl Hash + ?Sized),
        is: impl Fn(&T) -> bool,
        make: impl FnOnce() -> Arc<T>,
    ) -> Arc<T> {
        // Nothing panics half-way that would matter: a value is there or not.
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let hash = known.hasher.hash_one(asked);
        if let Some(value) = known.values.find(hash, |value| is(value)) {
            return value.clone();
        }
        let value = make();
        known.add(hash, value.clone());
        value
    }
}

impl<T: ?Sized + Hash> Known<T> {
    fn add(&mut self, hash: u64, value: Arc<T>) {
        let Self {
            values,
            hasher,
            full,
        } = self;
        if values.len() >= *full {
            // Who holds one clones his own; out of here none comes while this is looked at.
            values.retain(|value| Arc::strong_count(value) > 1);
            *full = FEW.max(2 * values.len());
        }
        values.insert_unique(hash, value, |value| hasher.hash_one(&**value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_holds_is_let_go() {
        static POOL: Pool<str> = Pool::new();
        let one = |text: &str| POOL.one(text, |known| known == text, || text.into());
        let held = one("held");
        for n in 0..10 * FEW {
            one(&n.to_string());
        }
        assert!(POOL.0.lock().unwrap().values.len() <= FEW);
        assert!(Arc::ptr_eq(&held, &one("held")));
    }
}
