//! Random lives of a client: changes of the store, delays both ways, rejections, reconnects.
//!
//! The client is a small model of Envoy: it warms clusters, takes the good part of what it rejects without recording it,
//! and asks for endpoints once it has a cluster. Held at every step: no route names a cluster that is not there and
//! warm. Held in the end: the client has what the store has, and silence.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use proptest::prelude::*;

use super::bench::*;

const CLUSTERS: usize = 5;
const ROUTES: [&str; 3] = ["r0", "r1", "r2"];

/// What the store may hold: names with versions, routes with clusters.
#[derive(Clone, Debug)]
struct World {
    clusters: BTreeMap<usize, u8>,
    endpoints: BTreeMap<usize, u8>,
    listeners: BTreeMap<usize, u8>,
    /// A version and a set of clusters, as bits.
    routes: BTreeMap<usize, (u8, u8)>,
}

#[derive(Clone, Debug)]
enum Step {
    Store(World),
    /// Only endpoints change.
    Endpoints(usize, u8),
    ToClient,
    ToServer,
    Wait(u16),
    Reconnect,
}

impl World {
    /// Closed: a route's clusters exist, a cluster's endpoints exist.
    fn resources(&self) -> Vec<Resource> {
        let mut all = Vec::new();
        for (n, version) in &self.clusters {
            let name = format!("c{n}");
            all.push(cluster(&name, &version.to_string()));
            let endpoints = self.endpoints.get(n).copied().unwrap_or(0);
            all.push(res(EDS, &name, &endpoints.to_string()));
        }
        for (n, version) in &self.listeners {
            all.push(res(LDS, &format!("l{n}"), &version.to_string()));
        }
        for (n, (version, bits)) in &self.routes {
            let clusters: Vec<String> = (0..CLUSTERS)
                .filter(|n| bits & (1 << n) != 0 && self.clusters.contains_key(n))
                .map(|n| format!("c{n}"))
                .collect();
            let refs: Vec<&str> = clusters.iter().map(String::as_str).collect();
            // a version is a hash of content
            all.push(route(
                ROUTES[*n],
                &format!("{version}:{}", refs.join("+")),
                &refs,
            ));
        }
        all
    }
}

