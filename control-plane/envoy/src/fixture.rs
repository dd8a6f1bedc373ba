//! Views for tests.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tulle_model::Name;
use tulle_model::endpoint::{Endpoint, EndpointSet, EndpointSetId};
use tulle_model::extras::{HeaderEdits, RouteExtras};
use tulle_model::linked::{
    ClusterMtls, Destination, Discovery, Gateway, GatewayListener, GatewayRoute, HostRoutes,
    Inbound, OutboundPort, OutboundService, OutboundTcp, ProxyView, Role, Route, Sidecar,
    ViewCluster, WeightedDestination,
};
use tulle_model::matching::{
    HeaderMatch, HostMatch, HttpMatch, PathMatch, PathRewrite, QueryMatch, ValueMatch,
};
use tulle_model::policy::{
    EgressPolicy, IpPreference, Limits, MtlsMode, Protocol, RetryOn, RetryPolicy,
};
use tulle_model::{ObjectId, ProxyId, spiffe_id};

pub(crate) fn object(kind: &str, name: &str) -> ObjectId {
    ObjectId::new("appmesh.k8s.aws", kind, "shop", name)
}

pub(crate) fn destination(name: &str, protocol: Protocol, port: u16) -> Destination {
    Destination {
        workload: Name::new("appmesh", "shop", name),
        alias: format!("{name}_shop").into(),
        protocol,
        port,
    }
}

/// A sidecar that calls nobody.
pub(crate) fn view() -> ProxyView {
    ProxyView {
        id: "virtualnode/shop/front".parse::<ProxyId>().unwrap(),
        object: object("VirtualNode", "front"),
        mesh: "shop".into(),
        alias: "front_shop".into(),
        ip: IpPreference::Unset,
        access_log: None,
        role: Role::Sidecar(Sidecar {
            inbound: Vec::new(),
            outbound: Vec::new(),
            egress: EgressPolicy::DropAll,
        }),
        clusters: Arc::default(),
    }
}

pub(crate) fn limits() -> Limits {
    Limits {
        request: Some(Duration::from_secs(15)),
        idle: Some(Duration::from_secs(300)),
    }
}

pub(crate) fn implicit_retry() -> RetryPolicy {
    RetryPolicy {
        max_retries: 2,
        per_try_timeout: None,
        on: BTreeSet::from([
            RetryOn::GrpcUnavailable,
            RetryOn::Reset,
            RetryOn::ConnectFailure,
            RetryOn::RefusedStream,
        ]),
        status_codes: BTreeSet::from([503]),
        avoid_previous_hosts: Some(5),
    }
}

/// Sends to these workloads' HTTP port 8080.
pub(crate) fn route(name: &str, matches: HttpMatch, targets: &[(&str, u32)]) -> Route {
    Route {
        name: name.into(),
        origin: object("VirtualRouter", "colour"),
        matches,
        targets: targets
            .iter()
            .map(|(name, weight)| WeightedDestination {
                to: destination(name, Protocol::Http, 8080),
                weight: *weight,
            })
            .collect(),
        limits: limits(),
        retry: Some(implicit_retry()),
        extras: RouteExtras::default(),
    }
}

pub(crate) fn prefix(path: &str) -> HttpMatch {
    HttpMatch {
        path: PathMatch::Prefix(path.into()),
        ..Default::default()
    }
}

pub(crate) fn header(name: &str, value: Option<ValueMatch>, invert: bool) -> HttpMatch {
    HttpMatch {
        headers: vec![HeaderMatch {
            name: name.into(),
            invert,
            value,
        }],
        ..Default::default()
    }
}

