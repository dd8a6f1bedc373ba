//! Streams of clients that hold something already.

use super::bench::*;

fn world() -> Vec<Resource> {
    vec![
        cluster("c1", "1"),
        cluster("c2", "1"),
        res(EDS, "c1", "1"),
        res(EDS, "c2", "1"),
        res(LDS, "l", "1"),
        route("r", "1", &["c1", "c2"]),
    ]
}

#[test]
fn p16_held_and_equal_is_answered_by_silence() {
    let mut bench = Bench::with(Variant::Delta, world());
    assert_eq!(bench.resume(CDS, &[], &[("c1", "1"), ("c2", "1")]), SILENCE);
    assert_eq!(
        bench.resume(EDS, &["c1", "c2"], &[("c1", "1"), ("c2", "1")]),
        SILENCE
    );
    assert_eq!(bench.resume(LDS, &[], &[("l", "1")]), SILENCE);
    // a name asked for is not an exception on a stream's first request
    assert_eq!(bench.resume(RDS, &["r"], &[("r", "1")]), SILENCE);
    assert_eq!(bench.wait(secs(10)), SILENCE);
    assert_eq!(
        bench
            .session
            .accepted(super::subscribe::index(RDS), "r")
            .unwrap()
            .as_ref(),
        "1"
    );
}

#[test]
fn p16_held_and_different_is_sent() {
    let mut bench = Bench::with(Variant::Delta, world());
    assert_eq!(
        bench.resume(CDS, &[], &[("c1", "0"), ("c2", "1")]),
        ["Cluster c1@1"]
    );
    let mut bench = Bench::with(Variant::Delta, world());
    assert_eq!(
        bench.resume(EDS, &["c1", "c2"], &[("c1", "1"), ("c2", "0")]),
        ["ClusterLoadAssignment c2@1"]
    );
}

#[test]
fn p16_not_held_is_sent() {
    let mut bench = Bench::with(Variant::Delta, world());
    assert_eq!(bench.resume(CDS, &["*"], &[("c2", "1")]), ["Cluster c1@1"]);
    let mut bench = Bench::with(Variant::Delta, world());
    assert_eq!(
        bench.resume(EDS, &["c1", "c2"], &[("c1", "1")]),
        ["ClusterLoadAssignment c2@1"]
    );
}

fn introduce_the_rest(bench: &mut Bench) {
    bench.resume(EDS, &["c1", "c2"], &[("c1", "1"), ("c2", "1")]);
    bench.resume(LDS, &[], &[("l", "1")]);
    bench.resume(RDS, &["r"], &[("r", "1")]);
    assert!(bench.last.is_empty());
}

#[test]
fn p16_held_and_gone_is_removed_last() {
    let mut bench = Bench::with(Variant::Delta, world());
    // its last user may have been replaced just before
    let held = [("c1", "1"), ("c2", "1"), ("old", "1")];
    assert_eq!(bench.resume(CDS, &[], &held), SILENCE);
    introduce_the_rest(&mut bench);
    assert_eq!(bench.wakes_in(), Some(secs(2)));
    assert_eq!(bench.wait(secs(2)), ["Cluster -old"]);
    bench.ack(CDS);
    assert_eq!(bench.wait(secs(10)), SILENCE);
}

#[test]
fn p16_removals_wait_for_types_that_the_client_has_yet_to_ask_for() {
    let mut bench = Bench::with(Variant::Delta, world());
    bench.resume(CDS, &[], &[("c1", "1"), ("c2", "1"), ("old", "1")]);
    // but not for ever
    assert_eq!(bench.wakes_in(), Some(secs(5)));
    assert_eq!(bench.wait(secs(5)), ["Cluster -old"]);
}

#[test]
fn p16_held_and_gone_stays_while_something_unknown_may_use_it() {
    let mut bench = Bench::with(Variant::Delta, world());
    bench.resume(CDS, &[], &[("c1", "1"), ("c2", "1"), ("old", "1")]);
    bench.resume(EDS, &["c1", "c2"], &[("c1", "1"), ("c2", "1")]);
    // a route of a version that nobody remembers: it may use the old cluster
    assert_eq!(
        bench.resume(RDS, &["r"], &[("r", "0")]),
        ["RouteConfiguration r@1"]
    );
    assert_eq!(bench.wait(secs(10)), SILENCE);
    assert_eq!(bench.ack(RDS), ["Cluster -old"]);
}

