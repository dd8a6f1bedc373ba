//! Random histories: objects of a small world that come, change and go.
//!
//! An event is a few numbers, decoded into an object; so histories are cheap to make and shrink to few
//! and plain events.

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use tulle_model::extras::{Mirror, Share};
use tulle_model::fragment::*;
use tulle_model::policy::{ClientPolicy, DiscoveryMode, IpPreference, MtlsMode, Protocol};
use tulle_model::selector::Selector;
use tulle_model::settings::{Names, Settings};
use tulle_model::tls::{Certificate, ClientValidation, ServerTls, TlsMode, Trust};
use tulle_model::{Finding, Name, ObjectId, ProxyKind, Severity, Str, codes};

use crate::tests::world::*;

/// Something that happens, as numbers.
#[derive(Debug, Clone)]
pub(super) struct Event {
    kind: u8,
    which: u8,
    gone: bool,
    bits: u64,
}

pub(super) enum Decoded {
    Object(ObjectId, Option<Arc<Translated>>),
    Settings(Settings),
}

/// Batches of events. The first is large, so that most histories begin with a mesh that works.
pub(super) fn history() -> impl Strategy<Value = Vec<Vec<Event>>> {
    let event = || {
        (0..54_u8, 0..6_u8, 0..5_u8, any::<u64>()).prop_map(|(kind, which, gone, bits)| Event {
            kind,
            which,
            gone: gone == 4,
            bits,
        })
    };
    (vec(event(), 1..120), vec(vec(event(), 1..4), 1..8)).prop_map(|(first, mut rest)| {
        rest.insert(0, first);
        rest
    })
}

/// A fixed shuffle for a seed.
pub(super) fn shuffle<T>(items: &mut [T], seed: u64) {
    let mut bits = Bits(seed | 1);
    for n in (1..items.len()).rev() {
        items.swap(n, bits.below(n as u64 + 1) as usize);
    }
}

/// A spring of small numbers.
struct Bits(u64);

impl Bits {
    fn below(&mut self, limit: u64) -> u64 {
        let number = self.0 % limit;
        self.0 = (self.0 / limit) ^ self.0.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(17);
        number
    }

    fn one_in(&mut self, limit: u64) -> bool {
        self.below(limit) == limit - 1
    }

    fn of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize].clone()
    }

    fn some<T>(&mut self, most: u64, mut make: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..self.below(most + 1)).map(|_| make(self)).collect()
    }
}

/// The kind of event by which another object declares the same workload.
const RIVAL: u8 = 49;
/// The kind of event by which another realm declares a workload of the same name.
const FOREIGN: u8 = 50;

/// The kind of event by which a machine comes, changes or goes.
const NODE: u8 = 51;

const NAMESPACES: [&str; 2] = ["a", "b"];
const PORTS: [u16; 3] = [80, 81, 90];
const PROTOCOLS: [Protocol; 4] = [
    Protocol::Http,
    Protocol::Http,
    Protocol::Grpc,
    Protocol::Tcp,
];
const IPS: [&str; 4] = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "fd00::1"];

