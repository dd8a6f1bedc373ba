//! Removals come last: when a resource that is gone may be taken from the client.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Session;
use crate::contents::View;
use crate::resource::Resource;
use crate::type_url::TypeIndex;

/// A client that is back asks for all its types at once: what it has not asked for by then it does not use.
const INTRODUCTION: Duration = Duration::from_secs(5);

/// When a removal may be sent.
pub(crate) enum Removal {
    Now,
    /// Not before then.
    At(Instant),
    /// Something at the client uses it; its acknowledged replacement will tell.
    Used,
}

/// The names of one type that are in use at a client.
pub(crate) struct Users {
    names: BTreeSet<Arc<str>>,
    /// The client holds something unknown that may use any of them.
    unknown: bool,
    /// The client has not asked yet for a type that may use them.
    untold: bool,
}

impl Session {
    /// The names of type `of` that anything at the client requires: accepted, on its way, or maybe in use.
    pub(super) fn users(&self, of: TypeIndex, contents: View<'_>) -> Users {
        let url = self.table.url(of);
        let mut names = BTreeSet::new();
        let (mut unknown, mut untold) = (false, false);
        for user in self.table.indices() {
            let state = &self.types[user.slot()];
            let flight = state
                .in_flight
                .iter()
                .flat_map(|flight| flight.fresh.iter());
            for resource in state
                .held
                .all_known()
                .chain(state.ghosts.values())
                .chain(flight)
            {
                for (_, name) in resource
                    .requires()
                    .iter()
                    .filter(|(required, _)| *required == url)
                {
                    names.insert(name.clone());
                }
            }
            untold |= !state.asked && contents.knows(user) && contents.may_require(user, of);
            // what is itself gone does not keep its like alive, or two would keep each other for ever
            unknown |= contents.may_require(user, of)
                && state
                    .held
                    .foreign()
                    .keys()
                    .any(|name| user != of || contents.get(user, name).is_some());
        }
        Users {
            names,
            unknown,
            untold,
        }
    }

    /// When `name` of type `of`, which is gone, may be taken from the client.
    pub(super) fn removal(
        &self,
        of: TypeIndex,
        name: &Arc<str>,
        users: &Users,
        now: Instant,
    ) -> Removal {
        if users.unknown || users.names.contains(name) {
            return Removal::Used;
        }
        let released = self.released.get(&(of, name.clone())).copied();
        // what a client brought from an earlier stream may have lost its last user just before this one began, or have
        // one that the client has yet to tell of
        let introduced = self.resumed.then_some(self.introduced);
        if self.resumed && users.untold {
            let until = self.introduced + INTRODUCTION.max(self.settings.linger);
            if until > now {
                return Removal::At(until);
            }
        }
        match released
            .max(introduced)
            .map(|since| since + self.settings.linger)
        {
            Some(at) if at > now => Removal::At(at),
            _ => Removal::Now,
        }
    }

    /// `old` is at the client no more, `new` is there in its place.
    pub(super) fn release(&mut self, old: &Resource, new: Option<&Resource>, now: Instant) {
        for key in old
            .requires()
            .iter()
            .filter(|key| new.is_none_or(|new| !new.needs(key)))
        {
            if let Some(of) = self.table.index_of(key.0) {
                self.released.insert((of, key.1.clone()), now);
            }
        }
    }

    /// Forgets releases that no longer delay anything.
    pub(super) fn forget_releases(&mut self, now: Instant) {
        let linger = self.settings.linger;
        self.released.retain(|_, since| *since + linger > now);
    }
}