fn world() -> impl Strategy<Value = World> {
    let versions = |names: usize| proptest::collection::btree_map(0..names, 0u8..3, 0..=names);
    let routes = proptest::collection::btree_map(0..ROUTES.len(), (0u8..2, 0u8..32), 0..=3);
    (versions(CLUSTERS), versions(CLUSTERS), versions(2), routes).prop_map(
        |(clusters, endpoints, listeners, routes)| World {
            clusters,
            endpoints,
            listeners,
            routes,
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => world().prop_map(Step::Store),
        2 => (0..CLUSTERS, 0u8..4).prop_map(|(n, version)| Step::Endpoints(n, version)),
        12 => Just(Step::ToClient),
        12 => Just(Step::ToServer),
        2 => (0u16..3_000).prop_map(Step::Wait),
        1 => Just(Step::Reconnect),
    ]
}

#[derive(Clone, Debug, Default)]
struct Warmth {
    active: Option<String>,
    warming: Option<String>,
}

struct Model {
    variant: Variant,
    /// `Type name@version` that the client rejects.
    poison: BTreeSet<String>,
    says_why: bool,
    clusters: BTreeMap<Arc<str>, Warmth>,
    endpoints: BTreeMap<Arc<str>, String>,
    listeners: BTreeMap<Arc<str>, String>,
    routes: BTreeMap<Arc<str>, Arc<Resource>>,
    /// Recorded versions: of cleanly accepted responses only.
    recorded: BTreeMap<TypeUrl, BTreeMap<Arc<str>, Arc<str>>>,
    /// State of the world: accepted versions of sets.
    sets: BTreeMap<TypeUrl, String>,
    nonces: BTreeMap<TypeUrl, u64>,
    out: VecDeque<Request>,
    responses: usize,
    /// A client of the state of the world does not tell what it brought, so the server cannot care for it.
    on_its_own: bool,
}

impl Model {
    fn connect(&mut self) {
        self.out.clear();
        self.nonces.clear();
        let initial = |url| -> Vec<(String, String)> {
            let recorded = self.recorded.get(&url).into_iter().flatten();
            recorded
                .map(|(name, version)| (name.to_string(), version.to_string()))
                .collect()
        };
        let mut requests = Vec::new();
        for url in [CDS, EDS, LDS, RDS] {
            let names = self.names(url);
            if url == EDS && names.is_empty() {
                continue;
            }
            let ask = match self.variant {
                Variant::Delta => Ask::Delta {
                    subscribe: names,
                    unsubscribe: vec![],
                    initial: initial(url),
                },
                Variant::Sotw => Ask::Sotw {
                    names,
                    version_info: self.sets.get(&url).cloned().unwrap_or_default(),
                },
            };
            requests.push(self.request(url, None, None, ask));
        }
        self.out.extend(requests);
    }

    fn names(&self, url: TypeUrl) -> Vec<String> {
        match url {
            EDS => self.clusters.keys().map(ToString::to_string).collect(),
            RDS => ROUTES.map(str::to_owned).to_vec(),
            _ => vec![],
        }
    }

    fn request(
        &self,
        url: TypeUrl,
        nonce: Option<u64>,
        error: Option<String>,
        ask: Ask,
    ) -> Request {
        Request {
            node: None,
            type_url: url.as_str().into(),
            nonce: nonce.map(|nonce| nonce.to_string()).unwrap_or_default(),
            error,
            ask,
        }
    }

    fn receive(&mut self, response: &Response) -> Result<(), TestCaseError> {
        self.responses += 1;
        let url = [CDS, EDS, LDS, RDS]
            .into_iter()
            .find(|url| url.as_str() == &*response.type_url)
            .expect("a type that was asked for");
        let before: BTreeSet<Arc<str>> = self.clusters.keys().cloned().collect();
        let mut rejected = Vec::new();
        let mut seen = BTreeSet::new();
        for resource in response.resources.iter() {
            prop_assert!(
                seen.insert(resource.name().clone()),
                "{} twice",
                resource.name()
            );
            if self
                .poison
                .contains(&format!("{url} {}@{}", resource.name(), resource.version()))
            {
                rejected.push(resource.name().clone());
            } else {
                self.take(url, resource);
            }
        }
        for name in &response.removed {
            prop_assert!(seen.insert(name.clone()), "{name} twice");
            self.lose(url, name);
        }
        let whole = url == CDS || url == LDS;
        if self.variant == Variant::Sotw && whole {
            let have: Vec<Arc<str>> = match url {
                CDS => self.clusters.keys().cloned().collect(),
                _ => self.listeners.keys().cloned().collect(),
            };
            for name in have.iter().filter(|name| !seen.contains(*name)) {
                self.lose(url, name);
            }
        }
        self.check()?;
        self.nonces.insert(url, response.nonce);
        let error = (!rejected.is_empty()).then(|| {
            let culprits: Vec<String> = rejected
                .iter()
                .map(|name| format!("{name}: it is bad"))
                .collect();
            if self.says_why {
                format!("Error adding/updating thing(s) {}", culprits.join(", "))
            } else {
                "no".to_owned()
            }
        });
        if error.is_none() {
            self.sets.insert(url, response.version.clone());
            let recorded = self.recorded.entry(url).or_default();
            for resource in response.resources.iter() {
                if url == EDS && !self.clusters.contains_key(resource.name()) {
                    continue;
                }
                recorded.insert(resource.name().clone(), resource.version().clone());
            }
            for name in &response.removed {
                recorded.remove(name);
            }
        }
        let ask = match self.variant {
            Variant::Delta => delta(&[], &[], &[]),
            Variant::Sotw => Ask::Sotw {
                names: self.names_before(url, &before),
                version_info: self.sets.get(&url).cloned().unwrap_or_default(),
            },
        };
        self.out
            .push_back(self.request(url, Some(response.nonce), error, ask));
        self.follow(&before);
        Ok(())
    }

    fn names_before(&self, url: TypeUrl, before: &BTreeSet<Arc<str>>) -> Vec<String> {
        if url == EDS {
            before.iter().map(ToString::to_string).collect()
        } else {
            self.names(url)
        }
    }

    /// Asks for endpoints of new clusters, gives up those of old ones.
    fn follow(&mut self, before: &BTreeSet<Arc<str>>) {
        let now: BTreeSet<Arc<str>> = self.clusters.keys().cloned().collect();
        if now == *before {
            return;
        }
        let new: Vec<String> = now.difference(before).map(ToString::to_string).collect();
        let old: Vec<String> = before.difference(&now).map(ToString::to_string).collect();
        for name in &old {
            self.endpoints.remove(name.as_str());
            self.recorded.entry(EDS).or_default().remove(name.as_str());
        }
        let request = match self.variant {
            Variant::Delta => {
                let ask = Ask::Delta {
                    subscribe: new,
                    unsubscribe: old,
                    initial: vec![],
                };
                self.request(EDS, None, None, ask)
            }
            Variant::Sotw => {
                let ask = Ask::Sotw {
                    names: self.names(EDS),
                    version_info: self.sets.get(&EDS).cloned().unwrap_or_default(),
                };
                self.request(EDS, self.nonces.get(&EDS).copied(), None, ask)
            }
        };
        self.out.push_back(request);
    }

    fn take(&mut self, url: TypeUrl, resource: &Arc<Resource>) {
        let (name, version) = (resource.name().clone(), resource.version().to_string());
        match url {
            CDS => {
                let warmth = self.clusters.entry(name).or_default();
                let newest = warmth.warming.as_ref().or(warmth.active.as_ref());
                if newest != Some(&version) {
                    warmth.warming = Some(version);
                }
            }
            EDS => {
                if let Some(warmth) = self.clusters.get_mut(&name)
                    && let Some(warm) = warmth.warming.take()
                {
                    warmth.active = Some(warm);
                }
                // what comes after it was given up is passed over
                if self.clusters.contains_key(&name) {
                    self.endpoints.insert(name, version);
                }
            }
            LDS => {
                self.listeners.insert(name, version);
            }
            _ => {
                self.routes.insert(name, resource.clone());
            }
        }
    }

    fn lose(&mut self, url: TypeUrl, name: &Arc<str>) {
        match url {
            CDS => drop(self.clusters.remove(name)),
            EDS => drop(self.endpoints.remove(name)),
            LDS => drop(self.listeners.remove(name)),
            _ => drop(self.routes.remove(name)),
        }
    }

    /// Make before break: every cluster that a route names is there and warm.
    fn check(&self) -> Result<(), TestCaseError> {
        if self.on_its_own {
            return Ok(());
        }
        for (name, route) in &self.routes {
            for (_, cluster) in route.requires() {
                let warm = self
                    .clusters
                    .get(cluster)
                    .is_some_and(|warmth| warmth.active.is_some());
                prop_assert!(
                    warm,
                    "route {name} ({route:?}) names {cluster}: {:?}",
                    self.clusters
                );
            }
        }
        Ok(())
    }
}

struct Life {
    bench: Bench,
    model: Model,
    /// Bursts on their way to the client: what one step writes arrives together or not at all.
    wire: VecDeque<Vec<Response>>,
    world: Vec<Resource>,
    introductions: usize,
}

impl Life {
    fn new(variant: Variant, poison: BTreeSet<String>, says_why: bool) -> Self {
        let hour = secs(3_600);
        let settings = SessionSettings {
            hold_limit: hour,
            ..SessionSettings::default()
        };
        let mut model = Model {
            variant,
            poison,
            says_why,
            clusters: BTreeMap::new(),
            endpoints: BTreeMap::new(),
            listeners: BTreeMap::new(),
            routes: BTreeMap::new(),
            recorded: BTreeMap::new(),
            sets: BTreeMap::new(),
            nonces: BTreeMap::new(),
            out: VecDeque::new(),
            responses: 0,
            on_its_own: false,
        };
        model.connect();
        Self {
            bench: Bench::unfilled(variant, settings),
            model,
            wire: VecDeque::new(),
            world: vec![],
            introductions: 0,
        }
    }

    fn wrote(&mut self, output: Output) -> Result<(), TestCaseError> {
        self.bench.wake = output.wake;
        for response in &output.responses {
            prop_assert!(
                self.bench.nonces.insert(response.nonce),
                "a nonce came twice"
            );
        }
        if !output.responses.is_empty() {
            self.wire.push_back(output.responses);
        }
        Ok(())
    }

    fn tick(&mut self) -> Result<(), TestCaseError> {
        let output = self
            .bench
            .session
            .tick(View::new(&self.bench.contents, None, 0), self.bench.now);
        self.wrote(output)
    }

    fn deliver_request(&mut self) -> Result<bool, TestCaseError> {
        let Some(request) = self.model.out.pop_front() else {
            return Ok(false);
        };
        self.introductions = self.introductions.saturating_sub(1);
        let bench = &mut self.bench;
        let output = bench
            .session
            .request(request, View::new(&bench.contents, None, 0), bench.now)
            .unwrap();
        self.wrote(output)?;
        Ok(true)
    }

    fn deliver_burst(&mut self) -> Result<bool, TestCaseError> {
        let Some(burst) = self.wire.pop_front() else {
            return Ok(false);
        };
        for response in &burst {
            self.model.receive(response)?;
        }
        Ok(true)
    }

    fn run(&mut self, step: Step) -> Result<(), TestCaseError> {
        match step {
            Step::Store(world) => {
                self.world = world.resources();
                self.store(self.world.iter().map(copy).collect())?;
            }
            Step::Endpoints(n, version) => {
                let name = format!("c{n}");
                if let Some(at) = self
                    .world
                    .iter()
                    .position(|r| r.type_url() == EDS && **r.name() == *name)
                {
                    self.world[at] = res(EDS, &name, &version.to_string());
                    self.store(self.world.iter().map(copy).collect())?;
                }
            }
            Step::ToClient => drop(self.deliver_burst()?),
            Step::ToServer => drop(self.deliver_request()?),
            // a client that is back introduces itself without delay
            Step::Wait(_) if self.introductions > 0 => {}
            Step::Wait(time) => {
                self.bench.now += ms(time.into());
                self.tick()?;
            }
            Step::Reconnect => {
                let unsure = self.bench.session.unsure();
                self.bench.reconnect();
                self.bench.session.recall(unsure);
                self.wire.clear();
                self.model.on_its_own = self.model.variant == Variant::Sotw;
                self.model.connect();
                self.introductions = self.model.out.len();
            }
        }
        Ok(())
    }

    fn store(&mut self, resources: Vec<Resource>) -> Result<(), TestCaseError> {
        let bench = &mut self.bench;
        let batch = bench.contents.batch() + 1;
        let dirty = bench
            .contents
            .replace(resources.into_iter().map(Arc::new).collect(), batch);
        bench
            .session
            .note(dirty, View::new(&bench.contents, None, 0));
        self.tick()
    }

    /// Lets everything arrive and time pass, until nothing happens any more.
    fn rest(&mut self) -> Result<(), TestCaseError> {
        for _ in 0..20 {
            let mut busy = true;
            for _ in 0..2_000 {
                busy = self.deliver_request()? | self.deliver_burst()?;
                if !busy {
                    break;
                }
            }
            prop_assert!(!busy, "no end of it");
            self.bench.now += secs(3);
            self.tick()?;
        }
        let responses = self.model.responses;
        self.bench.now += secs(60);
        self.tick()?;
        prop_assert!(self.wire.is_empty(), "nothing changed, yet {:?}", self.wire);
        prop_assert_eq!(responses, self.model.responses);
        Ok(())
    }

    fn compare(&self) -> Result<(), TestCaseError> {
        let model = &self.model;
        let of = |wanted: TypeUrl| -> BTreeMap<Arc<str>, String> {
            let all = self.world.iter().filter(|r| r.type_url() == wanted);
            all.map(|r| (r.name().clone(), r.version().to_string()))
                .collect()
        };
        let clusters: BTreeMap<Arc<str>, String> = model
            .clusters
            .iter()
            .filter_map(|(name, warmth)| {
                Some((
                    name.clone(),
                    warmth.warming.clone().or(warmth.active.clone())?,
                ))
            })
            .collect();
        let routes: BTreeMap<Arc<str>, String> = model
            .routes
            .iter()
            .map(|(name, r)| (name.clone(), r.version().to_string()))
            .collect();
        if model.poison.is_empty() {
            prop_assert_eq!(&model.listeners, &of(LDS));
            if model.variant == Variant::Delta {
                prop_assert_eq!(&clusters, &of(CDS));
                prop_assert_eq!(&model.endpoints, &of(EDS));
                prop_assert_eq!(&routes, &of(RDS));
                return Ok(());
            }
            // there a route cannot be taken away, nor what it uses
            for (name, version) in of(RDS) {
                prop_assert_eq!(routes.get(&name), Some(&version));
            }
        }
        // the good is there, whatever else is not
        for (url, have) in [(CDS, &clusters), (LDS, &model.listeners)] {
            for (name, version) in of(url) {
                if !model.poison.contains(&format!("{url} {name}@{version}")) {
                    prop_assert_eq!(have.get(&name), Some(&version), "{} {}", url, name);
                }
            }
        }
        // what is there and should not be is there for a route that stays with its last good version
        let wanted = of(CDS);
        // what nobody remembers, and the client stays with, may use anything; so may what it may have taken unseen
        let mut states = self.bench.session.types.iter();
        let unknown =
            states.any(|state| !state.held.foreign().is_empty() || !state.ghosts.is_empty());
        if model.on_its_own || unknown {
            return Ok(());
        }
        for name in clusters.keys().filter(|name| !wanted.contains_key(*name)) {
            let used = model.routes.values().any(|r| r.needs(&(CDS, name.clone())));
            prop_assert!(used, "{name} is left over");
        }
        Ok(())
    }
}

fn copy(resource: &Resource) -> Resource {
    res(resource.type_url(), resource.name(), resource.version())
        .with_requires(resource.requires().iter().cloned())
        .with_touches(resource.touches().iter().cloned())
}

fn live(
    variant: Variant,
    steps: Vec<Step>,
    poison: BTreeSet<String>,
    says_why: bool,
) -> Result<(), TestCaseError> {
    let mut life = Life::new(variant, poison, says_why);
    for step in steps {
        life.run(step)?;
    }
    if !life.bench.contents.filled() {
        life.store(vec![])?;
    }
    life.rest()?;
    life.compare()
}

fn poison() -> impl Strategy<Value = BTreeSet<String>> {
    let cluster = (0..CLUSTERS, 0u8..3).prop_map(|(n, version)| format!("Cluster c{n}@{version}"));
    let listener = (0..2usize, 0u8..3).prop_map(|(n, version)| format!("Listener l{n}@{version}"));
    proptest::collection::btree_set(prop_oneof![3 => cluster, 1 => listener], 1..4)
}

/// `PROPTEST_CASES` asks for more.
fn cases() -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok());
    ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(cases.unwrap_or(1_000))
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn o4_delta(steps in proptest::collection::vec(step(), 1..80)) {
        live(Variant::Delta, steps, BTreeSet::new(), true)?;
    }

    #[test]
    fn o4_state_of_the_world(steps in proptest::collection::vec(step(), 1..80)) {
        live(Variant::Sotw, steps, BTreeSet::new(), true)?;
    }

    #[test]
    fn o4_delta_with_rejections(
        steps in proptest::collection::vec(step(), 1..80),
        poison in poison(),
        says_why: bool,
    ) {
        live(Variant::Delta, steps, poison, says_why)?;
    }

    #[test]
    fn o4_state_of_the_world_with_rejections(
        steps in proptest::collection::vec(step(), 1..80),
        poison in poison(),
        says_why: bool,
    ) {
        live(Variant::Sotw, steps, poison, says_why)?;
    }
}
