//! Fragments in few words: names are `NAMESPACE/NAME`, everything else has a plain default.

use std::time::Duration;

use tulle_model::extras::{HeaderEdits, RouteExtras};
use tulle_model::fragment::*;
use tulle_model::matching::{HostMatch, HttpMatch, PathMatch, PathRewrite};
use tulle_model::policy::{ClientPolicy, EgressPolicy, IpPreference, Protocol, Timeouts};
use tulle_model::selector::{Labels, Operator, Requirement, Selector};
use tulle_model::tls::{Certificate, ClientTls, ServerTls, TlsMode, Trust};
use tulle_model::{Name, ObjectId, ProxyId, ProxyKind, Str};

pub(super) fn name(text: &str) -> Name {
    let (namespace, name) = text.split_once('/').unwrap_or(("", text));
    Name::new("appmesh", namespace, name)
}

pub(super) fn by_name(text: &str) -> Ref {
    Ref::Name(name(text))
}

fn id(kind: &str, name: &Name) -> ObjectId {
    ObjectId::new("appmesh.k8s.aws", kind, &name.namespace, &name.name)
}

pub(super) fn everything() -> Selector {
    Selector::default()
}

pub(super) fn labelled(key: &str, value: &str) -> Selector {
    Selector {
        requirements: vec![Requirement {
            key: key.into(),
            operator: Operator::In(vec![value.into()]),
        }],
    }
}

pub(super) fn labels(pairs: &[(&str, &str)]) -> Labels {
    let pairs = pairs.iter();
    pairs.map(|(k, v)| (Str::from(*k), Str::from(*v))).collect()
}

pub(super) fn seconds(seconds: u64) -> Option<Duration> {
    Some(Duration::from_secs(seconds))
}

/// A policy that trusts a CA of its own.
pub(super) fn policy(trust: &str) -> Option<ClientPolicy> {
    tls_policy(trust, &[])
}

/// A policy that says how TLS is used on these ports; none stand for all.
pub(super) fn tls_policy(trust: &str, ports: &[u16]) -> Option<ClientPolicy> {
    Some(ClientPolicy {
        tls: Some(Box::new(ClientTls {
            enforce: true,
            ports: ports.iter().copied().collect(),
            certificate: None,
            trust: Trust::File {
                chain: trust.into(),
            },
            names: None,
        })),
    })
}

/// What a listener takes that ends TLS with files.
pub(super) fn server_tls() -> ServerTls {
    ServerTls {
        mode: TlsMode::Strict,
        certificate: Certificate::File {
            chain: "/chain.pem".into(),
            key: "/key.pem".into(),
        },
        validation: None,
    }
}

pub(super) fn listener(port: u16, protocol: Protocol) -> Listener {
    Listener {
        port,
        protocol,
        timeouts: Timeouts::default(),
        tls: None,
        pool: None,
        outlier_detection: None,
        health_check: None,
        rate_limit: None,
    }
}

pub(super) fn mesh(text: &str, namespaces: Option<Selector>) -> Mesh {
    Mesh {
        name: name(text),
        object: id("Mesh", &name(text)),
        alias: text.into(),
        namespaces,
        egress: EgressPolicy::DropAll,
        ip: IpPreference::Unset,
        mtls: None,
        discovery_mode: None,
    }
}

pub(super) fn namespace(text: &str, pairs: &[(&str, &str)]) -> Namespace {
    Namespace {
        name: text.into(),
        object: ObjectId::new("", "Namespace", "", text),
        labels: labels(pairs),
        mtls: None,
    }
}

/// A workload found by DNS under `NAME.example`.
pub(super) fn workload(text: &str, listeners: Vec<Listener>) -> Workload {
    let name = name(text);
    Workload {
        object: id("VirtualNode", &name),
        alias: format!("{}_{}", name.name, name.namespace).into(),
        mesh: None,
        listeners,
        discovery: Some(dns(&format!("{}.example", name.name))),
        discovery_mode: None,
        backends: vec![],
        backend_groups: vec![],
        default_policy: None,
        pods: None,
        access_log: None,
        name,
    }
}

