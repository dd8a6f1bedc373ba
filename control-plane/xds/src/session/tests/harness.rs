//! The eighteen scenarios of the public xDS conformance harness (9 on subscribing, 3 on unsubscribing, 6 on delta), in
//! our own words, with the same tables of types and names. Each ends as theirs do: the acknowledgement draws no answer,
//! and nothing more comes of itself.

use super::bench::*;

fn all(url: TypeUrl, names: &[&str], version: &str) -> Vec<Resource> {
    names.iter().map(|name| res(url, name, version)).collect()
}

fn shown(url: TypeUrl, names: &[(&str, &str)]) -> String {
    let mut names: Vec<String> = names
        .iter()
        .map(|(name, version)| format!(" {name}@{version}"))
        .collect();
    names.sort();
    format!("{url}{}", names.concat())
}

fn ones(url: TypeUrl, names: &[&str]) -> String {
    shown(
        url,
        &names.iter().map(|name| (*name, "1")).collect::<Vec<_>>(),
    )
}

fn closes(bench: &mut Bench, url: TypeUrl) {
    assert_eq!(bench.ack(url), SILENCE);
    assert_eq!(bench.wait(secs(10)), SILENCE);
}

// === subscribing ===

#[test]
fn subscribe_1_all_resources_come_on_a_wildcard_request() {
    for (url, names) in [(CDS, ["A", "B", "C"]), (LDS, ["D", "E", "F"])] {
        let mut bench = Bench::with(Variant::Sotw, all(url, &names, "1"));
        assert_eq!(bench.ask(url, &[]), [ones(url, &names)]);
        closes(&mut bench, url);
    }
}

#[test]
fn subscribe_2_a_wildcard_hears_of_changes() {
    for (url, names) in [(CDS, ["A", "B", "C"]), (LDS, ["D", "E", "F"])] {
        let mut bench = Bench::with(Variant::Sotw, all(url, &names, "1"));
        bench.ask(url, &[]);
        bench.ack(url);
        let [a, b, c] = names;
        assert_eq!(
            bench.put(vec![res(url, a, "2")]),
            [shown(url, &[(a, "2"), (b, "1"), (c, "1")])]
        );
        closes(&mut bench, url);
    }
}

#[test]
fn subscribe_3_a_wildcard_hears_of_additions() {
    for (url, names, new) in [(CDS, ["A", "B", "C"], "D"), (LDS, ["D", "E", "F"], "G")] {
        let mut bench = Bench::with(Variant::Sotw, all(url, &names, "1"));
        bench.ask(url, &[]);
        bench.ack(url);
        let [a, b, c] = names;
        let expected = shown(url, &[(a, "1"), (b, "1"), (c, "1"), (new, "2")]);
        assert_eq!(bench.put(vec![res(url, new, "2")]), [expected]);
        closes(&mut bench, url);
    }
}

const SUBSETS: [(TypeUrl, &[&str], &[&str]); 4] = [
    (CDS, &["A", "B", "C", "D"], &["B", "D"]),
    (LDS, &["G", "B", "L", "D"], &["L", "G"]),
    (RDS, &["A", "B"], &["A", "B"]),
    (EDS, &["A", "B"], &["A", "B"]),
];

#[test]
fn subscribe_4_names_bring_only_what_they_name() {
    for (url, there, wanted) in SUBSETS {
        let mut bench = Bench::with(Variant::Sotw, all(url, there, "1"));
        assert_eq!(bench.ask(url, wanted), [ones(url, wanted)]);
        closes(&mut bench, url);
    }
}

#[test]
fn subscribe_5_a_change_among_named_clusters_or_listeners_brings_the_named_set() {
    for (url, there, wanted, changed) in [
        (CDS, ["A", "B", "C", "D"], ["B", "D"], "B"),
        (LDS, ["G", "B", "L", "D"], ["L", "G"], "G"),
    ] {
        let mut bench = Bench::with(Variant::Sotw, all(url, &there, "1"));
        bench.ask(url, &wanted);
        bench.ack(url);
        let expected: Vec<(&str, &str)> = wanted
            .iter()
            .map(|name| (*name, if *name == changed { "2" } else { "1" }))
            .collect();
        assert_eq!(
            bench.put(vec![res(url, changed, "2")]),
            [shown(url, &expected)]
        );
        closes(&mut bench, url);
    }
}

