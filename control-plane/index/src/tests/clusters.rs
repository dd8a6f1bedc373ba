//! One cluster for each destination and client policy.

use tulle_model::linked::{Discovery, ViewCluster};
use tulle_model::policy::{ClientPolicy, Protocol};

use super::world::*;

fn world(default: Option<ClientPolicy>, policies: &[Option<ClientPolicy>]) -> World {
    let mut world = World::new();
    world.put(workload("shop/blue", vec![listener(80, Protocol::Http)]));
    let names: Vec<String> = (0..policies.len()).map(|n| format!("shop/s{n}")).collect();
    for name in &names {
        world.put(service(name, of_workload("shop/blue")));
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut front = client("shop/front", &names);
    front.default_policy = default;
    for (backend, policy) in front.backends.iter_mut().zip(policies) {
        backend.policy = policy.clone();
    }
    world.put(front);
    world
}

fn suffixes(world: &World) -> Vec<(Option<ClientPolicy>, bool)> {
    let clusters = world.clusters("virtualnode/shop/front");
    let suffix = |own: &ViewCluster| (own.policy.as_deref().cloned(), own.suffix.is_some());
    clusters.iter().map(|own| suffix(own)).collect()
}

#[test]
fn one_policy_is_one_plain_cluster() {
    let world = world(None, &[None, None]);
    assert_eq!(suffixes(&world), [(None, false)]);
    let cluster = &world.clusters("virtualnode/shop/front")[0];
    assert_eq!(&*cluster.to.alias, "blue_shop");
    assert_eq!(cluster.origin, workload("shop/blue", vec![]).object);
    let dns = Discovery::Dns {
        hostname: "blue.example".into(),
        all_addresses: false,
    };
    assert_eq!(cluster.discovery, dns);
}

#[test]
fn the_default_policy_keeps_the_plain_name() {
    let cases = [
        (
            None,
            vec![None, policy("a")],
            vec![(None, false), (policy("a"), true)],
        ),
        (
            policy("b"),
            vec![None, policy("a")],
            vec![(policy("a"), true), (policy("b"), false)],
        ),
        (
            None,
            vec![policy("a"), policy("b")],
            vec![(policy("a"), true), (policy("b"), true)],
        ),
        (policy("b"), vec![policy("a")], vec![(policy("a"), false)]),
    ];
    for (default, policies, expected) in cases {
        assert_eq!(suffixes(&world(default, &policies)), expected);
    }
}

#[test]
fn suffixes_say_the_policy_and_nothing_else() {
    let first = world(None, &[None, policy("a"), policy("b")]);
    let second = world(policy("b"), &[policy("a"), None]);
    let suffix = |world: &World, wanted: &str| {
        let clusters = world.clusters("virtualnode/shop/front");
        let mut clusters = clusters.iter();
        let cluster = clusters
            .find(|own| own.policy.as_deref() == policy(wanted).as_ref())
            .unwrap();
        cluster.suffix.clone().unwrap()
    };
    assert_eq!(suffix(&first, "a"), suffix(&second, "a"));
    assert_ne!(suffix(&first, "a"), suffix(&first, "b"));
    assert_eq!(suffix(&first, "a").len(), 9);
    assert!(suffix(&first, "a").starts_with('_'));
}
