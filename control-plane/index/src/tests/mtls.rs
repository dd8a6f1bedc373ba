//! Who speaks mutual TLS to whom.

use std::collections::BTreeMap;

use tulle_model::ObjectId;
use tulle_model::fragment::Pod;
use tulle_model::linked::{Discovery, Role};
use tulle_model::policy::{ClientPolicy, DiscoveryMode, MtlsMode, Protocol};
use tulle_model::selector::Labels;

use super::world::*;
use crate::Delta;

const FRONT: &str = "virtualnode/shop/front";
const WEB: &str = "virtualnode/shop/web";

/// `shop/front` calls `shop/web` on port 80, whose Service has pods on port 8080, on which the workload
/// listens too.
fn world() -> World {
    world_of(dns("web.shop.svc.cluster.local"))
}

fn world_of(discovery: tulle_model::fragment::Discovery) -> World {
    let mut world = World::new();
    world.set(|settings| {
        settings.mtls = Some(MtlsMode::Permissive);
        settings.trust_domain = "td".to_owned();
    });
    let mut web = workload(
        "shop/web",
        vec![listener(80, Protocol::Http), listener(8080, Protocol::Http)],
    );
    web.discovery = Some(discovery);
    web.pods = Some(labelled("app", "web"));
    world.put(web);
    let mut call = service("shop/web", of_router("shop/web"));
    call.host = "web.shop".into();
    world.put(call);
    let mut to_web = route("all", Protocol::Http, &[("shop/web", 1)]);
    to_web.targets[0].port = Some(80);
    world.put(router(
        "shop/web",
        vec![listener(80, Protocol::Http)],
        vec![to_web],
    ));
    world.put(client("shop/front", &["shop/web"]));
    world.put(kube_service("shop/web", &["10.0.0.1"], &[(80, "")]));
    world
}

fn web(name: &str, account: &str, ip: &str) -> Pod {
    meshed(&format!("shop/{name}"), "shop/web", account, &[8080], ip)
}

/// The ids that the client expects, without their beginning; `-` for plaintext.
fn expected(world: &World) -> String {
    let clusters = world.clusters(FRONT);
    assert_eq!(clusters.len(), 1);
    match &clusters[0].mtls {
        Some(mtls) => {
            let ids = mtls.identities.iter();
            let ids = ids.map(|id| id.strip_prefix("spiffe://td/ns/").unwrap().to_owned());
            ids.collect::<Vec<_>>().join(" ")
        }
        None => "-".to_owned(),
    }
}

/// The endpoints, those that take mutual TLS with a `+`, their zone behind.
fn endpoints(world: &World) -> Vec<String> {
    let Discovery::Endpoints(set) = &world.clusters(FRONT)[0].discovery else {
        panic!("found by DNS")
    };
    let set = world.index.endpoints(set);
    let told = set.endpoints.iter().map(|own| {
        let mark = if own.mtls { "+" } else { "-" };
        let zone = own.zone.as_deref().unwrap_or_default();
        format!("{mark}{}:{}{zone}", own.ip, own.port)
    });
    told.collect()
}

fn inbound(world: &World) -> Vec<(u16, MtlsMode)> {
    match &world.view(WEB).role {
        Role::Sidecar(sidecar) => {
            let ports = sidecar.inbound.iter();
            ports.map(|own| (own.port, own.mtls)).collect()
        }
        Role::Gateway(_) => panic!("a gateway"),
    }
}

fn only_endpoints(delta: &Delta) -> bool {
    changed(delta) == (vec![], 1, false)
}