impl Event {
    pub(super) fn decode(&self) -> Decoded {
        let mut bits = Bits(self.bits);
        let namespace = NAMESPACES[usize::from(self.which) % 2];
        let text = format!("{namespace}/x{}", self.which / 2);
        let mut fragment = match self.kind {
            0..=1 => Fragment::from(a_mesh(["m", "n"][usize::from(self.which) % 2], &mut bits)),
            2 => {
                let pairs: &[&[(&str, &str)]] =
                    &[&[], &[("mesh", "m")], &[("mesh", "n"), ("t", "u")]];
                let mut namespace = namespace_of(namespace, bits.of(pairs));
                namespace.mtls = a_mode(&mut bits);
                Fragment::from(namespace)
            }
            3..=10 => Fragment::from(a_workload(&text, &mut bits)),
            11..=16 => Fragment::from(a_service(&text, &mut bits)),
            17..=21 => Fragment::from(a_router(&text, &mut bits)),
            22..=23 => Fragment::from(a_gateway(&text, &mut bits)),
            24..=27 => Fragment::from(a_gateway_route(&text, &mut bits)),
            28..=29 => Fragment::from(a_group(&text, &mut bits)),
            30..=32 => Fragment::from(a_kube_service(&text, &mut bits)),
            33..=40 => Fragment::from(a_slice(&text, &mut bits)),
            41..=47 => Fragment::from(a_pod(&text, &mut bits)),
            48 => return Decoded::Settings(some_settings(&mut bits)),
            NODE => Fragment::from(node(
                ["n", "o"][usize::from(self.which) % 2],
                bits.of(&[None, Some("y"), Some("z")]),
            )),
            _ => Fragment::from(a_workload(&text, &mut bits)),
        };
        if let (FOREIGN, Fragment::Workload(workload)) = (self.kind, &mut fragment) {
            workload.name = Name::new("another", &workload.name.namespace, &workload.name.name);
            workload.object = of_group("another.example", &workload.object);
        }
        let mut object = object_of(&fragment);
        if self.kind == RIVAL {
            object = of_group("other.example", &object);
        }
        let findings = match bits.one_in(8) {
            true => vec![Finding::new(
                Severity::Info,
                codes::NO_EFFECT,
                &object,
                "",
                "so it is",
            )],
            false => vec![],
        };
        let translated = Translated {
            fragments: vec![fragment],
            findings,
        };
        Decoded::Object(object, (!self.gone).then(|| Arc::new(translated)))
    }
}

fn namespace_of(text: &str, pairs: &[(&str, &str)]) -> Namespace {
    namespace(text, pairs)
}

fn some_settings(bits: &mut Bits) -> Settings {
    Settings {
        implicit_retry: bits.one_in(2),
        plain_dns: bits.one_in(4),
        cluster_domain: bits
            .of(&["cluster.local", "cluster.local", "other.domain"])
            .to_owned(),
        trust_domain: bits.of(&["cluster.local", "td"]).to_owned(),
        mtls: a_mode(bits),
        names: some_names(bits),
        ..Settings::default()
    }
}

fn some_names(bits: &mut Bits) -> Names {
    let zones = bits.some(2, |bits| bits.of(&["a", "b", "x0.b", "pvt"]).to_owned());
    Names {
        served: !bits.one_in(4),
        told: !bits.one_in(4),
        zones: zones.into_iter().collect(),
    }
}

fn a_name(bits: &mut Bits) -> String {
    format!("{}/x{}", bits.of(&NAMESPACES), bits.below(3))
}

fn a_mesh_name(bits: &mut Bits) -> Option<Name> {
    match bits.below(12) {
        0 => Some(name("n")),
        1..=3 => Some(name("m")),
        _ => None,
    }
}

fn a_reference(bits: &mut Bits, alias: impl Fn(&str) -> String) -> Ref {
    let text = a_name(bits);
    match bits.one_in(4) {
        true => Ref::Alias(alias(&text).into()),
        false => by_name(&text),
    }
}

fn of_group(group: &str, object: &ObjectId) -> ObjectId {
    ObjectId::new(group, &object.kind, &object.namespace, &object.name)
}

fn an_alias(text: &str) -> String {
    let name = name(text);
    let (namespace, name) = (name.namespace.clone(), name.name.clone());
    format!("{name}_{namespace}")
}

fn a_host(text: &str) -> String {
    let name = name(text);
    let (namespace, name) = (name.namespace.clone(), name.name.clone());
    format!("{name}.{namespace}")
}