/// A route of every kind of match, each to a workload of its own name or a split.
pub(crate) fn colour() -> HostRoutes {
    let query = |name: &str, exact: Option<&str>| HttpMatch {
        query: vec![QueryMatch {
            name: name.into(),
            exact: exact.map(Into::into),
        }],
        ..Default::default()
    };
    let path = |path| HttpMatch {
        path,
        ..Default::default()
    };
    let method = |method: &str| HttpMatch {
        method: Some(method.into()),
        ..Default::default()
    };
    let routes = vec![
        route(
            "exact",
            path(PathMatch::Exact("/exact".into())),
            &[("blue", 1)],
        ),
        route(
            "regex",
            path(PathMatch::Regex("/item/[0-9]{1,60}".into())),
            &[("green", 1)],
        ),
        route(
            "range",
            header(
                "x-age",
                Some(ValueMatch::Range { start: 18, end: 65 }),
                false,
            ),
            &[("green", 1)],
        ),
        route(
            "inverted",
            header("x-team", Some(ValueMatch::Exact("a".into())), true),
            &[("red", 1)],
        ),
        route(
            "suffix",
            header("x-file", Some(ValueMatch::Suffix(".png".into())), false),
            &[("blue", 1)],
        ),
        route(
            "header-regex",
            header("x-word", Some(ValueMatch::Regex("[a-c]+".into())), false),
            &[("blue", 1)],
        ),
        route("present", header("x-here", None, false), &[("red", 1)]),
        route("query-present", query("debug", None), &[("red", 1)]),
        route("query-exact", query("colour", Some("blue")), &[("blue", 1)]),
        route("query-empty", query("none", Some("")), &[("green", 1)]),
        route("delete", method("DELETE"), &[("green", 1)]),
        route("connect", method("CONNECT"), &[("green", 1)]),
        route(
            "grpc",
            HttpMatch {
                grpc: true,
                ..prefix("/colour.Colour/")
            },
            &[("blue", 1)],
        ),
        route("nobody", prefix("/nobody"), &[("blue", 0), ("green", 0)]),
        route(
            "split",
            prefix("/split"),
            &[("blue", 1), ("green", 3), ("red", 0)],
        ),
        route("all", prefix("/ok"), &[("blue", 1)]),
    ];
    HostRoutes {
        object: object("VirtualService", "colour"),
        host: "colour.shop.svc.cluster.local".into(),
        host_aliases: Vec::new(),
        port: 80,
        protocol: Protocol::Http,
        routes,
    }
}

pub(crate) fn cluster(to: Destination, discovery: Discovery) -> ViewCluster {
    ViewCluster {
        origin: object("VirtualNode", &to.workload.name),
        hostname: format!("{}.shop.svc.cluster.local", to.workload.name).into(),
        to,
        policy: None,
        suffix: None,
        discovery,
        ip: IpPreference::Unset,
        pool: None,
        mtls: None,
        tls: None,
        outlier_detection: None,
        health_check: None,
    }
}

fn eds(name: &str, port: u16) -> Discovery {
    Discovery::Endpoints(EndpointSetId::Service {
        namespace: "shop".into(),
        name: name.into(),
        port,
        ip: IpPreference::Unset,
    })
}

pub(crate) fn clusters() -> Arc<Vec<Arc<ViewCluster>>> {
    let http = |name| cluster(destination(name, Protocol::Http, 8080), eds(name, 8080));
    let dns = |hostname: &str, all_addresses| Discovery::Dns {
        hostname: hostname.into(),
        all_addresses,
    };
    let clusters = [
        http("blue"),
        http("green"),
        http("red"),
        cluster(
            destination("ledger", Protocol::Grpc, 9000),
            dns("ledger.example.com", true),
        ),
        cluster(
            destination("store", Protocol::Tcp, 5432),
            dns("localhost", false),
        ),
        cluster(
            destination("cache", Protocol::Tcp, 6379),
            eds("cache", 6379),
        ),
    ];
    Arc::new(clusters.map(Arc::new).to_vec())
}

fn ledger() -> HostRoutes {
    let to = WeightedDestination {
        to: destination("ledger", Protocol::Grpc, 9000),
        weight: 1,
    };
    HostRoutes {
        object: object("VirtualService", "ledger"),
        host: "ledger.shop".into(),
        host_aliases: Vec::new(),
        port: 80,
        protocol: Protocol::Grpc,
        routes: vec![Route {
            targets: vec![to],
            limits: Limits::default(),
            retry: None,
            ..route("ledger", HttpMatch::default(), &[])
        }],
    }
}

pub(crate) fn tcp(
    name: &str,
    port: u16,
    addresses: &[&str],
    targets: &[(&str, u32)],
) -> OutboundTcp {
    OutboundTcp {
        object: object("VirtualService", name),
        host: format!("{name}.shop").into(),
        addresses: addresses.iter().map(|a| a.parse().unwrap()).collect(),
        origin: object("VirtualRouter", name),
        targets: targets
            .iter()
            .map(|(name, weight)| WeightedDestination {
                to: destination(name, Protocol::Tcp, port),
                weight: *weight,
            })
            .collect(),
        limits: Limits::default(),
        policy: None,
    }
}

pub(crate) fn http_port(
    port: u16,
    services: Vec<HostRoutes>,
    tcp: Vec<OutboundTcp>,
) -> Arc<OutboundPort> {
    let services = services.into_iter().map(|routes| OutboundService {
        routes: Arc::new(routes),
        policy: None,
    });
    Arc::new(OutboundPort {
        port,
        http: services.collect(),
        http_protocol: Protocol::Http,
        tcp,
    })
}

