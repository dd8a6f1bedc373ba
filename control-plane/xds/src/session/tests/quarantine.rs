//! Rejected content, beyond its stream.

use super::bench::*;

fn rejected(variant: Variant) -> Bench {
    let mut bench = Bench::with(variant, vec![res(CDS, "a", "1"), res(CDS, "bad", "1")]);
    bench.ask(CDS, &[]);
    bench.ack(CDS);
    bench.put(vec![res(CDS, "bad", "2")]);
    assert_eq!(bench.nack(CDS, "no"), SILENCE);
    bench
}

#[test]
fn the_same_poison_is_not_sent_to_the_next_stream() {
    let mut bench = rejected(Variant::Delta);
    bench.reconnect();
    // Envoy holds its last good version, whatever that was
    assert_eq!(bench.resume(CDS, &[], &[("a", "1"), ("bad", "1")]), SILENCE);
    assert_eq!(bench.session.view(bench.now)[0].withheld, ["bad".into()]);
    // another proxy of the group starts from nothing: it gets what was good before
    bench.reconnect();
    assert_eq!(bench.ask(CDS, &[]), ["Cluster a@1 bad@1"]);
    assert_eq!(bench.ack(CDS), SILENCE);
    assert_eq!(bench.session.view(bench.now)[0].withheld, ["bad".into()]);
    assert_eq!(bench.put(vec![res(CDS, "bad", "3")]), ["Cluster bad@3"]);
}

#[test]
fn a_last_good_that_is_no_good_either_is_not_sent_twice() {
    let mut bench = rejected(Variant::Delta);
    bench.reconnect();
    assert_eq!(bench.ask(CDS, &[]), ["Cluster a@1 bad@1"]);
    let text = "Error adding/updating cluster(s) bad: not here";
    assert_eq!(bench.nack(CDS, text), ["Cluster a@1"]);
    bench.ack(CDS);
    bench.reconnect();
    assert_eq!(bench.ask(CDS, &[]), ["Cluster a@1"]);
    assert_eq!(bench.ack(CDS), SILENCE);
}

#[test]
fn a_stream_that_rejected_it_is_spared_it_for_good() {
    // also after others are no longer: what waits for it must not take that for a change
    for variant in BOTH {
        let mut bench = Bench::with(variant, vec![res(CDS, "a", "1"), route("r", "1", &["a"])]);
        super::order::start(&mut bench, &[], &["r"]);
        bench.put(vec![res(CDS, "bad", "1"), route("r", "2", &["bad"])]);
        bench.nack(CDS, "no");
        assert_eq!(bench.wait(secs(700)), SILENCE);
        assert_eq!(bench.wait(secs(700)), SILENCE);
        let other: &str = either(variant, "Cluster b@1", "Cluster a@1 b@1");
        assert_eq!(bench.put(vec![res(CDS, "b", "1")]), [other]);
        assert_eq!(bench.ack(CDS), SILENCE);
    }
}

#[test]
fn full_sets_of_the_next_stream_hold_the_last_good_version() {
    let mut bench = rejected(Variant::Sotw);
    bench.reconnect();
    // the very set that it acknowledged last
    assert_eq!(bench.ask(CDS, &[]), SILENCE);
    assert_eq!(bench.put(vec![res(CDS, "a", "2")]), ["Cluster a@2 bad@1"]);
    bench.ack(CDS);
    bench.reconnect();
    bench.put(vec![res(CDS, "a", "3")]);
    assert_eq!(bench.ask(CDS, &[]), ["Cluster a@3 bad@1"]);
}

#[test]
fn another_version_of_the_client_is_sent_it_once() {
    for variant in BOTH {
        let mut bench = rejected(variant);
        bench.reconnect();
        bench.upgrade_client("1.41.0");
        assert_eq!(bench.ask(CDS, &[]), ["Cluster a@1 bad@2"]);
        assert_eq!(bench.ack(CDS), SILENCE);
    }
}

#[test]
fn changed_content_is_sent_to_all() {
    for variant in BOTH {
        let mut bench = rejected(variant);
        bench.put(vec![res(CDS, "bad", "3")]);
        bench.reconnect();
        assert_eq!(bench.ask(CDS, &["*"]), ["Cluster a@1 bad@3"]);
        assert_eq!(bench.quarantine.len(), 0, "forgotten");
    }
}

#[test]
fn after_a_while_it_is_tried_once_more() {
    // some rejections are of the moment: a port in use
    let mut bench = rejected(Variant::Delta);
    assert_eq!(
        bench.wait(secs(601)),
        SILENCE,
        "but not on the stream that rejected it"
    );
    bench.reconnect();
    assert_eq!(
        bench.resume(CDS, &[], &[("a", "1"), ("bad", "1")]),
        ["Cluster bad@2"]
    );
    assert_eq!(bench.nack(CDS, "no"), SILENCE);
    bench.reconnect();
    assert_eq!(bench.resume(CDS, &[], &[("a", "1"), ("bad", "1")]), SILENCE);
}

#[test]
fn it_is_of_one_scope() {
    let bench = rejected(Variant::Delta);
    let bad = res(CDS, "bad", "2");
    let rejects = |scope: &str, client: &str| {
        bench
            .quarantine
            .rejects(&Scope::new(scope), client, CDS, &bad, bench.now)
    };
    assert!(rejects("scope", "envoy/1.40.0"));
    assert!(!rejects("other", "envoy/1.40.0"));
    assert!(!rejects("scope", "envoy/1.40.1"));
}

#[test]
fn it_is_bounded() {
    let quarantine = Quarantine::new(secs(600), 10);
    let now = std::time::Instant::now();
    for n in 0..100 {
        let bad = res(CDS, &format!("c{n}"), "1");
        quarantine.add(&Scope::new("s"), "c", &bad, None, now + ms(n));
    }
    assert_eq!(quarantine.len(), 10);
    let newest = res(CDS, "c99", "1");
    assert!(quarantine.rejects(&Scope::new("s"), "c", CDS, &newest, now + ms(100)));
}

#[test]
fn accepted_before_and_rejected_now_is_left_alone() {
    // sent again because it was touched or asked for again: no content to blame, nothing to go back to
    let mut bench = Bench::with(Variant::Delta, vec![res(EDS, "e", "1")]);
    bench.ask(EDS, &["e"]);
    bench.ack(EDS);
    bench.ask(EDS, &["e"]);
    assert_eq!(bench.nack(EDS, "no"), SILENCE);
    assert_eq!(bench.quarantine.len(), 0);
    assert_eq!(bench.ask(EDS, &["e"]), ["ClusterLoadAssignment e@1"]);
}
