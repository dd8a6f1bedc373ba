//! Names inside a mesh.

use tulle_model::fragment::{Provider, Ref};
use tulle_model::policy::Protocol;

use super::world::*;

fn world() -> World {
    let mut world = World::new();
    world.put(workload("shop/blue", vec![listener(80, Protocol::Http)]));
    world.put(service("shop/colour", of_workload("shop/blue")));
    world
}

#[test]
fn references_by_alias_find_the_member_of_the_same_mesh() {
    let mut world = world();
    let mut service = service("shop/other", None);
    service.provider = Some(Provider::Workload(Ref::Alias("blue_shop".into())));
    world.put(service);
    let mut front = client("shop/front", &["", ""]);
    front.backends[0].service = Ref::Alias("Colour.SHOP".into());
    front.backends[1].service = Ref::Alias("other.shop".into());
    world.put(front.clone());
    assert_eq!(
        world.calls("shop/front"),
        ["80 colour.shop", "80 other.shop"]
    );
    assert!(world.findings().is_empty());

    front.backends[1].service = Ref::Alias("nobody".into());
    world.put(front);
    assert_eq!(
        world.findings(),
        ["error dangling-reference VirtualNode shop/front spec.backends[1]"]
    );
    assert_eq!(
        world.message("dangling-reference"),
        "mesh mesh has no VirtualService with the awsName nobody; this backend is left out"
    );
}

#[test]
fn of_two_services_with_one_host_the_first_by_name_has_it() {
    let mut world = world();
    let mut twin = service("shop/twin", of_workload("shop/blue"));
    twin.host = "colour.shop".into();
    twin.alias = "COLOUR.shop".into();
    world.put(twin.clone());
    world.put(client("shop/front", &["shop/colour", "shop/twin"]));
    assert_eq!(world.calls("shop/front"), ["80 colour.shop"]);
    assert_eq!(
        world.findings(),
        [
            "error duplicate-name VirtualNode shop/front spec.backends[1]",
            "error duplicate-name VirtualService shop/twin spec.awsName",
        ]
    );

    // An earlier name takes the host, and whoever called the old owner is told.
    let mut earlier = twin.clone();
    earlier.name = name("shop/a");
    earlier.object = service("shop/a", None).object;
    world.put(earlier.clone());
    assert!(world.calls("shop/front").is_empty());
    world.remove(earlier);
    world.remove(twin);
    world.put(client("shop/front", &["shop/colour"]));
    assert!(world.findings().is_empty());
}

#[test]
fn a_workload_that_lost_its_name_keeps_its_view_but_is_no_target() {
    let mut world = world();
    let mut twin = workload("shop/twin", vec![listener(80, Protocol::Http)]);
    twin.alias = "blue_shop".into();
    world.put(twin);
    world.put(service("shop/twin", of_workload("shop/twin")));
    world.put(client("shop/front", &["shop/twin", "shop/colour"]));
    assert!(world.has_view("virtualnode/shop/twin"));
    assert_eq!(world.calls("shop/front"), ["80 colour.shop"]);
    assert_eq!(
        world.findings(),
        [
            "error duplicate-name VirtualNode shop/twin spec.awsName",
            "error duplicate-name VirtualService shop/twin spec.provider",
        ]
    );
}

#[test]
fn names_of_different_meshes_do_not_meet() {
    let mut world = world();
    world.put(mesh("other", None));
    let mut twin = service("shop/twin", None);
    twin.host = "colour.shop".into();
    twin.mesh = Some(name("other"));
    world.put(twin);
    assert_eq!(
        world.findings(),
        ["warning no-provider VirtualService shop/twin spec.provider"]
    );
}