#[test]
fn subscribe_6_a_change_among_named_routes_or_endpoints_brings_that_one() {
    for url in [RDS, EDS] {
        let mut bench = Bench::with(Variant::Sotw, all(url, &["A", "B", "C", "D"], "1"));
        bench.ask(url, &["B", "D"]);
        bench.ack(url);
        assert_eq!(
            bench.put(vec![res(url, "B", "2")]),
            [shown(url, &[("B", "2")])]
        );
        closes(&mut bench, url);
    }
}

#[test]
fn subscribe_7_named_clusters_and_listeners_may_appear_later() {
    for (url, there, wanted, new) in [
        (CDS, ["A", "B", "C", "D"], &["A", "Z"][..], "Z"),
        (LDS, ["G", "B", "L", "D"], &["B", "D", "X"][..], "X"),
    ] {
        let mut bench = Bench::with(Variant::Sotw, all(url, &there, "1"));
        let existing: Vec<&str> = wanted.iter().copied().filter(|name| *name != new).collect();
        assert_eq!(bench.ask(url, wanted), [ones(url, &existing)]);
        bench.ack(url);
        let mut expected: Vec<(&str, &str)> = existing.iter().map(|name| (*name, "1")).collect();
        expected.push((new, "2"));
        assert_eq!(bench.put(vec![res(url, new, "2")]), [shown(url, &expected)]);
        closes(&mut bench, url);
    }
}

#[test]
fn subscribe_8_named_routes_and_endpoints_may_appear_later() {
    for url in [RDS, EDS] {
        let mut bench = Bench::with(Variant::Sotw, all(url, &["A", "B", "C", "D"], "1"));
        assert_eq!(bench.ask(url, &["A", "Z"]), [ones(url, &["A"])]);
        bench.ack(url);
        assert_eq!(
            bench.put(vec![res(url, "Z", "2")]),
            [shown(url, &[("Z", "2")])]
        );
        closes(&mut bench, url);
    }
}

fn two_types(variant: Variant) {
    for (one, other) in [(CDS, LDS), (RDS, EDS)] {
        let mut resources = all(one, &["A", "B", "C"], "1");
        resources.extend(all(other, &["A", "B", "C"], "1"));
        let mut bench = Bench::with(variant, resources);
        assert_eq!(bench.ask(one, &["B"]), [ones(one, &["B"])]);
        bench.ack(one);
        assert_eq!(bench.ask(other, &["B"]), [ones(other, &["B"])]);
        bench.ack(other);
        assert_eq!(
            bench.put(vec![res(one, "B", "2")]),
            [shown(one, &[("B", "2")])]
        );
        closes(&mut bench, one);
    }
}

#[test]
fn subscribe_9_several_types_on_one_stream() {
    two_types(Variant::Sotw);
}

// === unsubscribing ===

#[test]
fn unsubscribe_1_from_some_clusters_or_listeners() {
    for (url, there, wanted, kept) in [
        (
            CDS,
            &["F", "A", "B", "C", "D"][..],
            &["C", "A", "B"][..],
            &["A", "C"][..],
        ),
        (LDS, &["G", "B", "L", "D"], &["B", "D"], &["B"]),
    ] {
        let mut bench = Bench::with(Variant::Sotw, all(url, there, "1"));
        assert_eq!(bench.ask(url, wanted), [ones(url, wanted)]);
        let dropped: Vec<&str> = wanted
            .iter()
            .copied()
            .filter(|name| !kept.contains(name))
            .collect();
        bench.ack(url);
        assert_eq!(bench.unask(url, &dropped), SILENCE);
        let expected: Vec<(&str, &str)> = kept.iter().map(|name| (*name, "2")).collect();
        assert_eq!(bench.put(all(url, kept, "2")), [shown(url, &expected)]);
        closes(&mut bench, url);
        assert_eq!(bench.put(all(url, &dropped, "3")), SILENCE);
    }
}

