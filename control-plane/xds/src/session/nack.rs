//! What an answer to a response means: accepted, or rejected and by whose fault.

use std::sync::Arc;
use std::time::Instant;

use super::state::{InFlight, Nack};
use super::{Session, SessionEvent};
use crate::hints;
use crate::resource::Resource;
use crate::type_url::TypeIndex;

/// Longest error text that is kept.
const MESSAGE: usize = 1_024;

impl Session {
    /// The client has accepted a response.
    pub(super) fn acked(&mut self, of: TypeIndex, flight: InFlight, now: Instant) {
        let state = &mut self.types[of.slot()];
        state.suspects.pop_front();
        let mut released: Vec<(Arc<Resource>, Option<Arc<Resource>>)> = Vec::new();
        let mut new: Vec<Arc<Resource>> = Vec::new();
        // names given up while this was on its way are not there any more
        let taken: Vec<Arc<Resource>> = flight
            .fresh
            .iter()
            .filter(|taken| state.subscription.covers(taken.name()))
            .cloned()
            .collect();
        for resource in &taken {
            state.doubtful.remove(resource.name());
            if let Some(ghost) = state.ghosts.remove(resource.name()) {
                released.push((ghost, Some(resource.clone())));
            }
        }
        state
            .held
            .accept(taken.into_iter(), |old, was_foreign, resource| match old {
                Some(old) => released.push((old.clone(), Some(resource.clone()))),
                None if was_foreign => {}
                None => new.push(resource.clone()),
            });
        for name in &flight.removed {
            state.doubtful.remove(name);
            let gone = [state.held.forget(name), state.ghosts.remove(name)];
            released.extend(gone.into_iter().flatten().map(|old| (old, None)));
            self.unsettled.remove(&(of, name.clone()));
        }
        for resource in new.iter().filter(|resource| !resource.settle().is_zero()) {
            self.unsettled.insert((of, resource.name().clone()), None);
        }
        for (old, new) in released {
            self.release(&old, new.as_deref(), now);
        }
        self.meet(of, &flight.fresh, flight.step);
        self.events.push(SessionEvent::Acked {
            type_url: self.table.url(of),
            resources: flight.fresh,
            removed: flight.removed,
        });
    }

    /// The client has rejected a response.
    ///
    /// Envoy has then put the good part to use without recording it, so that part is sent again at once, cleanly. The
    /// culprit is kept from all clients of that version in this scope until its content changes; of private types, from this
    /// caller alone.
    pub(super) fn nacked(&mut self, of: TypeIndex, flight: InFlight, message: &str, now: Instant) {
        let message = clean(message, MESSAGE);
        let whom = self.quarantined_in(of).clone();
        let state = &mut self.types[of.slot()];
        let probing = state.suspects.pop_front().is_some();
        let culprits: Vec<Arc<str>> = match &*flight.fresh {
            [single] => vec![single.name().clone()],
            several => hints::culprits(&message, several.iter().map(|resource| resource.name())),
        };
        let mut rest = Vec::new();
        for resource in flight.fresh.iter() {
            let name = resource.name();
            let accepted = state.held.version(name) == Some(resource.version());
            if culprits.contains(name) {
                if !accepted && resource.is_judged_locally() {
                    self.refused
                        .insert((of, name.clone()), resource.version().clone());
                    state.pending.entry(name.clone()).or_default();
                } else if !accepted {
                    let last_good = state.held.known(name).cloned();
                    self.quarantine.add(
                        &whom,
                        self.node.as_ref().map_or("", |node| node.client()),
                        resource,
                        last_good,
                        now,
                    );
                    state.pending.entry(name.clone()).or_default();
                }
                continue;
            }
            rest.push(name.clone());
            let pending = state.pending.entry(name.clone()).or_default();
            if accepted {
                pending.forced = true;
            } else {
                state.ghosts.insert(name.clone(), resource.clone());
            }
        }
        if culprits.is_empty() && rest.len() > 1 {
            let second = rest.split_off(rest.len() / 2);
            state.suspects.push_front(second);
            state.suspects.push_front(rest);
        } else if probing && !rest.is_empty() {
            state.suspects.push_front(rest);
        }
        let only_removals = flight.fresh.is_empty();
        for name in &flight.removed {
            // it was taken away, most likely: nothing may count on it, and what is there again must come again
            state.doubtful.insert(name.clone());
            state.pending.entry(name.clone()).or_default().answer = true;
        }
        let blamed = if culprits.is_empty() {
            flight
                .fresh
                .iter()
                .map(|resource| resource.name().clone())
                .collect()
        } else {
            culprits
        };
        state.last_nack = Some(Nack {
            at: now,
            names: blamed.clone(),
            message: message.clone(),
        });
        self.events.push(SessionEvent::Nacked {
            type_url: self.table.url(of),
            names: blamed,
            message,
        });
        if only_removals {
            // absence cannot be refused; asking again would never end
            self.removed_all_the_same(of, flight, now);
        }
    }

    fn removed_all_the_same(&mut self, of: TypeIndex, flight: InFlight, now: Instant) {
        let state = &mut self.types[of.slot()];
        let mut gone = Vec::new();
        for name in &flight.removed {
            state.pending.remove(name);
            state.doubtful.remove(name);
            gone.extend(
                [state.held.forget(name), state.ghosts.remove(name)]
                    .into_iter()
                    .flatten(),
            );
        }
        for resource in gone {
            self.release(&resource, None, now);
        }
    }
}

/// Text of others, fit for logs and statuses: bounded, control characters escaped.
pub(crate) fn clean(text: &str, longest: usize) -> String {
    let mut out = String::with_capacity(text.len().min(longest));
    for c in text.chars() {
        let before = out.len();
        if c.is_control() {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
        if out.len() > longest {
            out.truncate(before);
            break;
        }
    }
    out
}
