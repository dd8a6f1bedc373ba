//! One stream's protocol state: a synchronous machine with no I/O and no clock of its own.
//!
//! In: a request, word that the store changed, or a tick, each with the scope's contents and the time. Out: responses,
//! events and when to be woken next. Both variants of the protocol share everything but how a request is read
//! (`request`) and how a response is made up (`plan`).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::contents::{Dirty, View};
use crate::quarantine::Quarantine;
use crate::resource::Resource;
use crate::scope::Scope;
use crate::type_url::{TypeIndex, TypeTable, TypeUrl};

mod emit;
mod held;
mod hold;
mod known;
mod nack;
mod names;
mod plan;
mod removal;
mod request;
mod state;
mod subscription;
mod unsure;
mod view;

pub(crate) use request::{Ask, Node, Request, Violation};
pub(crate) use unsure::Unsure;
pub use view::{HoldView, NackView, TypeView};

use state::{Pending, TypeState};

/// The two variants of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Variant {
    /// Incremental: resources and removals one by one.
    Delta,
    /// State of the world.
    Sotw,
}

/// The bounds of a session.
#[derive(Clone, Debug)]
pub struct SessionSettings {
    /// How long a resource waits for a requirement that the client does not acknowledge; then it is sent all the same.
    pub hold_limit: Duration,
    /// The same for a requirement that the client has rejected, where the client has an earlier version of the waiting
    /// resource to go on with. `None`: it stays with that version until the content changes.
    pub rejected_hold_limit: Option<Duration>,
    /// How long a resource outlives its last user at the client: requests in flight and retries may still use it.
    pub linger: Duration,
    /// The most names a client may subscribe to, over all types.
    pub max_names: usize,
    /// The most bytes that these names may have together.
    pub max_name_bytes: usize,
    /// A delta response, or one of a named type, holds no more than this (and at least one resource); the rest follows
    /// its ACK.
    pub max_response_bytes: usize,
}

impl Default for SessionSettings {
    fn default() -> Self {
        Self {
            hold_limit: Duration::from_secs(5),
            rejected_hold_limit: None,
            linger: Duration::from_secs(2),
            max_names: 50_000,
            max_name_bytes: 4 * 1024 * 1024,
            // the limit that gRPC clients set for themselves is 4 MiB
            max_response_bytes: 4 * 1024 * 1024 - 64 * 1024,
        }
    }
}

/// A response to be written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Response {
    pub(crate) variant: Variant,
    /// As the client spelled it: it may be a type that is not served.
    pub(crate) type_url: Arc<str>,
    pub(crate) nonce: u64,
    /// `version_info` of state of the world, `system_version_info` of delta.
    pub(crate) version: String,
    pub(crate) resources: Arc<[Arc<Resource>]>,
    pub(crate) removed: Vec<Arc<str>>,
}

/// Something a session saw that others may want to know.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum SessionEvent {
    /// The client has asked for a private type for the first time, and told what it holds of it.
    Asked {
        type_url: TypeUrl,
        holds: Vec<(Arc<str>, Arc<str>)>,
    },
    Acked {
        type_url: TypeUrl,
        resources: Arc<[Arc<Resource>]>,
        removed: Vec<Arc<str>>,
    },
    Nacked {
        type_url: TypeUrl,
        names: Vec<Arc<str>>,
        message: String,
    },
    Held {
        type_url: TypeUrl,
        name: Arc<str>,
        waits_for: Vec<(TypeUrl, Arc<str>)>,
        rejected: bool,
    },
    HoldExpired {
        type_url: TypeUrl,
        name: Arc<str>,
        waited_for: Vec<(TypeUrl, Arc<str>)>,
    },
    Converged {
        batch: u64,
        withheld: usize,
    },
}

/// What comes of one input.
#[derive(Debug, Default)]
pub(crate) struct Output {
    pub(crate) responses: Vec<Response>,
    pub(crate) events: Vec<SessionEvent>,
    /// When [`Session::tick`] has something to do next, if nothing else happens.
    pub(crate) wake: Option<Instant>,
}

/// The protocol state of one stream.
#[derive(Debug)]
pub(crate) struct Session {
    variant: Variant,
    scope: Scope,
    /// The scope of the caller's own resources.
    own: Option<Scope>,
    table: TypeTable,
    settings: Arc<SessionSettings>,
    quarantine: Arc<Quarantine>,
    node: Option<Node>,
    types: Box<[TypeState]>,
    /// When the client last told of a type for the first time.
    introduced: Instant,
    /// The client brought resources from an earlier stream.
    resumed: bool,
    last_nonce: u64,
    /// Rises by one with each input: what is sent in step n was read from the store in step n.
    step: u64,
    /// New resources that the client accepted but that need time to become fit for use; `None` while their own
    /// requirements are missing and the time does not run.
    unsettled: BTreeMap<(TypeIndex, Arc<str>), Option<Instant>>,
    /// When the client last let go of a requirement.
    released: BTreeMap<(TypeIndex, Arc<str>), Instant>,
    /// Batch up to which everything wanted was acknowledged.
    converged: u64,
    stale: u64,
    /// Answers about types that are not served: sent once, never tracked.
    strays: Vec<Response>,
    /// Versions that this client alone rejects ([`Resource::judged_locally`]).
    refused: BTreeMap<(TypeIndex, Arc<str>), Arc<str>>,
    /// Types that were touched after their turn.
    touched: Vec<TypeIndex>,
    events: Vec<SessionEvent>,
}