fn a_mesh(text: &str, bits: &mut Bits) -> Mesh {
    let selector = bits.of(&[
        Some(everything()),
        Some(labelled("mesh", text)),
        Some(labelled("kubernetes.io/metadata.name", "a")),
        None,
    ]);
    let selector = match text {
        "m" if !bits.one_in(3) => Some(everything()),
        "n" if !bits.one_in(3) => None,
        _ => selector,
    };
    let mut mesh = mesh(text, selector);
    mesh.ip = bits.of(&[
        IpPreference::Unset,
        IpPreference::V4Only,
        IpPreference::V6Only,
    ]);
    mesh.mtls = a_mode(bits);
    mesh.discovery_mode = a_discovery_mode(bits);
    mesh
}

fn a_discovery_mode(bits: &mut Bits) -> Option<DiscoveryMode> {
    bits.of(&[
        None,
        None,
        None,
        Some(DiscoveryMode::Dns),
        Some(DiscoveryMode::Endpoints),
    ])
}

fn a_mode(bits: &mut Bits) -> Option<MtlsMode> {
    bits.of(&[
        None,
        None,
        Some(MtlsMode::Off),
        Some(MtlsMode::Permissive),
        Some(MtlsMode::Strict),
    ])
}

fn listeners(bits: &mut Bits) -> Vec<Listener> {
    let mut listeners = bits.some(2, |bits| {
        let mut listener = listener(bits.of(&PORTS), bits.of(&PROTOCOLS));
        listener.timeouts.request = bits.of(&[None, None, seconds(0), seconds(60)]);
        listener.tls = a_server_tls(bits);
        listener
    });
    listeners.sort();
    listeners.dedup_by_key(|listener| listener.port);
    listeners
}

fn a_server_tls(bits: &mut Bits) -> Option<ServerTls> {
    if !bits.one_in(8) {
        return None;
    }
    let mut tls = server_tls();
    tls.mode = bits.of(&[TlsMode::Strict, TlsMode::Permissive, TlsMode::Disabled]);
    tls.certificate = bits.of(&[
        tls.certificate,
        Certificate::Mesh,
        Certificate::Secret { name: "s".into() },
        Certificate::Sds { secret: "s".into() },
    ]);
    tls.validation = bits.one_in(3).then(|| ClientValidation {
        trust: a_trust(bits),
        names: bits.of(&[vec![], vec!["a".into()]]),
    });
    Some(tls)
}

fn a_trust(bits: &mut Bits) -> Trust {
    bits.of(&[
        Trust::Mesh,
        Trust::File { chain: "p".into() },
        Trust::Secret { name: "s".into() },
        Trust::Sds { secret: "s".into() },
    ])
}

fn a_policy(bits: &mut Bits) -> Option<ClientPolicy> {
    let mut policy = bits.of(&[
        None,
        None,
        None,
        None,
        policy("p"),
        policy("q"),
        tls_policy("t", &[80]),
        Some(ClientPolicy::default()),
    ])?;
    if let Some(tls) = &mut policy.tls {
        tls.enforce = !bits.one_in(3);
        tls.trust = match bits.below(4) {
            0 => a_trust(bits),
            1 => Trust::Nobody,
            _ => tls.trust.clone(),
        };
        tls.names = bits.of(&[None, None, Some(vec!["a".into()])]);
        tls.certificate = bits.of(&[None, None, Some(Certificate::Secret { name: "c".into() })]);
    }
    Some(policy)
}

