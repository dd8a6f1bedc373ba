//! Rejections whose text tells nothing: the culprit is found by halves.

use std::collections::BTreeSet;

use super::bench::*;
use super::subscribe::index;

/// A client that rejects whatever holds a poison, and does not say why. Returns how many responses it took.
fn find(bench: &mut Bench, url: TypeUrl, poison: &BTreeSet<String>) -> usize {
    let mut responses = 0;
    while bench.session.types[index(url).slot()].in_flight.is_some() {
        responses += 1;
        assert!(responses < 500, "no end of it");
        let response = bench.newest_response(url);
        let bad = response
            .resources
            .iter()
            .any(|r| poison.contains(&format!("{}@{}", r.name(), r.version())));
        if bad {
            bench.nack(url, "rejected for reasons of our own");
        } else {
            bench.ack(url);
        }
    }
    responses
}

fn poison(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(ToString::to_string).collect()
}

#[test]
fn one_among_many() {
    for variant in BOTH {
        for culprit in 0..20 {
            let mut bench = Bench::with(
                variant,
                (0..20)
                    .map(|n| res(CDS, &format!("c{n:02}"), "1"))
                    .collect(),
            );
            bench.ask(CDS, &[]);
            let name = format!("c{culprit:02}");
            let responses = find(&mut bench, CDS, &poison(&[&format!("{name}@1")]));
            assert!(
                responses <= 12,
                "{responses} responses to find one of twenty"
            );
            let view = &bench.session.view(bench.now)[0];
            assert_eq!(view.withheld, [name.into()]);
            assert_eq!(view.held, 19);
            assert_eq!(view.pending, 0);
        }
    }
}

#[test]
fn several_among_many() {
    for variant in BOTH {
        for url in [CDS, EDS] {
            let names: Vec<String> = (0..16).map(|n| format!("c{n:02}")).collect();
            let refs: Vec<&str> = names.iter().map(String::as_str).collect();
            let resources = names.iter().map(|name| res(url, name, "1")).collect();
            let mut bench = Bench::with(variant, resources);
            bench.ask(url, &refs);
            find(&mut bench, url, &poison(&["c00@1", "c07@1", "c15@1"]));
            let view = &bench.session.view(bench.now)[0];
            assert_eq!(view.withheld, ["c00".into(), "c07".into(), "c15".into()]);
            assert_eq!(view.held, 13);
        }
    }
}

#[test]
fn changes_meanwhile_wait_and_then_go() {
    let mut bench = Bench::with(
        Variant::Delta,
        (0..8).map(|n| res(CDS, &format!("c{n}"), "1")).collect(),
    );
    bench.ask(CDS, &[]);
    assert_eq!(bench.nack(CDS, "no"), ["Cluster c0@1 c1@1 c2@1 c3@1"]);
    assert_eq!(
        bench.put(vec![res(CDS, "new", "1"), res(CDS, "c1", "2")]),
        SILENCE
    );
    find(&mut bench, CDS, &poison(&["c6@1"]));
    let view = &bench.session.view(bench.now)[0];
    assert_eq!(view.withheld, ["c6".into()]);
    assert_eq!(view.held, 8);
    assert_eq!(
        bench.session.accepted(index(CDS), "c1").unwrap().as_ref(),
        "2"
    );
    assert_eq!(
        bench.session.accepted(index(CDS), "new").unwrap().as_ref(),
        "1"
    );
}

#[test]
fn a_culprit_that_is_mended_meanwhile() {
    let mut bench = Bench::with(
        Variant::Delta,
        (0..8).map(|n| res(CDS, &format!("c{n}"), "1")).collect(),
    );
    bench.ask(CDS, &[]);
    bench.nack(CDS, "no");
    bench.put(vec![res(CDS, "c6", "2")]);
    find(&mut bench, CDS, &poison(&["c6@1"]));
    let view = &bench.session.view(bench.now)[0];
    assert!(view.withheld.is_empty());
    assert_eq!(view.held, 8);
}

#[test]
fn a_suspect_that_goes_meanwhile() {
    let mut bench = Bench::with(
        Variant::Delta,
        (0..4).map(|n| res(CDS, &format!("c{n}"), "1")).collect(),
    );
    bench.ask(CDS, &[]);
    bench.nack(CDS, "no");
    bench.remove(&[(CDS, "c2"), (CDS, "c3")]);
    find(&mut bench, CDS, &poison(&["c3@1"]));
    let view = &bench.session.view(bench.now)[0];
    assert!(view.withheld.is_empty());
    assert_eq!((view.held, view.pending), (2, 0));
}

#[test]
fn last_good_versions_stay_in_full_sets_during_the_search() {
    let names = ["a", "b", "c", "d"];
    let mut bench = Bench::with(
        Variant::Sotw,
        names.iter().map(|name| res(CDS, name, "1")).collect(),
    );
    bench.ask(CDS, &[]);
    bench.ack(CDS);
    bench.put(names.iter().map(|name| res(CDS, name, "2")).collect());
    assert_eq!(bench.nack(CDS, "no"), ["Cluster a@2 b@2 c@1 d@1"]);
    assert_eq!(bench.ack(CDS), ["Cluster a@2 b@2 c@2 d@2"]);
    assert_eq!(bench.nack(CDS, "no"), ["Cluster a@2 b@2 c@2 d@1"]);
    assert_eq!(bench.nack(CDS, "no"), ["Cluster a@2 b@2 c@1 d@2"]);
    assert_eq!(bench.ack(CDS), SILENCE);
}