#[test]
fn endpoints_take_mtls_where_a_proxy_with_an_identity_takes_their_port() {
    let mut world = world();
    let ips = ["10.1.0.1", "10.1.0.2", "10.1.0.3", "10.1.0.4", "10.1.0.5"];
    world.put(slice("shop/web", 1, 8080, &ips));
    assert_eq!(expected(&world), "-");
    world.put(web("one", "blue", ips[0]));
    // No proxy, no account, port not captured, no pod at all.
    world.put(pod("shop/two", &[("app", "web")], &[ips[1]]));
    world.put(web("three", "", ips[2]));
    let mut four = web("four", "green", ips[3]);
    four.proxy.as_mut().unwrap().inbound = [80, 9090].into();
    world.put(four);
    assert_eq!(
        endpoints(&world),
        [
            "+10.1.0.1:8080",
            "-10.1.0.2:8080",
            "-10.1.0.3:8080",
            "-10.1.0.4:8080",
            "-10.1.0.5:8080"
        ]
    );
    assert_eq!(expected(&world), "shop/sa/blue shop/sa/green");
}

#[test]
fn an_address_means_the_pod_that_has_it_now() {
    let mut world = world();
    let ip = "10.1.0.1";
    world.put(slice("shop/web", 1, 8080, &[ip]));
    world.put(web("one", "blue", ip));
    // A pod that ended, one on its machine's address: neither is there.
    let mut ended = pod("shop/ended", &[], &[ip]);
    ended.finished = true;
    let mut machine = pod("shop/machine", &[], &[ip]);
    machine.host_network = true;
    assert!(world.put(ended).is_empty());
    assert!(world.put(machine).is_empty());
    assert_eq!(endpoints(&world), ["+10.1.0.1:8080"]);
    // Two that may both be there: what suits both.
    let other = pod("shop/other", &[], &[ip]);
    assert!(only_endpoints(&world.put(other.clone())));
    assert_eq!(endpoints(&world), ["-10.1.0.1:8080"]);
    assert!(only_endpoints(&world.remove(other)));
    assert_eq!(endpoints(&world), ["+10.1.0.1:8080"]);
}

#[test]
fn a_new_account_is_expected_before_its_endpoints_are_there() {
    let mut world = world();
    world.put(slice("shop/web", 1, 8080, &["10.1.0.1"]));
    world.put(web("one", "blue", "10.1.0.1"));
    // Selected by its labels, not placed yet.
    let mut two = web("two", "green", "10.1.0.2");
    two.ips.clear();
    two.ready = false;
    let delta = world.put(two.clone());
    assert_eq!(changed(&delta), (vec![FRONT.to_owned()], 0, false));
    assert_eq!(expected(&world), "shop/sa/blue shop/sa/green");
    // Bound by its proxy alone.
    let mut three = two.clone();
    three.name = "three".into();
    three.object = ObjectId::new("", "Pod", &three.namespace, "three");
    three.labels = Labels::new();
    three.service_account = "red".into();
    world.put(three);
    assert_eq!(expected(&world), "shop/sa/blue shop/sa/green shop/sa/red");
    // Behind an endpoint alone, not ready: another namespace's.
    let mut slice = slice("shop/web", 1, 8080, &["10.1.0.1", "10.1.0.9"]);
    slice.endpoints[1].ready = false;
    slice.endpoints[1].serving = false;
    let stranger = meshed("bank/pod", "bank/other", "teller", &[8080], "10.1.0.9");
    world.put(stranger);
    let delta = world.put(slice);
    assert_eq!(changed(&delta), (vec![FRONT.to_owned()], 0, false));
    assert_eq!(
        expected(&world),
        "bank/sa/teller shop/sa/blue shop/sa/green shop/sa/red"
    );
    two.finished = true;
    world.put(two);
    assert_eq!(expected(&world), "bank/sa/teller shop/sa/blue shop/sa/red");
}