#[test]
fn unsubscribe_2_from_some_routes_or_endpoints() {
    for url in [RDS, EDS] {
        let mut bench = Bench::with(Variant::Sotw, all(url, &["G", "B", "L", "D"], "1"));
        bench.ask(url, &["B", "D"]);
        bench.ack(url);
        assert_eq!(bench.unask(url, &["D"]), SILENCE);
        assert_eq!(
            bench.put(all(url, &["B", "D"], "2")),
            [shown(url, &[("B", "2")])]
        );
        closes(&mut bench, url);
    }
}

#[test]
fn unsubscribe_3_from_all() {
    for url in ALL_TYPES {
        let mut bench = Bench::with(Variant::Sotw, all(url, &["A", "B", "C", "D"], "1"));
        bench.ask(url, &["A", "B"]);
        bench.ack(url);
        assert_eq!(bench.unask(url, &["A", "B"]), SILENCE);
        assert_eq!(bench.put(all(url, &["A", "B"], "2")), SILENCE);
    }
}

// === delta ===

#[test]
fn delta_1_names_one_after_the_other() {
    for (url, [a, b, c]) in ALL_TYPES.map(|url| (url, ["A", "B", "C"])) {
        let mut bench = Bench::with(Variant::Delta, all(url, &[a, b, c], "1"));
        assert_eq!(bench.ask(url, &[a]), [ones(url, &[a])]);
        bench.ack(url);
        assert_eq!(bench.ask(url, &[b]), [ones(url, &[b])]);
        closes(&mut bench, url);
    }
}

#[test]
fn delta_2_only_what_changed_comes() {
    for url in ALL_TYPES {
        let mut bench = Bench::with(Variant::Delta, all(url, &["A", "B", "C"], "1"));
        bench.ask(url, &["A", "B", "C"]);
        bench.ack(url);
        assert_eq!(
            bench.put(vec![res(url, "A", "2")]),
            [shown(url, &[("A", "2")])]
        );
        closes(&mut bench, url);
    }
}

#[test]
fn delta_3_what_does_not_exist_is_told_and_told_again_when_it_does() {
    for url in ALL_TYPES {
        let mut bench = Bench::with(Variant::Delta, all(url, &["A"], "1"));
        assert_eq!(bench.ask(url, &["A", "B"]), [format!("{url} A@1 -B")]);
        bench.ack(url);
        assert_eq!(bench.put(vec![res(url, "B", "1")]), [ones(url, &["B"])]);
        closes(&mut bench, url);
    }
}

#[test]
fn delta_4_removals_are_told() {
    for url in ALL_TYPES {
        let mut bench = Bench::with(Variant::Delta, all(url, &["A", "B"], "1"));
        bench.ask(url, &["A", "B"]);
        bench.ack(url);
        assert_eq!(bench.remove(&[(url, "B")]), [format!("{url} -B")]);
        bench.ack(url);
        assert_eq!(
            bench.put(vec![res(url, "B", "2")]),
            [shown(url, &[("B", "2")])]
        );
        closes(&mut bench, url);
    }
}

#[test]
fn delta_5_names_given_up_one_after_the_other() {
    for url in ALL_TYPES {
        let mut bench = Bench::with(Variant::Delta, all(url, &["A", "B"], "1"));
        bench.ask(url, &["A", "B"]);
        bench.ack(url);
        for name in ["B", "A"] {
            assert_eq!(bench.unask(url, &[name]), SILENCE);
            assert_eq!(bench.put(vec![res(url, name, "2")]), SILENCE);
        }
        assert_eq!(bench.wait(secs(10)), SILENCE);
    }
}

#[test]
fn delta_6_several_types_on_one_stream() {
    two_types(Variant::Delta);
}
