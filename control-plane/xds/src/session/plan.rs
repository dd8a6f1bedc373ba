//! Deciding what to send now.
//!
//! Updates go out type by type in the table's order, then what only removes, in reverse. One response of a type is under
//! way at a time; whatever changes meanwhile is one name in a set, and its newest version is read when its turn comes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use super::emit::set_version;
use super::hold::{Gate, Hold, Key, Wait, Why};
use super::removal::{Removal, Users};
use super::state::Pending;
use super::{Output, Session, SessionEvent};
use crate::contents::View;
use crate::feed::Event;
use crate::resource::Resource;
use crate::type_url::{TypeIndex, TypeUrl};

/// What is to be done about one name.
enum Verdict {
    /// Nothing: the client is up to date, or does not want it.
    Done,
    Send {
        resource: Arc<Resource>,
        expired: Vec<Key>,
    },
    /// This client's version rejects it; it keeps what it has, or is sent the last good one.
    Withheld { good: Option<Arc<Resource>> },
    Held {
        version: Arc<str>,
        waits: BTreeMap<Key, Wait>,
        wake: Option<Instant>,
    },
    /// It is gone and may be taken away.
    Gone,
    /// It is gone and must stay a while.
    Lingers(Option<Instant>),
    /// It does not exist, and the client is to be told.
    Absent,
    /// Whether it exists is not known yet.
    Unknown,
}

#[derive(PartialEq)]
enum Sent {
    Done,
    /// Nothing yet, and removals are left.
    OnlyRemovals,
}

/// What a type has to send.
#[derive(Default)]
pub(super) struct Load {
    pub(super) sends: Vec<Arc<Resource>>,
    pub(super) gone: Vec<Arc<str>>,
    pub(super) absent: Vec<Arc<str>>,
    wake: Option<Instant>,
}

impl Load {
    /// Whoever refuses a response may not say which resource is to blame, and a client answers bytes that it has met before
    /// without looking. So what may be refused because of where the client runs travels alone, after all others.
    fn judged_apart(&mut self) {
        let (own, others): (Vec<_>, Vec<_>) = std::mem::take(&mut self.sends)
            .into_iter()
            .partition(|resource| resource.is_judged_locally());
        self.sends = others;
        if self.sends.is_empty() && !own.is_empty() {
            self.sends.extend(own.into_iter().take(1));
            self.gone.clear();
            self.absent.clear();
        }
    }
}

impl Session {
    pub(super) fn plan(&mut self, contents: View<'_>, now: Instant) -> Output {
        let mut out = Output {
            responses: std::mem::take(&mut self.strays),
            ..Output::default()
        };
        if contents.is_any_ready() {
            self.adopt(contents, now);
            self.forget_releases(now);
            self.settle(contents, now);
            let mut leaving = Vec::new();
            for of in self.table.indices() {
                if self.send(of, false, contents, now, &mut out) == Sent::OnlyRemovals {
                    leaving.push(of);
                }
            }
            // what was sent late in the order may have touched what comes early in it
            while let Some(of) = self.touched.pop() {
                self.send(of, false, contents, now, &mut out);
            }
            for of in leaving.into_iter().rev() {
                self.send(of, true, contents, now, &mut out);
            }
            self.converge(contents);
            self.share(contents);
        }
        out.events = std::mem::take(&mut self.events);
        out
    }

    /// Recognises what clients brought from earlier streams.
    fn adopt(&mut self, contents: View<'_>, now: Instant) {
        for of in self.table.indices().filter(|of| contents.is_ready(*of)) {
            let state = &mut self.types[of.slot()];
            if !state.held.foreign().is_empty() {
                state.held.adopt(|name, version| {
                    contents
                        .get(of, name)
                        .filter(|stored| stored.version() == version)
                        .cloned()
                });
            }
            let claimed = &mut self.types[of.slot()].claimed;
            if let Some(claimed) = claimed.take_if(|_| contents.is_whole(of)) {
                let set = self.whole_set(of, contents, now);
                if *claimed == *set_version(set.values()) {
                    let state = &mut self.types[of.slot()];
                    state.held.accept(
                        set.into_values().collect::<Vec<_>>().into_iter(),
                        |_, _, _| {},
                    );
                    state.owed = false;
                }
            }
        }
    }

