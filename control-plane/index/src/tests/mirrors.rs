//! Mirrors and the rest of what a route does beyond forwarding.

use tulle_model::extras::{HeaderEdits, Mirror, Share};
use tulle_model::fragment::MirrorTarget;
use tulle_model::linked::Destination;
use tulle_model::policy::Protocol;

use super::world::*;

const FIELD: &str = "metadata.annotations[x].r";

fn mirror(workload: &str, port: Option<u16>) -> Mirror<MirrorTarget> {
    Mirror {
        to: MirrorTarget {
            workload: by_name(workload),
            port,
            field: FIELD.into(),
        },
        share: Share::ALL,
    }
}

/// A client of a service whose one route goes to `shop/blue`, with copies to `mirrors`.
fn world(protocol: Protocol, mirrors: Vec<Mirror<MirrorTarget>>) -> World {
    let mut world = World::new();
    world.put(workload("shop/blue", vec![listener(8080, protocol)]));
    world.put(workload("shop/shadow", vec![listener(9090, protocol)]));
    let mut route = route("r", protocol, &[("shop/blue", 1)]);
    route.extras.mirrors = mirrors;
    route.extras.response_headers = HeaderEdits {
        remove: vec!["x".into()],
        ..HeaderEdits::default()
    };
    let listeners = vec![listener(80, protocol)];
    world.put(router("shop/paint", listeners, vec![route]));
    world.put(service("shop/colour", of_router("shop/paint")));
    world.put(client("shop/front", &["shop/colour"]));
    world
}

fn mirrored(world: &World) -> Vec<String> {
    let routes = world.routes("shop/front", 80);
    let mirrors = routes.iter().flat_map(|route| &route.extras.mirrors);
    let told = |to: &Destination| format!("{}:{}", to.alias, to.port);
    mirrors.map(|mirror| told(&mirror.to)).collect()
}

fn clusters(world: &World) -> Vec<String> {
    let clusters = world.clusters("virtualnode/shop/front");
    let told = |to: &Destination| format!("{}:{}", to.alias, to.port);
    clusters.iter().map(|cluster| told(&cluster.to)).collect()
}

#[test]
fn a_mirror_is_a_destination_with_a_cluster() {
    let world = world(Protocol::Http, vec![mirror("shop/shadow", None)]);
    assert!(world.findings().is_empty());
    assert_eq!(mirrored(&world), ["shadow_shop:9090"]);
    assert_eq!(clusters(&world), ["blue_shop:8080", "shadow_shop:9090"]);
    let route = &world.routes("shop/front", 80)[0];
    assert_eq!(route.extras.response_headers.remove, ["x".into()]);
}

#[test]
fn a_mirror_that_cannot_be_reached_is_left_out_and_told() {
    let lost = vec![
        mirror("shop/none", None),
        mirror("shop/shadow", Some(1)),
        mirror("shop/shadow", Some(9090)),
    ];
    let world = world(Protocol::Http, lost);
    assert_eq!(mirrored(&world), ["shadow_shop:9090"]);
    assert_eq!(
        world.findings(),
        [
            format!("error dangling-reference VirtualRouter shop/paint {FIELD}"),
            format!("error no-such-port VirtualRouter shop/paint {FIELD}"),
        ]
    );
    let message = world.message("no-such-port");
    assert!(
        message.contains("this mirror of route r is left out"),
        "{message}"
    );
}

#[test]
fn a_mirror_follows_the_object_it_names() {
    let mut world = world(Protocol::Http, vec![mirror("shop/late", None)]);
    assert_eq!(clusters(&world), ["blue_shop:8080"]);
    world.put(workload("shop/late", vec![listener(8080, Protocol::Http)]));
    assert_eq!(clusters(&world), ["blue_shop:8080", "late_shop:8080"]);
    assert!(world.findings().is_empty());
    world.remove(workload("shop/late", vec![]));
    assert_eq!(clusters(&world), ["blue_shop:8080"]);
}

#[test]
fn a_mirror_of_another_protocol_is_told_as_a_target_is() {
    let mut world = world(Protocol::Http, vec![mirror("shop/raw", None)]);
    world.put(workload("shop/raw", vec![listener(5432, Protocol::Tcp)]));
    assert_eq!(mirrored(&world), ["raw_shop:5432"]);
    assert_eq!(
        world.findings(),
        [format!(
            "warning protocol-mismatch VirtualRouter shop/paint {FIELD}"
        )]
    );
}