#[test]
fn a_pod_that_restarts_touches_endpoints_alone() {
    let mut world = world();
    world.put(slice("shop/web", 1, 8080, &["10.1.0.1"]));
    let one = web("one", "blue", "10.1.0.1");
    world.put(one.clone());
    let mut two = web("two", "blue", "10.1.0.2");
    two.ips.clear();
    two.ready = false;
    assert!(world.put(two.clone()).is_empty());
    two.ips = vec!["10.1.0.2".parse().unwrap()];
    assert!(world.put(two.clone()).is_empty());
    two.ready = true;
    assert!(world.put(two).is_empty());
    let before = world.index.stats().computed;
    let delta = world.put(slice("shop/web", 1, 8080, &["10.1.0.1", "10.1.0.2"]));
    assert!(only_endpoints(&delta));
    let now = world.index.stats().computed;
    let work: BTreeMap<_, _> = now
        .iter()
        .map(|(kind, count)| (*kind, count - before[kind]))
        .filter(|(_, count)| *count > 0)
        .collect();
    assert_eq!(work, BTreeMap::from([("endpoints", 1), ("identities", 1)]));
    let delta = world.put(slice("shop/web", 1, 8080, &["10.1.0.2"]));
    assert!(only_endpoints(&delta));
    assert!(world.remove(one).is_empty());
}

#[test]
fn the_namespace_says_it_else_the_mesh_else_the_settings() {
    let mut world = world();
    world.put(slice("shop/web", 1, 8080, &["10.1.0.1"]));
    world.put(web("one", "blue", "10.1.0.1"));
    let on = |world: &World, mode| {
        assert_eq!(inbound(world), [(80, mode), (8080, mode)]);
        assert_eq!(expected(world), "shop/sa/blue");
        assert_eq!(endpoints(world), ["+10.1.0.1:8080"]);
    };
    let off = |world: &World| {
        let mode = MtlsMode::Off;
        assert_eq!(inbound(world), [(80, mode), (8080, mode)]);
        assert_eq!(expected(world), "-");
        assert_eq!(endpoints(world), ["-10.1.0.1:8080"]);
    };
    let mesh_says = |mode| {
        let mut mesh = mesh(MESH, Some(everything()));
        mesh.mtls = mode;
        mesh
    };
    let namespace_says = |mode| {
        let mut namespace = namespace("shop", &[]);
        namespace.mtls = mode;
        namespace
    };
    on(&world, MtlsMode::Permissive);
    world.put(mesh_says(Some(MtlsMode::Strict)));
    on(&world, MtlsMode::Strict);
    world.put(namespace_says(Some(MtlsMode::Off)));
    off(&world);
    world.put(namespace_says(Some(MtlsMode::Permissive)));
    on(&world, MtlsMode::Permissive);
    world.put(namespace_says(None));
    world.put(mesh_says(Some(MtlsMode::Off)));
    off(&world);
    world.put(mesh_says(None));
    world.set(|settings| settings.mtls = Some(MtlsMode::Off));
    off(&world);
    world.put(mesh_says(Some(MtlsMode::Strict)));
    on(&world, MtlsMode::Strict);
    // No certificates, whatever the user says.
    world.set(|settings| settings.mtls = None);
    off(&world);
    assert_eq!(world.index.stats().nodes.get("mode"), None);
}

#[test]
fn settings_of_identity_reach_whom_they_matter_to() {
    let mut world = world();
    world.put(slice("shop/web", 1, 8080, &["10.1.0.1"]));
    world.put(web("one", "blue", "10.1.0.1"));
    let delta = world.set(|settings| settings.trust_domain = "other".to_owned());
    assert_eq!(changed(&delta), (vec![FRONT.to_owned()], 0, false));
    let clusters = world.clusters(FRONT);
    let identities = &clusters[0].mtls.as_ref().unwrap().identities;
    assert_eq!(identities[..], ["spiffe://other/ns/shop/sa/blue".into()]);
    for (mtls, endpoints) in [
        (Some(MtlsMode::Off), 1),
        (Some(MtlsMode::Permissive), 1),
        (Some(MtlsMode::Strict), 0),
        (None, 1),
    ] {
        let delta = world.set(|settings| settings.mtls = mtls);
        let (views, sets, _) = changed(&delta);
        assert!(views.contains(&WEB.to_owned()), "{mtls:?}: {views:?}");
        assert_eq!(sets, endpoints, "{mtls:?}");
        let told = world.oracle().view(&FRONT.parse().unwrap());
        assert_eq!(world.index.view(&FRONT.parse().unwrap()), told, "{mtls:?}");
        let same = world.set(|_| {});
        assert!(same.is_empty(), "{mtls:?}");
    }
    // Nothing is made out to anybody now.
    assert!(
        world
            .set(|settings| settings.trust_domain = "td".to_owned())
            .is_empty()
    );
    assert!(world.set(|settings| settings.trusted_hops = 3).is_empty());
}

