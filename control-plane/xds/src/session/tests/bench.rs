//! A stream on the bench: a session, its store and its clock, driven by hand.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(super) use crate::contents::{Change, Contents, View};
pub(super) use crate::quarantine::Quarantine;
pub(super) use crate::resource::Resource;
pub(super) use crate::scope::Scope;
pub(super) use crate::session::{
    Ask, Node, Output, Request, Response, Session, SessionEvent, SessionSettings, Variant,
    Violation,
};
pub(super) use crate::type_url::{TypeSpec, TypeTable, TypeUrl};

pub(super) const CDS: TypeUrl = TypeUrl::CDS;
pub(super) const EDS: TypeUrl = TypeUrl::EDS;
pub(super) const LDS: TypeUrl = TypeUrl::LDS;
pub(super) const RDS: TypeUrl = TypeUrl::RDS;
pub(super) const SDS: TypeUrl = TypeUrl::SDS;
pub(super) const VHDS: TypeUrl = TypeUrl::VHDS;
pub(super) const BOTH: [Variant; 2] = [Variant::Delta, Variant::Sotw];
pub(super) const ALL_TYPES: [TypeUrl; 4] = [CDS, LDS, RDS, EDS];

pub(super) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub(super) fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// A resource with no ties.
pub(super) fn res(url: TypeUrl, name: &str, version: &str) -> Resource {
    Resource::new(url, name, version, format!("{name}={version}").as_bytes())
}

pub(super) fn keys(keys: &[(TypeUrl, &str)]) -> Vec<(TypeUrl, Arc<str>)> {
    keys.iter()
        .map(|(url, name)| (*url, Arc::from(*name)))
        .collect()
}

/// A cluster with endpoints of its own.
pub(super) fn cluster(name: &str, version: &str) -> Resource {
    res(CDS, name, version)
        .with_requires(keys(&[(EDS, name)]))
        .with_touches(keys(&[(EDS, name)]))
}

/// A route that needs clusters.
pub(super) fn route(name: &str, version: &str, clusters: &[&str]) -> Resource {
    res(RDS, name, version).with_requires(clusters.iter().map(|name| (CDS, Arc::from(*name))))
}

pub(super) struct Bench {
    pub(super) variant: Variant,
    pub(super) contents: Contents,
    /// The caller's own resources.
    pub(super) own: Option<Contents>,
    pub(super) own_scope: Option<Scope>,
    pub(super) session: Session,
    pub(super) settings: Arc<SessionSettings>,
    pub(super) quarantine: Arc<Quarantine>,
    pub(super) now: Instant,
    pub(super) wake: Option<Instant>,
    pub(super) events: Vec<SessionEvent>,
    /// The newest response of each type.
    pub(super) last: BTreeMap<String, Response>,
    pub(super) nonces: BTreeSet<u64>,
    batch: u64,
    client: Node,
    /// State of the world repeats all names with each request.
    names: BTreeMap<TypeUrl, BTreeSet<String>>,
    accepted: BTreeMap<TypeUrl, String>,
}

impl Bench {
    pub(super) fn new(variant: Variant) -> Self {
        let mut bench = Self::unfilled(variant, SessionSettings::default());
        bench.fill(vec![]);
        bench
    }

    pub(super) fn with(variant: Variant, resources: Vec<Resource>) -> Self {
        let mut bench = Self::unfilled(variant, SessionSettings::default());
        bench.fill(resources);
        bench
    }

    pub(super) fn set_up(
        variant: Variant,
        settings: SessionSettings,
        resources: Vec<Resource>,
    ) -> Self {
        let mut bench = Self::unfilled(variant, settings);
        bench.fill(resources);
        bench
    }

    pub(super) fn unfilled(variant: Variant, settings: SessionSettings) -> Self {
        let table = TypeTable::envoy();
        let settings = Arc::new(settings);
        let quarantine = Arc::new(Quarantine::new(secs(600), 100));
        let now = Instant::now();
        let client = Node::new("test-id", "envoy", "1.40.0");
        Self {
            variant,
            contents: Contents::new(table.clone()),
            own: None,
            own_scope: None,
            session: session(variant, &table, &settings, &quarantine, now),
            settings,
            quarantine,
            now,
            wake: None,
            events: Vec::new(),
            last: BTreeMap::new(),
            nonces: BTreeSet::new(),
            batch: 0,
            client,
            names: BTreeMap::new(),
            accepted: BTreeMap::new(),
        }
    }

    /// A new stream of the same client, to a server that may have been restarted.
    pub(super) fn reconnect(&mut self) {
        self.session = session(
            self.variant,
            &TypeTable::envoy(),
            &self.settings,
            &self.quarantine,
            self.now,
        )
        .with_own(self.own_scope.clone());
        self.last.clear();
        self.nonces.clear();
        self.wake = None;
    }

