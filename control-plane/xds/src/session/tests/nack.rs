//! Rejections whose text names the culprit.

use super::bench::*;
use super::order::start;

fn started(variant: Variant) -> Bench {
    let mut bench = Bench::with(variant, vec![res(CDS, "a", "1"), res(CDS, "b", "1")]);
    start(&mut bench, &[], &[]);
    bench
}

const BAD: &str = "Error adding/updating cluster(s) bad: no such filter";

fn nacks(bench: &mut Bench) -> Vec<(Vec<String>, String)> {
    bench.told(|event| match event {
        SessionEvent::Nacked { names, message, .. } => {
            Some((names.iter().map(ToString::to_string).collect(), message))
        }
        _ => None,
    })
}

#[test]
fn the_good_part_is_sent_again_at_once() {
    for variant in BOTH {
        let mut bench = started(variant);
        let mixed: &str = either(
            variant,
            "Cluster bad@1 good@1",
            "Cluster a@1 b@1 bad@1 good@1",
        );
        assert_eq!(
            bench.put(vec![res(CDS, "good", "1"), res(CDS, "bad", "1")]),
            [mixed]
        );
        let clean: &str = either(variant, "Cluster good@1", "Cluster a@1 b@1 good@1");
        assert_eq!(bench.nack(CDS, BAD), [clean]);
        assert_eq!(bench.ack(CDS), SILENCE);
        assert_eq!(
            nacks(&mut bench),
            [(vec!["bad".to_owned()], BAD.to_owned())]
        );
        assert_eq!(bench.wait(secs(100)), SILENCE);
    }
}

#[test]
fn alone_it_is_the_culprit_whatever_the_text_says() {
    for variant in BOTH {
        for url in [CDS, LDS, RDS, EDS, SDS] {
            let mut bench = Bench::new(variant);
            let first = bench.ask(url, &["x"]);
            bench.settle_all(first);
            bench.put(vec![res(url, "x", "1")]);
            assert_eq!(bench.nack(url, "something is wrong"), SILENCE);
            assert_eq!(nacks(&mut bench)[0].0, ["x"]);
            let view = bench.session.view(bench.now);
            assert_eq!(view[0].withheld, ["x".into()]);
            assert_eq!(
                view[0].last_nack.as_ref().unwrap().message,
                "something is wrong"
            );
        }
    }
}

#[test]
fn what_was_good_before_stays_as_it_was() {
    for variant in BOTH {
        let mut bench = started(variant);
        bench.put(vec![res(CDS, "a", "2")]);
        assert_eq!(bench.nack(CDS, "no"), SILENCE);
        // in full sets it goes on in its last good version
        let next: &str = either(variant, "Cluster b@2", "Cluster a@1 b@2");
        assert_eq!(bench.put(vec![res(CDS, "b", "2")]), [next]);
        assert_eq!(bench.ack(CDS), SILENCE);
        let accepted = bench.session.accepted(super::subscribe::index(CDS), "a");
        assert_eq!(accepted.unwrap().as_ref(), "1");
    }
}

#[test]
fn a_new_version_is_tried_and_the_old_one_is_not_needed_for_it() {
    for variant in BOTH {
        let mut bench = started(variant);
        bench.put(vec![res(CDS, "a", "2")]);
        bench.nack(CDS, "no");
        assert_eq!(
            bench.put(vec![res(CDS, "a", "2")]),
            SILENCE,
            "the same again"
        );
        let next: &str = either(variant, "Cluster a@3", "Cluster a@3 b@1");
        assert_eq!(bench.put(vec![res(CDS, "a", "3")]), [next]);
        assert_eq!(bench.ack(CDS), SILENCE);
        assert!(bench.session.view(bench.now)[0].withheld.is_empty());
    }
}

