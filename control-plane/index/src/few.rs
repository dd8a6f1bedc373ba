//! Sets that mostly hold one thing or two.

use std::ops::Deref;
use std::slice;

/// A sorted list, each thing once, that takes no more room than what it holds, and none beside itself for a single thing: a tree
/// makes room for eleven at once. What is put in or taken out shifts what comes after it, so thousands are well, millions are not.
#[derive(Debug, Clone)]
pub(crate) enum Few<T> {
    One(T),
    Several(Vec<T>),
}

/// Whichever way they hold it.
impl<T: PartialEq> PartialEq for Few<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Eq> Eq for Few<T> {}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self::Several(vec![])
    }
}

impl<T> Few<T> {
    /// Puts something in at a place.
    pub(crate) fn insert_at(&mut self, place: usize, value: T) {
        *self = match std::mem::take(self) {
            Self::Several(several) if several.is_empty() => Self::One(value),
            Self::Several(mut several) => {
                if several.len() == several.capacity() {
                    several.reserve_exact(1.max(several.len() / 4));
                }
                several.insert(place, value);
                Self::Several(several)
            }
            Self::One(one) => Self::Several(match place {
                0 => vec![value, one],
                _ => vec![one, value],
            }),
        };
    }

    /// Takes away what is at a place.
    pub(crate) fn remove_at(&mut self, place: usize) {
        match self {
            Self::Several(several) if several.len() > 1 => drop(several.remove(place)),
            _ => *self = Self::default(),
        }
    }
}

impl<T: Ord> Few<T> {
    /// Whether it was not there before.
    pub(crate) fn insert(&mut self, value: T) -> bool {
        let place = self.binary_search(&value);
        if let Err(place) = place {
            self.insert_at(place, value);
        }
        place.is_err()
    }

    /// Whether it was there.
    pub(crate) fn remove(&mut self, value: &T) -> bool {
        let place = self.binary_search(value);
        if let Ok(place) = place {
            self.remove_at(place);
        }
        place.is_ok()
    }
}

/// Sorted.
impl<T> Deref for Few<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match self {
            Self::One(one) => slice::from_ref(one),
            Self::Several(several) => several,
        }
    }
}

impl<'f, T> IntoIterator for &'f Few<T> {
    type Item = &'f T;
    type IntoIter = slice::Iter<'f, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_sorted_and_holds_each_thing_once() {
        let mut few = Few::default();
        for value in [3, 1, 2, 3, 1] {
            few.insert(value);
        }
        assert!(few.iter().eq(&[1, 2, 3]));
        assert!(few.remove(&2) && !few.remove(&2));
        assert!(few.iter().eq(&[1, 3]));
        assert!(few.remove(&1) && few.remove(&3) && few.is_empty());
        assert!(few.insert(5) && !few.insert(5));
        assert!(few.iter().eq(&[5]));
        assert!(few.remove(&5) && few.is_empty());
    }

    #[test]
    fn what_holds_the_same_is_equal() {
        let one = Few::One(1);
        let mut left = Few::Several(vec![1, 2]);
        assert_ne!(left, one);
        left.remove(&2);
        assert_eq!(left, one);
        assert_ne!(left, Few::default());
    }

    #[test]
    fn one_thing_takes_no_room_beside_it() {
        assert_eq!(size_of::<Few<u32>>(), size_of::<Vec<u32>>());
        assert_eq!(size_of::<Few<(usize, usize)>>(), size_of::<Vec<u32>>());
    }
}
