//! What a session tells of itself.

use super::bench::*;
use super::order::start;

fn converged(bench: &mut Bench) -> Vec<(u64, usize)> {
    bench.told(|event| match event {
        SessionEvent::Converged { batch, withheld } => Some((batch, withheld)),
        _ => None,
    })
}

#[test]
fn a_batch_is_done_when_all_that_was_wanted_of_it_is_acknowledged() {
    for variant in BOTH {
        let mut bench = Bench::with(variant, vec![cluster("a", "1"), res(EDS, "a", "1")]);
        bench.ask(CDS, &[]);
        assert_eq!(converged(&mut bench), []);
        bench.ack(CDS);
        assert_eq!(converged(&mut bench), [(1, 0)]);
        bench.ask(EDS, &["a"]);
        bench.ack(EDS);
        // a batch that brings nothing this client wants is done at once
        bench.put(vec![res(RDS, "r", "1")]);
        assert_eq!(converged(&mut bench), [(2, 0)]);
        bench.put(vec![cluster("a", "2")]);
        bench.ack(CDS);
        assert_eq!(
            converged(&mut bench),
            [],
            "its endpoints are under way again"
        );
        bench.ack(EDS);
        assert_eq!(converged(&mut bench), [(3, 0)]);
    }
}

#[test]
fn a_batch_is_done_although_a_removal_lingers() {
    let resources = vec![
        res(CDS, "a", "1"),
        res(CDS, "b", "1"),
        route("r", "1", &["a"]),
    ];
    let mut bench = Bench::with(Variant::Delta, resources);
    start(&mut bench, &[], &["r"]);
    let put = |resource| Change::Put(std::sync::Arc::new(resource));
    bench.apply(vec![
        put(route("r", "2", &["b"])),
        Change::Remove(CDS, "a".into()),
    ]);
    assert_eq!(converged(&mut bench), []);
    bench.ack(RDS);
    assert_eq!(converged(&mut bench), [(2, 0)]);
}

#[test]
fn a_batch_is_not_done_while_something_is_kept_back() {
    let mut bench = Bench::with(
        Variant::Delta,
        vec![res(CDS, "a", "1"), route("r", "1", &["a"])],
    );
    start(&mut bench, &[], &["r"]);
    bench.put(vec![
        res(CDS, "b", "1").with_settle(secs(1)),
        route("r", "2", &["b"]),
    ]);
    bench.ack(CDS);
    assert_eq!(converged(&mut bench), []);
    bench.wait(secs(1));
    bench.ack(RDS);
    assert_eq!(converged(&mut bench), [(2, 0)]);
}

#[test]
fn a_batch_with_rejected_content_is_done_with_that_said() {
    let mut bench = Bench::with(
        Variant::Delta,
        vec![res(CDS, "a", "1"), route("r", "1", &["a"])],
    );
    start(&mut bench, &[], &["r"]);
    bench.put(vec![res(CDS, "bad", "1"), route("r", "2", &["bad"])]);
    bench.nack(CDS, "no");
    // the cluster, and the route that stays with its last good version for want of it
    assert_eq!(converged(&mut bench), [(2, 2)]);
}

#[test]
fn acknowledgements_name_what_was_accepted() {
    for variant in BOTH {
        let mut bench = Bench::with(variant, vec![res(CDS, "a", "1"), res(CDS, "b", "1")]);
        bench.ask(CDS, &[]);
        bench.ack(CDS);
        bench.remove(&[(CDS, "a")]);
        bench.ack(CDS);
        let acked = bench.told(|event| match event {
            SessionEvent::Acked {
                resources, removed, ..
            } => Some((resources.len(), removed.len())),
            _ => None,
        });
        assert_eq!(acked, [(2, 0), (0, 1)]);
    }
}

#[test]
fn the_view_tells_what_is_asked_for_held_and_under_way() {
    let mut bench = Bench::with(Variant::Delta, vec![res(CDS, "a", "1"), res(EDS, "a", "1")]);
    bench.ask(CDS, &[]);
    bench.ack(CDS);
    bench.ask(EDS, &["a", "z"]);
    bench.now += ms(30);
    let view = bench.session.view(bench.now);
    assert_eq!(view.len(), 2);
    assert!(view[0].wildcard);
    assert_eq!((view[0].held, view[0].in_flight_ms), (1, None));
    assert_eq!(
        (view[1].subscribed, view[1].held, view[1].in_flight_ms),
        (2, 0, Some(30))
    );
    assert_eq!(bench.session.node().unwrap().client(), "envoy/1.40.0");
}
