//! What views have alike is held once, and for no longer than some view has it.

use std::sync::Arc;

use tulle_model::policy::Protocol;

use super::world::*;

const CLIENTS: [&str; 3] = ["shop/a", "shop/b", "shop/c"];

fn proxy(workload: &str) -> String {
    format!("virtualnode/{workload}")
}

/// Two services, both called by `shop/a` and `shop/b`, one by `shop/c`.
fn world() -> World {
    let mut world = World::new();
    for name in ["shop/blue", "shop/red"] {
        let mut node = workload(name, vec![listener(80, Protocol::Http)]);
        node.discovery = Some(dns(&format!("{}.example", name.replace('/', "."))));
        world.put(node);
        world.put(service(name, of_workload(name)));
    }
    for client_name in &CLIENTS[..2] {
        world.put(client(client_name, &["shop/blue", "shop/red"]));
    }
    world.put(client("shop/c", &["shop/red"]));
    world
}

#[test]
fn views_share_lists_ports_and_clusters() {
    let world = world();
    let [a, b, c] = CLIENTS.map(|client| world.clusters(&proxy(client)));
    assert!(Arc::ptr_eq(&a, &b) && !Arc::ptr_eq(&a, &c));
    assert!(Arc::ptr_eq(&a[1], &c[0]));
    let [a, b, c] = CLIENTS.map(|client| world.outbound(client));
    assert!(Arc::ptr_eq(&a[0], &b[0]) && !Arc::ptr_eq(&a[0], &c[0]));
    // those that are called call nobody, which is a list like any other
    assert_eq!(world.index.shares().kept(), [2, 3, 2]);
}

#[test]
fn what_no_view_has_any_more_is_forgotten() {
    let mut world = world();
    for turn in 0..50 {
        let mut node = workload("shop/red", vec![listener(80, Protocol::Http)]);
        node.discovery = Some(dns(&format!("red-{turn}.example")));
        world.put(node);
        let [clusters, lists, ports] = world.index.shares().kept();
        assert!(clusters <= 4 && lists <= 4 && ports <= 4);
    }
    for client_name in CLIENTS {
        world.remove(client(client_name, &[]));
    }
    assert_eq!(world.index.shares().kept(), [0, 1, 0]);
    for name in ["shop/blue", "shop/red"] {
        world.remove(workload(name, vec![]));
    }
    assert_eq!(world.index.shares().kept(), [0, 0, 0]);
}
