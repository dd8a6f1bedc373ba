//! Subscriptions to all of a type.

use super::bench::*;

fn abc(url: TypeUrl) -> Vec<Resource> {
    ["a", "b", "c"]
        .iter()
        .map(|name| res(url, name, "1"))
        .collect()
}

#[test]
fn p8_the_form_of_old_means_all() {
    for variant in BOTH {
        for url in [CDS, LDS] {
            let mut bench = Bench::with(variant, abc(url));
            assert_eq!(bench.ask(url, &[]), [format!("{url} a@1 b@1 c@1")]);
            assert_eq!(bench.ack(url), SILENCE);
            let all: &str = either(variant, "d@1", "a@1 b@1 c@1 d@1");
            assert_eq!(
                bench.put(vec![res(url, "d", "1")]),
                [format!("{url} {all}")]
            );
        }
    }
}

#[test]
fn p8_a_star_means_all() {
    for variant in BOTH {
        let mut bench = Bench::with(variant, abc(CDS));
        assert_eq!(bench.ask(CDS, &["*"]), ["Cluster a@1 b@1 c@1"]);
        assert_eq!(bench.ack(CDS), SILENCE);
    }
}

#[test]
fn p8_the_four_steps_of_delta() {
    let mut bench = Bench::with(Variant::Delta, abc(CDS));
    // nothing named: all
    assert_eq!(bench.ask(CDS, &[]), ["Cluster a@1 b@1 c@1"]);
    bench.ack(CDS);
    // a name: all go on, and that one is answered
    assert_eq!(bench.ask(CDS, &["a"]), ["Cluster a@1"]);
    bench.ack(CDS);
    assert_eq!(bench.put(vec![res(CDS, "b", "2")]), ["Cluster b@2"]);
    bench.ack(CDS);
    // the star is given up: only the name is left
    assert_eq!(bench.unask(CDS, &["*"]), SILENCE);
    assert_eq!(
        bench.put(vec![res(CDS, "a", "2"), res(CDS, "b", "3")]),
        ["Cluster a@2"]
    );
    bench.ack(CDS);
    // the name is given up: nothing is left, and nothing does not mean all any more
    assert_eq!(bench.unask(CDS, &["a"]), SILENCE);
    assert_eq!(
        bench.put(vec![res(CDS, "a", "3"), res(CDS, "b", "4")]),
        SILENCE
    );
    assert_eq!(bench.ask(CDS, &[]), SILENCE);
}

#[test]
fn p8_the_four_steps_of_state_of_the_world() {
    let mut bench = Bench::with(Variant::Sotw, abc(CDS));
    // nothing named: all
    assert_eq!(bench.ask(CDS, &[]), ["Cluster a@1 b@1 c@1"]);
    bench.ack(CDS);
    // the star and a name: all go on, and the name is answered
    assert_eq!(bench.ask(CDS, &["*", "a"]), ["Cluster a@1 b@1 c@1"]);
    bench.ack(CDS);
    // the name alone: the star is given up
    assert_eq!(bench.unask(CDS, &["*"]), SILENCE);
    assert_eq!(
        bench.put(vec![res(CDS, "a", "2"), res(CDS, "b", "2")]),
        ["Cluster a@2"]
    );
    bench.ack(CDS);
    // nothing: nothing
    assert_eq!(bench.unask(CDS, &["a"]), SILENCE);
    assert_eq!(
        bench.put(vec![res(CDS, "a", "3"), res(CDS, "b", "3")]),
        SILENCE
    );
}

#[test]
fn p8_a_name_ends_the_form_of_old_in_state_of_the_world() {
    let mut bench = Bench::with(Variant::Sotw, abc(CDS));
    bench.ask(CDS, &[]);
    bench.ack(CDS);
    assert_eq!(bench.ask(CDS, &["b"]), ["Cluster b@1"]);
    bench.ack(CDS);
    assert_eq!(bench.put(vec![res(CDS, "a", "2")]), SILENCE);
}

#[test]
fn p8_names_first_then_nothing_is_nothing() {
    for variant in BOTH {
        let mut bench = Bench::with(variant, abc(LDS));
        bench.ask(LDS, &["a"]);
        bench.ack(LDS);
        assert_eq!(bench.unask(LDS, &["a"]), SILENCE);
        assert_eq!(bench.ask(LDS, &[]), SILENCE);
        assert_eq!(bench.put(vec![res(LDS, "a", "2")]), SILENCE);
    }
}