    /// All of a type that this client would be sent from nothing.
    fn whole_set(
        &self,
        of: TypeIndex,
        contents: View<'_>,
        now: Instant,
    ) -> BTreeMap<Arc<str>, Arc<Resource>> {
        let state = &self.types[of.slot()];
        contents
            .all(of)
            .filter(|stored| state.subscription.covers(stored.name()))
            .filter_map(|stored| {
                if self.is_rejected(of, stored, now) {
                    self.quarantine
                        .last_good(self.quarantined_in(of), self.client(), stored, now)
                } else {
                    Some(stored.clone())
                }
            })
            .map(|resource| (resource.name().clone(), resource))
            .collect()
    }

    /// Sends what a type has to send, unless a response is under way. What only removes waits for `last`.
    fn send(
        &mut self,
        of: TypeIndex,
        last: bool,
        contents: View<'_>,
        now: Instant,
        out: &mut Output,
    ) -> Sent {
        let state = &self.types[of.slot()];
        if !state.asked
            || !contents.is_ready(of)
            || state.in_flight.is_some()
            || (state.pending.is_empty() && !state.owed)
        {
            return Sent::Done;
        }
        let owed = state.owed && contents.is_whole(of);
        loop {
            let mut load = self.load(of, contents, now);
            let state = &mut self.types[of.slot()];
            if let Some(part) = state.suspects.front() {
                load.sends.retain(|resource| part.contains(resource.name()));
                load.gone.clear();
                load.absent.clear();
                if load.sends.is_empty() {
                    state.suspects.pop_front();
                    continue;
                }
            } else {
                load.judged_apart();
            }
            out.wake = out.wake.into_iter().chain(load.wake).min();
            if owed
                || !load.sends.is_empty()
                || !load.absent.is_empty()
                || (last && !load.gone.is_empty())
            {
                self.emit(of, load, contents, now, out);
            } else if !load.gone.is_empty() {
                return Sent::OnlyRemovals;
            }
            return Sent::Done;
        }
    }

    /// Looks at every pending name. What needs nothing is forgotten.
    fn load(&mut self, of: TypeIndex, contents: View<'_>, now: Instant) -> Load {
        let state = &self.types[of.slot()];
        let users = state
            .pending
            .keys()
            .any(|name| contents.get(of, name).is_none() && state.client_has(name))
            .then(|| self.users(of, contents));
        let verdicts: Vec<(Arc<str>, Verdict)> = state
            .pending
            .iter()
            .map(|(name, pending)| {
                (
                    name.clone(),
                    self.judge(of, name, pending, users.as_ref(), contents, now),
                )
            })
            .collect();
        let url = self.table.url(of);
        let mut load = Load::default();
        for (name, verdict) in verdicts {
            let state = &mut self.types[of.slot()];
            state.withheld.remove(&name);
            match verdict {
                Verdict::Done => {
                    state.pending.remove(&name);
                }
                Verdict::Withheld { good } => {
                    state.withheld.insert(name.clone());
                    match good {
                        Some(good) => load.sends.push(good),
                        None => drop(state.pending.remove(&name)),
                    }
                }
                Verdict::Send { resource, expired } => {
                    if !expired.is_empty() {
                        let waited_for = self.spell(expired.into_iter().take(Event::MOST_NAMES));
                        self.events.push(SessionEvent::HoldExpired {
                            type_url: url,
                            name,
                            waited_for,
                        });
                    }
                    load.sends.push(resource);
                }
                Verdict::Held {
                    version,
                    waits,
                    wake,
                } => {
                    load.wake = load.wake.into_iter().chain(wake).min();
                    self.hold(of, url, name, version, waits, now);
                }
                Verdict::Gone => load.gone.push(name),
                Verdict::Lingers(wake) => load.wake = load.wake.into_iter().chain(wake).min(),
                Verdict::Absent => load.absent.push(name),
                Verdict::Unknown => {}
            }
        }
        load
    }

