//! Names that the cluster's DNS does not know.

use tulle_model::fragment::{Discovery, Service, Workload};
use tulle_model::policy::{IpPreference, Protocol};

use super::world::*;
use crate::ServedNames;

/// A mesh whose names are served, and whose users are told of those that are not.
fn world() -> World {
    let mut world = World::new();
    world.set(|settings| {
        settings.names.served = true;
        settings.names.told = true;
    });
    world
}

fn in_registry(text: &str, service: &str, namespace: &str, app: &str) -> Workload {
    let mut workload = workload(text, vec![listener(80, Protocol::Http)]);
    workload.discovery = Some(Discovery::Registry {
        namespace: namespace.into(),
        service: service.into(),
        attributes: vec![],
    });
    workload.pods = Some(labelled("app", app));
    workload
}

fn called(text: &str, host: &str, provider: &str) -> Service {
    let mut service = service(text, of_workload(provider));
    service.host = host.into();
    service.alias = host.into();
    service
}

fn seen(world: &World) -> Vec<String> {
    let ServedNames { zones, names } = (*world.index.names()).clone();
    let zones = zones.iter().map(|zone| format!("zone {zone}"));
    let names = names.iter().map(|(name, ips)| format!("{name} {ips:?}"));
    zones.chain(names).collect()
}

#[test]
fn a_registry_s_name_has_its_ready_pods() {
    let mut world = world();
    let blue = in_registry("shop/blue", "Colour", "PVT.local.", "blue");
    assert!(world.put(blue.clone()).names);
    assert_eq!(seen(&world), ["zone pvt.local", "colour.pvt.local []"]);

    let delta = world.put(pod("shop/b1", &[("app", "blue")], &["10.0.0.1", "fd00::1"]));
    assert!(delta.names);
    let mut waiting = pod("shop/b2", &[("app", "blue")], &["10.0.0.2"]);
    waiting.ready = false;
    assert!(!world.put(waiting.clone()).names);
    assert!(
        !world
            .put(pod("shop/other", &[("app", "red")], &["10.0.0.9"]))
            .names
    );
    assert_eq!(seen(&world)[1], "colour.pvt.local [10.0.0.1]");
    waiting.ready = true;
    assert!(world.put(waiting).names);
    assert_eq!(seen(&world)[1], "colour.pvt.local [10.0.0.1, 10.0.0.2]");

    // another workload under the same name, of another mesh even
    world.put(mesh("other", None));
    let mut green = in_registry("shop/green", "colour", "pvt.local", "green");
    green.mesh = Some(name("other"));
    world.put(green.clone());
    world.put(pod("shop/g1", &[("app", "green")], &["10.0.0.3"]));
    assert_eq!(
        seen(&world)[1],
        "colour.pvt.local [10.0.0.1, 10.0.0.2, 10.0.0.3]"
    );
    assert!(world.remove(blue).names);
    assert_eq!(
        seen(&world),
        ["zone pvt.local", "colour.pvt.local [10.0.0.3]"]
    );
    world.remove(green);
    assert!(seen(&world).is_empty());
}

#[test]
fn addresses_are_of_the_mesh_s_family() {
    let mut world = world();
    let mut six = mesh(MESH, Some(everything()));
    six.ip = IpPreference::V6Only;
    world.put(six);
    world.put(in_registry("shop/blue", "colour", "pvt", "blue"));
    world.put(pod("shop/b1", &[("app", "blue")], &["10.0.0.1", "fd00::1"]));
    assert_eq!(seen(&world)[1], "colour.pvt [fd00::1]");
}

#[test]
fn the_cluster_s_own_domain_is_never_taken_over() {
    let mut world = world();
    world.put(in_registry("shop/a", "a", "shop.svc.cluster.local", "a"));
    assert!(seen(&world).is_empty());
    world.put(in_registry("shop/b", "b", "local", "b"));
    world.put(in_registry("shop/c", "c", "cluster.local", "c"));
    assert_eq!(seen(&world), ["zone b.local", "b.local []"]);
    world.put(in_registry("shop/d", "d d", "pvt", "d"));
    assert_eq!(seen(&world).len(), 2, "no name that DNS could have");
}

