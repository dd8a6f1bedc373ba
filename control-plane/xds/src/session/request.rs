//! Reading a request: acknowledgement first, then what it asks for.

use std::sync::Arc;
use std::time::Instant;

use super::held::claimable;
use super::nack::clean;
use super::state::{Pending, TypeState};
use super::subscription::Asked;
use super::{Response, Session, SessionEvent, Variant};
use crate::contents::View;
use crate::type_url::TypeIndex;

/// A request, of either variant.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    pub(crate) node: Option<Node>,
    pub(crate) type_url: String,
    pub(crate) nonce: String,
    /// The text of `error_detail`: its presence makes the request a NACK, nothing else does.
    pub(crate) error: Option<String>,
    pub(crate) ask: Ask,
}

/// What a request asks for.
#[derive(Clone, Debug)]
pub(crate) enum Ask {
    Delta {
        subscribe: Vec<String>,
        unsubscribe: Vec<String>,
        initial: Vec<(String, String)>,
    },
    Sotw {
        names: Vec<String>,
        version_info: String,
    },
}

impl Default for Ask {
    fn default() -> Self {
        Self::Delta {
            subscribe: Vec::new(),
            unsubscribe: Vec::new(),
            initial: Vec::new(),
        }
    }
}

/// What a client says it is. Shown to people and used to tell client versions apart; never believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    id: Box<str>,
    client: Arc<str>,
}

/// A breach of the protocol that ends the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Violation {
    #[error("the node changed within the stream")]
    NodeChanged,
    #[error("too many names are subscribed to on this stream")]
    TooManyNames,
}

/// Longest name of a client that is kept.
const NODE_ID: usize = 256;
const CLIENT: usize = 64;
/// Longest name of a resource that a client is said to hold.
const HELD_NAME: usize = 256;
/// Longest type URL of a type not served that is answered.
const STRAY_URL: usize = 256;

impl Node {
    pub(crate) fn new(id: &str, agent: &str, version: &str) -> Self {
        let client = if agent.is_empty() && version.is_empty() {
            String::new()
        } else {
            clean(&format!("{agent}/{version}"), CLIENT)
        };
        Self {
            id: clean(id, NODE_ID).into(),
            client: client.into(),
        }
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Kind and version of the client, `envoy/1.40.0`.
    pub(crate) fn client(&self) -> &str {
        &self.client
    }
}

impl Session {
    /// A client's own resources are few.
    const MOST_HOLDS: usize = 16;

    pub(super) fn read(
        &mut self,
        request: Request,
        contents: View<'_>,
        now: Instant,
    ) -> Result<(), Violation> {
        match (&self.node, request.node) {
            (None, node) => self.node = node,
            (Some(known), Some(node)) if !node.id.is_empty() && node.id != known.id => {
                return Err(Violation::NodeChanged);
            }
            (Some(_), _) => {}
        }
        let Some(of) = self.table.index_of_str(&request.type_url) else {
            self.stray(request.type_url, request.ask);
            return Ok(());
        };
        let nonce = request.nonce.as_str();
        match request.ask {
            Ask::Delta {
                subscribe,
                unsubscribe,
                initial,
            } => {
                // a stale nonce voids the acknowledgement, never the change of subscription
                self.answered(of, nonce, request.error, now);
                self.read_delta(of, &subscribe, &unsubscribe, initial, contents, now)
            }
            Ask::Sotw {
                names,
                version_info,
            } => {
                let state = &self.types[of.slot()];
                if state.asked && !nonce.is_empty() && parse(nonce) != Some(state.newest) {
                    // its successor, an answer to the newest response, is under way and repeats all names
                    self.stale += 1;
                    return Ok(());
                }
                self.answered(of, nonce, request.error, now);
                self.read_sotw(of, &names, version_info, contents, now)
            }
        }
    }

    /// The acknowledgement part of a request, if it has one.
    fn answered(&mut self, of: TypeIndex, nonce: &str, error: Option<String>, now: Instant) {
        if nonce.is_empty() {
            return;
        }
        let state = &mut self.types[of.slot()];
        match state
            .in_flight
            .take_if(|flight| parse(nonce) == Some(flight.nonce))
        {
            None if parse(nonce) == Some(state.newest) => {}
            None => self.stale += 1,
            Some(flight) => match error {
                None => self.acked(of, flight, now),
                Some(message) => self.nacked(of, flight, &message, now),
            },
        }
    }

    fn read_delta(
        &mut self,
        of: TypeIndex,
        subscribe: &[String],
        unsubscribe: &[String],
        initial: Vec<(String, String)>,
        contents: View<'_>,
        now: Instant,
    ) -> Result<(), Violation> {
        let collection = self.table.collection(of);
        let state = &mut self.types[of.slot()];
        let first = !std::mem::replace(&mut state.asked, true);
        let asked = state
            .subscription
            .adjust(collection, subscribe, unsubscribe, |name| {
                contents.intern(of, name)
            });
        self.count()?;
        if first {
            self.introduced = now;
            self.resumed |= !initial.is_empty();
            if contents.is_private(of) {
                let short = |(name, _): &&(String, String)| name.len() <= HELD_NAME;
                let holds = initial.iter().filter(short).take(Self::MOST_HOLDS);
                let holds =
                    holds.map(|(name, version)| (name.as_str().into(), claimable(version).into()));
                self.events.push(SessionEvent::Asked {
                    type_url: self.table.url(of),
                    holds: holds.collect(),
                });
            }
            self.count_claims(of, &initial)?;
            let state = &mut self.types[of.slot()];
            for (name, version) in initial {
                if state.subscription.covers(&name) {
                    // what it tells of it took cleanly
                    if state
                        .ghosts
                        .get(&*name)
                        .is_some_and(|ghost| **ghost.version() == *version)
                    {
                        state.ghosts.remove(&*name);
                    }
                    state.held.claim(contents.intern(of, &name), &version);
                }
            }
        }
        let state = &mut self.types[of.slot()];
        let held = &state.held;
        let why = |name: &Arc<str>| {
            // the client has just said that it holds it: silence is an answer where the version is right
            let said = first && held.has(name);
            (name.clone(), Pending::asked(!said))
        };
        let named: Vec<_> = asked.named.iter().map(why).collect();
        state.look_at(named.into_iter());
        for (name, was_named) in &asked.dropped {
            let state = &mut self.types[of.slot()];
            if !state.subscription.is_wildcard() {
                self.forget(of, name, now);
            } else if *was_named || state.client_has(name) || contents.get(of, name).is_some() {
                state.force(name.clone(), true);
            }
        }
        self.wildcard(of, &asked, contents, now);
        Ok(())
    }