/// A workload that listens nowhere and calls these services.
pub(super) fn client(text: &str, services: &[&str]) -> Workload {
    let mut client = workload(text, vec![]);
    client.backends = services.iter().enumerate().map(backend).collect();
    client
}

fn backend((index, service): (usize, &&str)) -> Backend {
    Backend {
        service: by_name(service),
        policy: None,
        field: format!("spec.backends[{index}]").into(),
    }
}

pub(super) fn dns(hostname: &str) -> Discovery {
    Discovery::Dns {
        hostname: hostname.into(),
        all_addresses: false,
    }
}

pub(super) fn registry() -> Discovery {
    Discovery::Registry {
        namespace: "pvt".into(),
        service: "svc".into(),
        attributes: vec![],
    }
}

/// A service whose host is `NAME.NAMESPACE`.
pub(super) fn service(text: &str, provider: Option<Provider>) -> Service {
    let name = name(text);
    let host = format!("{}.{}", name.name, name.namespace);
    Service {
        object: id("VirtualService", &name),
        host: host.to_lowercase().into(),
        alias: host.into(),
        mesh: None,
        provider,
        host_aliases: Vec::new(),
        name,
    }
}

pub(super) fn of_router(text: &str) -> Option<Provider> {
    Some(Provider::Router(by_name(text)))
}

pub(super) fn of_workload(text: &str) -> Option<Provider> {
    Some(Provider::Workload(by_name(text)))
}

pub(super) fn router(text: &str, listeners: Vec<Listener>, routes: Vec<Route>) -> Router {
    let name = name(text);
    let mut router = Router {
        object: id("VirtualRouter", &name),
        alias: format!("{}_{}", name.name, name.namespace).into(),
        mesh: None,
        listeners,
        routes,
        name,
    };
    for (index, route) in router.routes.iter_mut().enumerate() {
        route.field = format!("spec.routes[{index}]").into();
    }
    router
}

/// A route for every path.
pub(super) fn route(text: &str, protocol: Protocol, targets: &[(&str, u32)]) -> Route {
    Route {
        name: text.into(),
        field: "".into(),
        protocol,
        priority: None,
        port: None,
        matches: HttpMatch::default(),
        targets: targets.iter().map(target).collect(),
        timeouts: Timeouts::default(),
        retry: None,
        extras: RouteExtras::default(),
    }
}

fn target((workload, weight): &(&str, u32)) -> Target {
    Target {
        workload: by_name(workload),
        port: None,
        weight: *weight,
    }
}

pub(super) fn prefix(text: &str) -> HttpMatch {
    path(PathMatch::Prefix(text.into()))
}

pub(super) fn path(path: PathMatch) -> HttpMatch {
    HttpMatch {
        path,
        ..HttpMatch::default()
    }
}

/// A gateway that every route of every namespace may attach to.
pub(super) fn gateway(text: &str, listeners: Vec<Listener>) -> Gateway {
    let name = name(text);
    Gateway {
        object: id("VirtualGateway", &name),
        alias: format!("{}_{}", name.name, name.namespace).into(),
        mesh: None,
        listeners,
        namespaces: Some(everything()),
        routes: everything(),
        default_policy: None,
        pods: None,
        access_log: None,
        name,
    }
}

pub(super) fn gateway_route(text: &str, service: &str) -> GatewayRoute {
    let name = name(text);
    GatewayRoute {
        object: id("GatewayRoute", &name),
        alias: format!("{}_{}", name.name, name.namespace).into(),
        mesh: None,
        gateway: None,
        labels: Labels::new(),
        priority: 1000,
        protocol: Protocol::Http,
        port: None,
        host: HostMatch::Any,
        matches: HttpMatch::default(),
        path_rewrite: PathRewrite::Keep,
        rewrite_host: true,
        target: by_name(service),
        target_port: None,
        field: "spec.httpRoute".into(),
        request_headers: HeaderEdits::default(),
        response_headers: HeaderEdits::default(),
        name,
    }
}

