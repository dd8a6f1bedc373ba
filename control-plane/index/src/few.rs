//! Sets that mostly hold one thing or two.

/// A sorted list, each thing once, that takes no more room than what it holds: a tree makes room for eleven at once. What is
/// put in or taken out shifts what comes after it, so thousands are well, millions are not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Few<T>(Vec<T>);

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self(vec![])
    }
}

impl<T: Ord> Few<T> {
    /// Whether it was not there before.
    pub(crate) fn insert(&mut self, value: T) -> bool {
        let Err(place) = self.0.binary_search(&value) else {
            return false;
        };
        if self.0.len() == self.0.capacity() {
            self.0.reserve_exact(1.max(self.0.len() / 4));
        }
        self.0.insert(place, value);
        true
    }

    /// Whether it was there.
    pub(crate) fn remove(&mut self, value: &T) -> bool {
        let found = self.0.binary_search(value);
        if let Ok(place) = found {
            self.0.remove(place);
        }
        found.is_ok()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sorted.
    pub(crate) fn iter(&self) -> std::slice::Iter<'_, T> {
        self.0.iter()
    }
}

impl<'f, T: Ord> IntoIterator for &'f Few<T> {
    type Item = &'f T;
    type IntoIter = std::slice::Iter<'f, T>;

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
    }
}
