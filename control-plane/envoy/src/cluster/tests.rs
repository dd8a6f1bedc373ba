use prost::Message;
use tulle_model::linked::{Discovery, ProxyView, Role};
use tulle_model::policy::{ClientPolicy, EgressPolicy, IpPreference, Protocol};
use tulle_model::settings::Settings;
use tulle_model::{Capture, Str};
use tulle_proto::cluster::Cluster;
use tulle_proto::cluster::cluster::{ClusterDiscoveryType, DiscoveryType};
use tulle_proto::core::address::Address;
use tulle_proto::endpoint::lb_endpoint::HostIdentifier;
use tulle_proto::pb::envoy::extensions::clusters::dns::v3::DnsCluster;

use crate::fixture::{destination, sidecar, view};
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
    let policy = ClientPolicy {
        fingerprint: "tls".into(),
        tls: None,
    };
    let mut view = sidecar(EgressPolicy::DropAll);
    let mut second = view.clusters[0].clone();
    second.policy = Some(policy);
    second.suffix = Some("_tls".into());
    view.clusters.push(second);
    let plan = plan(&view, Capture::Transparent, &Settings::default());
    let base = "cds_egress_shop_blue_shop_http_8080";
    let sets = plan.assignments.iter().filter(|(name, _)| &**name == base);
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
        mtls: None,
    };
    let mut twin = destination("a", Protocol::Http, 80);
    twin.workload.namespace = "other".into();
    view.clusters = vec![cluster(destination("a", Protocol::Http, 80)), cluster(twin)];
    assert!(matches!(view.role, Role::Sidecar(_)));
    let plan = plan(&view, Capture::Transparent, &Settings::default());
    let name = "cds_egress_shop_a_shop_http_80";
    assert_eq!(
        plan.resources.iter().filter(|r| &*r.name == name).count(),
        1
    );
}