/// A sidecar with something of everything.
pub(crate) fn sidecar(egress: EgressPolicy) -> ProxyView {
    let inbound = |port, protocol| Inbound {
        port,
        protocol,
        limits: limits(),
        mtls: MtlsMode::Off,
        tls: None,
        pool: None,
        rate_limit: None,
    };
    ProxyView {
        role: Role::Sidecar(Sidecar {
            inbound: vec![
                inbound(8080, Protocol::Http),
                inbound(9000, Protocol::Grpc),
                inbound(9100, Protocol::Tcp),
            ],
            outbound: vec![
                http_port(80, vec![colour(), ledger()], Vec::new()),
                http_port(
                    443,
                    Vec::new(),
                    vec![tcp("store", 5432, &[], &[("store", 1)])],
                ),
                http_port(
                    6379,
                    vec![HostRoutes {
                        port: 6379,
                        ..colour()
                    }],
                    vec![
                        tcp("cache", 6379, &["10.0.0.9", "fd00::9"], &[("cache", 1)]),
                        tcp("other", 6379, &["10.0.0.8", "10.0.0.9"], &[("cache", 0)]),
                    ],
                ),
            ],
            egress,
        }),
        clusters: clusters(),
        ..view()
    }
}

pub(crate) fn gateway_route(name: &str, host: HostMatch, matches: HttpMatch) -> GatewayRoute {
    GatewayRoute {
        object: object("GatewayRoute", name),
        name: name.into(),
        host,
        matches,
        path_rewrite: PathRewrite::Prefix("/".into()),
        host_rewrite: Some("colour.shop.svc.cluster.local".into()),
        service: Some(Arc::new(colour())),
        request_headers: HeaderEdits::default(),
        response_headers: HeaderEdits::default(),
    }
}

/// A gateway with two ports.
pub(crate) fn gateway() -> ProxyView {
    let listener = |port, protocol, routes: Vec<GatewayRoute>| GatewayListener {
        port,
        protocol,
        tls: None,
        pool: None,
        rate_limit: None,
        routes: routes.into_iter().map(Arc::new).collect(),
    };
    let suffix = |text: &str| HostMatch::Suffix(text.into());
    let routes = vec![
        gateway_route(
            "exact-host",
            HostMatch::Exact("Shop.Example.com".into()),
            prefix("/a/"),
        ),
        gateway_route("suffix-host", suffix(".example.com"), prefix("/b/")),
        gateway_route("longer-suffix", suffix(".eu.example.com"), prefix("/c/")),
        gateway_route("any", HostMatch::Any, prefix("/paths/")),
        GatewayRoute {
            service: None,
            ..gateway_route("nobody", HostMatch::Any, prefix("/nobody"))
        },
        gateway_route("root", HostMatch::Any, prefix("/")),
    ];
    let other = gateway_route("other", HostMatch::Any, prefix("/"));
    ProxyView {
        id: "virtualgateway/shop/in".parse::<ProxyId>().unwrap(),
        object: object("VirtualGateway", "in"),
        alias: "in_shop".into(),
        role: Role::Gateway(Gateway {
            listeners: vec![
                listener(8088, Protocol::Http, routes),
                listener(8089, Protocol::Http2, vec![other]),
            ],
            policy: None,
        }),
        clusters: clusters(),
        ..view()
    }
}

/// A cluster of the view, to be changed.
pub(crate) fn cluster_of(view: &mut ProxyView, nth: usize) -> &mut ViewCluster {
    Arc::make_mut(&mut Arc::make_mut(&mut view.clusters)[nth])
}

/// The same view, with mutual TLS to its clusters with endpoints, and in this mode from others.
pub(crate) fn secured(mut view: ProxyView, mode: MtlsMode) -> ProxyView {
    for cluster in Arc::make_mut(&mut view.clusters) {
        let cluster = Arc::make_mut(cluster);
        if let Discovery::Endpoints(_) = cluster.discovery {
            cluster.mtls = Some(ClusterMtls {
                identities: ["a", "b"]
                    .map(|account| spiffe_id("td", "shop", account))
                    .to_vec(),
            });
        }
    }
    if let Role::Sidecar(sidecar) = &mut view.role {
        for inbound in &mut sidecar.inbound {
            inbound.mtls = mode;
        }
    }
    view
}

pub(crate) fn endpoint_set(address: &str, port: u16) -> EndpointSet {
    EndpointSet {
        endpoints: vec![Endpoint {
            ip: address.parse().unwrap(),
            port,
            zone: Some("a".into()),
            mtls: false,
        }],
    }
}
