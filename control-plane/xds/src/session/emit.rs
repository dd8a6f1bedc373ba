//! Making up a response of what was decided to send.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use xxhash_rust::xxh3::Xxh3;

use super::plan::Load;
use super::state::InFlight;
use super::{Output, Response, Session, Variant};
use crate::contents::View;
use crate::resource::Resource;
use crate::type_url::{Collection, TypeIndex};

impl Session {
    /// Puts one response of a type together and under way.
    pub(super) fn emit(
        &mut self,
        of: TypeIndex,
        mut load: Load,
        contents: View<'_>,
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
        if fresh.len() + load.gone.len() + load.absent.len() == state.pending.len() {
            // each of them was pending: so these are all
            state.pending.clear();
        } else {
            let names = fresh.iter().map(|resource| resource.name());
            for name in names.chain(&load.gone).chain(&load.absent) {
                state.pending.remove(name);
            }
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
        let known = self.types[of.slot()].held.all_known();
        let mut set: BTreeMap<Arc<str>, Arc<Resource>> = known
            .chain(fresh)
            .map(|resource| (resource.name().clone(), resource.clone()))
            .collect();
        for name in gone {
            set.remove(name);
        }
        set.into_values().collect()
    }
}

/// The version of a set: equal for equal names and versions, on every replica.
pub(super) fn set_version<'a>(set: impl Iterator<Item = &'a Arc<Resource>>) -> String {
    let mut hash = Xxh3::new();
    for resource in set {
        for part in [resource.name(), resource.version()] {
            hash.update(&(part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
    }
    format!("{:032x}", hash.digest128())
}
