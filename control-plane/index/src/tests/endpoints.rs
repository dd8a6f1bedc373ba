//! How addresses are found, and which endpoints may be used.

use std::sync::Arc;

use tulle_model::endpoint::{EndpointSet, EndpointSetId};
use tulle_model::linked::Discovery;
use tulle_model::policy::{DiscoveryMode, IpPreference, Protocol};

use super::world::*;

/// `shop/front` calls `shop/web`, whose workload is found by this.
fn world(discovery: tulle_model::fragment::Discovery) -> World {
    let mut world = World::new();
    let mut web = workload("shop/web", vec![listener(80, Protocol::Http)]);
    web.discovery = Some(discovery);
    web.pods = Some(labelled("app", "web"));
    world.put(web);
    world.put(service("shop/web", of_workload("shop/web")));
    world.put(client("shop/front", &["shop/web"]));
    world
}

fn kube() -> World {
    let mut world = world(dns("web.shop.svc.cluster.local"));
    world.put(kube_service(
        "shop/web",
        &["10.0.0.1"],
        &[(80, ""), (81, "admin")],
    ));
    world
}

fn set(world: &World) -> Option<EndpointSetId> {
    match &world.clusters("virtualnode/shop/front")[0].discovery {
        Discovery::Endpoints(set) => Some(set.clone()),
        Discovery::Dns { .. } => None,
    }
}

fn endpoints(world: &World) -> Vec<String> {
    let set: Arc<EndpointSet> = world.index.endpoints(&set(world).unwrap());
    let told = set.endpoints.iter();
    told.map(|own| format!("{}:{}", own.ip, own.port)).collect()
}

#[test]
fn a_known_service_with_the_listeners_port_is_served_from_slices() {
    let mut world = kube();
    let expected = EndpointSetId::Service {
        namespace: "shop".into(),
        name: "web".into(),
        port: 80,
        ip: IpPreference::Unset,
    };
    assert_eq!(set(&world), Some(expected.clone()));
    for hostname in ["web.shop.svc", "web.shop"] {
        let mut web = workload("shop/web", vec![listener(80, Protocol::Http)]);
        web.discovery = Some(dns(hostname));
        let delta = world.put(web);
        assert!(delta.endpoints.is_empty(), "{hostname}");
        assert_eq!(set(&world), Some(expected.clone()), "{hostname}");
    }
    world.set(|settings| settings.plain_dns = true);
    assert_eq!(set(&world), None);
    world.set(|settings| settings.plain_dns = false);
    world.put(kube_service("shop/web", &["10.0.0.1"], &[(81, "")]));
    assert_eq!(set(&world), None);
    let mut external = kube_service("shop/web", &[], &[(80, "")]);
    external.external = true;
    world.put(external);
    assert_eq!(set(&world), None);
}

#[test]
fn the_workload_says_it_else_its_mesh_else_the_settings() {
    use DiscoveryMode::{Dns, Endpoints};
    let mut world = kube();
    let front = vec!["virtualnode/shop/front".to_owned()];
    let cases = [
        (true, None, None, false),
        (true, None, Some(Endpoints), true),
        (true, Some(Dns), Some(Endpoints), false),
        (true, Some(Endpoints), Some(Dns), true),
        (true, Some(Endpoints), None, true),
        (false, Some(Endpoints), None, true),
        (false, Some(Dns), None, false),
        (false, None, Some(Dns), false),
        (false, Some(Endpoints), Some(Dns), true),
        (false, None, None, true),
    ];
    for (plain_dns, workload_says, mesh_says, expected) in cases {
        let case = format!("{plain_dns} {workload_says:?} {mesh_says:?}");
        let mut mesh = mesh(MESH, Some(everything()));
        mesh.discovery_mode = mesh_says;
        let mut web = workload("shop/web", vec![listener(80, Protocol::Http)]);
        web.discovery = Some(dns("web.shop.svc.cluster.local"));
        web.discovery_mode = workload_says;
        web.pods = Some(labelled("app", "web"));
        world.set(|settings| settings.plain_dns = plain_dns);
        world.put_all(vec![mesh.fragment(), web.fragment()]);
        assert_eq!(set(&world).is_some(), expected, "{case}");
    }
    // Clients hear of it, and of nothing that is overruled.
    let mut mesh = mesh(MESH, Some(everything()));
    mesh.discovery_mode = Some(Dns);
    assert_eq!(changed(&world.put(mesh.clone())).0, front);
    assert!(world.set(|settings| settings.plain_dns = true).is_empty());
    mesh.discovery_mode = None;
    assert!(world.put(mesh).is_empty());
    assert_eq!(set(&world), None);
}

