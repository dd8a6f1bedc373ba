//! What is to be done when: each object once, urgent ones first.

use std::collections::{BTreeMap, BTreeSet};

use tokio::time::Instant;
use tulle_model::ObjectId;

/// A queue of objects.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    places: BTreeMap<ObjectId, Place>,
    ready: BTreeSet<(bool, u64, ObjectId)>,
    later: BTreeSet<(Instant, ObjectId)>,
    arrivals: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Ready { calm: bool, arrival: u64 },
    Later { at: Instant, urgent: bool },
}

impl Schedule {
    /// Puts an object in, for `at` or as soon as possible; its former place is given up.
    pub(crate) fn put(&mut self, object: &ObjectId, urgent: bool, at: Option<Instant>) {
        self.remove(object);
        let place = match at {
            Some(at) => {
                self.later.insert((at, object.clone()));
                Place::Later { at, urgent }
            }
            None => self.make_ready(object, urgent),
        };
        self.places.insert(object.clone(), place);
    }

    fn make_ready(&mut self, object: &ObjectId, urgent: bool) -> Place {
        let (calm, arrival) = (!urgent, self.arrivals);
        self.arrivals += 1;
        self.ready.insert((calm, arrival, object.clone()));
        Place::Ready { calm, arrival }
    }

    pub(crate) fn remove(&mut self, object: &ObjectId) {
        match self.places.remove(object) {
            Some(Place::Ready { calm, arrival }) => {
                self.ready.remove(&(calm, arrival, object.clone()));
            }
            Some(Place::Later { at, .. }) => {
                self.later.remove(&(at, object.clone()));
            }
            None => {}
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Takes the next object that is due: urgent ones first, then in the order of arrival.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<ObjectId> {
        while let Some((at, object)) = self.later.first() {
            if *at > now {
                break;
            }
            let (at, object) = (*at, object.clone());
            self.later.remove(&(at, object.clone()));
            let urgent = matches!(
                self.places.get(&object),
                Some(Place::Later { urgent: true, .. })
            );
            let place = self.make_ready(&object, urgent);
            self.places.insert(object, place);
        }
        let (_, _, object) = self.ready.pop_first()?;
        self.places.remove(&object);
        Some(object)
    }

    /// When something is due next; `None` for an empty queue.
    pub(crate) fn next(&self, now: Instant) -> Option<Instant> {
        if self.ready.is_empty() {
            self.later.first().map(|(at, _)| *at)
        } else {
            Some(now)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn object(name: &str) -> ObjectId {
        ObjectId::new("appmesh.k8s.aws", "VirtualNode", "shop", name)
    }

    #[test]
    fn urgent_first_each_once_and_late_ones_in_time() {
        let now = Instant::now();
        let soon = now + Duration::from_secs(1);
        let mut schedule = Schedule::default();
        schedule.put(&object("a"), false, None);
        schedule.put(&object("b"), false, None);
        schedule.put(&object("c"), true, None);
        schedule.put(&object("a"), false, None);
        schedule.put(&object("d"), true, Some(soon));
        schedule.put(&object("e"), true, Some(soon));
        schedule.remove(&object("e"));
        let mut drained = |at| {
            let all: Vec<String> = std::iter::from_fn(|| schedule.pop(at))
                .map(|object| object.name.to_string())
                .collect();
            (all.concat(), schedule.next(at))
        };
        assert_eq!(drained(now), ("cba".to_owned(), Some(soon)));
        assert_eq!(drained(soon), ("d".to_owned(), None));
    }
}
