//! Make before break: when a resource must wait for what it requires.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Instant;

use super::Session;
use super::state::InFlight;
use crate::contents::View;
use crate::resource::Resource;
use crate::type_url::TypeIndex;

pub(crate) type Key = (TypeIndex, Arc<str>);

/// A resource that is kept back. The client goes on with the version it has, if it has one.
#[derive(Debug)]
pub(crate) struct Hold {
    pub(crate) since: Instant,
    /// The version kept back.
    pub(crate) version: Arc<str>,
    /// The step in which this version was first seen. Whatever was sent in that step or later is as new as it.
    pub(crate) step: u64,
    /// Direct requirements that are not ready.
    pub(crate) waits: BTreeMap<Key, Wait>,
    /// Requirements, direct or not, acknowledged since `step`: what changed after that does not hold any more, or
    /// endpoints that change all the time would hold a route for as long as it may be held.
    pub(crate) met: BTreeSet<Key>,
}

#[derive(Clone, Debug)]
pub(crate) struct Wait {
    pub(crate) since: Instant,
    /// The requirement, or requirement's requirement, that is really missing.
    pub(crate) on: Key,
    pub(crate) why: Why,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Why {
    /// Not acknowledged yet.
    Unacknowledged,
    /// Acknowledged, but it needs until then to become fit for use.
    Settling(Instant),
    /// Rejected, and there is no earlier version at the client.
    Rejected,
}

/// Whether a resource may be sent.
pub(crate) enum Gate {
    /// Yes; `expired` requirements are still missing but were waited for long enough.
    Open { expired: Vec<Key> },
    /// No, look again at `wake`.
    Shut {
        waits: BTreeMap<Key, Wait>,
        wake: Option<Instant>,
    },
}

enum Readiness {
    Ready,
    Not(Key, Why),
}

/// Requirements are followed this deep: route, cluster, member cluster, endpoints. Deeper ones count as ready.
const DEPTH: usize = 4;

impl Session {
    /// Whether `resource` of type `of` may be sent now. `hold` is what is known of earlier refusals.
    pub(super) fn gate(
        &self,
        of: TypeIndex,
        resource: &Resource,
        hold: Option<&Hold>,
        contents: View<'_>,
        now: Instant,
    ) -> Gate {
        static NONE: BTreeSet<Key> = BTreeSet::new();
        let met = hold
            .filter(|hold| hold.version == *resource.version())
            .map_or(&NONE, |hold| &hold.met);
        let mut waits = BTreeMap::new();
        let mut expired = Vec::new();
        let mut shut = false;
        let mut wake: Option<Instant> = None;
        for (url, name) in resource.requires() {
            let Some(required) = self.table.index_of(*url) else {
                continue;
            };
            if !self.types[required.slot()].subscription.is_wildcard() {
                continue;
            }
            if required == of && name == resource.name() {
                continue;
            }
            let Readiness::Not(on, why) = self.readiness(required, name, met, contents, now, DEPTH)
            else {
                continue;
            };
            let key = (required, name.clone());
            // what was rejected and has been mended is waited for anew
            let since = hold
                .and_then(|hold| hold.waits.get(&key))
                .filter(|wait| wait.why != Why::Rejected || why == Why::Rejected)
                .map_or(now, |wait| wait.since);
            let until = match why {
                Why::Settling(until) => Some(until),
                Why::Rejected if self.types[of.slot()].held.has(resource.name()) => {
                    self.settings.rejected_hold_limit.map(|limit| since + limit)
                }
                Why::Rejected | Why::Unacknowledged => Some(since + self.settings.hold_limit),
            };
            if until.is_some_and(|until| until <= now) {
                expired.push(key.clone());
            } else {
                shut = true;
                wake = wake.into_iter().chain(until).min();
            }
            waits.insert(key, Wait { since, on, why });
        }
        if shut {
            Gate::Shut { waits, wake }
        } else {
            Gate::Open { expired }
        }
    }

