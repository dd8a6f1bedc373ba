use std::sync::Arc;
use std::time::Duration;

use prost::Message;
use tulle_model::linked::{Destination, Discovery, ProxyView, Role, ViewCluster};
use tulle_model::policy::{ClientPolicy, EgressPolicy, IpPreference, Protocol};
use tulle_model::settings::Settings;
use tulle_model::traffic::{HealthCheck, OutlierDetection, Pool};
use tulle_model::{Capture, Name, Str};
use tulle_proto::cluster::Cluster;
use tulle_proto::cluster::cluster::{ClusterDiscoveryType, DiscoveryType};
use tulle_proto::core::address::Address;
use tulle_proto::core::health_check::HealthChecker;
use tulle_proto::endpoint::lb_endpoint::HostIdentifier;
use tulle_proto::pb::envoy::extensions::clusters::dns::v3::DnsCluster;

use crate::fixture::{cluster_of, destination, gateway, sidecar, view};
use crate::plan::{Compiled, plan};
use crate::type_url;

fn compiled(view: &ProxyView, capture: &str) -> Vec<Compiled> {
    let plan = plan(view, capture.parse().unwrap(), &Settings::default());
    let clusters = plan
        .resources
        .iter()
        .filter(|r| r.type_url == type_url::CLUSTER);
    clusters.map(|cluster| cluster.compile()).collect()
}

fn find(view: &ProxyView, capture: &str, name: &str) -> (Compiled, Cluster) {
    let all = compiled(view, capture);
    let found = all.into_iter().find(|c| &*c.name == name).unwrap();
    let message = Cluster::decode(&*found.bytes).unwrap();
    assert_eq!(message.name, name);
    (found, message)
}

fn address(cluster: &Cluster) -> (String, bool) {
    let assignment = cluster.load_assignment.as_ref().unwrap();
    let host = &assignment.endpoints[0].lb_endpoints[0].host_identifier;
    let Some(HostIdentifier::Endpoint(endpoint)) = host else {
        panic!("no endpoint");
    };
    let address = endpoint.address.clone().unwrap().address.unwrap();
    let Address::SocketAddress(address) = address else {
        panic!("no socket address");
    };
    let port = match address.port_specifier.unwrap() {
        tulle_proto::core::socket_address::PortSpecifier::PortValue(port) => port,
        other => panic!("{other:?}"),
    };
    (format!("{}:{port}", address.address), address.ipv4_compat)
}

#[test]
fn a_destination_with_endpoints_needs_and_touches_them() {
    let name = "cds_egress_shop_blue_shop_http_8080";
    let (compiled, cluster) = find(&sidecar(EgressPolicy::DropAll), "transparent", name);
    let endpoints = vec![(type_url::ENDPOINTS, Str::from(name))];
    assert_eq!(compiled.requires, endpoints);
    assert_eq!(compiled.touches, endpoints);
    assert!(compiled.settle.is_zero());
    let eds = cluster.eds_cluster_config.unwrap();
    assert_eq!(eds.service_name, name);
    assert!(cluster.typed_extension_protocol_options.is_empty());
    let panic = cluster.common_lb_config.unwrap().healthy_panic_threshold;
    assert_eq!(panic.unwrap().value, 0.0);
    let thresholds = &cluster.circuit_breakers.unwrap().thresholds[0];
    assert_eq!(thresholds.max_requests.unwrap().value, 2_147_483_647);
    assert_eq!(cluster.connect_timeout.unwrap().seconds, 1);
}

#[test]
fn a_destination_by_dns_settles_after_a_while() {
    let name = "cds_egress_shop_ledger_shop_grpc_9000";
    let (compiled, cluster) = find(&sidecar(EgressPolicy::DropAll), "transparent", name);
    assert!(compiled.requires.is_empty() && compiled.touches.is_empty());
    assert!(!compiled.settle.is_zero());
    assert_eq!(cluster.typed_extension_protocol_options.len(), 1);
    assert_eq!(address(&cluster).0, "ledger.example.com:9000");
    let Some(ClusterDiscoveryType::ClusterType(custom)) = cluster.cluster_discovery_type else {
        panic!("not a DNS cluster");
    };
    let dns = DnsCluster::decode(&*custom.typed_config.unwrap().value).unwrap();
    assert!(dns.respect_dns_ttl && !dns.all_addresses_in_single_endpoint);
}

#[test]
fn policies_share_endpoints_but_not_clusters() {
    let policy = ClientPolicy { tls: None };
    let mut view = sidecar(EgressPolicy::DropAll);
    let mut second = ViewCluster::clone(&view.clusters[0]);
    second.policy = Some(policy.into());
    second.suffix = Some("_tls".into());
    Arc::make_mut(&mut view.clusters).push(Arc::new(second));
    let plan = plan(&view, Capture::Transparent, &Settings::default());
    let base = "cds_egress_shop_blue_shop_http_8080";
    let sets = plan
        .assignments
        .iter()
        .filter(|assignment| &*assignment.name == base);
    assert_eq!(sets.count(), 1);
    let (compiled, cluster) = find(&view, "transparent", &format!("{base}_tls"));
    assert_eq!(&*compiled.requires[0].1, base);
    assert_eq!(cluster.eds_cluster_config.unwrap().service_name, base);
}

