//! Ports, hosts and addresses of what may be called.

use tulle_model::fragment::KubeService;
use tulle_model::policy::Protocol;

use super::world::*;

/// `shop/front` calls a service on each of these ports.
fn world(services: &[(&str, u16, Protocol)]) -> World {
    let mut world = World::new();
    let names: Vec<String> = services
        .iter()
        .map(|(text, ..)| format!("shop/{text}"))
        .collect();
    for (text, (_, port, protocol)) in names.iter().zip(services) {
        world.put(workload(text, vec![listener(*port, *protocol)]));
        world.put(service(text, of_workload(text)));
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    world.put(client("shop/front", &names));
    world
}

fn known(text: &str, ip: &str) -> KubeService {
    kube_service(text, &[ip], &[(80, "")])
}

fn addresses(world: &World) -> Vec<String> {
    let outbound = world.outbound("shop/front");
    let tcp = outbound.iter().flat_map(|port| &port.tcp);
    tcp.map(|own| format!("{} {:?}", own.host, own.addresses))
        .collect()
}

#[test]
fn services_are_sorted_by_port_and_host() {
    let world = world(&[
        ("c", 80, Protocol::Grpc),
        ("b", 80, Protocol::Http2),
        ("a", 81, Protocol::Http),
        ("d", 70, Protocol::Tcp),
    ]);
    assert_eq!(
        world.calls("shop/front"),
        ["70 tcp d.shop", "80 b.shop", "80 c.shop", "81 a.shop"]
    );
    let protocols: Vec<_> = world
        .outbound("shop/front")
        .iter()
        .map(|port| port.http_protocol)
        .collect();
    assert_eq!(protocols, [Protocol::Http, Protocol::Http2, Protocol::Http]);
    assert_eq!(addresses(&world), ["d.shop []"]);
    assert!(world.findings().is_empty());
}

#[test]
fn tcp_services_of_one_port_need_addresses() {
    let conflict =
        |field| format!("error port-conflict VirtualNode shop/front spec.backends[{field}]");
    let mut world = world(&[
        ("a", 80, Protocol::Tcp),
        ("b", 80, Protocol::Tcp),
        ("c", 80, Protocol::Tcp),
    ]);
    assert_eq!(addresses(&world), ["a.shop []"]);
    assert_eq!(world.findings(), [conflict(1), conflict(2)]);

    world.put(known("shop/b", "10.0.0.2"));
    assert_eq!(addresses(&world), ["b.shop [10.0.0.2]"]);
    assert_eq!(world.findings(), [conflict(0), conflict(2)]);
    assert_eq!(
        world.message("port-conflict"),
        "a.shop and b.shop cannot be told apart on port 80, so a.shop cannot be called there"
    );

    // One address for two names tells them apart no better.
    world.put(known("shop/a", "10.0.0.1"));
    world.put(known("shop/c", "10.0.0.1"));
    assert_eq!(
        addresses(&world),
        ["a.shop [10.0.0.1]", "b.shop [10.0.0.2]"]
    );
    assert_eq!(world.findings(), [conflict(2)]);

    world.put(known("shop/c", "10.0.0.3"));
    assert!(world.findings().is_empty());
    assert_eq!(addresses(&world).len(), 3);
}

#[test]
fn tcp_beside_http_needs_addresses() {
    let mut world = world(&[("a", 80, Protocol::Tcp), ("web", 80, Protocol::Http)]);
    assert_eq!(world.calls("shop/front"), ["80 web.shop"]);
    assert_eq!(
        world.findings(),
        ["error port-conflict VirtualNode shop/front spec.backends[0]"]
    );
    world.put(known("shop/a", "10.0.0.1"));
    assert_eq!(world.calls("shop/front"), ["80 web.shop", "80 tcp a.shop"]);
    assert!(world.findings().is_empty());
    // The HTTP service's clients dial its own address.
    world.put(known("shop/web", "10.0.0.1"));
    assert_eq!(world.calls("shop/front"), ["80 web.shop"]);
    assert_eq!(world.findings().len(), 1);
}

#[test]
fn a_headless_service_is_dialled_by_the_addresses_of_its_endpoints() {
    let mut world = world(&[("a", 80, Protocol::Tcp), ("b", 80, Protocol::Tcp)]);
    world.put(known("shop/a", "10.0.0.1"));
    world.put(kube_service("shop/b", &[], &[(80, "")]));
    assert_eq!(world.findings().len(), 1);
    let mut endpoints = slice("shop/b", 1, 80, &["10.1.0.2", "10.1.0.1"]);
    world.put(endpoints.clone());
    assert_eq!(
        addresses(&world),
        ["a.shop [10.0.0.1]", "b.shop [10.1.0.1, 10.1.0.2]"]
    );
    // Readiness comes and goes; the view stays.
    endpoints.endpoints[0].ready = false;
    assert!(world.put(endpoints).is_empty());
}

#[test]
fn an_alias_in_dns_has_no_addresses() {
    let mut world = world(&[("a", 80, Protocol::Tcp), ("b", 80, Protocol::Tcp)]);
    world.put(known("shop/a", "10.0.0.1"));
    let mut external = known("shop/b", "10.0.0.2");
    external.external = true;
    world.put(external);
    assert_eq!(addresses(&world), ["a.shop [10.0.0.1]"]);
}