    fn read_sotw(
        &mut self,
        of: TypeIndex,
        names: &[String],
        version_info: String,
        contents: View<'_>,
        now: Instant,
    ) -> Result<(), Violation> {
        let collection = self.table.collection(of);
        let state = &mut self.types[of.slot()];
        let first = !std::mem::replace(&mut state.asked, true);
        let asked = state
            .subscription
            .set(collection, names, |name| contents.intern(of, name));
        self.count()?;
        let state = &mut self.types[of.slot()];
        let claims = first && !state.unsure && !version_info.is_empty();
        if first && contents.is_private(of) {
            // one version for the whole set: what it holds of each is not told
            self.events.push(SessionEvent::Asked {
                type_url: self.table.url(of),
                holds: Vec::new(),
            });
        }
        let state = &mut self.types[of.slot()];
        if claims && asked.wildcard_gained && asked.named.is_empty() {
            state.claimed = Some(claimable(&version_info).into());
        }
        let named = asked.named.iter();
        state.look_at(named.map(|name| (name.clone(), Pending::asked(true))));
        for (name, _) in &asked.dropped {
            if !self.types[of.slot()].subscription.covers(name) {
                self.forget(of, name, now);
            }
        }
        self.wildcard(of, &asked, contents, now);
        Ok(())
    }

    fn wildcard(&mut self, of: TypeIndex, asked: &Asked, contents: View<'_>, now: Instant) {
        if asked.wildcard_gained {
            let state = &mut self.types[of.slot()];
            // who holds nothing waits for a first answer, even for an empty one
            state.owed |= state.held.len() == 0;
            self.mark_all(of, contents);
        }
        if asked.wildcard_lost {
            let state = &self.types[of.slot()];
            let lost: Vec<Arc<str>> = state
                .held
                .names()
                .chain(state.ghosts.keys())
                .chain(state.pending.keys())
                .chain(&state.doubtful)
                .filter(|name| !state.subscription.covers(name))
                .cloned()
                .collect();
            for name in lost {
                self.forget(of, &name, now);
            }
        }
    }

    /// The client has given a name up: it drops the resource by itself.
    fn forget(&mut self, of: TypeIndex, name: &Arc<str>, now: Instant) {
        let state = &mut self.types[of.slot()];
        state.pending.remove(name);
        state.withheld.remove(name);
        state.doubtful.remove(name);
        let gone = [state.held.forget(name), state.ghosts.remove(name)];
        self.unsettled.remove(&(of, name.clone()));
        for resource in gone.into_iter().flatten() {
            self.release(&resource, None, now);
        }
    }

    /// Whether the client asks for no more than it may.
    fn count(&self) -> Result<(), Violation> {
        let states = || self.types.iter();
        let names: usize = states().map(|state| state.subscription.named()).sum();
        let bytes: usize = states()
            .map(|state| state.subscription.bytes() + state.claimed_bytes)
            .sum();
        if names > self.settings.max_names || bytes > self.settings.max_name_bytes {
            return Err(Violation::TooManyNames);
        }
        Ok(())
    }

    /// Counts what a client says it holds. Names that it asks for too have been counted as such.
    fn count_claims(
        &mut self,
        of: TypeIndex,
        initial: &[(String, String)],
    ) -> Result<(), Violation> {
        let claims = |state: &TypeState| state.held.foreign().len();
        let claimed: usize = self.types.iter().map(claims).sum();
        if claimed + initial.len() > self.settings.max_names {
            return Err(Violation::TooManyNames);
        }
        let state = &mut self.types[of.slot()];
        let subscription = &state.subscription;
        let claims = initial.iter().map(|(name, version)| {
            let named = subscription.names_it(name);
            claimable(version).len() + if named { 0 } else { name.len() }
        });
        state.claimed_bytes = claims.sum();
        self.count()
    }

    /// A type that is not served: in delta, named resources are said not to exist; in state of the world there is no way
    /// to say so.
    fn stray(&mut self, type_url: String, ask: Ask) {
        let Ask::Delta { subscribe, .. } = ask else {
            return;
        };
        let mut removed: Vec<Arc<str>> = subscribe
            .iter()
            .filter(|name| *name != "*")
            .map(|name| Arc::from(name.as_str()))
            .collect();
        removed.sort();
        removed.dedup();
        if removed.is_empty() || type_url.len() > STRAY_URL {
            return;
        }
        let nonce = self.next_nonce();
        self.strays.push(Response {
            variant: Variant::Delta,
            type_url: type_url.into(),
            nonce,
            version: String::new(),
            resources: Arc::from([]),
            removed,
        });
    }

    pub(super) fn next_nonce(&mut self) -> u64 {
        self.last_nonce += 1;
        self.last_nonce
    }
}

fn parse(nonce: &str) -> Option<u64> {
    nonce.parse().ok()
}