#[test]
fn the_application_is_where_the_capture_mode_has_it() {
    let mut view = sidecar(EgressPolicy::DropAll);
    let name = "cds_ingress_shop_front_shop_grpc_9000";
    let (_, cluster) = find(&view, "transparent", name);
    assert_eq!(address(&cluster).0, "127.0.0.1:9000");
    assert_eq!(cluster.typed_extension_protocol_options.len(), 1);
    let (_, cluster) = find(&view, "loopback=127.80.1.0/29", name);
    assert_eq!(address(&cluster).0, "127.80.1.3:9000");
    view.ip = IpPreference::V6Only;
    let (_, cluster) = find(&view, "transparent", name);
    assert_eq!(address(&cluster).0, "::1:9000");
}

#[test]
fn passthrough_follows_policy_and_capture() {
    let names = |egress, capture| -> Vec<String> {
        let all = compiled(&sidecar(egress), capture);
        let names = all.iter().map(|c| c.name.to_string());
        names
            .filter(|n| n.ends_with("-all") || n.ends_with("aws"))
            .collect()
    };
    let aws = "cds_egress_shop_amazonaws";
    let all = "cds_egress_shop_mesh-allow-all";
    let loopback = "loopback=127.80.1.0/29";
    assert_eq!(names(EgressPolicy::DropAll, "transparent"), [aws]);
    assert_eq!(names(EgressPolicy::AllowAll, "transparent"), [aws, all]);
    assert!(names(EgressPolicy::DropAll, loopback).is_empty());
    assert_eq!(names(EgressPolicy::AllowAll, loopback), [all]);
    let (_, cluster) = find(&sidecar(EgressPolicy::AllowAll), "transparent", all);
    let original = ClusterDiscoveryType::Type(DiscoveryType::OriginalDst.into());
    assert_eq!(cluster.cluster_discovery_type, Some(original));
}

#[test]
fn two_members_whose_names_join_to_one_are_sent_once() {
    let mut view = view();
    let cluster = |to| tulle_model::linked::ViewCluster {
        to,
        policy: None,
        suffix: None,
        origin: crate::fixture::object("VirtualNode", "x"),
        discovery: Discovery::Dns {
            hostname: "x".into(),
            all_addresses: true,
        },
        ip: IpPreference::Unset,
        hostname: "x".into(),
        pool: None,
        mtls: None,
        tls: None,
        outlier_detection: None,
        health_check: None,
    };
    let twin = destination("a", Protocol::Http, 80);
    let twin = Destination {
        workload: Name::new(&twin.workload.realm, "other", &twin.workload.name),
        ..twin
    };
    let clusters = [cluster(destination("a", Protocol::Http, 80)), cluster(twin)];
    view.clusters = Arc::new(clusters.map(Arc::new).to_vec());
    assert!(matches!(view.role, Role::Sidecar(_)));
    let plan = plan(&view, Capture::Transparent, &Settings::default());
    let name = "cds_egress_shop_a_shop_http_80";
    assert_eq!(
        plan.resources.iter().filter(|r| &*r.name == name).count(),
        1
    );
}

fn limits(cluster: &Cluster) -> [u32; 4] {
    let [of] = cluster
        .circuit_breakers
        .as_ref()
        .unwrap()
        .thresholds
        .as_slice()
    else {
        panic!("one priority");
    };
    [
        of.max_connections,
        of.max_pending_requests,
        of.max_requests,
        of.max_retries,
    ]
    .map(|limit| limit.unwrap().value)
}

#[test]
fn pools_are_limits_of_the_application_and_of_a_gateways_destinations() {
    const OFF: u32 = 2_147_483_647;
    let pool = |connections, pending_requests, requests| {
        Some(Pool {
            connections,
            pending_requests,
            requests,
        })
    };
    let mut view = sidecar(EgressPolicy::DropAll);
    if let Role::Sidecar(sidecar) = &mut view.role {
        sidecar.inbound[0].pool = pool(Some(10), Some(20), None);
        sidecar.inbound[1].pool = pool(None, None, Some(30));
        sidecar.inbound[2].pool = pool(Some(40), None, None);
    }
    for (name, expected) in [
        ("http_8080", [10, 20, OFF, OFF]),
        ("grpc_9000", [OFF, OFF, 30, OFF]),
        ("tcp_9100", [40, OFF, OFF, OFF]),
    ] {
        let name = format!("cds_ingress_shop_front_shop_{name}");
        let (_, cluster) = find(&view, "transparent", &name);
        assert_eq!(limits(&cluster), expected, "{name}");
    }
    let mut view = gateway();
    cluster_of(&mut view, 0).pool = pool(Some(1), Some(2), Some(3));
    let (_, cluster) = find(&view, "transparent", "cds_egress_shop_blue_shop_http_8080");
    assert_eq!(limits(&cluster), [1, 2, 3, OFF]);
    let (_, cluster) = find(&view, "transparent", "cds_egress_shop_green_shop_http_8080");
    assert_eq!(limits(&cluster), [OFF; 4]);
}

