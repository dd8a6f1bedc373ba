//! Make before break: routes wait for what they name.

use super::bench::*;
use super::order::start;

/// A client that holds route `r` to cluster `a`, all accepted.
fn started(variant: Variant) -> Bench {
    started_with(variant, SessionSettings::default())
}

fn started_with(variant: Variant, settings: SessionSettings) -> Bench {
    let resources = vec![
        cluster("a", "1"),
        res(EDS, "a", "1"),
        res(LDS, "l", "1"),
        route("r", "1", &["a"]),
    ];
    let mut bench = Bench::set_up(variant, settings, resources);
    start(&mut bench, &["a"], &["r"]);
    bench
}

fn held(bench: &mut Bench) -> Vec<(String, bool)> {
    bench.told(|event| match event {
        SessionEvent::Held {
            name,
            waits_for,
            rejected,
            ..
        } => {
            let on: Vec<String> = waits_for
                .iter()
                .map(|(url, name)| format!("{url}/{name}"))
                .collect();
            Some((format!("{name} <- {}", on.join(" ")), rejected))
        }
        _ => None,
    })
}

fn expired(bench: &mut Bench) -> usize {
    bench
        .told(|event| matches!(event, SessionEvent::HoldExpired { .. }).then_some(()))
        .len()
}

#[test]
fn a_route_waits_for_its_new_cluster_and_its_endpoints() {
    for variant in BOTH {
        let mut bench = started(variant);
        let both: &str = either(variant, "Cluster b@1", "Cluster a@1 b@1");
        let sent = bench.put(vec![
            cluster("b", "1"),
            res(EDS, "b", "1"),
            route("r", "2", &["b"]),
        ]);
        assert_eq!(sent, [both]);
        assert_eq!(held(&mut bench), [("r <- Cluster/b".into(), false)]);
        // the cluster alone is not enough
        assert_eq!(bench.ack(CDS), SILENCE);
        let view = bench.session.view(bench.now);
        let routes = view.iter().find(|view| view.type_url == RDS).unwrap();
        assert_eq!(&*routes.held_back[0].name, "r");
        assert_eq!(
            routes.held_back[0].waits_for,
            ["ClusterLoadAssignment/b: not acknowledged"]
        );
        // Envoy asks for the endpoints once it has seen the cluster
        assert_eq!(bench.ask(EDS, &["b"]), ["ClusterLoadAssignment b@1"]);
        assert_eq!(bench.ack(EDS), ["RouteConfiguration r@2"]);
        bench.ack(RDS);
        assert_eq!(expired(&mut bench), 0);
    }
}

#[test]
fn a_cluster_that_comes_later_than_its_route_is_waited_for() {
    let mut bench = started(Variant::Delta);
    assert_eq!(bench.put(vec![route("r", "2", &["a", "b"])]), SILENCE);
    assert_eq!(
        bench.put(vec![cluster("b", "1"), res(EDS, "b", "1")]),
        ["Cluster b@1"]
    );
    bench.ack(CDS);
    bench.ask(EDS, &["b"]);
    assert_eq!(bench.ack(EDS), ["RouteConfiguration r@2"]);
}

#[test]
fn secrets_of_a_cluster_count_too() {
    let mut bench = started(Variant::Delta);
    let tls = res(CDS, "b", "1").with_requires(keys(&[(EDS, "b"), (SDS, "cert")]));
    bench.put(vec![
        tls,
        res(EDS, "b", "1"),
        res(SDS, "cert", "1"),
        route("r", "2", &["b"]),
    ]);
    bench.ack(CDS);
    bench.ask(EDS, &["b"]);
    assert_eq!(bench.ack(EDS), SILENCE);
    assert_eq!(bench.ask(SDS, &["cert"]), ["Secret cert@1"]);
    assert_eq!(bench.ack(SDS), ["RouteConfiguration r@2"]);
}

#[test]
fn what_is_ready_already_holds_nothing() {
    for variant in BOTH {
        let mut bench = started(variant);
        assert_eq!(
            bench.put(vec![route("r", "2", &["a"])]),
            ["RouteConfiguration r@2"]
        );
        bench.ack(RDS);
        // endpoints come and go without holding a route that does not change
        assert_eq!(
            bench.put(vec![res(EDS, "a", "2")]),
            ["ClusterLoadAssignment a@2"]
        );
    }
}

#[test]
fn a_changed_cluster_is_accepted_before_the_route_that_changed_with_it() {
    for variant in BOTH {
        let mut bench = started(variant);
        let sent = bench.put(vec![cluster("a", "2"), route("r", "2", &["a"])]);
        // the cluster touches its endpoints: it is warm only when they have come again
        assert_eq!(sent, ["Cluster a@2", "ClusterLoadAssignment a@1"]);
        assert_eq!(bench.ack(CDS), SILENCE);
        assert_eq!(bench.ack(EDS), ["RouteConfiguration r@2"]);
    }
}