impl Session {
    pub(crate) fn new(
        variant: Variant,
        scope: Scope,
        table: TypeTable,
        settings: Arc<SessionSettings>,
        quarantine: Arc<Quarantine>,
        now: Instant,
    ) -> Self {
        Self {
            variant,
            scope,
            own: None,
            types: (0..table.len()).map(|_| TypeState::default()).collect(),
            table,
            settings,
            quarantine,
            node: None,
            introduced: now,
            resumed: false,
            last_nonce: 0,
            step: 0,
            unsettled: BTreeMap::new(),
            released: BTreeMap::new(),
            converged: 0,
            stale: 0,
            strays: Vec::new(),
            refused: BTreeMap::new(),
            touched: Vec::new(),
            events: Vec::new(),
        }
    }

    /// The same for a caller with resources of its own.
    pub(crate) fn with_own(self, own: Option<Scope>) -> Self {
        Self { own, ..self }
    }

    /// Takes one request. An error ends the stream.
    pub(crate) fn request(
        &mut self,
        request: Request,
        contents: View<'_>,
        now: Instant,
    ) -> Result<Output, Violation> {
        self.step += 1;
        self.read(request, contents, now)?;
        Ok(self.plan(contents, now))
    }

    /// Takes word of changes: always before anything else, or a session would take contents it was not told of for
    /// contents it has dealt with. What follows from them comes with the next request or tick.
    pub(crate) fn note(&mut self, dirty: Dirty, contents: View<'_>) {
        if dirty.is_empty() {
            return;
        }
        self.step += 1;
        self.mark(dirty, contents);
    }

    /// Does what has become due, by changes or by time.
    pub(crate) fn tick(&mut self, contents: View<'_>, now: Instant) -> Output {
        self.step += 1;
        self.plan(contents, now)
    }

    /// What the client said it is.
    pub(crate) fn node(&self) -> Option<&Node> {
        self.node.as_ref()
    }

    /// The version of a resource that the client has accepted.
    pub(crate) fn accepted(&self, of: TypeIndex, name: &str) -> Option<Arc<str>> {
        self.types[of.slot()].held.version(name).cloned()
    }

    /// Since when the oldest response has waited for its ACK.
    pub(crate) fn oldest_in_flight(&self) -> Option<Instant> {
        self.types
            .iter()
            .filter_map(|state| state.in_flight.as_ref())
            .map(|flight| flight.since)
            .min()
    }

    /// Acknowledgements of responses that were no longer the newest.
    pub(crate) fn stale(&self) -> u64 {
        self.stale
    }

    fn mark(&mut self, dirty: Dirty, contents: View<'_>) {
        if dirty.all {
            for of in self.table.indices() {
                self.mark_all(of, contents);
            }
            return;
        }
        for (of, name) in dirty.names {
            let state = &mut self.types[of.slot()];
            if state.subscription.covers(&name) {
                state.pending.entry(name).or_default();
            }
        }
    }

    /// Marks every name of a type that the client is not known to be up to date with.
    fn mark_all(&mut self, of: TypeIndex, contents: View<'_>) {
        let state = &mut self.types[of.slot()];
        if !state.asked {
            return;
        }
        let stale = contents
            .all(of)
            .filter(|stored| state.subscription.covers(stored.name()))
            .filter(|stored| state.held.version(stored.name()) != Some(stored.version()))
            .map(|stored| stored.name());
        let names: Vec<Arc<str>> = state
            .held
            .names()
            .filter(|name| contents.get(of, name).is_none())
            .chain(state.ghosts.keys())
            .chain(&state.doubtful)
            .chain(stale)
            .cloned()
            .collect();
        state.look_at(names.into_iter().map(|name| (name, Pending::default())));
    }

    fn client(&self) -> &str {
        self.node.as_ref().map_or("", Node::client)
    }

    /// Whether this stream goes without this content: also after the time for which others are spared it.
    fn refuses(&self, of: TypeIndex, resource: &Resource, now: Instant) -> bool {
        self.types[of.slot()].withheld.contains(resource.name())
            || self.is_rejected(of, resource, now)
    }

    /// Whom a rejection of this type concerns: of private types this caller alone, wherever the resource comes from. Or one
    /// caller could keep its group from following its trust bundle, or be given what another went back to.
    fn quarantined_in(&self, of: TypeIndex) -> &Scope {
        let own = self.own.as_ref();
        own.filter(|_| self.table.is_private(of))
            .unwrap_or(&self.scope)
    }

    fn is_rejected(&self, of: TypeIndex, resource: &Resource, now: Instant) -> bool {
        if resource.is_judged_locally() {
            let refused = self.refused.get(&(of, resource.name().clone()));
            return refused == Some(resource.version());
        }
        self.quarantine.rejects(
            self.quarantined_in(of),
            self.client(),
            self.table.url(of),
            resource,
            now,
        )
    }
}

#[cfg(test)]
pub(crate) mod tests;
