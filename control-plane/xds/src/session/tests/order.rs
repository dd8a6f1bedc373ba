//! What is sent before what.

use super::bench::*;

/// Two services behind one route table behind one listener.
fn world(version: &str) -> Vec<Resource> {
    vec![
        res(LDS, "l", version),
        route("r", version, &["c1", "c2"]),
        cluster("c1", version),
        cluster("c2", version),
        res(EDS, "c1", version),
        res(EDS, "c2", version),
        res(SDS, "cert", version),
    ]
}

/// As Envoy starts: clusters, their endpoints, listeners, routes, secrets.
pub(super) fn start(bench: &mut Bench, endpoints: &[&str], routes: &[&str]) {
    let first = bench.ask(CDS, &[]);
    bench.settle_all(first);
    if !endpoints.is_empty() {
        let first = bench.ask(EDS, endpoints);
        bench.settle_all(first);
    }
    let first = bench.ask(LDS, &[]);
    bench.settle_all(first);
    if !routes.is_empty() {
        let first = bench.ask(RDS, routes);
        bench.settle_all(first);
    }
    bench.events.clear();
}

#[test]
fn a_client_that_starts_is_never_kept_waiting() {
    for variant in BOTH {
        let mut bench = Bench::with(variant, world("1"));
        assert_eq!(bench.ask(CDS, &[]), ["Cluster c1@1 c2@1"]);
        assert_eq!(bench.ack(CDS), SILENCE);
        assert_eq!(
            bench.ask(EDS, &["c1", "c2"]),
            ["ClusterLoadAssignment c1@1 c2@1"]
        );
        assert_eq!(bench.ack(EDS), SILENCE);
        assert_eq!(bench.ask(LDS, &[]), ["Listener l@1"]);
        assert_eq!(bench.ack(LDS), SILENCE);
        assert_eq!(bench.ask(RDS, &["r"]), ["RouteConfiguration r@1"]);
        assert_eq!(bench.ask(SDS, &["cert"]), ["Secret cert@1"]);
        assert_eq!(
            bench.told(|e| matches!(e, SessionEvent::Held { .. }).then_some(())),
            []
        );
    }
}

#[test]
fn one_change_of_everything_goes_in_order() {
    for variant in BOTH {
        let mut bench = Bench::with(variant, world("1"));
        start(&mut bench, &["c1", "c2"], &["r"]);
        let first = bench.ask(SDS, &["cert"]);
        bench.settle_all(first);
        let sent = bench.put(world("2"));
        assert_eq!(
            sent,
            [
                "Cluster c1@2 c2@2",
                "ClusterLoadAssignment c1@2 c2@2",
                "Secret cert@2",
                "Listener l@2",
            ]
        );
        assert_eq!(bench.ack(EDS), SILENCE);
        assert_eq!(bench.ack(CDS), ["RouteConfiguration r@2"]);
    }
}

#[test]
fn what_only_removes_goes_last_and_in_reverse() {
    let mut bench = Bench::with(
        Variant::Delta,
        vec![
            res(CDS, "a", "1"),
            res(EDS, "a", "1"),
            res(LDS, "a", "1"),
            res(RDS, "a", "1"),
        ],
    );
    start(&mut bench, &["a"], &["a"]);
    let sent = bench.apply(vec![
        Change::Remove(CDS, "a".into()),
        Change::Remove(EDS, "a".into()),
        Change::Remove(LDS, "a".into()),
        Change::Put(std::sync::Arc::new(res(RDS, "a", "2"))),
    ]);
    assert_eq!(
        sent,
        [
            "RouteConfiguration a@2",
            "Listener -a",
            "ClusterLoadAssignment -a",
            "Cluster -a"
        ]
    );
}

#[test]
fn a_listener_makes_room_for_its_successor_in_one_response() {
    // Envoy takes removals first there; in two responses, the address would still be in use
    let mut bench = Bench::with(Variant::Delta, vec![res(LDS, "old", "1")]);
    start(&mut bench, &[], &[]);
    let sent = bench.apply(vec![
        Change::Remove(LDS, "old".into()),
        Change::Put(std::sync::Arc::new(res(LDS, "new", "1"))),
    ]);
    assert_eq!(sent, ["Listener new@1 -old"]);
}

#[test]
fn the_order_is_that_of_the_table() {
    let table = TypeTable::new([TypeSpec::named(RDS), TypeSpec::whole(CDS)]);
    let mut contents = Contents::new(table.clone());
    contents.replace(vec![], 1);
    let bench = Bench::new(Variant::Delta);
    let mut session = Session::new(
        Variant::Delta,
        Scope::new("s"),
        table,
        bench.settings.clone(),
        bench.quarantine.clone(),
        bench.now,
    );
    for url in [CDS, RDS] {
        let ask = delta(&["x"], &[], &[]);
        let request = Request {
            type_url: url.as_str().into(),
            ask,
            ..Request::default()
        };
        session
            .request(request, View::new(&contents, None, 0), bench.now)
            .unwrap();
    }
    for nonce in ["1", "2"] {
        for url in [CDS, RDS] {
            let request = Request {
                type_url: url.as_str().into(),
                nonce: nonce.into(),
                ..Request::default()
            };
            session
                .request(request, View::new(&contents, None, 0), bench.now)
                .unwrap();
        }
    }
    let put = |url| Change::Put(std::sync::Arc::new(res(url, "x", "1")));
    let dirty = contents.apply(vec![put(CDS), put(RDS)], 2);
    session.note(dirty, View::new(&contents, None, 0));
    let output = session.tick(View::new(&contents, None, 0), bench.now);
    let order: Vec<&str> = output.responses.iter().map(|r| &*r.type_url).collect();
    assert_eq!(order, [RDS.as_str(), CDS.as_str()]);
}