    fn judge(
        &self,
        of: TypeIndex,
        name: &Arc<str>,
        pending: &Pending,
        users: Option<&Users>,
        contents: View<'_>,
        now: Instant,
    ) -> Verdict {
        let state = &self.types[of.slot()];
        if !state.subscription.covers(name) {
            return Verdict::Done;
        }
        let Some(stored) = contents.get(of, name) else {
            if !contents.is_whole(of) {
                return Verdict::Unknown;
            }
            return match users.filter(|_| state.client_has(name)) {
                None if pending.answer => Verdict::Absent,
                None => Verdict::Done,
                Some(users) => match self.removal(of, name, users, now) {
                    Removal::Now => Verdict::Gone,
                    Removal::At(at) => Verdict::Lingers(Some(at)),
                    Removal::Used => Verdict::Lingers(None),
                },
            };
        };
        let ghost = state.ghosts.get(name);
        let send = |resource: &Arc<Resource>| Verdict::Send {
            resource: resource.clone(),
            expired: Vec::new(),
        };
        let sure = ghost.is_none() && !state.doubtful.contains(name);
        if sure && state.held.version(name) == Some(stored.version()) {
            return if pending.forced {
                send(stored)
            } else {
                Verdict::Done
            };
        }
        if self.is_rejected(of, stored, now) {
            let good = match state.held.known(name) {
                Some(good) => Some(good.clone()).filter(|_| pending.forced),
                None if state.held.has(name) => None,
                // for who starts from nothing, what others of its kind went back to is better than nothing
                None => {
                    self.quarantine
                        .last_good(self.quarantined_in(of), self.client(), stored, now)
                }
            };
            return Verdict::Withheld { good };
        }
        if ghost.is_some_and(|ghost| ghost.version() == stored.version()) {
            return send(stored);
        }
        match self.gate(of, stored, pending.hold.as_deref(), contents, now) {
            Gate::Open { expired } => Verdict::Send {
                resource: stored.clone(),
                expired,
            },
            Gate::Shut { waits, wake } => Verdict::Held {
                version: stored.version().clone(),
                waits,
                wake,
            },
        }
    }

    /// Shares with other streams what has come to rest.
    fn share(&mut self, contents: View<'_>) {
        for of in self.table.indices() {
            let state = &mut self.types[of.slot()];
            if state.in_flight.is_none() && state.pending.is_empty() && !contents.is_private(of) {
                let (pools, layer) = (contents.pools(of), contents.base(of));
                state.held.share(layer, &pools.resources);
                state.subscription.share(layer.names(), &pools.names);
            }
        }
    }

    fn hold(
        &mut self,
        of: TypeIndex,
        url: TypeUrl,
        name: Arc<str>,
        version: Arc<str>,
        waits: BTreeMap<Key, Wait>,
        now: Instant,
    ) {
        let step = self.step;
        let rejected = waits.values().any(|wait| wait.why == Why::Rejected);
        let Some(pending) = self.types[of.slot()].pending.get_mut(&name) else {
            return;
        };
        let new = match &mut pending.hold {
            Some(hold) => {
                let was_rejected = hold.waits.values().any(|wait| wait.why == Why::Rejected);
                if hold.version != version {
                    hold.version = version;
                    hold.step = step;
                    hold.met.clear();
                }
                hold.waits = waits;
                rejected && !was_rejected
            }
            none => {
                *none = Some(Box::new(Hold {
                    since: now,
                    version,
                    step,
                    waits,
                    met: Default::default(),
                }));
                true
            }
        };
        if new {
            let on = pending
                .hold
                .iter()
                .flat_map(|hold| hold.waits.values())
                .map(|wait| wait.on.clone())
                .take(Event::MOST_NAMES);
            let on: Vec<Key> = on.collect();
            let waits_for = self.spell(on.into_iter());
            self.events.push(SessionEvent::Held {
                type_url: url,
                name,
                waits_for,
                rejected,
            });
        }
    }

    fn spell(&self, keys: impl Iterator<Item = Key>) -> Vec<(TypeUrl, Arc<str>)> {
        keys.map(|(of, name)| (self.table.url(of), name)).collect()
    }

    /// Tells when the client has acknowledged all it wants of a batch.
    fn converge(&mut self, contents: View<'_>) {
        let batch = contents.batch();
        if batch <= self.converged {
            return;
        }
        let mut asked = false;
        let mut withheld = 0;
        let states = self.table.indices().zip(self.types.iter());
        for (of, state) in states.filter(|(_, state)| state.asked) {
            asked = true;
            if !contents.is_ready(of)
                || !contents.is_whole(of)
                || state.in_flight.is_some()
                || state.owed
                || !state.suspects.is_empty()
            {
                return;
            }
            for hold in state
                .pending
                .values()
                .filter_map(|pending| pending.hold.as_ref())
            {
                if hold.waits.values().any(|wait| wait.why != Why::Rejected) {
                    return;
                }
                withheld += 1;
            }
            withheld += state.withheld.len();
        }
        if asked {
            self.converged = batch;
            self.events
                .push(SessionEvent::Converged { batch, withheld });
        }
    }
}