#[test]
fn only_consecutive_errors_eject() {
    let mut view = sidecar(EgressPolicy::DropAll);
    let name = "cds_egress_shop_blue_shop_http_8080";
    let (before, cluster) = find(&view, "transparent", name);
    assert_eq!(cluster.outlier_detection, None);
    let panic = cluster.common_lb_config.unwrap().healthy_panic_threshold;
    assert_eq!(panic.unwrap().value, 0.0);
    cluster_of(&mut view, 0).outlier_detection = Some(OutlierDetection {
        consecutive_errors: 5,
        interval: Duration::from_millis(1500),
        base_ejection: Duration::from_secs(10),
        max_ejection_percent: 50,
    });
    let (after, cluster) = find(&view, "transparent", name);
    assert_ne!(before.version, after.version);
    assert!(after.settle.is_zero());
    assert_eq!(cluster.common_lb_config, None, "Envoy's panic threshold");
    let of = cluster.outlier_detection.unwrap();
    let value = |wrapped: Option<tulle_proto::protobuf::UInt32Value>| wrapped.unwrap().value;
    assert_eq!(
        (
            value(of.consecutive_5xx),
            value(of.enforcing_consecutive_5xx)
        ),
        (5, 100)
    );
    assert_eq!(value(of.max_ejection_percent), 50);
    assert!(of.always_eject_one_host.unwrap().value && !of.split_external_local_origin_errors);
    let interval = of.interval.unwrap();
    assert_eq!((interval.seconds, interval.nanos), (1, 500_000_000));
    assert_eq!(of.base_ejection_time.unwrap().seconds, 10);
    for other in [
        of.enforcing_success_rate,
        of.enforcing_consecutive_gateway_failure,
        of.enforcing_failure_percentage,
        of.enforcing_consecutive_local_origin_failure,
        of.enforcing_local_origin_success_rate,
        of.enforcing_failure_percentage_local_origin,
    ] {
        assert_eq!(value(other), 0);
    }
}

#[test]
fn hosts_are_asked_as_their_user_says() {
    let mut view = sidecar(EgressPolicy::DropAll);
    let check = |protocol, port| {
        Some(HealthCheck {
            protocol,
            path: "/ping".into(),
            port,
            healthy_threshold: 2,
            unhealthy_threshold: 3,
            interval: Duration::from_secs(5),
            timeout: Duration::from_secs(10),
        })
    };
    let name = "cds_egress_shop_blue_shop_http_8080";
    for protocol in [
        Protocol::Http,
        Protocol::Http2,
        Protocol::Grpc,
        Protocol::Tcp,
    ] {
        cluster_of(&mut view, 0).health_check = check(protocol, Some(8081));
        let (compiled, cluster) = find(&view, "transparent", name);
        assert_eq!(compiled.settle, Duration::from_secs(2));
        let [of] = cluster.health_checks.as_slice() else {
            panic!("one check");
        };
        assert_eq!(of.no_traffic_interval, of.interval);
        assert_eq!(of.interval.unwrap().seconds, 5);
        assert_eq!(of.timeout.unwrap().seconds, 10);
        assert_eq!(of.initial_jitter, None);
        let host = "blue.shop.svc.cluster.local:8080";
        match of.health_checker.clone().unwrap() {
            HealthChecker::HttpHealthCheck(http) => {
                assert_eq!((&*http.host, &*http.path), (host, "/ping"));
                assert_eq!(http.codec_client_type == 1, protocol == Protocol::Http2);
            }
            HealthChecker::GrpcHealthCheck(grpc) => {
                assert_eq!((&*grpc.authority, &*grpc.service_name), (host, ""));
                assert_eq!(protocol, Protocol::Grpc);
            }
            HealthChecker::TcpHealthCheck(_) => assert_eq!(protocol, Protocol::Tcp),
            other => panic!("{other:?}"),
        }
        let plan = plan(&view, Capture::Transparent, &Settings::default());
        let asked = plan.assignments.iter().find(|own| &*own.name == name);
        assert_eq!(asked.unwrap().health_check_port, Some(8081));
    }
    // by DNS the endpoint that stands for the name says where
    cluster_of(&mut view, 3).health_check = check(Protocol::Grpc, Some(9001));
    let name = "cds_egress_shop_ledger_shop_grpc_9000";
    let (compiled, cluster) = find(&view, "transparent", name);
    assert_eq!(compiled.settle, Duration::from_secs(2));
    let assignment = cluster.load_assignment.unwrap();
    let host = assignment.endpoints[0].lb_endpoints[0]
        .host_identifier
        .clone();
    let Some(HostIdentifier::Endpoint(endpoint)) = host else {
        panic!("no endpoint");
    };
    assert_eq!(endpoint.health_check_config.unwrap().port_value, 9001);
}