#[test]
fn going_back_to_the_last_good_version_costs_nothing() {
    for variant in BOTH {
        let mut bench = started(variant);
        bench.put(vec![res(CDS, "a", "2")]);
        bench.nack(CDS, "no");
        assert_eq!(bench.put(vec![res(CDS, "a", "1")]), SILENCE);
        assert!(bench.session.view(bench.now)[0].withheld.is_empty());
    }
}

#[test]
fn several_culprits_of_one_response() {
    for variant in BOTH {
        let mut bench = started(variant);
        bench.put(
            ["x", "y", "z"]
                .iter()
                .map(|name| res(CDS, name, "1"))
                .collect(),
        );
        let text = "Error adding/updating cluster(s) x: why, z: why not";
        let clean: &str = either(variant, "Cluster y@1", "Cluster a@1 b@1 y@1");
        assert_eq!(bench.nack(CDS, text), [clean]);
        assert_eq!(nacks(&mut bench)[0].0, ["x", "z"]);
    }
}

#[test]
fn culprits_that_come_to_light_one_by_one() {
    let mut bench = started(Variant::Delta);
    bench.put(
        ["x", "y", "z"]
            .iter()
            .map(|name| res(CDS, name, "1"))
            .collect(),
    );
    assert_eq!(
        bench.nack(CDS, "Error adding/updating cluster(s) x: why"),
        ["Cluster y@1 z@1"]
    );
    assert_eq!(
        bench.nack(CDS, "Error adding/updating cluster(s) y: why"),
        ["Cluster z@1"]
    );
    assert_eq!(bench.ack(CDS), SILENCE);
}

#[test]
fn a_listener_is_found_by_its_name() {
    let mut bench = Bench::with(
        Variant::Delta,
        vec![res(LDS, "la", "1"), res(LDS, "lb", "1")],
    );
    bench.ask(LDS, &[]);
    assert_eq!(
        bench.nack(LDS, "Error adding/updating listener(s) lb: address in use"),
        ["Listener la@1"]
    );
}

#[test]
fn the_ghost_of_a_good_resource_is_removed_by_name() {
    // Envoy uses `good` without having recorded it, and it goes before it could be sent cleanly
    let mut bench = started(Variant::Delta);
    bench.put(vec![res(CDS, "good", "1"), res(CDS, "bad", "1")]);
    let contents = &mut bench.contents;
    let dirty = contents.apply(vec![Change::Remove(CDS, "good".into())], 99);
    bench
        .session
        .note(dirty, View::new(&bench.contents, None, 0));
    assert_eq!(bench.nack(CDS, BAD), ["Cluster -good"]);
    assert_eq!(bench.ack(CDS), SILENCE);
    assert_eq!(bench.wait(secs(10)), SILENCE);
}

#[test]
fn the_ghost_of_a_change_is_undone_by_name() {
    // `a` is back at version 1, which the client acknowledged once, but it uses version 2
    let mut bench = started(Variant::Delta);
    bench.put(vec![res(CDS, "a", "2"), res(CDS, "bad", "1")]);
    let dirty = bench.contents.apply(
        vec![Change::Put(std::sync::Arc::new(res(CDS, "a", "1")))],
        99,
    );
    bench
        .session
        .note(dirty, View::new(&bench.contents, None, 0));
    assert_eq!(bench.nack(CDS, BAD), ["Cluster a@1"]);
    assert_eq!(bench.ack(CDS), SILENCE);
}

#[test]
fn the_ghost_of_a_route_keeps_its_cluster() {
    let mut bench = Bench::with(
        Variant::Delta,
        vec![
            res(CDS, "a", "1"),
            res(CDS, "b", "1"),
            route("r", "1", &["a"]),
            route("s", "1", &["a"]),
        ],
    );
    start(&mut bench, &[], &["r", "s"]);
    bench.put(vec![route("r", "2", &["b"]), route("s", "2", &["a"])]);
    // the client may use `b` by way of the good route of a rejected response
    bench.nack(RDS, "[resource index 1: s: INVALID_ARGUMENT]");
    bench.put(vec![route("r", "3", &["a"])]);
    assert_eq!(bench.remove(&[(CDS, "b")]), SILENCE);
    assert_eq!(bench.ack(RDS), ["RouteConfiguration r@3"]);
    assert_eq!(bench.ack(RDS), SILENCE);
    assert_eq!(bench.wait(secs(2)), ["Cluster -b"]);
}

