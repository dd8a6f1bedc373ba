//! How the watches do.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::RwLock;
use tulle_crds::Kind;

/// How the watches of a cluster do. Cheap to clone; always tells what is so now.
#[derive(Clone, Debug)]
pub struct KubeHealth {
    kinds: Arc<RwLock<BTreeMap<Kind, State>>>,
}

#[derive(Clone, Debug, Default)]
struct State {
    known: bool,
    absent: bool,
    trouble: Option<String>,
}

impl KubeHealth {
    pub(super) fn new(kinds: impl Iterator<Item = Kind>) -> Self {
        let kinds = kinds.map(|kind| (kind, State::default())).collect();
        Self {
            kinds: Arc::new(RwLock::new(kinds)),
        }
    }

    /// The kinds of which not all objects are known yet, in words, with the reason where there is
    /// one: `VirtualNode`, `Pod (403 Forbidden: …)`.
    pub fn waiting_for(&self) -> Vec<String> {
        self.tell(|state| !state.known)
    }

    /// The kinds that cannot be watched at the moment, in words. What was seen of them last holds.
    pub fn troubles(&self) -> Vec<String> {
        self.tell(|state| state.trouble.is_some())
    }

    /// The kinds that the API server does not have.
    pub fn absent(&self) -> Vec<Kind> {
        let kinds = self.kinds.read();
        let absent = kinds.iter().filter(|(_, state)| state.absent);
        absent.map(|(kind, _)| *kind).collect()
    }

    fn tell(&self, which: impl Fn(&State) -> bool) -> Vec<String> {
        let kinds = self.kinds.read();
        let which = kinds.iter().filter(|(_, state)| which(state));
        which
            .map(|(kind, state)| match &state.trouble {
                Some(trouble) => format!("{kind} ({trouble})"),
                None => kind.to_string(),
            })
            .collect()
    }

    pub(super) fn known(&self, kind: Kind, absent: bool) {
        self.change(kind, |state| {
            state.known = true;
            state.absent = absent;
        });
    }

    /// Gives whether there was trouble before.
    pub(super) fn well(&self, kind: Kind) -> bool {
        let mut had = false;
        self.change(kind, |state| had = state.trouble.take().is_some());
        had
    }

    pub(super) fn trouble(&self, kind: Kind, why: &str) {
        self.change(kind, |state| state.trouble = Some(why.to_owned()));
    }

    fn change(&self, kind: Kind, change: impl FnOnce(&mut State)) {
        if let Some(state) = self.kinds.write().get_mut(&kind) {
            change(state);
        }
    }
}
