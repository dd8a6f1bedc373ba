//! A workload's config holds what its backends declare and nothing else.

use tulle_model::policy::Protocol;

use super::world::*;

fn world() -> World {
    let mut world = World::new();
    world.put(workload("shop/blue", vec![listener(80, Protocol::Http)]));
    for text in ["shop/a", "shop/b", "bank/c"] {
        world.put(service(text, of_workload("shop/blue")));
    }
    world
}

#[test]
fn only_declared_services_are_there() {
    let mut world = world();
    world.put(client("shop/front", &["shop/b"]));
    assert_eq!(world.calls("shop/front"), ["80 b.shop"]);
    // Not even its own service is.
    assert!(world.calls("shop/blue").is_empty());
    let delta = world.put(service("shop/d", of_workload("shop/blue")));
    assert!(delta.is_empty());
}

#[test]
fn groups_and_the_star_declare_services() {
    let mut world = world();
    world.put(group("bank/all", &["shop/a", "bank/c", "bank/none"]));
    let mut front = client("shop/front", &[]);
    front.backend_groups = vec![group_ref("bank", Some("all"))];
    world.put(front.clone());
    assert_eq!(world.calls("shop/front"), ["80 a.shop", "80 c.bank"]);
    assert_eq!(
        world.findings(),
        ["error dangling-reference BackendGroup bank/all spec.virtualservices[2]"]
    );
    world.put(group("bank/all", &["bank/c"]));
    assert_eq!(world.calls("shop/front"), ["80 c.bank"]);
    assert!(world.findings().is_empty());

    front.backend_groups = vec![group_ref("shop", None)];
    world.put(front.clone());
    assert_eq!(world.calls("shop/front"), ["80 a.shop", "80 b.shop"]);
    let delta = world.put(service("shop/d", of_workload("shop/blue")));
    assert_eq!(changed(&delta).0, ["virtualnode/shop/front"]);
    assert_eq!(
        world.calls("shop/front"),
        ["80 a.shop", "80 b.shop", "80 d.shop"]
    );

    front.backend_groups = vec![group_ref("nowhere", None), group_ref("shop", Some("none"))];
    world.put(front);
    assert_eq!(
        world.findings(),
        [
            "warning empty-group VirtualNode shop/front spec.backendGroups[0]",
            "error dangling-reference VirtualNode shop/front spec.backendGroups[0]",
        ]
    );
}

#[test]
fn duplicate_backends_collapse_and_the_first_policy_holds() {
    let mut world = world();
    let mut front = client("shop/front", &["shop/a", "shop/b", "shop/a", "shop/b"]);
    front.default_policy = policy("default");
    front.backends[0].policy = policy("strict");
    front.backend_groups = vec![group_ref("shop", None)];
    world.put(front);
    let outbound = world.outbound("shop/front");
    let policies: Vec<_> = outbound[0]
        .http
        .iter()
        .map(|own| own.policy.as_deref().cloned())
        .collect();
    assert_eq!(policies, [policy("strict"), policy("default")]);
    assert_eq!(
        world.findings(),
        ["warning duplicate-backend VirtualNode shop/front spec.backends[2]"]
    );
}