#[test]
fn p8_nothing_named_is_nothing_for_types_asked_for_by_name() {
    for variant in BOTH {
        for url in [EDS, RDS, SDS] {
            let mut bench = Bench::with(variant, abc(url));
            assert_eq!(bench.ask(url, &[]), SILENCE);
            assert_eq!(bench.put(vec![res(url, "a", "2")]), SILENCE);
            assert_eq!(bench.ask(url, &["a"]), [format!("{url} a@2")]);
        }
    }
}

#[test]
fn p8_from_names_to_all() {
    for variant in BOTH {
        let mut bench = Bench::with(variant, abc(CDS));
        bench.ask(CDS, &["a"]);
        bench.ack(CDS);
        let rest = either(variant, "Cluster b@1 c@1", "Cluster a@1 b@1 c@1");
        assert_eq!(bench.ask(CDS, &["*"]), [rest]);
    }
}

#[test]
fn virtual_hosts_come_as_a_whole_in_delta() {
    let mut bench = Bench::with(Variant::Delta, vec![res(VHDS, "rc/one", "1")]);
    assert_eq!(bench.ask(VHDS, &[]), ["VirtualHost rc/one@1"]);
    bench.ack(VHDS);
    assert_eq!(
        bench.put(vec![res(VHDS, "rc/two", "1")]),
        ["VirtualHost rc/two@1"]
    );
    bench.ack(VHDS);
    assert_eq!(bench.remove(&[(VHDS, "rc/one")]), ["VirtualHost -rc/one"]);
}

#[test]
fn p13_with_all_asked_for_a_name_given_up_is_answered() {
    for star in [&["*"][..], &[][..]] {
        let mut bench = Bench::with(Variant::Delta, abc(CDS));
        bench.ask(CDS, star);
        bench.ack(CDS);
        bench.ask(CDS, &["a", "gone"]);
        bench.ack(CDS);
        // still covered by the star
        assert_eq!(bench.unask(CDS, &["a"]), ["Cluster a@1"]);
        bench.ack(CDS);
        // nothing there for the star to cover
        assert_eq!(bench.unask(CDS, &["gone"]), ["Cluster -gone"]);
        bench.ack(CDS);
        assert_eq!(bench.unask(CDS, &["never-heard-of"]), SILENCE);
    }
}

#[test]
fn a_first_answer_comes_even_if_there_is_nothing() {
    // a client that starts waits for it before it goes on
    for variant in BOTH {
        for url in [CDS, LDS] {
            let mut bench = Bench::new(variant);
            assert_eq!(bench.ask(url, &[]), [url.short()]);
            assert_eq!(bench.ack(url), SILENCE);
            assert_eq!(bench.put(vec![res(url, "a", "1")]), [format!("{url} a@1")]);
            bench.ack(url);
            let gone = either(variant, format!("{url} -a"), url.short().to_owned());
            assert_eq!(bench.remove(&[(url, "a")]), [gone]);
        }
    }
}

#[test]
fn all_and_a_name_that_does_not_exist() {
    let mut bench = Bench::with(Variant::Delta, abc(CDS));
    assert_eq!(bench.ask(CDS, &["*", "z"]), ["Cluster a@1 b@1 c@1 -z"]);
    let mut bench = Bench::with(Variant::Sotw, abc(CDS));
    assert_eq!(bench.ask(CDS, &["*", "z"]), ["Cluster a@1 b@1 c@1"]);
}

#[test]
fn giving_up_the_star_gives_up_what_only_it_covered() {
    for variant in BOTH {
        let mut bench = Bench::with(variant, abc(CDS));
        bench.ask(CDS, &["*", "a"]);
        bench.ack(CDS);
        bench.unask(CDS, &["*"]);
        // not held any more, so it is sent when asked for; and it is not sent as removed when it goes
        assert_eq!(bench.remove(&[(CDS, "b")]), SILENCE);
        let c = either(variant, "Cluster c@1", "Cluster a@1 c@1");
        assert_eq!(bench.ask(CDS, &["c"]), [c]);
    }
}