fn a_workload(text: &str, bits: &mut Bits) -> Workload {
    let mut workload = workload(text, listeners(bits));
    if bits.one_in(6) {
        workload.alias = an_alias(&a_name(bits)).into();
    }
    workload.mesh = a_mesh_name(bits);
    workload.discovery = match bits.below(6) {
        0 => None,
        1..=2 => Some(Discovery::Registry {
            namespace: bits.of(&["pvt", "A", "a", "local"]).into(),
            service: bits.of(&["svc", "x0", "x1"]).into(),
            attributes: match bits.below(4) {
                0 => vec![("color".into(), bits.of(&["red", "blue"]).into())],
                1 => vec![("k8s.io/namespace".into(), bits.of(&["a", "b"]).into())],
                _ => vec![],
            },
        }),
        3 => Some(dns("out.example.com")),
        _ => Some(dns(&format!("{}.svc.cluster.local", a_host(&a_name(bits))))),
    };
    workload.discovery_mode = a_discovery_mode(bits);
    workload.backends = bits.some(3, |bits| Backend {
        service: a_reference(bits, a_host),
        policy: a_policy(bits),
        field: "".into(),
    });
    for (index, backend) in workload.backends.iter_mut().enumerate() {
        backend.field = format!("spec.backends[{index}]").into();
    }
    workload.backend_groups = bits.some(1, |bits| {
        let group = bits.of(&[None, Some("x0"), Some("x1")]);
        group_ref(bits.of(&["a", "b", "nowhere"]), group)
    });
    workload.default_policy = a_policy(bits);
    workload.pods = bits.of(&[None, Some(everything()), Some(labelled("app", "v"))]);
    workload
}

fn a_service(text: &str, bits: &mut Bits) -> Service {
    let provider = match bits.below(7) {
        0 => None,
        1..=3 => Some(Provider::Workload(a_reference(bits, an_alias))),
        _ => Some(Provider::Router(a_reference(bits, an_alias))),
    };
    let mut service = service(text, provider);
    if bits.one_in(6) {
        let host = a_host(&a_name(bits));
        service.host = host.as_str().into();
        service.alias = host.to_uppercase().into();
    }
    service.mesh = a_mesh_name(bits);
    let aliases = bits.some(2, |bits| match bits.one_in(3) {
        true => Str::from(bits.of(&["short", "other.pvt"])),
        false => a_host(&a_name(bits)).into(),
    });
    let aliases: BTreeSet<Str> = aliases.into_iter().collect();
    service.host_aliases = aliases.into_iter().collect();
    service.host_aliases.retain(|alias| *alias != service.host);
    service
}

fn a_router(text: &str, bits: &mut Bits) -> Router {
    let listeners = listeners(bits);
    let routes = bits.some(3, |bits| {
        let name = bits.of(&["r", "s", "t"]);
        let mut route = route(name, bits.of(&PROTOCOLS), &[]);
        route.port = bits.of(&[None, None, None, Some(80), Some(81)]);
        route.priority = bits.of(&[None, Some(0), Some(5)]);
        route.timeouts.request = bits.of(&[None, None, seconds(0), seconds(30)]);
        route.matches = prefix(bits.of(&["/", "/p"]));
        route.targets = bits.some(3, |bits| Target {
            workload: a_reference(bits, an_alias),
            port: bits.of(&[None, None, Some(80), Some(81)]),
            weight: bits.below(3) as u32,
        });
        route.extras.mirrors = bits.some(1, |bits| Mirror {
            to: MirrorTarget {
                workload: a_reference(bits, an_alias),
                port: bits.of(&[None, None, Some(80), Some(81)]),
                field: "metadata".into(),
            },
            share: Share::ALL,
        });
        route.extras.request_headers.remove = bits.some(1, |_| "x".into());
        route
    });
    let mut router = router(text, listeners, routes);
    if bits.one_in(6) {
        router.alias = an_alias(&a_name(bits)).into();
    }
    router.mesh = a_mesh_name(bits);
    router
}

fn some_labels(bits: &mut Bits) -> &'static [(&'static str, &'static str)] {
    bits.of(&[&[] as &[(&str, &str)], &[("app", "v")], &[("app", "w")]])
}

fn a_selector(bits: &mut Bits) -> Selector {
    bits.of(&[everything(), labelled("app", "v"), labelled("app", "w")])
}

