//! Deciding what to send now.
//!
//! Updates go out type by type in the table's order, then what only removes, in reverse. One response of a type is under
//! way at a time; whatever changes meanwhile is one name in a set, and its newest version is read when its turn comes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use xxhash_rust::xxh3::Xxh3;

use super::hold::{Gate, Hold, Key, Wait, Why};
use super::removal::{Removal, Users};
use super::state::{InFlight, Pending};
use super::{Output, Response, Session, SessionEvent, Variant};
use crate::contents::Contents;
use crate::resource::Resource;
use crate::type_url::{Collection, TypeIndex, TypeUrl};

/// What is to be done about one name.
enum Verdict {
    /// Nothing: the client is up to date, or does not want it.
    Done,
    Send {
        resource: Arc<Resource>,
        expired: Vec<Key>,
    },
    /// This client's version rejects it; it keeps what it has.
    Withheld,
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
}

#[derive(PartialEq)]
enum Sent {
    Done,
    /// Nothing yet, and removals are left.
    OnlyRemovals,
}

/// What a type has to send.
#[derive(Default)]
struct Load {
    sends: Vec<Arc<Resource>>,
    gone: Vec<Arc<str>>,
    absent: Vec<Arc<str>>,
    wake: Option<Instant>,
}

impl Session {
    pub(super) fn plan(&mut self, contents: &Contents, now: Instant) -> Output {
        let mut out = Output {
            responses: std::mem::take(&mut self.strays),
            ..Output::default()
        };
        if contents.filled() {
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
        }
        out.events = std::mem::take(&mut self.events);
        out
    }

