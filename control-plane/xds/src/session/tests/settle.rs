//! Clusters that warm by means that no ACK tells.

use super::bench::*;
use super::order::start;

fn started(variant: Variant) -> Bench {
    let resources = vec![
        res(CDS, "a", "1"),
        res(LDS, "l", "1"),
        route("r", "1", &["a"]),
    ];
    let mut bench = Bench::with(variant, resources);
    start(&mut bench, &[], &["r"]);
    bench
}

fn by_dns(name: &str, version: &str) -> Resource {
    res(CDS, name, version).with_settle(ms(800))
}

#[test]
fn a_route_waits_until_its_new_cluster_has_settled() {
    for variant in BOTH {
        let mut bench = started(variant);
        bench.put(vec![by_dns("b", "1"), route("r", "2", &["b"])]);
        bench.wait(ms(300));
        assert_eq!(bench.ack(CDS), SILENCE);
        assert_eq!(
            bench.wakes_in(),
            Some(ms(800)),
            "it counts from the acknowledgement"
        );
        assert_eq!(bench.wait(ms(799)), SILENCE);
        assert_eq!(bench.wait(ms(1)), ["RouteConfiguration r@2"]);
    }
}

#[test]
fn it_counts_from_when_endpoints_are_there_too() {
    let mut bench = started(Variant::Delta);
    // active health checks: they begin with the first endpoint
    bench.put(vec![
        cluster("b", "1").with_settle(ms(800)),
        res(EDS, "b", "1"),
        route("r", "2", &["b"]),
    ]);
    bench.ack(CDS);
    bench.wait(ms(700));
    bench.ask(EDS, &["b"]);
    bench.ack(EDS);
    assert_eq!(bench.wait(ms(799)), SILENCE);
    assert_eq!(bench.wait(ms(1)), ["RouteConfiguration r@2"]);
}

#[test]
fn a_cluster_that_was_there_before_needs_no_time() {
    let mut bench = started(Variant::Delta);
    bench.put(vec![by_dns("b", "1")]);
    bench.ack(CDS);
    bench.wait(secs(1));
    assert_eq!(
        bench.put(vec![route("r", "2", &["b"])]),
        ["RouteConfiguration r@2"]
    );
    bench.ack(RDS);
    // nor does a changed one: Envoy goes on with its predecessor until it is warm
    bench.put(vec![by_dns("b", "2"), route("r", "3", &["b"])]);
    assert_eq!(bench.ack(CDS), ["RouteConfiguration r@3"]);
}

#[test]
fn a_cluster_from_an_earlier_stream_needs_no_time() {
    let mut bench = Bench::with(
        Variant::Delta,
        vec![by_dns("b", "1"), route("r", "2", &["b"])],
    );
    bench.resume(CDS, &[], &[("b", "1")]);
    assert_eq!(
        bench.resume(RDS, &["r"], &[("r", "1")]),
        ["RouteConfiguration r@2"]
    );
    bench.reconnect();
    bench.resume(CDS, &[], &[("b", "0")]);
    bench.ack(CDS);
    assert_eq!(
        bench.resume(RDS, &["r"], &[("r", "1")]),
        ["RouteConfiguration r@2"]
    );
}

#[test]
fn a_cluster_that_goes_while_it_settles_is_forgotten() {
    let mut bench = started(Variant::Delta);
    bench.put(vec![by_dns("b", "1")]);
    bench.ack(CDS);
    assert_eq!(bench.remove(&[(CDS, "b")]), ["Cluster -b"]);
    bench.ack(CDS);
    bench.put(vec![by_dns("b", "1"), route("r", "2", &["b"])]);
    bench.ack(CDS);
    assert_eq!(bench.wakes_in(), Some(ms(800)), "it is new again");
}