#[test]
fn p16_removals_wait_for_what_the_client_has_yet_to_say() {
    // cluster and route are gone both, and the route's request comes late
    let mut bench = Bench::with(Variant::Delta, world());
    assert_eq!(bench.wait(secs(10)), SILENCE);
    bench.resume(CDS, &[], &[("c1", "1"), ("c2", "1"), ("old", "1")]);
    bench.resume(LDS, &[], &[("l", "1")]);
    assert_eq!(bench.wait(secs(4)), SILENCE);
    bench.resume(RDS, &["r", "old-route"], &[("r", "1"), ("old-route", "1")]);
    assert_eq!(bench.wait(secs(2)), ["RouteConfiguration -old-route"]);
    // the route is gone, and nobody knows what it used: from now on it is nothing
    assert_eq!(bench.ack(RDS), ["Cluster -old"]);
}

#[test]
fn p16_held_by_name_and_gone_is_removed() {
    let mut bench = Bench::with(Variant::Delta, world());
    bench.resume(LDS, &[], &[("l", "1")]);
    assert_eq!(
        bench.resume(RDS, &["r", "old"], &[("r", "1"), ("old", "1")]),
        SILENCE
    );
    assert_eq!(bench.wait(secs(2)), ["RouteConfiguration -old"]);
}

#[test]
fn what_an_earlier_stream_left_open_is_not_forgotten() {
    // the client took the good part and rejected the whole, and that word was lost with the stream
    let mut bench = Bench::with(Variant::Delta, vec![res(CDS, "a", "1")]);
    bench.ask(CDS, &[]);
    bench.ack(CDS);
    bench.put(vec![res(CDS, "bad", "1"), res(CDS, "good", "1")]);
    let unsure = bench.session.unsure();
    bench.reconnect();
    bench.session.recall(unsure);
    bench.remove(&[(CDS, "bad"), (CDS, "good")]);
    assert_eq!(bench.resume(CDS, &[], &[("a", "1")]), SILENCE);
    assert_eq!(bench.wait(secs(5)), ["Cluster -bad -good"]);
    bench.ack(CDS);
    assert!(bench.session.unsure().is_empty());
}

#[test]
fn what_an_earlier_stream_left_open_and_the_client_took_is_no_matter() {
    let mut bench = Bench::with(Variant::Delta, vec![res(CDS, "a", "1")]);
    bench.ask(CDS, &[]);
    let unsure = bench.session.unsure();
    bench.reconnect();
    bench.session.recall(unsure);
    assert_eq!(bench.resume(CDS, &[], &[("a", "1")]), SILENCE);
    assert!(bench.session.unsure().is_empty());
}

#[test]
fn a_removal_that_an_earlier_stream_left_open_is_settled() {
    let mut bench = Bench::with(Variant::Delta, vec![res(CDS, "a", "1"), res(CDS, "b", "1")]);
    bench.ask(CDS, &[]);
    bench.ack(CDS);
    assert_eq!(bench.remove(&[(CDS, "b")]), ["Cluster -b"]);
    let unsure = bench.session.unsure();
    bench.reconnect();
    bench.session.recall(unsure);
    // it is there again, and the client may have taken it away without recording that
    bench.put(vec![res(CDS, "b", "1")]);
    assert_eq!(
        bench.resume(CDS, &[], &[("a", "1"), ("b", "1")]),
        ["Cluster b@1"]
    );
}

#[test]
fn s5_a_set_is_not_taken_for_equal_if_the_earlier_stream_left_something_open() {
    let mut bench = Bench::with(Variant::Sotw, vec![res(CDS, "a", "1")]);
    bench.ask(CDS, &[]);
    bench.ack(CDS);
    bench.put(vec![res(CDS, "a", "2")]);
    let unsure = bench.session.unsure();
    bench.reconnect();
    bench.session.recall(unsure);
    bench.put(vec![res(CDS, "a", "1")]);
    assert_eq!(bench.ask(CDS, &[]), ["Cluster a@1"]);
}

#[test]
fn p16_never_held_and_not_there_is_said_at_once() {
    let mut bench = Bench::with(Variant::Delta, world());
    assert_eq!(
        bench.resume(RDS, &["r", "z"], &[("r", "1")]),
        ["RouteConfiguration -z"]
    );
}

#[test]
fn p16_versions_come_with_a_first_request_only() {
    let mut bench = Bench::with(Variant::Delta, world());
    bench.resume(RDS, &["r"], &[("r", "1")]);
    // nonsense on any later request
    assert_eq!(bench.resume(RDS, &[], &[("r", "0")]), SILENCE);
    assert_eq!(
        bench.resume(RDS, &["r"], &[("r", "1")]),
        ["RouteConfiguration r@1"]
    );
}

#[test]
fn p16_what_is_held_but_not_asked_for_is_not_tracked() {
    let mut bench = Bench::with(Variant::Delta, world());
    assert_eq!(
        bench.resume(EDS, &["c1"], &[("c1", "1"), ("c2", "0"), ("old", "1")]),
        SILENCE
    );
    assert_eq!(bench.wait(secs(10)), SILENCE);
    assert_eq!(bench.put(vec![res(EDS, "c2", "2")]), SILENCE);
}