    /// Recognises what clients brought from earlier streams.
    fn adopt(&mut self, contents: &Contents, now: Instant) {
        for of in self.table.indices() {
            let state = &mut self.types[of.slot()];
            if !state.held.foreign().is_empty() {
                state.held.adopt(|name, version| {
                    contents
                        .get(of, name)
                        .filter(|stored| stored.version() == version)
                        .cloned()
                });
            }
            if let Some(claimed) = self.types[of.slot()].claimed.take() {
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
        contents: &Contents,
        now: Instant,
    ) -> BTreeMap<Arc<str>, Arc<Resource>> {
        let state = &self.types[of.slot()];
        contents
            .all(of)
            .filter(|stored| state.subscription.covers(stored.name()))
            .filter_map(|stored| {
                if self.is_rejected(of, stored, now) {
                    self.quarantine
                        .last_good(&self.scope, self.client(), stored, now)
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
        contents: &Contents,
        now: Instant,
        out: &mut Output,
    ) -> Sent {
        let state = &self.types[of.slot()];
        if !state.asked || state.in_flight.is_some() || (state.pending.is_empty() && !state.owed) {
            return Sent::Done;
        }
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
            }
            out.wake = out.wake.into_iter().chain(load.wake).min();
            if state.owed
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
    fn load(&mut self, of: TypeIndex, contents: &Contents, now: Instant) -> Load {
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
                Verdict::Withheld => {
                    state.pending.remove(&name);
                    state.withheld.insert(name);
                }
                Verdict::Send { resource, expired } => {
                    if !expired.is_empty() {
                        let waited_for = self.spell(expired.into_iter());
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
        contents: &Contents,
        now: Instant,
    ) -> Verdict {
        let state = &self.types[of.slot()];
        if !state.subscription.covers(name) {
            return Verdict::Done;
        }
        let Some(stored) = contents.get(of, name) else {
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
            return match state.held.known(name) {
                Some(good) if pending.forced => send(good),
                _ => Verdict::Withheld,
            };
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
                .map(|wait| wait.on.clone());
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

    fn emit(
        &mut self,
        of: TypeIndex,
        mut load: Load,
        contents: &Contents,
        now: Instant,
        out: &mut Output,
    ) {
        let whole = self.variant == Variant::Sotw && self.table.collection(of) == Collection::Whole;
        if !whole {
            self.limit(&mut load.sends);
        }
        if self.variant == Variant::Sotw && !whole {
            // absence says nothing here: the client keeps what it has, and uses what that requires, until it gives the
            // name up by itself
            let state = &mut self.types[of.slot()];
            for name in load.gone.drain(..).chain(load.absent.drain(..)) {
                state.pending.remove(&name);
            }
            self.types[of.slot()].owed = false;
            if load.sends.is_empty() {
                return;
            }
        }
        self.touch(of, &load.sends);
        let fresh: Arc<[Arc<Resource>]> = load.sends.into();
        let resources = if whole {
            self.assemble(of, &fresh, &load.gone)
        } else {
            fresh.clone()
        };
        let version = match self.variant {
            Variant::Sotw => set_version(resources.iter()),
            Variant::Delta => contents.batch().to_string(),
        };
        let nonce = self.next_nonce();
        let state = &mut self.types[of.slot()];
        for name in fresh
            .iter()
            .map(|resource| resource.name())
            .chain(&load.gone)
            .chain(&load.absent)
        {
            state.pending.remove(name);
        }
        let mut removed = load.gone;
        if self.variant == Variant::Delta {
            removed.append(&mut load.absent);
            removed.sort();
        }
        state.owed = false;
        state.newest = nonce;
        state.in_flight = Some(InFlight {
            nonce,
            step: self.step,
            since: now,
            fresh,
            removed: removed.clone(),
        });
        if self.variant == Variant::Sotw {
            // told by their absence
            removed.clear();
        }
        out.responses.push(Response {
            variant: self.variant,
            type_url: self.table.url(of).as_str().into(),
            nonce,
            version,
            resources,
            removed,
        });
    }

    /// Cuts a response to size; what does not fit stays pending.
    fn limit(&self, sends: &mut Vec<Arc<Resource>>) {
        let mut size = 0;
        let fits = sends
            .iter()
            .take_while(|resource| {
                size += resource.delta_len();
                size <= self.settings.max_response_bytes
            })
            .count();
        sends.truncate(fits.max(1));
    }

    /// Marks what must follow the changed among `sends`.
    fn touch(&mut self, of: TypeIndex, sends: &[Arc<Resource>]) {
        // a client that is back brings its other types in requests yet to come
        let back = self.types[of.slot()].held.len() > 0;
        for resource in sends {
            let state = &self.types[of.slot()];
            let unchanged = state.held.version(resource.name()) == Some(resource.version());
            if unchanged && !state.doubtful.contains(resource.name()) {
                continue;
            }
            for (url, name) in resource.touches() {
                let Some(touched) = self.table.index_of(*url) else {
                    continue;
                };
                let state = &mut self.types[touched.slot()];
                // who does not have it yet asks for it, or is being sent it
                let has = state.held.has(name) && state.subscription.covers(name);
                if has || (back && !state.asked) {
                    state.force(name.clone(), false);
                    if touched <= of {
                        self.touched.push(touched);
                    }
                }
            }
        }
    }

    /// The full set of a state-of-the-world response: what the client has, but for `gone`, and what is new.
    fn assemble(
        &self,
        of: TypeIndex,
        fresh: &[Arc<Resource>],
        gone: &[Arc<str>],
    ) -> Arc<[Arc<Resource>]> {
        let state = &self.types[of.slot()];
        let withheld = state
            .withheld
            .iter()
            .filter(|name| !state.held.has(name))
            .filter_map(|name| {
                self.quarantine
                    .last_good_of(&self.scope, self.client(), self.table.url(of), name)
            });
        let mut set: BTreeMap<Arc<str>, Arc<Resource>> = state
            .held
            .all_known()
            .iter()
            .cloned()
            .chain(withheld)
            .chain(fresh.iter().cloned())
            .map(|resource| (resource.name().clone(), resource))
            .collect();
        for name in gone {
            set.remove(name);
        }
        set.into_values().collect()
    }

    /// Tells when the client has acknowledged all it wants of a batch.
    fn converge(&mut self, contents: &Contents) {
        let batch = contents.batch();
        if batch <= self.converged {
            return;
        }
        let mut asked = false;
        let mut withheld = 0;
        for state in self.types.iter().filter(|state| state.asked) {
            asked = true;
            if state.in_flight.is_some() || state.owed || !state.suspects.is_empty() {
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

/// The version of a set: equal for equal names and versions, on every replica.
fn set_version<'a>(set: impl Iterator<Item = &'a Arc<Resource>>) -> String {
    let mut hash = Xxh3::new();
    for resource in set {
        for part in [resource.name(), resource.version()] {
            hash.update(&(part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
    }
    format!("{:032x}", hash.digest128())
}