#[test]
fn a_workload_says_it_for_itself_alone() {
    let mut world = kube();
    let named = |text: &str| {
        let mut workload = workload(text, vec![listener(80, Protocol::Http)]);
        workload.discovery = Some(dns("web.shop.svc.cluster.local"));
        workload
    };
    let mut plain = named("shop/plain");
    plain.discovery_mode = Some(DiscoveryMode::Dns);
    world.put(plain);
    world.put(service("shop/plain", of_workload("shop/plain")));
    // Whom a client calls decides, not what the client says of itself.
    let mut front = client("shop/front", &["shop/web", "shop/plain"]);
    front.discovery_mode = Some(DiscoveryMode::Dns);
    world.put(front);
    let clusters = world.clusters("virtualnode/shop/front");
    let found = clusters.iter().map(|own| {
        let by_dns = matches!(own.discovery, Discovery::Dns { .. });
        (own.to.workload.name.to_string(), by_dns)
    });
    let found: std::collections::BTreeMap<_, _> = found.collect();
    assert!(found["plain"]);
    assert!(!found["web"]);
}

#[test]
fn pods_of_a_registry_have_no_name_in_dns() {
    let mut world = world(registry());
    let mut mesh = mesh(MESH, Some(everything()));
    mesh.discovery_mode = Some(DiscoveryMode::Dns);
    assert!(world.put(mesh).is_empty());
    assert!(world.set(|settings| settings.plain_dns = true).is_empty());
    assert!(matches!(set(&world), Some(EndpointSetId::Pods { .. })));
}

#[test]
fn the_cluster_domain_is_a_setting() {
    let mut world = kube();
    world.set(|settings| settings.cluster_domain = "other.domain".to_owned());
    assert_eq!(set(&world), None);
}

#[test]
fn slices_are_joined_by_the_name_of_the_port() {
    let mut world = kube();
    let delta = world.put(slice("shop/web", 1, 8080, &["10.1.0.2", "10.1.0.1"]));
    assert_eq!(changed(&delta), (vec![], 1, false));
    let mut second = slice("shop/web", 2, 9090, &["10.1.0.1", "10.1.0.3"]);
    second.ports.insert(0, ("admin".into(), 1));
    world.put(second);
    world.put(slice("shop/other", 1, 8080, &["10.1.0.9"]));
    let mut unrelated = slice("shop/web", 3, 8080, &["10.1.0.8"]);
    unrelated.ports = vec![("admin".into(), 1)];
    world.put(unrelated);
    assert_eq!(
        endpoints(&world),
        [
            "10.1.0.1:8080",
            "10.1.0.1:9090",
            "10.1.0.2:8080",
            "10.1.0.3:9090"
        ]
    );
}

#[test]
fn terminating_endpoints_serve_only_where_none_is_ready() {
    let mut world = kube();
    let mut slice = slice(
        "shop/web",
        1,
        80,
        &["10.1.0.1", "10.1.0.2", "10.1.0.3", "10.1.0.4"],
    );
    let conditions = [
        (true, true, false),
        (false, true, true),
        (false, true, false),
        (false, false, true),
    ];
    for (endpoint, (ready, serving, terminating)) in slice.endpoints.iter_mut().zip(conditions) {
        endpoint.ready = ready;
        endpoint.serving = serving;
        endpoint.terminating = terminating;
    }
    world.put(slice.clone());
    assert_eq!(endpoints(&world), ["10.1.0.1:80"]);
    slice.endpoints[0].ready = false;
    world.put(slice);
    assert_eq!(endpoints(&world), ["10.1.0.2:80"]);
}

#[test]
fn the_mesh_chooses_the_family() {
    let mut world = kube();
    world.put(slice("shop/web", 1, 80, &["10.1.0.1", "fd00::1"]));
    assert_eq!(endpoints(&world), ["10.1.0.1:80", "fd00::1:80"]);
    for (ip, expected) in [
        (IpPreference::V4Only, "10.1.0.1:80"),
        (IpPreference::V6Only, "fd00::1:80"),
    ] {
        let mut mesh = mesh(MESH, Some(everything()));
        mesh.ip = ip;
        world.put(mesh);
        assert_eq!(endpoints(&world), [expected]);
        assert_eq!(world.clusters("virtualnode/shop/front")[0].ip, ip);
    }
}

#[test]
fn a_registry_is_the_workloads_own_ready_pods() {
    let mut world = world(registry());
    let app = [("app", "web")];
    let mut leaving = pod("shop/leaving", &app, &["10.1.0.5"]);
    leaving.terminating = true;
    let mut starting = pod("shop/starting", &app, &["10.1.0.6"]);
    starting.ready = false;
    for pod in [
        pod("shop/one", &app, &["fd00::1", "10.1.0.1"]),
        pod("shop/six", &app, &["fd00::6"]),
        pod("shop/other", &[("app", "other")], &["10.1.0.2"]),
        pod("bank/one", &app, &["10.1.0.3"]),
        pod("shop/none", &app, &[]),
        leaving,
        starting,
    ] {
        world.put(pod);
    }
    assert_eq!(endpoints(&world), ["10.1.0.1:80", "fd00::6:80"]);

    // A pod that comes in or goes out by its labels.
    let delta = world.put(pod(
        "shop/other",
        &[("app", "other"), ("x", "y")],
        &["10.1.0.2"],
    ));
    assert!(delta.is_empty());
    let delta = world.put(pod("shop/other", &app, &["10.1.0.2"]));
    assert_eq!(changed(&delta), (vec![], 1, false));
    let delta = world.put(pod("shop/other", &[], &["10.1.0.2"]));
    assert_eq!(changed(&delta), (vec![], 1, false));
}