#[test]
fn a_client_without_mtls_leaves_others_theirs() {
    let mut world = world();
    world.put(slice("shop/web", 1, 8080, &["10.1.0.1"]));
    world.put(web("one", "blue", "10.1.0.1"));
    world.put(client("bank/front", &["shop/web"]));
    let mut bank = namespace("bank", &[]);
    bank.mtls = Some(MtlsMode::Off);
    let delta = world.put(bank);
    assert_eq!(changed(&delta).0, ["virtualnode/bank/front"]);
    assert_eq!(world.clusters("virtualnode/bank/front")[0].mtls, None);
    assert_eq!(expected(&world), "shop/sa/blue");
}

#[test]
fn what_the_user_says_of_tls_wins() {
    let mut world = world();
    world.put(slice("shop/web", 1, 8080, &["10.1.0.1"]));
    world.put(web("one", "blue", "10.1.0.1"));
    for (policy, secured) in [
        (Some(ClientPolicy::default()), true),
        (tls_policy("all ports", &[]), false),
        (tls_policy("this port", &[80]), false),
        (tls_policy("another port", &[81]), true),
    ] {
        let mut front = client("shop/front", &["shop/web"]);
        front.backends[0].policy = policy.clone();
        world.put(front.clone());
        assert_eq!(expected(&world) != "-", secured, "{policy:?}");
        front.backends[0].policy = None;
        front.default_policy = policy.clone();
        world.put(front);
        assert_eq!(expected(&world) != "-", secured, "{policy:?}");
    }
    world.put(client("shop/front", &["shop/web"]));
    // The listener that is called, and the one that the endpoints' port means.
    for (tls, expectation, mark) in [
        ((true, false), "-", "+"),
        ((false, true), "shop/sa/blue", "-"),
    ] {
        let mut own = workload(
            "shop/web",
            vec![listener(80, Protocol::Http), listener(8080, Protocol::Http)],
        );
        own.discovery = Some(dns("web.shop.svc.cluster.local"));
        own.pods = Some(labelled("app", "web"));
        own.listeners[0].tls = tls.0.then(server_tls);
        own.listeners[1].tls = tls.1.then(server_tls);
        world.put(own);
        assert_eq!(expected(&world), expectation);
        assert_eq!(endpoints(&world), [format!("{mark}10.1.0.1:8080")]);
        let mode = |tls| match tls {
            true => MtlsMode::Off,
            false => MtlsMode::Permissive,
        };
        assert_eq!(inbound(&world), [(80, mode(tls.0)), (8080, mode(tls.1))]);
    }
}

#[test]
fn the_pods_of_a_registry_know_their_zone_and_take_mtls() {
    let mut world = world_of(registry());
    let mut one = meshed("shop/one", "shop/web", "blue", &[80], "10.1.0.1");
    one.node = Some("n".into());
    let mut two = pod("shop/two", &[("app", "web")], &["10.1.0.2"]);
    two.node = Some("o".into());
    two.host_network = true;
    let mut done = pod("shop/done", &[("app", "web")], &["10.1.0.3"]);
    done.finished = true;
    world.put(one.clone());
    world.put(two);
    world.put(done);
    assert_eq!(endpoints(&world), ["+10.1.0.1:80", "-10.1.0.2:80"]);
    let delta = world.put(node("n", Some("z")));
    assert!(only_endpoints(&delta));
    assert_eq!(endpoints(&world), ["+10.1.0.1:80z", "-10.1.0.2:80"]);
    assert!(world.put(node("elsewhere", Some("z"))).is_empty());
    assert_eq!(expected(&world), "shop/sa/blue");
    world.put(node("n", None));
    assert_eq!(endpoints(&world), ["+10.1.0.1:80", "-10.1.0.2:80"]);
}