#[test]
fn p16_before_the_scope_is_filled_nothing_is_concluded() {
    let mut bench = Bench::unfilled(Variant::Delta, SessionSettings::default());
    assert_eq!(
        bench.resume(CDS, &[], &[("c1", "1"), ("c2", "0"), ("old", "1")]),
        SILENCE
    );
    assert_eq!(bench.wait(secs(60)), SILENCE);
    // (linger counts from what the client said)
    assert_eq!(bench.fill(world()), ["Cluster c2@1 -old"]);
}

#[test]
fn p17_versions_of_resources_come_from_the_store() {
    // the response's own version is for people: two batches, one content, nothing to send
    let mut bench = Bench::with(Variant::Delta, world());
    bench.put(vec![res(LDS, "m", "1")]);
    bench.remove(&[(LDS, "m")]);
    assert_eq!(bench.resume(LDS, &[], &[("l", "1")]), SILENCE);
}

#[test]
fn p18_a_reconnect_of_a_whole_client_costs_nothing() {
    let mut bench = Bench::with(Variant::Delta, world());
    let first = bench.ask(CDS, &[]);
    bench.settle_all(first);
    let first = bench.ask(EDS, &["c1", "c2"]);
    bench.settle_all(first);
    let first = bench.ask(LDS, &[]);
    bench.settle_all(first);
    let first = bench.ask(RDS, &["r"]);
    bench.settle_all(first);
    for _ in 0..3 {
        bench.reconnect();
        bench.resume(CDS, &[], &[("c1", "1"), ("c2", "1")]);
        bench.resume(EDS, &["c1", "c2"], &[("c1", "1"), ("c2", "1")]);
        bench.resume(LDS, &[], &[("l", "1")]);
        bench.resume(RDS, &["r"], &[("r", "1")]);
        assert!(bench.last.is_empty(), "{:?}", bench.last);
    }
}

#[test]
fn p16_what_the_client_holds_counts_as_accepted() {
    // so a route that needs a cluster which the client brought is not kept back
    let mut bench = Bench::with(Variant::Delta, world());
    bench.resume(CDS, &[], &[("c1", "1"), ("c2", "1")]);
    bench.resume(EDS, &["c1", "c2"], &[("c1", "1"), ("c2", "1")]);
    assert_eq!(
        bench.resume(RDS, &["r"], &[("r", "0")]),
        ["RouteConfiguration r@1"]
    );
}

#[test]
fn p16_a_changed_cluster_holds_the_changed_route() {
    let mut bench = Bench::with(Variant::Delta, world());
    bench.resume(CDS, &[], &[("c1", "1")]);
    bench.resume(EDS, &["c1"], &[("c1", "1")]);
    assert_eq!(bench.resume(RDS, &["r"], &[("r", "0")]), SILENCE);
    bench.ack(CDS);
    assert_eq!(bench.ask(EDS, &["c2"]), ["ClusterLoadAssignment c2@1"]);
    assert_eq!(bench.ack(EDS), ["RouteConfiguration r@1"]);
}

#[test]
fn s5_equal_sets_are_answered_by_silence() {
    for url in [CDS, LDS] {
        let mut bench = Bench::with(Variant::Sotw, vec![res(url, "a", "1"), res(url, "b", "1")]);
        bench.ask(url, &[]);
        bench.ack(url);
        bench.reconnect();
        assert_eq!(bench.ask(url, &[]), SILENCE);
        assert_eq!(
            bench.put(vec![res(url, "a", "2")]),
            [format!("{url} a@2 b@1")]
        );
        bench.ack(url);
        // changed while away
        bench.reconnect();
        bench.put(vec![res(url, "a", "3")]);
        assert_eq!(bench.ask(url, &[]), [format!("{url} a@3 b@1")]);
    }
}

#[test]
fn s5_an_equal_set_is_recognised_once_the_scope_is_filled() {
    let mut bench = Bench::with(Variant::Sotw, world());
    bench.ask(CDS, &[]);
    bench.ack(CDS);
    let mut fresh = Bench::unfilled(Variant::Sotw, SessionSettings::default());
    std::mem::swap(&mut fresh.contents, &mut bench.contents);
    bench.reconnect();
    assert_eq!(bench.ask(CDS, &[]), SILENCE);
    assert_eq!(bench.fill(world()), SILENCE);
    assert_eq!(bench.put(vec![cluster("c1", "2")]), ["Cluster c1@2 c2@1"]);
}

#[test]
fn s5_names_are_always_sent_again() {
    for url in [CDS, EDS, RDS] {
        let mut bench = Bench::with(Variant::Sotw, vec![res(url, "a", "1")]);
        bench.ask(url, &["a"]);
        bench.ack(url);
        bench.reconnect();
        assert_eq!(bench.ask(url, &["a"]), [format!("{url} a@1")]);
    }
}