pub(super) fn group(text: &str, services: &[&str]) -> BackendGroup {
    BackendGroup {
        name: name(text),
        object: id("BackendGroup", &name(text)),
        mesh: None,
        services: services.iter().map(|service| name(service)).collect(),
    }
}

pub(super) fn group_ref(namespace: &str, group: Option<&str>) -> BackendGroupRef {
    BackendGroupRef {
        namespace: namespace.into(),
        group: group.map(|group| name(&format!("{namespace}/{group}"))),
        field: "spec.backendGroups[0]".into(),
    }
}

/// A Kubernetes Service with a cluster address or without.
pub(super) fn kube_service(text: &str, addresses: &[&str], ports: &[(u16, &str)]) -> KubeService {
    let name = name(text);
    let (namespace, name) = (name.namespace.clone(), name.name.clone());
    KubeService {
        object: ObjectId::new("", "Service", &namespace, &name),
        namespace,
        name,
        addresses: addresses.iter().map(|ip| ip.parse().unwrap()).collect(),
        external: false,
        ports: ports
            .iter()
            .map(|(port, name)| (*port, Str::from(*name)))
            .collect(),
    }
}

/// A slice `SERVICE-N` whose only port is unnamed.
pub(super) fn slice(service: &str, number: u8, port: u16, ready: &[&str]) -> EndpointSlice {
    let service = name(service);
    let (namespace, name) = (service.namespace.clone(), service.name.clone());
    let slice = format!("{name}-{number}");
    EndpointSlice {
        object: ObjectId::new("discovery.k8s.io", "EndpointSlice", &namespace, &slice),
        namespace,
        name: slice.into(),
        service: name,
        ports: vec![("".into(), port)],
        endpoints: ready.iter().map(|ip| slice_endpoint(ip)).collect(),
    }
}

pub(super) fn slice_endpoint(ip: &str) -> SliceEndpoint {
    SliceEndpoint {
        ip: ip.parse().unwrap(),
        ready: true,
        serving: true,
        terminating: false,
        zone: None,
    }
}

pub(crate) fn pod(text: &str, pairs: &[(&str, &str)], ips: &[&str]) -> Pod {
    let name = name(text);
    let (namespace, name) = (name.namespace.clone(), name.name.clone());
    Pod {
        object: ObjectId::new("", "Pod", &namespace, &name),
        namespace,
        name,
        labels: labels(pairs),
        ips: ips.iter().map(|ip| ip.parse().unwrap()).collect(),
        ready: true,
        terminating: false,
        uid: "".into(),
        service_account: "".into(),
        node: None,
        proxy: None,
        finished: false,
        host_network: false,
    }
}

pub(super) fn pod_proxy(kind: ProxyKind, namespace: &str, name: &str, inbound: &[u16]) -> PodProxy {
    PodProxy {
        id: ProxyId::new(kind, namespace, name),
        inbound: inbound.iter().copied().collect(),
    }
}

/// A pod of a workload, with its proxy and a service account.
pub(super) fn meshed(text: &str, workload: &str, account: &str, inbound: &[u16], ip: &str) -> Pod {
    let workload = name(workload);
    let mut pod = pod(text, &[("app", "web")], &[ip]);
    pod.service_account = account.into();
    pod.proxy = Some(pod_proxy(
        ProxyKind::VirtualNode,
        &workload.namespace,
        &workload.name,
        inbound,
    ));
    pod
}

pub(super) fn node(text: &str, zone: Option<&str>) -> Node {
    Node {
        name: text.into(),
        object: ObjectId::new("", "Node", "", text),
        zone: zone.map(Into::into),
    }
}
