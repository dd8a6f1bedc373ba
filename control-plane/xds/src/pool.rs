//! Lists that many streams hold alike, kept once.
//!
//! Thousands of streams of one scope hold the same resources and have asked for the same names. Each list is the stream's own
//! while it changes, and is given up for an equal one of another stream once nothing is under way.

use std::sync::{Arc, Weak};

use parking_lot::Mutex;

/// The lists of one kind that streams of a scope offered last.
#[derive(Debug)]
pub(crate) struct Pool<T> {
    recent: Mutex<Vec<Weak<Vec<T>>>>,
}

/// How many lists are compared: streams that are up to date differ only in what they asked for.
const RECENT: usize = 4;

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Self {
            recent: Mutex::default(),
        }
    }
}

impl<T> Pool<T> {
    /// An equal list that another stream holds, or else `own`, which is what later streams will find. Equal is what has
    /// the same length and, one by one, the `same` elements.
    pub(crate) fn share(&self, own: &Arc<Vec<T>>, same: impl Fn(&T, &T) -> bool) -> Arc<Vec<T>> {
        let is_equal = |list: &Arc<Vec<T>>| {
            list.len() == own.len() && list.iter().zip(own.iter()).all(|(a, b)| same(a, b))
        };
        let mut recent = self.recent.lock();
        recent.retain(|list| list.strong_count() > 0);
        let found = recent
            .iter()
            .enumerate()
            .find_map(|(at, list)| Some((at, list.upgrade().filter(is_equal)?)));
        if let Some((at, list)) = found {
            recent[..=at].rotate_right(1);
            return list;
        }
        recent.truncate(RECENT - 1);
        recent.insert(0, Arc::downgrade(own));
        own.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(of: &[u8]) -> Arc<Vec<u8>> {
        Arc::new(of.to_vec())
    }

    #[test]
    fn equal_lists_become_one() {
        let pool = Pool::default();
        let first = pool.share(&list(&[1, 2]), u8::eq);
        let other = pool.share(&list(&[1, 3]), u8::eq);
        assert_eq!((&*first, &*other), (&vec![1, 2], &vec![1, 3]));
        assert!(Arc::ptr_eq(&first, &pool.share(&list(&[1, 2]), u8::eq)));
        assert!(Arc::ptr_eq(&other, &pool.share(&list(&[1, 3]), u8::eq)));
        assert!(!Arc::ptr_eq(&first, &pool.share(&list(&[1, 2, 3]), u8::eq)));
    }

    #[test]
    fn what_nobody_holds_is_not_kept() {
        let pool = Pool::default();
        let first = Arc::downgrade(&pool.share(&list(&[1]), u8::eq));
        assert!(first.upgrade().is_none());
        let held: Vec<_> = (0..10).map(|n| pool.share(&list(&[n]), u8::eq)).collect();
        assert_eq!(pool.recent.lock().len(), RECENT);
        assert!(Arc::ptr_eq(&held[9], &pool.share(&list(&[9]), u8::eq)));
    }
}