#[test]
fn a_service_s_host_has_the_addresses_of_whoever_provides_it() {
    let mut world = world();
    world.set(|settings| settings.names.zones = ["corp.example".to_owned()].into());
    let mut blue = workload("shop/blue", vec![listener(80, Protocol::Http)]);
    blue.discovery = Some(dns("blue.shop.svc.cluster.local"));
    blue.pods = Some(labelled("app", "blue"));
    world.put(blue);
    world.put(pod("shop/b1", &[("app", "blue")], &["10.0.0.1"]));
    world.put(called("shop/colour", "colour.corp.example", "shop/blue"));
    assert_eq!(
        seen(&world),
        ["zone corp.example", "colour.corp.example [10.0.0.1]"]
    );
    // the stable address, once there is one
    let own = kube_service("shop/blue", &["10.96.0.1", "fd01::1"], &[(80, "")]);
    assert!(world.put(own.clone()).names);
    assert_eq!(seen(&world)[1], "colour.corp.example [10.96.0.1]");
    assert!(
        !world
            .put(pod("shop/b2", &[("app", "blue")], &["10.0.0.2"]))
            .names
    );
    world.remove(own);
    assert_eq!(seen(&world)[1], "colour.corp.example [10.0.0.1, 10.0.0.2]");

    // by way of a router: all that its routes lead to
    let mut green = workload("shop/green", vec![listener(80, Protocol::Http)]);
    green.discovery = Some(dns("green.shop"));
    world.put(green);
    world.put(kube_service("shop/green", &["10.96.0.2"], &[(80, "")]));
    world.put(kube_service("shop/blue", &["10.96.0.1"], &[(80, "")]));
    let targets = [("shop/blue", 1), ("shop/green", 2)];
    let split = vec![route("r", Protocol::Http, &targets)];
    world.put(router("shop/r", vec![listener(80, Protocol::Http)], split));
    let mut routed = called("shop/routed", "routed.corp.example", "");
    routed.provider = of_router("shop/r");
    world.put(routed);
    assert_eq!(
        seen(&world)[2],
        "routed.corp.example [10.96.0.1, 10.96.0.2]"
    );
    assert!(world.findings().is_empty(), "{:?}", world.findings());
}

#[test]
fn a_registry_comes_before_a_service_of_the_same_host() {
    let mut world = world();
    world.put(in_registry("shop/blue", "colour", "pvt", "blue"));
    world.put(pod("shop/b1", &[("app", "blue")], &["10.0.0.1"]));
    let mut green = workload("shop/green", vec![listener(80, Protocol::Http)]);
    green.pods = Some(labelled("app", "green"));
    world.put(green);
    world.put(pod("shop/g1", &[("app", "green")], &["10.0.0.2"]));
    world.put(called("shop/colour", "colour.pvt", "shop/green"));
    world.put(called("shop/other", "other.pvt", "shop/green"));
    assert_eq!(
        seen(&world),
        ["zone pvt", "colour.pvt [10.0.0.1]", "other.pvt [10.0.0.2]"]
    );
    assert!(world.findings().is_empty());
    // without its registry there is nobody left to answer
    world.remove(in_registry("shop/blue", "colour", "pvt", "blue"));
    assert!(seen(&world).is_empty());
    assert_eq!(
        world.findings(),
        [
            "warning unresolvable-name VirtualService shop/colour spec.awsName",
            "warning unresolvable-name VirtualService shop/other spec.awsName",
        ]
    );
}

#[test]
fn whose_name_nobody_answers_is_told() {
    let mut world = world();
    world.put(workload("shop/blue", vec![listener(80, Protocol::Http)]));
    let told = |world: &mut World, host: &str| {
        world.put(called("shop/s", host, "shop/blue"));
        world.findings().len()
    };
    for (host, expected) in [
        // for the cluster's DNS to answer
        ("colour.shop.svc.cluster.local", 0),
        ("colour.shop.svc", 0),
        ("deep.down.cluster.local", 0),
        // where its workload is, outside
        ("blue.example", 0),
        ("colour.corp.example", 1),
        ("colour.shop", 1),
        ("colour", 1),
    ] {
        assert_eq!(told(&mut world, host), expected, "{host}");
    }
    world.put(kube_service("shop/colour", &["10.96.0.1"], &[(80, "")]));
    assert_eq!(told(&mut world, "colour.shop"), 0);
    assert_eq!(told(&mut world, "colour"), 0);
    assert_eq!(told(&mut world, "colour.corp.example"), 1);
    world.set(|settings| settings.names.zones = ["example".to_owned()].into());
    assert!(world.findings().is_empty());
    world.set(|settings| settings.names.served = false);
    assert_eq!(world.findings().len(), 1);
    assert!(seen(&world).is_empty());
    world.set(|settings| settings.names.told = false);
    assert!(world.findings().is_empty());
}

#[test]
fn tcp_services_on_one_port_are_told_apart_by_the_addresses_that_are_answered() {
    let mut world = world();
    for (n, app) in ["a", "b"].iter().enumerate() {
        let text = format!("shop/{app}");
        let mut workload = in_registry(&text, app, "pvt", app);
        workload.listeners = vec![listener(5432, Protocol::Tcp)];
        world.put(workload);
        world.put(called(&text, &format!("{app}.pvt"), &text));
        let ip = format!("10.0.0.{n}");
        world.put(pod(&text, &[("app", app)], &[ip.as_str()]));
    }
    world.put(client("shop/front", &["shop/a", "shop/b"]));
    let addresses = |world: &World| -> Vec<String> {
        let outbound = world.outbound("shop/front");
        let tcp = outbound[0].tcp.iter();
        tcp.map(|own| format!("{} {:?}", own.host, own.addresses))
            .collect()
    };
    assert_eq!(addresses(&world), ["a.pvt [10.0.0.0]", "b.pvt [10.0.0.1]"]);
    let delta = world.put(pod("shop/b", &[("app", "b")], &["10.0.0.7"]));
    assert_eq!(delta.views.len(), 1);
    assert_eq!(addresses(&world)[1], "b.pvt [10.0.0.7]");
}
