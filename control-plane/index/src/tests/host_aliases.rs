//! More hosts of a service.

use tulle_model::Str;
use tulle_model::fragment::Service;
use tulle_model::linked::Role;
use tulle_model::policy::Protocol;

use super::world::*;

fn called(text: &str, aliases: &[&str]) -> Service {
    let mut service = service(text, of_workload("shop/blue"));
    service.host_aliases = aliases.iter().map(|alias| Str::from(*alias)).collect();
    service
}

fn world() -> World {
    let mut world = World::new();
    world.put(workload("shop/blue", vec![listener(80, Protocol::Http)]));
    world
}

/// `HOST ALIAS…` of all HTTP services.
fn hosts(world: &World, workload: &str) -> Vec<String> {
    let outbound = world.outbound(workload);
    let services = outbound.iter().flat_map(|port| &port.http);
    services
        .map(|own| {
            let mut hosts = vec![&*own.routes.host];
            hosts.extend(own.routes.host_aliases.iter().map(|alias| &**alias));
            hosts.join(" ")
        })
        .collect()
}

#[test]
fn sidecars_learn_a_service_s_aliases_and_gateways_do_not() {
    let mut world = world();
    world.put(called("shop/colour", &["colour", "paint"]));
    world.put(client("shop/front", &["shop/colour"]));
    let mut edge = gateway("shop/in", vec![listener(8080, Protocol::Http)]);
    edge.namespaces = Some(everything());
    world.put(edge);
    world.put(gateway_route("shop/all", "shop/colour"));
    assert_eq!(hosts(&world, "shop/front"), ["colour.shop colour paint"]);
    assert!(world.findings().is_empty(), "{:?}", world.findings());

    let delta = world.put(called("shop/colour", &["colour"]));
    assert_eq!(
        delta
            .views
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>(),
        ["virtualnode/shop/front"],
        "the gateway's view is what it was"
    );
    let view = world.view("virtualgateway/shop/in");
    let Role::Gateway(role) = &view.role else {
        panic!("{view:?}");
    };
    let service = role.listeners[0].routes[0].service.as_ref().unwrap();
    assert!(service.host_aliases.is_empty());
}

#[test]
fn a_host_comes_before_an_alias_and_the_first_by_name_before_the_second() {
    const FIELD: &str = "metadata.annotations[tulle.dev/host-aliases]";
    let mut world = world();
    world.put(called("shop/colour", &["a.shop", "paint", "z.shop"]));
    world.put(called("shop/a", &["hue"]));
    world.put(called("shop/z", &["hue", "paint", "z"]));
    world.put(client("shop/front", &["shop/colour", "shop/a", "shop/z"]));
    world.put(client("shop/other", &["shop/colour", "shop/z"]));
    world.put(client("shop/third", &["shop/z"]));
    assert_eq!(
        hosts(&world, "shop/front"),
        ["a.shop hue", "colour.shop paint", "z.shop z"]
    );
    // What a client does not call takes nothing from what it calls.
    assert_eq!(
        hosts(&world, "shop/other"),
        ["colour.shop a.shop paint", "z.shop hue z"]
    );
    assert_eq!(hosts(&world, "shop/third"), ["z.shop hue paint z"]);
    let told =
        |service: &str| format!("error duplicate-name VirtualService shop/{service} {FIELD}");
    assert_eq!(
        world.findings(),
        [told("colour"), told("colour"), told("z"), told("z")]
    );
    assert_eq!(
        world.message("duplicate-name"),
        "a.shop is the host of VirtualService shop/a, which has it for clients that may call both on one port"
    );

    // On another port it is free.
    world.put(workload("shop/blue", vec![listener(81, Protocol::Http)]));
    world.put(workload("shop/red", vec![listener(80, Protocol::Http)]));
    let mut a = called("shop/a", &["hue"]);
    a.provider = of_workload("shop/red");
    world.put(a);
    world.remove(called("shop/z", &[]));
    world.put(client("shop/other", &[]));
    world.put(client("shop/third", &[]));
    world.put(client("shop/front", &["shop/colour", "shop/a"]));
    assert_eq!(
        hosts(&world, "shop/front"),
        ["a.shop hue", "colour.shop a.shop paint z.shop"]
    );
    assert!(world.findings().is_empty(), "{:?}", world.findings());
}

#[test]
fn tcp_knows_no_hosts() {
    let mut world = World::new();
    world.put(workload("shop/blue", vec![listener(80, Protocol::Tcp)]));
    world.put(called("shop/colour", &["colour"]));
    world.put(client("shop/front", &["shop/colour"]));
    assert_eq!(world.calls("shop/front"), ["80 tcp colour.shop"]);
    assert!(hosts(&world, "shop/front").is_empty());
}

#[test]
fn aliases_are_answered_as_the_host_is() {
    let mut world = world();
    world.set(|settings| {
        settings.names.served = true;
        settings.names.told = true;
        settings.names.zones = ["corp.example".to_owned()].into();
    });
    let mut blue = workload("shop/blue", vec![listener(80, Protocol::Http)]);
    blue.discovery = Some(dns("blue.shop"));
    blue.pods = Some(labelled("app", "blue"));
    world.put(blue);
    world.put(pod("shop/b1", &[("app", "blue")], &["10.0.0.1"]));
    let seen = |world: &World| -> Vec<String> {
        let names = world.index.names();
        let names = names.names.iter();
        names.map(|(name, ips)| format!("{name} {ips:?}")).collect()
    };
    let aliases = ["colour", "colour.corp.example", "paint.corp.example"];
    world.put(called("shop/colour", &aliases));
    assert_eq!(
        seen(&world),
        [
            "colour.corp.example [10.0.0.1]",
            "paint.corp.example [10.0.0.1]"
        ]
    );
    // The Service of that name answers for itself, for the short name too, and lends its address.
    assert_eq!(
        world.findings(),
        [
            "info unresolvable-name VirtualService shop/colour metadata.annotations[tulle.dev/host-aliases]",
            "warning unresolvable-name VirtualService shop/colour spec.awsName",
        ]
    );
    world.put(kube_service("shop/blue", &["10.96.0.1"], &[(80, "")]));
    assert_eq!(seen(&world)[0], "colour.corp.example [10.96.0.1]");
    world.put(kube_service("shop/colour", &["10.96.0.2"], &[(80, "")]));
    assert_eq!(seen(&world)[1], "paint.corp.example [10.96.0.2]");
    assert!(world.findings().is_empty(), "{:?}", world.findings());

    // A host is its own service's.
    let mut paint = called("shop/paint", &["hue.corp.example"]);
    paint.host = "paint.corp.example".into();
    paint.alias = paint.host.clone();
    world.put(paint.clone());
    assert_eq!(
        seen(&world),
        [
            "colour.corp.example [10.96.0.2]",
            "hue.corp.example [10.96.0.1]",
            "paint.corp.example [10.96.0.1]",
        ]
    );
    world.remove(paint);
    assert_eq!(seen(&world)[1], "paint.corp.example [10.96.0.2]");
}
