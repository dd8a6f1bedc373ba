//! The place of a fact or node in the graph.

use std::hash::{BuildHasher, RandomState};
use std::mem;
use std::ops::{Index, IndexMut};

use hashbrown::HashTable;
use tulle_model::Finding;

use crate::few::Few;
use crate::key::{Fact, Node};
use crate::value::Value;

/// Four bytes, for a view reads thousands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SlotId(u32);

/// What a slot stands for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Key {
    Fact(Fact),
    Node(Node),
}

/// What is known of a fact or node.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) key: Key,
    /// Wanted for its own sake.
    pub(crate) root: bool,
    /// The nodes that read it.
    pub(crate) dependents: Few<SlotId>,
    /// What it read, sorted.
    pub(crate) deps: Box<[SlotId]>,
    /// A node's outcome, once it was computed.
    pub(crate) memo: Option<Box<Memo>>,
}

/// The outcome of a node.
#[derive(Debug)]
pub(crate) struct Memo {
    pub(crate) value: Value,
    /// Sorted, each once.
    pub(crate) findings: Box<[Finding]>,
}

impl Slot {
    pub(crate) fn new(key: Key) -> Self {
        Self {
            key,
            root: false,
            dependents: Few::default(),
            deps: Box::default(),
            memo: None,
        }
    }

    /// A slot that stands for nothing until it is used again.
    pub(crate) fn vacant() -> Self {
        Self::new(Key::Fact(Fact::MeshSelectors))
    }
}

/// Every slot, and where each key's is.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    slots: Vec<Slot>,
    free: Vec<SlotId>,
    /// The keys are in the slots.
    ids: HashTable<SlotId>,
    hasher: RandomState,
}

impl Slots {
    pub(crate) fn find(&self, key: &Key) -> Option<SlotId> {
        let hash = self.hasher.hash_one(key);
        self.ids.find(hash, |id| self[*id].key == *key).copied()
    }

    /// A new slot for a key that has none.
    pub(crate) fn add(&mut self, key: Key) -> SlotId {
        let hash = self.hasher.hash_one(&key);
        let slot = Slot::new(key);
        let id = match self.free.pop() {
            Some(id) => {
                self[id] = slot;
                id
            }
            None => {
                let next = u32::try_from(self.slots.len());
                if self.slots.len() == self.slots.capacity() {
                    // Twice as many would be room for a mesh that nobody has.
                    self.slots.reserve_exact(64.max(self.slots.len() / 8));
                }
                self.slots.push(slot);
                SlotId(next.expect("there is no room for so many slots"))
            }
        };
        let Self { slots, hasher, .. } = self;
        self.ids
            .insert_unique(hash, id, |id| hasher.hash_one(&slots[id.place()].key));
        id
    }

    /// Takes a slot away; its id may come to stand for something else. `None` if it was taken away before.
    pub(crate) fn remove(&mut self, id: SlotId) -> Option<Slot> {
        let hash = self.hasher.hash_one(&self[id].key);
        let known = self.ids.find_entry(hash, |known| *known == id).ok()?;
        known.remove();
        self.free.push(id);
        Some(mem::replace(&mut self[id], Slot::vacant()))
    }

    /// What the slots in use stand for.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &Key> {
        self.ids.iter().map(|id| &self[*id].key)
    }
}

impl SlotId {
    fn place(self) -> usize {
        self.0 as usize
    }
}

impl Index<SlotId> for Slots {
    type Output = Slot;

    fn index(&self, id: SlotId) -> &Slot {
        &self.slots[id.place()]
    }
}

impl IndexMut<SlotId> for Slots {
    fn index_mut(&mut self, id: SlotId) -> &mut Slot {
        &mut self.slots[id.place()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_a_dozen_of_each_object_so_they_are_small() {
        assert!(size_of::<Key>() <= 40, "{}", size_of::<Key>());
        assert!(size_of::<Slot>() <= 96, "{}", size_of::<Slot>());
        assert!(size_of::<Memo>() <= 48, "{}", size_of::<Memo>());
    }
}