    /// A new stream, of a caller with resources of its own, of which nothing is known yet.
    pub(super) fn call_as(&mut self, name: &str) {
        self.own = Some(Contents::new(TypeTable::envoy()));
        self.own_scope = Some(Scope::new(name));
        self.reconnect();
    }

    /// Makes `resources` the caller's own.
    pub(super) fn fill_own(&mut self, resources: Vec<Resource>) -> Vec<String> {
        self.batch += 1;
        let own = self.own.as_mut().unwrap();
        let dirty = own.replace(resources.into_iter().map(Arc::new).collect(), self.batch);
        let view = View::new(&self.contents, self.own.as_ref(), 0);
        self.session.note(dirty, view);
        self.tick()
    }

    pub(super) fn upgrade_client(&mut self, version: &str) {
        self.client = Node::new("test-id", "envoy", version);
    }

    /// Makes `resources` the store's contents.
    pub(super) fn fill(&mut self, resources: Vec<Resource>) -> Vec<String> {
        self.batch += 1;
        let dirty = self
            .contents
            .replace(resources.into_iter().map(Arc::new).collect(), self.batch);
        self.session
            .note(dirty, View::new(&self.contents, self.own.as_ref(), 0));
        self.tick()
    }

    pub(super) fn put(&mut self, resources: Vec<Resource>) -> Vec<String> {
        self.apply(
            resources
                .into_iter()
                .map(|r| Change::Put(Arc::new(r)))
                .collect(),
        )
    }

    pub(super) fn remove(&mut self, names: &[(TypeUrl, &str)]) -> Vec<String> {
        self.apply(
            names
                .iter()
                .map(|(url, name)| Change::Remove(*url, Arc::from(*name)))
                .collect(),
        )
    }

    pub(super) fn apply(&mut self, changes: Vec<Change>) -> Vec<String> {
        self.batch += 1;
        let dirty = self.contents.apply(changes, self.batch);
        self.session
            .note(dirty, View::new(&self.contents, self.own.as_ref(), 0));
        self.tick()
    }

    /// Lets time pass.
    pub(super) fn wait(&mut self, time: Duration) -> Vec<String> {
        self.now += time;
        self.tick()
    }

    pub(super) fn tick(&mut self) -> Vec<String> {
        let output = self
            .session
            .tick(View::new(&self.contents, self.own.as_ref(), 0), self.now);
        self.take(output)
    }

    /// Subscribes to names; none, and it is the wildcard of old.
    pub(super) fn ask(&mut self, url: TypeUrl, names: &[&str]) -> Vec<String> {
        self.names
            .entry(url)
            .or_default()
            .extend(names.iter().map(ToString::to_string));
        let ask = match self.variant {
            Variant::Delta => delta(names, &[], &[]),
            Variant::Sotw => self.sotw(url),
        };
        let nonce = self.spontaneous(url);
        self.send(url, &nonce, None, ask)
    }

    pub(super) fn unask(&mut self, url: TypeUrl, names: &[&str]) -> Vec<String> {
        let all = self.names.entry(url).or_default();
        all.retain(|name| !names.contains(&name.as_str()));
        let ask = match self.variant {
            Variant::Delta => delta(&[], names, &[]),
            Variant::Sotw => self.sotw(url),
        };
        let nonce = self.spontaneous(url);
        self.send(url, &nonce, None, ask)
    }

    /// The first request of a stream for a type, from a client that holds something already.
    pub(super) fn resume(
        &mut self,
        url: TypeUrl,
        names: &[&str],
        held: &[(&str, &str)],
    ) -> Vec<String> {
        assert_eq!(self.variant, Variant::Delta);
        self.send(url, "", None, delta(names, &[], held))
    }

    pub(super) fn ack(&mut self, url: TypeUrl) -> Vec<String> {
        let nonce = self.newest_response(url).nonce.to_string();
        self.accepted
            .insert(url, self.newest_response(url).version.clone());
        let ask = self.same(url);
        self.send(url, &nonce, None, ask)
    }

    pub(super) fn nack(&mut self, url: TypeUrl, message: &str) -> Vec<String> {
        let nonce = self.newest_response(url).nonce.to_string();
        let ask = self.same(url);
        self.send(url, &nonce, Some(message), ask)
    }

    /// ACKs whatever comes, until nothing more does. What was sent, in order.
    pub(super) fn settle_all(&mut self, first: Vec<String>) -> Vec<String> {
        let mut all = first;
        for _ in 0..1000 {
            let due = self
                .session
                .table
                .indices()
                .find(|of| self.session.types[of.slot()].in_flight.is_some());
            let Some(of) = due else { return all };
            let url = self.session.table.url(of);
            all.extend(self.ack(url));
        }
        panic!("no end of it: {all:?}");
    }