    /// Whether the client has `name` of type `of` in its current version, with all that it requires in turn.
    fn readiness(
        &self,
        of: TypeIndex,
        name: &Arc<str>,
        met: &BTreeSet<Key>,
        contents: View<'_>,
        now: Instant,
        depth: usize,
    ) -> Readiness {
        let state = &self.types[of.slot()];
        let missing = |why| Readiness::Not((of, name.clone()), why);
        let leaves = |flight: &InFlight| flight.removes(name);
        if state.doubtful.contains(name) || state.in_flight.as_ref().is_some_and(leaves) {
            return missing(Why::Unacknowledged);
        }
        let Some(stored) = contents.get(of, name) else {
            // on its way out, or never there
            return if state.held.has(name) {
                Readiness::Ready
            } else {
                missing(Why::Unacknowledged)
            };
        };
        let Some(version) = state.held.version(name) else {
            let rejected = self.refuses(of, stored, now);
            if rejected && stored.is_judged_locally() {
                // the client goes on without it
                return Readiness::Ready;
            }
            return missing(if rejected {
                Why::Rejected
            } else {
                Why::Unacknowledged
            });
        };
        let is_met = || !met.is_empty() && met.contains(&(of, name.clone()));
        if version != stored.version() {
            if self.refuses(of, stored, now) {
                // it goes on with its last good version; where nobody remembers that, it will have needed the same
                let good = state.held.known(name).unwrap_or(stored);
                return self.requirements_of(of, good, met, contents, now, depth);
            }
            if !is_met() {
                return missing(Why::Unacknowledged);
            }
        }
        let resent = state
            .in_flight
            .as_ref()
            .is_some_and(|flight| flight.carries(name))
            || state
                .pending
                .get(name)
                .is_some_and(|pending| pending.forced);
        if resent && !is_met() {
            return missing(Why::Unacknowledged);
        }
        if let Some(Some(until)) = self.unsettled.get(&(of, name.clone()))
            && *until > now
        {
            return missing(Why::Settling(*until));
        }
        self.requirements_of(of, stored, met, contents, now, depth)
    }

    fn requirements_of(
        &self,
        of: TypeIndex,
        resource: &Resource,
        met: &BTreeSet<Key>,
        contents: View<'_>,
        now: Instant,
        depth: usize,
    ) -> Readiness {
        if depth == 0 {
            return Readiness::Ready;
        }
        for (url, name) in resource.requires() {
            let Some(required) = self.table.index_of(*url) else {
                continue;
            };
            if required == of && name == resource.name() {
                continue;
            }
            let readiness = self.readiness(required, name, met, contents, now, depth - 1);
            if matches!(readiness, Readiness::Not(..)) {
                return readiness;
            }
        }
        Readiness::Ready
    }

    /// Starts the clock of new resources that have all they require, and forgets those whose time is over.
    pub(super) fn settle(&mut self, contents: View<'_>, now: Instant) {
        if self.unsettled.is_empty() {
            return;
        }
        let none = BTreeSet::new();
        let mut unsettled = std::mem::take(&mut self.unsettled);
        unsettled.retain(|(of, name), until| {
            let Some(resource) = self.types[of.slot()].held.known(name) else {
                return false;
            };
            if until.is_none()
                && matches!(
                    self.requirements_of(*of, resource, &none, contents, now, DEPTH),
                    Readiness::Ready
                )
            {
                *until = Some(now + resource.settle());
            }
            until.is_none_or(|until| until > now)
        });
        self.unsettled = unsettled;
    }

    /// Notes on every hold that `of` was acknowledged in what was sent in `step`.
    pub(super) fn meet(&mut self, of: TypeIndex, acknowledged: &[Arc<Resource>], step: u64) {
        for state in &mut self.types {
            for hold in state
                .pending
                .values_mut()
                .filter_map(|pending| pending.hold.as_mut())
            {
                if step < hold.step {
                    continue;
                }
                for wait in hold.waits.values() {
                    let (on, name) = &wait.on;
                    if *on == of
                        && acknowledged
                            .binary_search_by(|probe| probe.name().cmp(name))
                            .is_ok()
                    {
                        hold.met.insert(wait.on.clone());
                    }
                }
            }
        }
    }
}