fn a_gateway(text: &str, bits: &mut Bits) -> Gateway {
    let mut gateway = gateway(text, vec![]);
    gateway.listeners = listeners(bits);
    gateway.listeners.retain(|own| own.protocol.is_http());
    gateway.namespaces = bits.of(&[None, Some(everything()), Some(labelled("mesh", "m"))]);
    gateway.routes = a_selector(bits);
    gateway.default_policy = a_policy(bits);
    gateway.mesh = a_mesh_name(bits);
    gateway
}

fn a_gateway_route(text: &str, bits: &mut Bits) -> GatewayRoute {
    let mut route = gateway_route(text, "a/x0");
    route.target = a_reference(bits, a_host);
    route.target_port = bits.of(&[None, None, Some(80)]);
    route.port = bits.of(&[None, None, None, Some(80)]);
    route.priority = bits.of(&[1000, 0]);
    route.protocol = bits.of(&[Protocol::Http, Protocol::Http, Protocol::Grpc]);
    route.labels = labels(some_labels(bits));
    if bits.one_in(3) {
        route.gateway = Some(name(&a_name(bits)));
    }
    if bits.one_in(4) {
        route.alias = "same".into();
    }
    route.response_headers.remove = bits.some(1, |_| "x".into());
    route.mesh = a_mesh_name(bits);
    route
}

fn a_group(text: &str, bits: &mut Bits) -> BackendGroup {
    let mut group = group(text, &[]);
    group.services = bits.some(3, |bits| name(&a_name(bits)));
    group.mesh = a_mesh_name(bits);
    group
}

fn a_kube_service(text: &str, bits: &mut Bits) -> KubeService {
    let addresses = bits.of(&[&[] as &[&str], &IPS[..1], &IPS[1..2], &IPS[2..]]);
    let ports = bits.of(&[&[(80_u16, "")] as &[(u16, &str)], &[(80, "x"), (81, "")]]);
    let mut service = kube_service(text, addresses, ports);
    service.external = bits.one_in(6);
    service
}

fn a_slice(text: &str, bits: &mut Bits) -> EndpointSlice {
    let service = a_name(bits);
    let mut slice = slice(&service, 0, bits.of(&[8080, 9090]), &[]);
    // A slice may change its Service.
    let own = name(text);
    slice.namespace = own.namespace.clone();
    slice.name = own.name.clone();
    slice.object = ObjectId::new(
        &slice.object.group,
        &slice.object.kind,
        &own.namespace,
        &own.name,
    );
    slice.ports[0].0 = Str::from(bits.of(&["", "", "x"]));
    slice.endpoints = bits.some(3, |bits| {
        let mut endpoint = slice_endpoint(bits.of(&IPS));
        endpoint.ready = !bits.one_in(3);
        endpoint.serving = endpoint.ready || bits.one_in(2);
        endpoint.terminating = bits.one_in(2);
        endpoint.zone = bits.of(&[None, Some("z".into())]);
        endpoint
    });
    slice
}

fn a_pod(text: &str, bits: &mut Bits) -> Pod {
    let ips = bits.of(&[&IPS[..1], &IPS[1..2], &IPS[2..]]);
    let mut pod = pod(text, some_labels(bits), ips);
    pod.ready = !bits.one_in(4);
    pod.terminating = bits.one_in(6);
    pod.service_account = bits.of(&["", "s", "s", "t"]).into();
    pod.node = bits.of(&[None, Some("n".into()), Some("o".into())]);
    pod.finished = bits.one_in(8);
    pod.host_network = bits.one_in(8);
    pod.proxy = (!bits.one_in(3)).then(|| {
        let kind = bits.of(&[
            ProxyKind::VirtualNode,
            ProxyKind::VirtualNode,
            ProxyKind::VirtualGateway,
        ]);
        let name = bits.of(&["x0", "x0", "x1", "x2"]);
        let inbound = bits.of(&[&[80][..], &[80, 81, 90], &[90], &[]]);
        pod_proxy(kind, &pod.namespace, name, inbound)
    });
    pod
}
