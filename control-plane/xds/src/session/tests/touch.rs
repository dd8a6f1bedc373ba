//! A changed cluster brings its endpoints again.

use super::bench::*;
use super::order::start;

fn started(variant: Variant) -> Bench {
    let resources = vec![
        cluster("a", "1"),
        cluster("b", "1"),
        res(EDS, "a", "1"),
        res(EDS, "b", "1"),
        res(LDS, "l", "1"),
    ];
    let mut bench = Bench::with(variant, resources);
    start(&mut bench, &["a", "b"], &[]);
    bench
}

#[test]
fn endpoints_follow_a_changed_cluster_even_if_unchanged() {
    for variant in BOTH {
        let mut bench = started(variant);
        let clusters: &str = either(variant, "Cluster a@2", "Cluster a@2 b@1");
        assert_eq!(
            bench.put(vec![cluster("a", "2")]),
            [clusters, "ClusterLoadAssignment a@1"]
        );
        bench.ack(CDS);
        assert_eq!(bench.ack(EDS), SILENCE);
    }
}

#[test]
fn endpoints_under_way_follow_once_more() {
    // what was sent before the cluster does not warm it
    for variant in BOTH {
        let mut bench = started(variant);
        bench.put(vec![res(EDS, "a", "2")]);
        let clusters: &str = either(variant, "Cluster a@2", "Cluster a@2 b@1");
        assert_eq!(bench.put(vec![cluster("a", "2")]), [clusters]);
        assert_eq!(bench.ack(EDS), ["ClusterLoadAssignment a@2"]);
        assert_eq!(bench.ack(EDS), SILENCE);
    }
}

#[test]
fn endpoints_of_a_new_cluster_wait_for_the_client_to_ask() {
    let mut bench = started(Variant::Delta);
    assert_eq!(
        bench.put(vec![cluster("c", "1"), res(EDS, "c", "1")]),
        ["Cluster c@1"]
    );
    bench.ack(CDS);
    assert_eq!(bench.ask(EDS, &["c"]), ["ClusterLoadAssignment c@1"]);
}

#[test]
fn endpoints_shared_with_a_new_cluster_come_again() {
    // the name is subscribed to already, so the client asks for nothing
    let mut bench = started(Variant::Delta);
    let twin = res(CDS, "a-twin", "1")
        .with_requires(keys(&[(EDS, "a")]))
        .with_touches(keys(&[(EDS, "a")]));
    assert_eq!(
        bench.put(vec![twin]),
        ["Cluster a-twin@1", "ClusterLoadAssignment a@1"]
    );
}

#[test]
fn a_cluster_sent_again_unchanged_touches_nothing() {
    let mut bench = started(Variant::Delta);
    assert_eq!(bench.ask(CDS, &["a"]), ["Cluster a@1"]);
}

#[test]
fn a_cluster_that_changed_while_the_client_was_away_touches_too() {
    let mut bench = started(Variant::Delta);
    bench.reconnect();
    bench.put(vec![cluster("a", "2")]);
    assert_eq!(
        bench.resume(CDS, &[], &[("a", "1"), ("b", "1")]),
        ["Cluster a@2"]
    );
    // the endpoints are known to be held only now, so silence would leave the cluster cold
    assert_eq!(
        bench.resume(EDS, &["a", "b"], &[("a", "1"), ("b", "1")]),
        ["ClusterLoadAssignment a@1"]
    );
}

#[test]
fn a_touch_may_reach_back_in_the_order() {
    let mut bench = Bench::with(Variant::Delta, vec![res(CDS, "c", "1"), res(LDS, "l", "1")]);
    start(&mut bench, &[], &[]);
    let listener = res(LDS, "l", "2").with_touches(keys(&[(CDS, "c")]));
    assert_eq!(bench.put(vec![listener]), ["Listener l@2", "Cluster c@1"]);
}

#[test]
fn the_good_rest_after_a_rejection_touches_again() {
    let mut bench = started(Variant::Delta);
    assert_eq!(
        bench.put(vec![cluster("a", "2"), cluster("b", "2")]),
        ["Cluster a@2 b@2", "ClusterLoadAssignment a@1 b@1"]
    );
    bench.ack(EDS);
    assert_eq!(
        bench.nack(CDS, "Error adding/updating cluster(s) b: no"),
        ["Cluster a@2", "ClusterLoadAssignment a@1"]
    );
}
