//! What a stream knows of one type.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use super::held::Held;
use super::hold::Hold;
use super::subscription::Subscription;
use crate::resource::Resource;

#[derive(Debug, Default)]
pub(crate) struct TypeState {
    pub(crate) subscription: Subscription,
    /// A request for this type has come.
    pub(crate) asked: bool,
    /// What the client has accepted.
    pub(crate) held: Held,
    /// How long the names and versions are, together, that the client said it holds and did not ask for by name.
    pub(crate) claimed_bytes: usize,
    /// What the client may have put to use although it never acknowledged it: the good part of a response it rejected,
    /// or what was under way when its last stream ended.
    pub(crate) ghosts: BTreeMap<Arc<str>, Arc<Resource>>,
    /// What the client may have dropped, although it says or once said that it has it: a removal that it never
    /// acknowledged. And secrets that it may have taken although its last stream ended before it said so.
    pub(crate) doubtful: BTreeSet<Arc<str>>,
    /// Names to look at. The value tells what is known of the reason.
    pub(crate) pending: BTreeMap<Arc<str>, Pending>,
    /// A response is due even if it is empty: the client waits for one before it goes on.
    pub(crate) owed: bool,
    /// The `version_info` a state-of-the-world client brought from an earlier stream.
    pub(crate) claimed: Option<Box<str>>,
    /// The client's last stream ended with something open, so that its claims may be less than the truth.
    pub(crate) unsure: bool,
    pub(crate) in_flight: Option<InFlight>,
    /// Nonce of the newest response, acknowledged or not.
    pub(crate) newest: u64,
    /// Parts of a rejected response, to be sent apart until the culprit is alone.
    pub(crate) suspects: VecDeque<Vec<Arc<str>>>,
    /// Names whose content in the store this client's version rejects.
    pub(crate) withheld: BTreeSet<Arc<str>>,
    pub(crate) last_nack: Option<Nack>,
}

/// Why a name is looked at, beyond "it may have changed".
#[derive(Debug, Default)]
pub(crate) struct Pending {
    /// Send it even if the client holds it: it was asked for again, or was touched.
    pub(crate) forced: bool,
    /// Say so if it does not exist.
    pub(crate) answer: bool,
    pub(crate) hold: Option<Box<Hold>>,
}

impl Pending {
    /// The client has asked for it, and is answered whatever it holds if `answer`.
    pub(crate) fn asked(answer: bool) -> Self {
        Self {
            forced: answer,
            answer,
            hold: None,
        }
    }
}

/// A response that awaits its ACK.
#[derive(Debug)]
pub(crate) struct InFlight {
    pub(crate) nonce: u64,
    pub(crate) step: u64,
    pub(crate) since: Instant,
    /// What the client is asked to take, sorted by name; a state-of-the-world response may have carried more.
    pub(crate) fresh: Arc<[Arc<Resource>]>,
    pub(crate) removed: Vec<Arc<str>>,
}

#[derive(Clone, Debug)]
pub(crate) struct Nack {
    pub(crate) at: Instant,
    pub(crate) names: Vec<Arc<str>>,
    pub(crate) message: String,
}

impl InFlight {
    pub(crate) fn carries(&self, name: &str) -> bool {
        self.fresh
            .binary_search_by(|probe| (**probe.name()).cmp(name))
            .is_ok()
    }

    pub(crate) fn removes(&self, name: &str) -> bool {
        self.removed.iter().any(|removed| **removed == *name)
    }
}

impl TypeState {
    /// The client may have some version of it.
    pub(crate) fn client_has(&self, name: &str) -> bool {
        self.held.has(name) || self.ghosts.contains_key(name) || self.doubtful.contains(name)
    }

    /// Has these names looked at. Sorted names, as they mostly are, cost little where nothing was to be looked at.
    pub(crate) fn look_at(&mut self, names: impl Iterator<Item = (Arc<str>, Pending)>) {
        if self.pending.is_empty() {
            self.pending = names.collect();
            return;
        }
        for (name, why) in names {
            let pending = self.pending.entry(name).or_default();
            pending.forced |= why.forced;
            pending.answer |= why.answer;
        }
    }

    pub(crate) fn force(&mut self, name: Arc<str>, answer: bool) {
        let pending = self.pending.entry(name).or_default();
        pending.forced = true;
        pending.answer |= answer;
    }
}
