//! Which mesh a member belongs to.

use tulle_model::ObjectId;
use tulle_model::fragment::Fragment;
use tulle_model::policy::Protocol;

use super::world::*;

#[test]
fn exactly_one_mesh_must_select_the_namespace() {
    let mut world = World::empty();
    world.put(workload("shop/front", vec![]));
    assert!(!world.has_view("virtualnode/shop/front"));
    assert_eq!(
        world.findings(),
        ["error no-mesh VirtualNode shop/front metadata.namespace"]
    );
    assert_eq!(
        world.message("no-mesh"),
        "failed to find matching mesh for namespace: shop, expecting 1 but found 0"
    );

    world.put(mesh("one", Some(labelled("mesh", "one"))));
    let delta = world.put(namespace("shop", &[("mesh", "one")]));
    assert_eq!(changed(&delta).0, ["virtualnode/shop/front"]);
    assert!(world.findings().is_empty());
    assert_eq!(&*world.view("virtualnode/shop/front").mesh, "one");

    world.put(mesh("two", Some(everything())));
    assert!(!world.has_view("virtualnode/shop/front"));
    assert_eq!(
        world.message("several-meshes"),
        "found multiple matching meshes for namespace: shop, expecting 1 but found 2: one,two"
    );

    world.put(mesh("two", None));
    assert!(world.has_view("virtualnode/shop/front"));
    assert!(world.findings().is_empty());
}

#[test]
fn a_namespace_that_is_not_known_has_its_name_as_label() {
    let mut world = World::empty();
    let selector = labelled("kubernetes.io/metadata.name", "shop");
    world.put(mesh("one", Some(selector)));
    world.put(workload("shop/front", vec![]));
    world.put(workload("bank/front", vec![]));
    assert!(world.has_view("virtualnode/shop/front"));
    assert!(!world.has_view("virtualnode/bank/front"));
}

#[test]
fn a_named_mesh_wins_and_must_exist() {
    let mut world = World::new();
    let mut front = workload("shop/front", vec![]);
    front.mesh = Some(name("other"));
    world.put(front);
    assert!(!world.has_view("virtualnode/shop/front"));
    assert_eq!(
        world.findings(),
        ["error no-such-mesh VirtualNode shop/front spec.meshRef"]
    );
    world.put(mesh("other", None));
    assert_eq!(&*world.view("virtualnode/shop/front").mesh, "other");
    assert!(world.findings().is_empty());
}

#[test]
fn references_stay_in_one_mesh() {
    let mut world = World::new();
    world.put(mesh("other", None));
    world.put(client("shop/front", &["shop/colour", "shop/nobody"]));
    let mut colour = service("shop/colour", of_workload("shop/blue"));
    colour.mesh = Some(name("other"));
    world.put(colour.clone());
    world.put(workload("shop/blue", vec![listener(80, Protocol::Http)]));
    assert_eq!(
        world.findings(),
        [
            "error dangling-reference VirtualNode shop/front spec.backends[1]",
            "error foreign-mesh VirtualNode shop/front spec.backends[0]",
            "error foreign-mesh VirtualService shop/colour spec.provider",
        ]
    );
    assert!(world.calls("shop/front").is_empty());
    colour.mesh = None;
    world.put(colour);
    world.put(client("shop/front", &["shop/colour"]));
    assert!(world.findings().is_empty());
    assert_eq!(world.calls("shop/front"), ["80 colour.shop"]);
}

#[test]
fn cyclic_references_are_normal() {
    let mut world = World::new();
    for (own, other) in [("a", "b"), ("b", "a")] {
        let mut node = client(&format!("shop/{own}"), &[&format!("shop/{other}")]);
        node.listeners = vec![listener(80, Protocol::Http)];
        world.put(node);
        world.put(service(
            &format!("shop/{own}"),
            of_workload(&format!("shop/{own}")),
        ));
    }
    assert_eq!(world.calls("shop/a"), ["80 b.shop"]);
    assert_eq!(world.calls("shop/b"), ["80 a.shop"]);
    assert!(world.findings().is_empty());
}

#[test]
fn of_two_objects_that_declare_one_member_the_first_counts() {
    let mut world = World::new();
    let mut copy = workload("shop/front", vec![listener(81, Protocol::Http)]);
    copy.object = ObjectId::new("z.example", "VirtualNode", "shop", "front");
    let (first, second) = (
        workload("shop/front", vec![listener(80, Protocol::Http)]),
        copy.clone(),
    );
    world.put(second);
    world.put(first.clone());
    let duplicate = "error duplicate-object VirtualNode shop/front metadata.name";
    assert_eq!(world.findings(), [duplicate]);
    let before = world.view("virtualnode/shop/front");
    assert_eq!(before.object, first.object);
    world.remove(Fragment::from(first));
    assert!(world.findings().is_empty());
    assert_eq!(world.view("virtualnode/shop/front").object, copy.object);
}