#[test]
fn endpoints_that_never_rest_do_not_hold_a_route() {
    let mut bench = started(Variant::Delta);
    bench.put(vec![res(EDS, "a", "2")]);
    // a route that changes while endpoints are under way waits for these or newer ones, no longer
    assert_eq!(bench.put(vec![route("r", "2", &["a"])]), SILENCE);
    bench.put(vec![res(EDS, "a", "3")]);
    // sent before the route was known: not as new as it
    assert_eq!(bench.ack(EDS), ["ClusterLoadAssignment a@3"]);
    bench.put(vec![res(EDS, "a", "4")]);
    assert_eq!(
        bench.ack(EDS),
        ["ClusterLoadAssignment a@4", "RouteConfiguration r@2"]
    );
}

#[test]
fn a_hold_ends_in_time() {
    for variant in BOTH {
        let mut bench = started(variant);
        bench.put(vec![
            cluster("b", "1"),
            res(EDS, "b", "1"),
            route("r", "2", &["b"]),
        ]);
        bench.wait(ms(4_000));
        assert_eq!(bench.wakes_in(), Some(ms(1_000)));
        assert_eq!(bench.wait(ms(1_000)), ["RouteConfiguration r@2"]);
        assert_eq!(expired(&mut bench), 1);
    }
}

#[test]
fn each_requirement_has_its_own_time() {
    let mut bench = started(Variant::Delta);
    bench.put(vec![cluster("b", "1"), route("r", "2", &["b"])]);
    bench.ack(CDS);
    bench.wait(secs(4));
    // one more requirement, in a newer version: its clock starts now, the first's goes on
    bench.put(vec![cluster("c", "1"), route("r", "3", &["b", "c"])]);
    assert_eq!(bench.wait(secs(2)), SILENCE);
    assert_eq!(bench.wakes_in(), Some(secs(3)));
    assert_eq!(bench.wait(secs(3)), ["RouteConfiguration r@3"]);
    assert_eq!(expired(&mut bench), 1);
}

#[test]
fn the_newest_version_is_sent_when_the_wait_is_over() {
    let mut bench = started(Variant::Delta);
    bench.put(vec![
        cluster("b", "1"),
        res(EDS, "b", "1"),
        route("r", "2", &["b"]),
    ]);
    bench.put(vec![route("r", "3", &["b"])]);
    bench.ack(CDS);
    bench.ask(EDS, &["b"]);
    assert_eq!(bench.ack(EDS), ["RouteConfiguration r@3"]);
}

#[test]
fn a_hold_ends_when_the_need_is_gone() {
    let mut bench = started(Variant::Delta);
    bench.put(vec![cluster("b", "1"), route("r", "2", &["b"])]);
    assert_eq!(
        bench.put(vec![route("r", "1", &["a"])]),
        SILENCE,
        "back to what the client has"
    );
    bench.put(vec![route("r", "2", &["b"])]);
    assert_eq!(
        bench.put(vec![route("r", "3", &["a"])]),
        ["RouteConfiguration r@3"]
    );
}

#[test]
fn a_route_asked_for_while_held_is_answered_once_ready() {
    for variant in BOTH {
        let mut bench = started(variant);
        bench.put(vec![
            cluster("b", "1"),
            res(EDS, "b", "1"),
            route("new", "1", &["b"]),
        ]);
        assert_eq!(bench.ask(RDS, &["new"]), SILENCE);
        bench.ack(CDS);
        bench.ask(EDS, &["b"]);
        assert_eq!(bench.ack(EDS), ["RouteConfiguration new@1"]);
    }
}

#[test]
fn listeners_are_held_like_routes() {
    for variant in BOTH {
        let mut bench = started(variant);
        let tcp = res(LDS, "tcp", "1").with_requires(keys(&[(CDS, "db")]));
        let clusters: &str = either(variant, "Cluster db@1", "Cluster a@1 db@1");
        assert_eq!(bench.put(vec![tcp, res(CDS, "db", "1")]), [clusters]);
        // others of its type go on
        let others: &str = either(variant, "Listener m@1", "Listener l@1 m@1");
        assert_eq!(bench.put(vec![res(LDS, "m", "1")]), [others]);
        bench.ack(LDS);
        let listener: &str = either(variant, "Listener tcp@1", "Listener l@1 m@1 tcp@1");
        assert_eq!(bench.ack(CDS), [listener]);
    }
}

#[test]
fn a_changed_listener_stays_as_it_was_while_held() {
    let mut bench = started(Variant::Sotw);
    let changed = res(LDS, "l", "2").with_requires(keys(&[(CDS, "db")]));
    bench.put(vec![changed, res(CDS, "db", "1")]);
    // another listener changes: the full set carries the held one in its old version
    assert_eq!(bench.put(vec![res(LDS, "m", "1")]), ["Listener l@1 m@1"]);
    bench.ack(LDS);
    assert_eq!(bench.ack(CDS), ["Listener l@2 m@1"]);
}

