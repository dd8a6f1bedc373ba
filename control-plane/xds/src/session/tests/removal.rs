//! Removals come last.

use super::bench::*;
use super::order::start;

/// Route `r` to cluster `a`; nothing else.
fn started(variant: Variant) -> Bench {
    let resources = vec![
        cluster("a", "1"),
        res(EDS, "a", "1"),
        res(LDS, "l", "1"),
        route("r", "1", &["a"]),
    ];
    let mut bench = Bench::with(variant, resources);
    start(&mut bench, &["a"], &["r"]);
    bench
}

/// Moves route `r` to cluster `b` and takes `a` away, in one change.
fn moved(bench: &mut Bench) -> Vec<String> {
    let put = |resource| Change::Put(std::sync::Arc::new(resource));
    bench.apply(vec![
        put(cluster("b", "1")),
        put(res(EDS, "b", "1")),
        put(route("r", "2", &["b"])),
        Change::Remove(CDS, "a".into()),
        Change::Remove(EDS, "a".into()),
    ])
}

#[test]
fn a_cluster_stays_until_no_route_uses_it_and_then_some() {
    let mut bench = started(Variant::Delta);
    assert_eq!(moved(&mut bench), ["Cluster b@1"]);
    bench.ack(CDS);
    bench.ask(EDS, &["b"]);
    assert_eq!(bench.ack(EDS), ["RouteConfiguration r@2"]);
    // sent is not accepted: it may still use the old cluster
    assert_eq!(bench.wait(secs(4)), SILENCE);
    assert_eq!(bench.ack(RDS), SILENCE);
    assert_eq!(bench.wakes_in(), Some(secs(2)));
    assert_eq!(bench.wait(ms(1_999)), SILENCE);
    assert_eq!(bench.wait(ms(1)), ["Cluster -a"]);
    // its endpoints have had their user until now
    assert_eq!(bench.ack(CDS), SILENCE);
    assert_eq!(bench.unask(EDS, &["a"]), SILENCE);
    assert_eq!(bench.wait(secs(10)), SILENCE);
}

#[test]
fn in_full_sets_a_cluster_stays_too() {
    let mut bench = started(Variant::Sotw);
    assert_eq!(moved(&mut bench), ["Cluster a@1 b@1"]);
    bench.ack(CDS);
    bench.ask(EDS, &["b"]);
    assert_eq!(bench.ack(EDS), ["RouteConfiguration r@2"]);
    bench.ack(RDS);
    // another cluster changes meanwhile: the one that lingers is still in the set
    assert_eq!(bench.put(vec![res(CDS, "c", "1")]), ["Cluster a@1 b@1 c@1"]);
    bench.ack(CDS);
    assert_eq!(bench.wait(secs(2)), ["Cluster b@1 c@1"]);
}

#[test]
fn endpoints_outlive_their_cluster() {
    let mut bench = started(Variant::Delta);
    moved(&mut bench);
    bench.ack(CDS);
    bench.ask(EDS, &["b"]);
    bench.ack(EDS);
    bench.ack(RDS);
    bench.wait(secs(2));
    bench.ack(CDS);
    // a client that does not give them up by itself is told in the end
    assert_eq!(bench.wait(ms(1_999)), SILENCE);
    assert_eq!(bench.wait(ms(1)), ["ClusterLoadAssignment -a"]);
}

#[test]
fn what_nothing_uses_goes_at_once() {
    for variant in BOTH {
        let mut bench = started(variant);
        let none: &str = either(variant, "Listener -l", "Listener");
        assert_eq!(bench.remove(&[(LDS, "l")]), [none]);
        bench.put(vec![res(CDS, "spare", "1")]);
        bench.ack(CDS);
        let spare: &str = either(variant, "Cluster -spare", "Cluster a@1");
        assert_eq!(bench.remove(&[(CDS, "spare")]), [spare]);
    }
}

#[test]
fn what_a_route_uses_stays_as_long_as_the_route() {
    // the store says that it is gone, the route says that it is needed
    let mut bench = started(Variant::Delta);
    assert_eq!(bench.remove(&[(CDS, "a")]), SILENCE);
    assert_eq!(bench.wait(secs(60)), SILENCE);
    assert_eq!(bench.wakes_in(), None);
    assert_eq!(bench.remove(&[(RDS, "r")]), ["RouteConfiguration -r"]);
    bench.ack(RDS);
    assert_eq!(bench.wait(secs(2)), ["Cluster -a"]);
}

#[test]
fn a_cluster_that_comes_back_in_time_is_not_removed() {
    for variant in BOTH {
        let mut bench = started(variant);
        moved(&mut bench);
        bench.ack(CDS);
        bench.ask(EDS, &["b"]);
        bench.ack(EDS);
        bench.ack(RDS);
        bench.wait(secs(1));
        assert_eq!(
            bench.put(vec![cluster("a", "1"), res(EDS, "a", "1")]),
            SILENCE
        );
        assert_eq!(bench.wait(secs(10)), SILENCE);
        assert_eq!(
            bench.put(vec![route("r", "3", &["a"])]),
            ["RouteConfiguration r@3"]
        );
    }
}