#[test]
fn names_in_dns_are_called_in_plaintext() {
    let mut world = world();
    world.put(slice("shop/web", 1, 8080, &["10.1.0.1"]));
    world.put(web("one", "blue", "10.1.0.1"));
    world.set(|settings| settings.plain_dns = true);
    assert_eq!(expected(&world), "-");
    let mut mesh = mesh(MESH, Some(everything()));
    mesh.discovery_mode = Some(DiscoveryMode::Endpoints);
    world.put(mesh);
    assert_eq!(expected(&world), "shop/sa/blue");
}

#[test]
fn gateways_speak_mtls_to_workloads_and_take_none() {
    let mut world = world();
    world.put(slice("shop/web", 1, 8080, &["10.1.0.1"]));
    world.put(web("one", "blue", "10.1.0.1"));
    world.put(gateway("shop/in", vec![listener(8080, Protocol::Http)]));
    world.put(gateway_route("shop/in", "shop/web"));
    let clusters = world.clusters("virtualgateway/shop/in");
    assert_eq!(clusters[0].mtls.as_ref().unwrap().identities.len(), 1);
    // A Service in front of a gateway's pods.
    let mut pod = meshed("shop/gate", "shop/in", "gate", &[8080], "10.1.0.1");
    pod.proxy.as_mut().unwrap().id = "virtualgateway/shop/in".parse().unwrap();
    world.put(pod);
    assert_eq!(endpoints(&world), ["-10.1.0.1:8080"]);
}

#[test]
fn a_call_in_plaintext_to_whom_takes_none_is_told() {
    let mut world = world();
    world.put(slice("shop/web", 1, 8080, &["10.1.0.1"]));
    world.put(web("one", "blue", "10.1.0.1"));
    let mut strict = mesh(MESH, Some(everything()));
    strict.mtls = Some(MtlsMode::Strict);
    world.put(strict);
    assert_eq!(world.findings(), [""; 0]);
    let told = "warning plaintext-to-strict VirtualNode shop/front";
    // By DNS, under a policy of its own, and where the client has none.
    world.set(|settings| settings.plain_dns = true);
    assert_eq!(world.findings(), [told]);
    assert!(world.message("plaintext-to-strict").contains("DNS"));
    world.set(|settings| settings.plain_dns = false);
    let mut front = client("shop/front", &["shop/web"]);
    front.default_policy = tls_policy("own", &[]);
    let lax = front.default_policy.as_mut().unwrap();
    lax.tls.as_mut().unwrap().enforce = false;
    world.put(front);
    assert_eq!(world.findings(), [told]);
    let plain = client("shop/front", &["shop/web"]);
    world.put(plain.clone());
    assert_eq!(world.findings(), [""; 0]);
    world.remove(plain);
    world.put(client("bank/front", &["shop/web"]));
    let mut bank = namespace("bank", &[]);
    bank.mtls = Some(MtlsMode::Off);
    world.put(bank);
    let told = "warning plaintext-to-strict VirtualNode bank/front";
    assert_eq!(world.findings(), [told]);
}

#[test]
fn a_switch_without_certificates_is_told() {
    let mut world = world();
    let mut switched = namespace("shop", &[]);
    switched.mtls = Some(MtlsMode::Strict);
    world.put(switched.clone());
    assert_eq!(world.findings(), [""; 0]);
    world.set(|settings| settings.mtls = None);
    let told = "warning no-certificates Namespace shop tulle.dev/mtls";
    assert_eq!(world.findings(), [told]);
    switched.mtls = Some(MtlsMode::Off);
    world.put(switched);
    assert_eq!(world.findings(), [""; 0]);
}