#[test]
fn clusters_of_clusters() {
    for variant in BOTH {
        let mut bench = started(variant);
        let aggregate = res(CDS, "all", "1").with_requires(keys(&[(CDS, "a"), (CDS, "b")]));
        let resources = vec![
            aggregate,
            cluster("b", "1"),
            res(EDS, "b", "1"),
            route("r", "2", &["all"]),
        ];
        let first: &str = either(variant, "Cluster b@1", "Cluster a@1 b@1");
        assert_eq!(bench.put(resources), [first]);
        assert_eq!(bench.ack(CDS), SILENCE);
        bench.ask(EDS, &["b"]);
        let second: &str = either(variant, "Cluster all@1", "Cluster a@1 all@1 b@1");
        assert_eq!(bench.ack(EDS), [second]);
        assert_eq!(bench.ack(CDS), ["RouteConfiguration r@2"]);
    }
}

#[test]
fn a_circle_of_requirements_ends_in_time_like_any_other() {
    let mut bench = started(Variant::Delta);
    let x = res(CDS, "x", "1").with_requires(keys(&[(CDS, "y"), (CDS, "x")]));
    let y = res(CDS, "y", "1").with_requires(keys(&[(CDS, "x")]));
    assert_eq!(bench.put(vec![x, y]), SILENCE);
    assert_eq!(bench.wait(secs(5)), ["Cluster x@1 y@1"]);
}

#[test]
fn who_names_clusters_is_not_held() {
    // gRPC clients ask for each cluster by name, after they have seen the route
    for variant in BOTH {
        let mut bench = Bench::with(
            variant,
            vec![
                cluster("a", "1"),
                res(EDS, "a", "1"),
                route("r", "1", &["a"]),
            ],
        );
        assert_eq!(bench.ask(RDS, &["r"]), ["RouteConfiguration r@1"]);
        bench.ack(RDS);
        assert_eq!(bench.ask(CDS, &["a"]), ["Cluster a@1"]);
        bench.ack(CDS);
        assert_eq!(
            bench.put(vec![cluster("b", "1"), route("r", "2", &["b"])]),
            ["RouteConfiguration r@2"]
        );
    }
}

#[test]
fn requirements_of_types_not_served_hold_nothing() {
    let mut bench = started(Variant::Delta);
    let odd = TypeUrl::new("type.googleapis.com/example.Odd");
    assert_eq!(
        bench.put(vec![res(RDS, "r", "2").with_requires(keys(&[(odd, "x")]))]),
        ["RouteConfiguration r@2"]
    );
}

#[test]
fn a_rejected_requirement_keeps_the_route_at_its_last_good() {
    for variant in BOTH {
        let mut bench = started(variant);
        bench.put(vec![
            cluster("bad", "1"),
            res(EDS, "bad", "1"),
            route("r", "2", &["bad"]),
        ]);
        bench.nack(CDS, "Error adding/updating cluster(s) bad: no");
        assert_eq!(
            held(&mut bench).last().unwrap(),
            &("r <- Cluster/bad".to_owned(), true)
        );
        assert_eq!(bench.wait(secs(60)), SILENCE);
        assert_eq!(
            bench
                .session
                .accepted(super::subscribe::index(RDS), "r")
                .unwrap()
                .as_ref(),
            "1"
        );
        // a better cluster ends it
        let all: &str = either(variant, "Cluster bad@2", "Cluster a@1 bad@2");
        assert_eq!(bench.put(vec![cluster("bad", "2")]), [all]);
        bench.ack(CDS);
        bench.ask(EDS, &["bad"]);
        assert_eq!(bench.ack(EDS), ["RouteConfiguration r@2"]);
    }
}

#[test]
fn a_rejected_requirement_may_be_given_a_limit() {
    let settings = SessionSettings {
        rejected_hold_limit: Some(secs(30)),
        ..SessionSettings::default()
    };
    let mut bench = started_with(Variant::Delta, settings);
    bench.put(vec![cluster("bad", "1"), route("r", "2", &["bad"])]);
    bench.nack(CDS, "no");
    assert_eq!(bench.wait(secs(29)), SILENCE);
    assert_eq!(bench.wait(secs(1)), ["RouteConfiguration r@2"]);
    assert_eq!(expired(&mut bench), 1);
}

#[test]
fn a_new_route_does_not_wait_for_ever_for_what_was_rejected() {
    // there is no last good one to stay with, and its other routes are of use
    let mut bench = started(Variant::Delta);
    bench.put(vec![cluster("bad", "1"), route("new", "1", &["a", "bad"])]);
    bench.ask(RDS, &["new"]);
    bench.nack(CDS, "no");
    assert_eq!(bench.wait(secs(5)), ["RouteConfiguration new@1"]);
}

#[test]
fn a_rejected_change_of_a_cluster_holds_nothing() {
    // the client goes on with the cluster it has, and routes may name it
    let mut bench = started(Variant::Delta);
    bench.put(vec![cluster("a", "2")]);
    bench.ack(EDS);
    bench.nack(CDS, "no");
    assert_eq!(
        bench.put(vec![route("r", "2", &["a"])]),
        ["RouteConfiguration r@2"]
    );
}