#[test]
fn a_cluster_that_comes_back_changed_is_sent() {
    let mut bench = started(Variant::Delta);
    moved(&mut bench);
    bench.ack(CDS);
    bench.ask(EDS, &["b"]);
    bench.ack(EDS);
    bench.ack(RDS);
    assert_eq!(
        bench.put(vec![cluster("a", "2"), res(EDS, "a", "1")]),
        ["Cluster a@2", "ClusterLoadAssignment a@1"]
    );
    bench.ack(CDS);
    assert_eq!(bench.wait(secs(10)), SILENCE);
}

#[test]
fn a_cluster_that_comes_back_while_its_removal_is_under_way() {
    let mut bench = started(Variant::Delta);
    bench.put(vec![res(CDS, "spare", "1")]);
    bench.ack(CDS);
    assert_eq!(bench.remove(&[(CDS, "spare")]), ["Cluster -spare"]);
    // a route to it must wait until it is there again
    assert_eq!(
        bench.put(vec![res(CDS, "spare", "1"), route("r", "2", &["spare"])]),
        SILENCE
    );
    assert_eq!(bench.ack(CDS), ["Cluster spare@1"]);
    assert_eq!(bench.ack(CDS), ["RouteConfiguration r@2"]);
}

#[test]
fn a_route_that_is_held_back_keeps_what_its_predecessor_uses() {
    let mut bench = started(Variant::Delta);
    moved(&mut bench);
    // the new cluster is not accepted yet, so the old route is in use
    assert_eq!(bench.wait(secs(4)), SILENCE);
    assert_eq!(bench.wait(secs(1)), ["RouteConfiguration r@2"]);
}

#[test]
fn linger_counts_from_the_last_of_several_users() {
    let mut bench = started(Variant::Delta);
    bench.put(vec![
        cluster("b", "1"),
        res(EDS, "b", "1"),
        route("s", "1", &["a"]),
    ]);
    bench.ack(CDS);
    bench.ask(EDS, &["b"]);
    bench.ack(EDS);
    bench.ask(RDS, &["s"]);
    bench.ack(RDS);
    bench.put(vec![route("r", "2", &["b"])]);
    bench.ack(RDS);
    bench.remove(&[(CDS, "a")]);
    assert_eq!(bench.wait(secs(10)), SILENCE, "the other route uses it");
    bench.put(vec![route("s", "2", &["b"])]);
    bench.ack(RDS);
    assert_eq!(bench.wait(ms(1_999)), SILENCE);
    assert_eq!(bench.wait(ms(1)), ["Cluster -a"]);
}

#[test]
fn linger_may_be_nothing() {
    let settings = SessionSettings {
        linger: secs(0),
        ..SessionSettings::default()
    };
    let resources = vec![
        res(CDS, "a", "1"),
        res(LDS, "l", "1"),
        route("r", "1", &["a"]),
    ];
    let mut bench = Bench::set_up(Variant::Delta, settings, resources);
    start(&mut bench, &[], &["r"]);
    bench.put(vec![res(CDS, "b", "1"), route("r", "2", &["b"])]);
    bench.ack(CDS);
    bench.remove(&[(CDS, "a")]);
    assert_eq!(bench.ack(RDS), ["Cluster -a"]);
}

#[test]
fn a_route_given_up_lets_go_of_its_clusters() {
    let mut bench = started(Variant::Delta);
    bench.remove(&[(CDS, "a"), (EDS, "a")]);
    bench.unask(RDS, &["r"]);
    assert_eq!(bench.wait(secs(2)), ["Cluster -a"]);
}

#[test]
fn many_cycles_leave_nothing_behind() {
    for variant in BOTH {
        let mut bench = started(variant);
        for cycle in 0..50 {
            let (new, old) = if cycle % 2 == 0 {
                ("b", "a")
            } else {
                ("a", "b")
            };
            let put = |resource| Change::Put(std::sync::Arc::new(resource));
            let first = bench.apply(vec![
                put(cluster(new, "1")),
                put(res(EDS, new, "1")),
                put(route("r", &format!("c{cycle}"), &[new])),
                Change::Remove(CDS, old.into()),
                Change::Remove(EDS, old.into()),
            ]);
            bench.settle_all(first);
            let first = bench.ask(EDS, &[new]);
            bench.settle_all(first);
            let first = bench.wait(secs(2));
            bench.settle_all(first);
            bench.unask(EDS, &[old]);
            bench.wait(secs(2));
        }
        let view = bench.session.view(bench.now);
        let shape: Vec<(usize, usize)> = view.iter().map(|v| (v.held, v.pending)).collect();
        assert_eq!(shape, [(1, 0), (1, 0), (1, 0), (1, 0)]);
        assert!(bench.session.released.is_empty());
        assert!(bench.session.unsettled.is_empty());
    }
}