#[test]
fn removals_of_a_rejected_response_are_repeated() {
    let mut bench = started(Variant::Delta);
    let put = |resource| Change::Put(std::sync::Arc::new(resource));
    bench.apply(vec![
        put(res(CDS, "good", "1")),
        put(res(CDS, "bad", "1")),
        Change::Remove(CDS, "b".into()),
    ]);
    assert_eq!(bench.nack(CDS, BAD), ["Cluster good@1 -b"]);
    assert_eq!(bench.ack(CDS), SILENCE);
    assert_eq!(
        bench.session.accepted(super::subscribe::index(CDS), "b"),
        None
    );
}

#[test]
fn a_rejected_removal_is_not_repeated() {
    let mut bench = started(Variant::Delta);
    bench.remove(&[(CDS, "b")]);
    assert_eq!(bench.nack(CDS, "I will not"), SILENCE);
    assert_eq!(bench.wait(secs(60)), SILENCE);
}

#[test]
fn a_changed_poison_replaces_the_rejected_one_in_the_clean_response() {
    let mut bench = started(Variant::Delta);
    bench.put(vec![res(CDS, "good", "1"), res(CDS, "bad", "1")]);
    bench.put(vec![res(CDS, "bad", "2")]);
    assert_eq!(bench.nack(CDS, BAD), ["Cluster bad@2 good@1"]);
    assert_eq!(bench.ack(CDS), SILENCE);
}

#[test]
fn texts_are_bounded_and_harmless() {
    let mut bench = started(Variant::Delta);
    bench.put(vec![res(CDS, "a", "2")]);
    let text = format!("\u{1b}[31mred\r\nline {}", "x".repeat(100_000));
    bench.nack(CDS, &text);
    let (_, message) = nacks(&mut bench).remove(0);
    assert!(message.len() <= 1_024);
    assert!(message.starts_with("\\u{1b}[31mred\\r\\nline x"));
}

#[test]
fn asking_again_for_what_is_rejected_brings_the_last_good() {
    let mut bench = Bench::with(Variant::Delta, vec![res(RDS, "r", "1")]);
    bench.ask(RDS, &["r"]);
    bench.ack(RDS);
    bench.put(vec![res(RDS, "r", "2")]);
    bench.nack(RDS, "no");
    assert_eq!(bench.ask(RDS, &["r"]), ["RouteConfiguration r@1"]);
    bench.ack(RDS);
    // and nothing where there never was a good one
    let mut bench = Bench::with(Variant::Delta, vec![res(RDS, "r", "1")]);
    bench.ask(RDS, &["r"]);
    bench.nack(RDS, "no");
    assert_eq!(bench.ask(RDS, &["r"]), SILENCE);
}

#[test]
fn a_client_that_rejects_everything_is_sent_everything_once() {
    for variant in BOTH {
        let mut bench = Bench::with(
            variant,
            (0..32)
                .map(|n| res(CDS, &format!("c{n:02}"), "1"))
                .collect(),
        );
        let mut sent = bench.ask(CDS, &[]).len();
        for _ in 0..1_000 {
            let of = super::subscribe::index(CDS);
            if bench.session.types[of.slot()].in_flight.is_none() {
                break;
            }
            sent += bench.nack(CDS, "no").len();
        }
        assert!(sent < 2 * 32, "{sent} responses");
        assert_eq!(bench.wait(secs(500)), SILENCE);
        assert_eq!(bench.session.view(bench.now)[0].withheld.len(), 32);
    }
}
