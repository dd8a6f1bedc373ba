//! What the flaky application remembers, so that it fails no request twice.

use std::collections::{HashSet, VecDeque};

/// How many request ids the flaky application remembers.
const REMEMBERED: usize = 10_000;

/// Which requests were seen lately: a retry carries the request id of the first try.
#[derive(Debug, Default)]
pub(super) struct Memory {
    new: u64,
    seen: HashSet<Vec<u8>>,
    order: VecDeque<Vec<u8>>,
}

impl Memory {
    /// Whether this try fails: the first of every third request; and, where there is no id to tell tries
    /// apart, every third try.
    pub(super) fn fails(&mut self, id: Option<Vec<u8>>) -> bool {
        if let Some(id) = id {
            if !self.seen.insert(id.clone()) {
                return false;
            }
            self.order.push_back(id);
            if self.order.len() > REMEMBERED
                && let Some(oldest) = self.order.pop_front()
            {
                self.seen.remove(&oldest);
            }
        }
        self.new += 1;
        self.new.is_multiple_of(3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_third_of_the_requests_fail_and_none_fails_twice() {
        let mut memory = Memory::default();
        let mut failed = 0;
        for id in 0..30_000_u32 {
            let id = id.to_be_bytes().to_vec();
            if memory.fails(Some(id.clone())) {
                failed += 1;
                assert!(!memory.fails(Some(id)));
            }
        }
        assert_eq!(failed, 10_000);
        assert_eq!(memory.seen.len(), REMEMBERED);
    }
}
