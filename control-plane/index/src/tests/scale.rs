//! Work is proportional to what depends on a change.

use std::collections::BTreeMap;

use tulle_model::fragment::{Fragment, Router};
use tulle_model::policy::Protocol;

use super::world::*;

const SERVICES: usize = 1000;

/// A thousand services, each with a router, a workload, a Kubernetes Service and a slice; each
/// workload calls the next three services.
fn world() -> World {
    let mut world = World::new();
    let mut fragments = vec![];
    for n in 0..SERVICES {
        let text = format!("shop/s{n}");
        let next: Vec<String> = (1..=3)
            .map(|k| format!("shop/s{}", (n + k) % SERVICES))
            .collect();
        let next: Vec<&str> = next.iter().map(String::as_str).collect();
        let mut node = client(&text, &next);
        node.listeners = vec![listener(80, Protocol::Http)];
        node.discovery = Some(dns(&format!("s{n}.shop.svc.cluster.local")));
        fragments.push(Fragment::from(node));
        fragments.push(Fragment::from(service(&text, of_router(&text))));
        fragments.push(Fragment::from(weighted(n, 1)));
        fragments.push(Fragment::from(kube_service(&text, &[], &[(80, "")])));
        fragments.push(Fragment::from(slice(&text, 1, 80, &["10.0.0.1"])));
    }
    world.put_all(fragments);
    world
}

fn weighted(n: usize, weight: u32) -> Router {
    let text = format!("shop/s{n}");
    let route = route("all", Protocol::Http, &[(&text, weight)]);
    router(&text, vec![listener(80, Protocol::Http)], vec![route])
}

/// What was computed since the last call, by kind.
fn work(world: &World, seen: &mut BTreeMap<&'static str, u64>) -> BTreeMap<&'static str, u64> {
    let now = world.index.stats().computed;
    let mut work: BTreeMap<&'static str, u64> = now
        .iter()
        .map(|(kind, count)| (*kind, count - seen.get(kind).copied().unwrap_or_default()))
        .collect();
    work.retain(|_, count| *count > 0);
    *seen = now;
    work
}

#[test]
fn an_edit_computes_its_dependents_and_nothing_else() {
    let mut world = world();
    let mut seen = BTreeMap::new();
    let all = work(&world, &mut seen);
    assert_eq!(all["view"], SERVICES as u64);
    assert_eq!(all["host-routes"], SERVICES as u64);
    assert_eq!(all["endpoints"], SERVICES as u64);
    assert_eq!(all["selected"], 1);

    let delta = world.put(weighted(7, 2));
    assert_eq!(delta.views.len(), 3);
    let expected = [
        ("host-routes", 1),
        ("reach", 1),
        ("router-ports", 1),
        ("service-ports", 1),
        ("view", 3),
    ];
    assert_eq!(work(&world, &mut seen), BTreeMap::from(expected));

    let delta = world.put(slice("shop/s7", 1, 80, &["10.0.0.1", "10.0.0.2"]));
    assert_eq!(changed(&delta), (vec![], 1, false));
    assert_eq!(work(&world, &mut seen), BTreeMap::from([("endpoints", 1)]));

    assert!(world.put(namespace("shop", &[("team", "a")])).is_empty());
    assert_eq!(work(&world, &mut seen), BTreeMap::from([("selected", 1)]));

    assert!(world.put(namespace("bank", &[("team", "a")])).is_empty());
    assert!(
        world
            .put(pod("shop/p", &[("app", "x")], &["10.0.0.9"]))
            .is_empty()
    );
    assert_eq!(work(&world, &mut seen), BTreeMap::new());

    // A workload's own backends are nobody else's matter.
    let delta = world.put(client("shop/new", &["shop/s1"]));
    assert_eq!(changed(&delta).0, ["virtualnode/shop/new"]);
    let expected = [
        ("membership", 1),
        ("registered", 1),
        ("standing", 1),
        ("view", 1),
    ];
    assert_eq!(work(&world, &mut seen), BTreeMap::from(expected));
}

#[test]
fn equal_values_are_shared_with_what_was_before() {
    let mut world = world();
    let before = world.outbound("shop/s4");
    world.put(weighted(7, 2));
    let after = world.outbound("shop/s4");
    let same: Vec<bool> = before[0]
        .http
        .iter()
        .zip(&after[0].http)
        .map(|(before, after)| std::sync::Arc::ptr_eq(&before.routes, &after.routes))
        .collect();
    assert_eq!(same, [true, true, false]);
}
