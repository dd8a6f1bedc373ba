//! What only state of the world has.

use super::bench::*;
use super::order::start;

fn bench(resources: Vec<Resource>) -> Bench {
    Bench::with(Variant::Sotw, resources)
}

#[test]
fn s1_listeners_and_clusters_come_as_full_sets() {
    for url in [CDS, LDS] {
        let mut bench = bench(vec![res(url, "a", "1"), res(url, "b", "1")]);
        bench.ask(url, &[]);
        bench.ack(url);
        assert_eq!(
            bench.put(vec![res(url, "b", "2")]),
            [format!("{url} a@1 b@2")]
        );
        bench.ack(url);
        assert_eq!(bench.remove(&[(url, "a")]), [format!("{url} b@2")]);
        bench.ack(url);
        assert_eq!(bench.remove(&[(url, "b")]), [url.short()]);
    }
}

#[test]
fn s1_a_full_set_is_the_set_subscribed_to() {
    let mut bench = bench(vec![
        res(CDS, "a", "1"),
        res(CDS, "b", "1"),
        res(CDS, "c", "1"),
    ]);
    assert_eq!(bench.ask(CDS, &["a", "b"]), ["Cluster a@1 b@1"]);
    bench.ack(CDS);
    assert_eq!(
        bench.put(vec![res(CDS, "a", "2"), res(CDS, "c", "2")]),
        ["Cluster a@2 b@1"]
    );
    bench.ack(CDS);
    // what is asked for and does not exist is told by its absence
    assert_eq!(bench.ask(CDS, &["z"]), ["Cluster a@2 b@1"]);
}

#[test]
fn s1_others_carry_only_what_changed_and_absence_means_nothing() {
    for url in [RDS, EDS, SDS] {
        let mut bench = bench(vec![res(url, "a", "1"), res(url, "b", "1")]);
        bench.ask(url, &["a", "b"]);
        bench.ack(url);
        assert_eq!(bench.put(vec![res(url, "b", "2")]), [format!("{url} b@2")]);
        bench.ack(url);
        // there is no way to say that it is gone
        assert_eq!(bench.remove(&[(url, "a")]), SILENCE);
        assert_eq!(bench.wait(secs(10)), SILENCE);
        // so the client has it still when it comes back
        assert_eq!(bench.put(vec![res(url, "a", "1")]), SILENCE);
        assert_eq!(bench.put(vec![res(url, "a", "2")]), [format!("{url} a@2")]);
    }
}

#[test]
fn s1_a_route_that_is_gone_keeps_its_clusters_until_it_is_given_up() {
    let mut bench = bench(vec![res(CDS, "a", "1"), route("r", "1", &["a"])]);
    start(&mut bench, &[], &["r"]);
    assert_eq!(bench.remove(&[(RDS, "r"), (CDS, "a")]), SILENCE);
    assert_eq!(bench.wait(secs(60)), SILENCE);
    bench.unask(RDS, &["r"]);
    assert_eq!(bench.wait(secs(2)), ["Cluster"]);
}

#[test]
fn s2_a_request_with_a_stale_nonce_draws_no_response() {
    let mut bench = bench(vec![res(RDS, "a", "1"), res(RDS, "b", "1")]);
    bench.ask(RDS, &["a"]);
    let first = bench.newest_response(RDS).nonce.to_string();
    bench.ack(RDS);
    bench.put(vec![res(RDS, "a", "2")]);
    // crosses the second response on its way
    let crossing = Ask::Sotw {
        names: vec!["a".into(), "b".into()],
        version_info: String::new(),
    };
    assert_eq!(bench.send(RDS, &first, None, crossing.clone()), SILENCE);
    assert_eq!(bench.send(RDS, "99", None, crossing), SILENCE);
    assert_eq!(bench.session.stale(), 2);
    // the answer to the second response repeats all names
    assert_eq!(bench.ask(RDS, &["b"]), ["RouteConfiguration b@1"]);
}

#[test]
fn s3_a_new_name_is_sent_even_if_it_was_sent_before() {
    for url in [RDS, EDS] {
        let mut bench = bench(vec![res(url, "a", "1"), res(url, "b", "1")]);
        bench.ask(url, &["a", "b"]);
        bench.ack(url);
        bench.unask(url, &["b"]);
        assert_eq!(bench.ask(url, &["b"]), [format!("{url} b@1")]);
    }
}

#[test]
fn s3_a_grown_list_with_the_same_nonce_subscribes() {
    let mut bench = bench(vec![res(EDS, "a", "1"), res(EDS, "b", "1")]);
    bench.ask(EDS, &["a"]);
    bench.ack(EDS);
    assert_eq!(bench.ask(EDS, &["b"]), ["ClusterLoadAssignment b@1"]);
    bench.ack(EDS);
    // before the first response, too: clients send several requests with no nonce at all
    bench.reconnect();
    let ask = |names: &[&str]| Ask::Sotw {
        names: names.iter().map(ToString::to_string).collect(),
        version_info: String::new(),
    };
    assert_eq!(
        bench.send(EDS, "", None, ask(&["a"])),
        ["ClusterLoadAssignment a@1"]
    );
    assert_eq!(bench.send(EDS, "", None, ask(&["a", "b"])), SILENCE);
    assert_eq!(
        bench.send(EDS, "1", None, ask(&["a", "b"])),
        ["ClusterLoadAssignment b@1"]
    );
}

#[test]
fn s3_full_sets_answer_new_names_with_the_full_set() {
    let mut bench = bench(vec![res(LDS, "a", "1"), res(LDS, "b", "1")]);
    bench.ask(LDS, &["a"]);
    bench.ack(LDS);
    assert_eq!(bench.ask(LDS, &["b"]), ["Listener a@1 b@1"]);
}

#[test]
fn s4_nothing_is_said_of_a_missing_route() {
    let mut bench = bench(vec![]);
    assert_eq!(bench.ask(RDS, &["r"]), SILENCE);
    assert_eq!(bench.wait(secs(15)), SILENCE);
    assert_eq!(
        bench.put(vec![res(RDS, "r", "1")]),
        ["RouteConfiguration r@1"]
    );
}

#[test]
fn fewer_names_draw_no_response() {
    for url in [CDS, EDS] {
        let mut bench = bench(vec![res(url, "a", "1"), res(url, "b", "1")]);
        bench.ask(url, &["a", "b"]);
        bench.ack(url);
        assert_eq!(bench.unask(url, &["b"]), SILENCE);
        assert_eq!(bench.put(vec![res(url, "b", "2")]), SILENCE);
    }
}

#[test]
fn the_version_of_a_set_follows_its_content() {
    let version = |resources: Vec<Resource>| {
        let mut bench = bench(resources);
        bench.ask(CDS, &[]);
        bench.newest_response(CDS).version.clone()
    };
    let ab = || vec![res(CDS, "a", "1"), res(CDS, "b", "1")];
    assert_eq!(version(ab()), version(ab()));
    assert_eq!(version(ab()), version(ab().into_iter().rev().collect()));
    assert_ne!(version(ab()), version(vec![res(CDS, "a", "1")]));
    assert_ne!(
        version(vec![res(CDS, "a", "1")]),
        version(vec![res(CDS, "a", "2")])
    );
    // names and versions do not run into each other
    assert_ne!(
        version(vec![res(CDS, "ab", "1")]),
        version(vec![res(CDS, "a", "b1")])
    );
}