#[test]
fn terminating_pods_of_a_registry_serve_only_where_none_stays() {
    let mut world = world(registry());
    let app = [("app", "web")];
    let stays = pod("shop/stays", &app, &["10.1.0.1"]);
    let mut leaves = pod("shop/leaves", &app, &["10.1.0.2"]);
    leaves.terminating = true;
    world.put(stays.clone());
    world.put(leaves.clone());
    assert_eq!(endpoints(&world), ["10.1.0.1:80"]);
    world.remove(stays);
    assert_eq!(endpoints(&world), ["10.1.0.2:80"]);
    leaves.ready = false;
    world.put(leaves);
    assert_eq!(endpoints(&world), [""; 0]);
}

#[test]
fn sets_that_nobody_uses_are_let_go() {
    let mut world = kube();
    world.put(slice("shop/web", 1, 80, &["10.1.0.1"]));
    let id = set(&world).unwrap();
    let delta = world.put(client("shop/front", &[]));
    let expected = (vec!["virtualnode/shop/front".to_owned()], 0, false);
    assert_eq!(changed(&delta), expected);
    assert!(world.index.endpoints(&id).endpoints.is_empty());
    assert_eq!(world.index.stats().nodes.get("endpoints"), None);
    let delta = world.put(slice("shop/web", 1, 80, &["10.1.0.2"]));
    assert!(delta.is_empty());
}

#[test]
fn a_registry_gives_the_pods_of_all_that_name_its_service_by_their_attributes() {
    let mut world = world(registry());
    let other = |attributes: &[(&str, &str)]| {
        let mut other = workload("shop/other", vec![listener(80, Protocol::Http)]);
        other.pods = Some(labelled("app", "other"));
        other.discovery = asking(attributes);
        other
    };
    world.put(other(&[("color", "blue")]));
    world.put(pod("shop/one", &[("app", "web")], &["10.1.0.1"]));
    world.put(pod("shop/two", &[("app", "other")], &["10.1.0.2"]));
    assert_eq!(endpoints(&world), ["10.1.0.1:80", "10.1.0.2:80"]);

    let ask = |attributes: &[(&str, &str)]| {
        let mut web = workload("shop/web", vec![listener(80, Protocol::Http)]);
        web.pods = Some(labelled("app", "web"));
        web.discovery = asking(attributes);
        web
    };
    for (attributes, expected) in [
        (
            &[("color", "blue")][..],
            &["10.1.0.1:80", "10.1.0.2:80"][..],
        ),
        (&[("color", "green")], &["10.1.0.1:80"]),
        (&[("app", "other")], &["10.1.0.1:80", "10.1.0.2:80"]),
        (&[("k8s.io/pod", "one")], &["10.1.0.1:80"]),
        (
            &[("AWS_INSTANCE_IPV4", "10.1.0.2"), ("color", "blue")],
            &["10.1.0.2:80"],
        ),
    ] {
        world.put(ask(attributes));
        assert_eq!(endpoints(&world), expected, "{attributes:?}");
    }
    world.put(ask(&[]));
    // Another service, or another namespace, is none of its business.
    let mut stranger = workload("bank/other", vec![listener(80, Protocol::Http)]);
    stranger.pods = Some(labelled("app", "other"));
    stranger.discovery = asking(&[]);
    world.put(stranger);
    world.put(pod("bank/two", &[("app", "other")], &["10.1.0.3"]));
    assert_eq!(endpoints(&world), ["10.1.0.1:80", "10.1.0.2:80"]);
    let delta = world.put(other(&[("color", "red")]));
    assert!(delta.endpoints.is_empty());
    let mut gone = other(&[]);
    gone.discovery = None;
    world.put(gone);
    assert_eq!(endpoints(&world), ["10.1.0.1:80"]);
}

fn asking(attributes: &[(&str, &str)]) -> Option<tulle_model::fragment::Discovery> {
    let attributes = attributes.iter();
    Some(tulle_model::fragment::Discovery::Registry {
        namespace: "pvt".into(),
        service: "svc".into(),
        attributes: attributes
            .map(|(key, value)| ((*key).into(), (*value).into()))
            .collect(),
    })
}
