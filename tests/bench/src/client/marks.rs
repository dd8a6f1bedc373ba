//! Changes that are waited for.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{Mutex, RwLock};
use tokio::sync::watch;

use super::protocol::{Watch, WatchId, With};
use crate::clock::{self, Nanos};
use crate::wire::Kind;

/// A [`Watch`] at work.
#[derive(Debug)]
pub(super) struct Mark {
    watch: Watch,
    needle: Vec<u8>,
    pub(super) since: Nanos,
    /// Responses to each proxy when it was registered.
    pub(super) before: Vec<u64>,
    acks: Mutex<BTreeMap<usize, Nanos>>,
    pub(super) count: watch::Sender<usize>,
}

impl Mark {
    fn new(watch: Watch, before: Vec<u64>) -> Self {
        let needle = match &watch.with {
            With::Address(address) | With::NoAddress(address) => {
                // `SocketAddress.address` is field 2, and as text never longer than a byte can say
                let mut needle = vec![0x12, address.len() as u8];
                needle.extend_from_slice(address.as_bytes());
                needle
            }
            With::Text(text) | With::NoText(text) => text.as_bytes().to_vec(),
            With::Any | With::Removed => Vec::new(),
        };
        Self {
            watch,
            needle,
            since: clock::now(),
            before,
            acks: Mutex::default(),
            count: watch::Sender::new(0),
        }
    }

    fn named(&self, kind: Kind, name: &str) -> bool {
        self.watch.kind == kind
            && if self.watch.exact {
                self.watch.name == name
            } else {
                name.contains(&self.watch.name)
            }
    }

    fn sent(&self, element: &[u8]) -> bool {
        let found = || {
            element
                .windows(self.needle.len().max(1))
                .any(|window| window == self.needle)
        };
        match self.watch.with {
            With::Any => true,
            With::Removed => false,
            With::Address(_) | With::Text(_) => found(),
            With::NoAddress(_) | With::NoText(_) => !found(),
        }
    }

    fn gone(&self) -> bool {
        match self.watch.with {
            With::Any | With::Removed | With::NoAddress(_) | With::NoText(_) => true,
            With::Address(_) | With::Text(_) => false,
        }
    }

    /// A proxy has acknowledged the change; only the first time counts.
    pub(super) fn acked(&self, proxy: usize, at: Nanos) {
        let mut acks = self.acks.lock();
        if acks.contains_key(&proxy) {
            return;
        }
        acks.insert(proxy, at);
        // Under the lock: two that end at once would else tell their counts in either order, and the smaller last.
        self.count.send_replace(acks.len());
    }

    /// The moment of each proxy's first acknowledgement.
    pub(super) fn acks(&self) -> BTreeMap<usize, Nanos> {
        self.acks.lock().clone()
    }
}

/// All that are registered.
#[derive(Debug, Default)]
pub(super) struct Marks {
    any: AtomicBool,
    list: RwLock<BTreeMap<WatchId, Arc<Mark>>>,
    last: Mutex<WatchId>,
}

impl Marks {
    pub(super) fn add(&self, watch: Watch, before: Vec<u64>) -> WatchId {
        let mut last = self.last.lock();
        *last += 1;
        self.list
            .write()
            .insert(*last, Arc::new(Mark::new(watch, before)));
        self.any.store(true, Ordering::Release);
        *last
    }

    pub(super) fn get(&self, id: WatchId) -> Option<Arc<Mark>> {
        self.list.read().get(&id).cloned()
    }

    pub(super) fn remove(&self, id: WatchId) {
        let mut list = self.list.write();
        list.remove(&id);
        self.any.store(!list.is_empty(), Ordering::Release);
    }

    /// Whether there are any: nothing need be looked up else.
    pub(super) fn any(&self) -> bool {
        self.any.load(Ordering::Acquire)
    }

    /// Those that a resource with these bytes fulfils, or (`None`) its removal.
    pub(super) fn met(
        &self,
        kind: Kind,
        name: &str,
        element: Option<&[u8]>,
        by: &mut Vec<Arc<Mark>>,
    ) {
        for mark in self
            .list
            .read()
            .values()
            .filter(|mark| mark.named(kind, name))
        {
            if element.map_or_else(|| mark.gone(), |element| mark.sent(element)) {
                by.push(mark.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn met(watch: Watch, name: &str, element: Option<&[u8]>) -> bool {
        let marks = Marks::default();
        let id = marks.add(watch, Vec::new());
        assert!(marks.any());
        let mut by = Vec::new();
        marks.met(Kind::Eds, name, element, &mut by);
        marks.remove(id);
        assert!(!marks.any() && marks.get(id).is_none());
        !by.is_empty()
    }

    #[test]
    fn content_decides() {
        let with = |with| Watch::new(Kind::Eds, "svc", with);
        let address = b"..\x12\x0810.0.0.1..".as_slice();
        assert!(met(with(With::Any), "a.svc.b", Some(address)));
        assert!(!met(with(With::Any), "another", Some(address)));
        assert!(met(
            with(With::Address("10.0.0.1".into())),
            "svc",
            Some(address)
        ));
        assert!(!met(
            with(With::Address("10.0.0.".into())),
            "svc",
            Some(address)
        ));
        assert!(!met(
            with(With::NoAddress("10.0.0.1".into())),
            "svc",
            Some(address)
        ));
        assert!(met(
            with(With::NoAddress("10.0.0.10".into())),
            "svc",
            Some(address)
        ));
        assert!(met(with(With::NoAddress("10.0.0.1".into())), "svc", None));
        assert!(met(with(With::Text("0.0".into())), "svc", Some(address)));
        assert!(!met(with(With::Text("0.0".into())), "svc", None));
        assert!(met(with(With::Removed), "svc", None));
        assert!(!met(with(With::Removed), "svc", Some(address)));
        let exact = Watch {
            exact: true,
            ..with(With::Any)
        };
        assert!(!met(exact.clone(), "a.svc.b", Some(address)) && met(exact, "svc", Some(address)));
        assert!(!met(Watch::new(Kind::Cds, "svc", With::Any), "svc", None));
    }

    #[test]
    fn the_first_acknowledgement_counts() {
        let mark = Mark::new(Watch::new(Kind::Eds, "", With::Any), vec![0, 0]);
        mark.acked(1, 7);
        mark.acked(1, 9);
        mark.acked(0, 8);
        assert_eq!(
            mark.acks().into_iter().collect::<Vec<_>>(),
            [(0, 8), (1, 7)]
        );
        assert_eq!(*mark.count.borrow(), 2);
    }
}