    pub(super) fn send(
        &mut self,
        url: TypeUrl,
        nonce: &str,
        error: Option<&str>,
        ask: Ask,
    ) -> Vec<String> {
        self.send_to(url.as_str(), nonce, error, ask).unwrap()
    }

    pub(super) fn send_to(
        &mut self,
        url: &str,
        nonce: &str,
        error: Option<&str>,
        ask: Ask,
    ) -> Result<Vec<String>, Violation> {
        let request = Request {
            node: Some(self.client.clone()),
            type_url: url.to_owned(),
            nonce: nonce.to_owned(),
            error: error.map(str::to_owned),
            ask,
        };
        let output = self.session.request(
            request,
            View::new(&self.contents, self.own.as_ref(), 0),
            self.now,
        )?;
        Ok(self.take(output))
    }

    pub(super) fn newest_response(&self, url: TypeUrl) -> &Response {
        self.last
            .get(url.as_str())
            .unwrap_or_else(|| panic!("no response of {url}"))
    }

    /// Events since the last call that `wanted` wants.
    pub(super) fn told<T>(&mut self, wanted: impl Fn(SessionEvent) -> Option<T>) -> Vec<T> {
        std::mem::take(&mut self.events)
            .into_iter()
            .filter_map(wanted)
            .collect()
    }

    /// How long until the session wants to be woken.
    pub(super) fn wakes_in(&self) -> Option<Duration> {
        self.wake
            .map(|wake| wake.saturating_duration_since(self.now))
    }

    /// The nonce of a request that is not an answer: none in delta, the newest seen in state of the world (which makes
    /// it an ACK as well, if that is still due).
    fn spontaneous(&self, url: TypeUrl) -> String {
        if self.variant == Variant::Delta {
            return String::new();
        }
        self.last
            .get(url.as_str())
            .map(|response| response.nonce.to_string())
            .unwrap_or_default()
    }

    pub(super) fn same(&self, url: TypeUrl) -> Ask {
        match self.variant {
            Variant::Delta => delta(&[], &[], &[]),
            Variant::Sotw => self.sotw(url),
        }
    }

    pub(super) fn sotw(&self, url: TypeUrl) -> Ask {
        Ask::Sotw {
            names: self
                .names
                .get(&url)
                .into_iter()
                .flatten()
                .cloned()
                .collect(),
            version_info: self.accepted.get(&url).cloned().unwrap_or_default(),
        }
    }

    fn take(&mut self, output: Output) -> Vec<String> {
        self.events.extend(output.events);
        self.wake = output.wake;
        let mut shown = Vec::new();
        for response in output.responses {
            assert!(self.nonces.insert(response.nonce), "a nonce came twice");
            assert_ne!(response.nonce, 0);
            assert_eq!(response.variant, self.variant);
            let names: BTreeSet<&str> = response
                .resources
                .iter()
                .map(|r| &**r.name())
                .chain(response.removed.iter().map(|name| &**name))
                .collect();
            assert_eq!(
                names.len(),
                response.resources.len() + response.removed.len(),
                "a name came twice in {response:?}"
            );
            shown.push(show(&response));
            self.last.insert(response.type_url.to_string(), response);
        }
        shown
    }
}

fn session(
    variant: Variant,
    table: &TypeTable,
    settings: &Arc<SessionSettings>,
    quarantine: &Arc<Quarantine>,
    now: Instant,
) -> Session {
    Session::new(
        variant,
        Scope::new("scope"),
        table.clone(),
        settings.clone(),
        quarantine.clone(),
        now,
    )
}

pub(super) fn delta(subscribe: &[&str], unsubscribe: &[&str], initial: &[(&str, &str)]) -> Ask {
    let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect();
    Ask::Delta {
        subscribe: owned(subscribe),
        unsubscribe: owned(unsubscribe),
        initial: initial
            .iter()
            .map(|(name, version)| ((*name).into(), (*version).into()))
            .collect(),
    }
}

/// `Cluster a@1 b@2 -c`: a and b are sent, c is removed.
fn show(response: &Response) -> String {
    let url = &response.type_url;
    let mut out = url.rsplit(['.', '/']).next().unwrap().to_owned();
    for resource in response.resources.iter() {
        out += &format!(" {}@{}", resource.name(), resource.version());
    }
    for name in &response.removed {
        out += &format!(" -{name}");
    }
    out
}

/// What a test expects of each variant.
pub(super) fn either<T>(variant: Variant, delta: T, sotw: T) -> T {
    match variant {
        Variant::Delta => delta,
        Variant::Sotw => sotw,
    }
}

/// Nothing was sent.
pub(super) const SILENCE: [&str; 0] = [];
