//! Subscriptions by name, and the rules common to both variants.

use super::bench::*;

#[test]
fn p1_a_second_node_ends_the_stream() {
    for variant in BOTH {
        let mut bench = Bench::new(variant);
        bench.ask(CDS, &[]);
        let ask = bench.same(CDS);
        let request = |node| Request {
            node,
            type_url: CDS.as_str().into(),
            nonce: String::new(),
            error: None,
            ask: ask.clone(),
        };
        // repeated, absent or without an id: all fine
        for node in [
            Some(Node::new("test-id", "envoy", "1.40.0")),
            None,
            Some(Node::new("", "", "")),
        ] {
            assert!(
                bench
                    .session
                    .request(
                        request(node),
                        View::new(&bench.contents, None, 0),
                        bench.now
                    )
                    .is_ok()
            );
        }
        let other = request(Some(Node::new("other-id", "envoy", "1.40.0")));
        let ended = bench
            .session
            .request(other, View::new(&bench.contents, None, 0), bench.now);
        assert_eq!(ended.unwrap_err(), Violation::NodeChanged);
        assert_eq!(bench.session.node().unwrap().id(), "test-id");
    }
}

#[test]
fn p2_types_do_not_disturb_each_other() {
    for variant in BOTH {
        let mut bench = Bench::with(
            variant,
            [CDS, EDS, SDS, LDS, RDS]
                .iter()
                .map(|url| res(*url, "x", "1"))
                .collect(),
        );
        for url in [CDS, EDS, SDS, LDS, RDS] {
            assert_eq!(bench.ask(url, &["x"]), [format!("{url} x@1")]);
        }
        // rejecting one type, and leaving another unanswered, holds up no third
        bench.nack(LDS, "Error adding/updating listener(s) x: no");
        bench.ack(CDS);
        bench.ack(SDS);
        bench.ack(RDS);
        let all = [CDS, EDS, SDS, LDS, RDS]
            .iter()
            .map(|url| res(*url, "x", "2"))
            .collect();
        let sent = bench.put(all);
        assert_eq!(
            sent,
            [
                "Cluster x@2",
                "Secret x@2",
                "Listener x@2",
                "RouteConfiguration x@2"
            ]
        );
        assert_eq!(bench.ack(EDS), ["ClusterLoadAssignment x@2"]);
    }
}

#[test]
fn p3_nonces_are_unique_over_all_types_and_never_empty() {
    for variant in BOTH {
        let mut bench = Bench::new(variant);
        for url in ALL_TYPES {
            bench.ask(url, &["x"]);
        }
        for version in 1..50 {
            for url in ALL_TYPES {
                // the bench checks each nonce
                bench.put(vec![res(url, "x", &version.to_string())]);
                bench.ack(url);
            }
        }
        assert!(bench.nonces.len() >= 196);
        // a new stream starts anew
        bench.reconnect();
        bench.ask(RDS, &["x"]);
        assert_eq!(bench.newest_response(RDS).nonce, 1);
    }
}

#[test]
fn p4_a_nack_is_an_error_detail_and_nothing_else() {
    for variant in BOTH {
        let mut bench = Bench::with(variant, vec![res(RDS, "r", "1")]);
        bench.ask(RDS, &["r"]);
        // an ACK that still names the version before: the version is not compared
        let nonce = bench.newest_response(RDS).nonce.to_string();
        let ask = bench.same(RDS);
        bench.send(RDS, &nonce, None, ask);
        assert_eq!(
            bench.told(|event| matches!(event, SessionEvent::Nacked { .. }).then_some(())),
            []
        );
        bench.put(vec![res(RDS, "r", "2")]);
        // a NACK whose error says nothing is one all the same
        bench.nack(RDS, "");
        assert_eq!(
            bench.told(|event| matches!(event, SessionEvent::Nacked { .. }).then_some(())),
            [()]
        );
    }
}

#[test]
fn p5_a_name_asked_for_twice_comes_once() {
    for variant in BOTH {
        let mut bench = Bench::with(variant, vec![res(CDS, "a", "1"), res(CDS, "b", "1")]);
        let names = vec!["a".into(), "a".into(), "b".into(), "*".into(), "a".into()];
        let ask = match variant {
            Variant::Delta => Ask::Delta {
                subscribe: names,
                unsubscribe: vec![],
                initial: vec![],
            },
            Variant::Sotw => Ask::Sotw {
                names,
                version_info: String::new(),
            },
        };
        assert_eq!(bench.send(CDS, "", None, ask), ["Cluster a@1 b@1"]);
    }
}

#[test]
fn p6_an_ack_draws_no_answer() {
    for variant in BOTH {
        for url in ALL_TYPES {
            let mut bench = Bench::with(variant, vec![res(url, "x", "1")]);
            bench.ask(url, &["x"]);
            assert_eq!(bench.ack(url), SILENCE);
            assert_eq!(bench.ack(url), SILENCE);
            assert_eq!(bench.wait(secs(10)), SILENCE);
            assert_eq!(bench.wakes_in(), None);
        }
    }
}

#[test]
fn p6_an_equal_version_is_no_change() {
    for variant in BOTH {
        let mut bench = Bench::with(variant, vec![res(CDS, "a", "1")]);
        bench.ask(CDS, &[]);
        bench.ack(CDS);
        assert_eq!(bench.put(vec![res(CDS, "a", "1")]), SILENCE);
        assert_eq!(bench.fill(vec![res(CDS, "a", "1")]), SILENCE);
    }
}

#[test]
fn p6_what_nobody_asked_for_is_not_sent() {
    for variant in BOTH {
        let mut bench = Bench::with(variant, vec![res(RDS, "a", "1"), res(RDS, "b", "1")]);
        bench.ask(RDS, &["a"]);
        bench.ack(RDS);
        assert_eq!(
            bench.put(vec![res(RDS, "b", "2"), res(RDS, "c", "1")]),
            SILENCE
        );
        assert_eq!(bench.put(vec![res(LDS, "l", "1")]), SILENCE);
    }
}

#[test]
fn p7_what_appears_later_is_pushed() {
    for variant in BOTH {
        for url in [RDS, EDS, SDS] {
            let mut bench = Bench::new(variant);
            let nothing: Vec<String> = either(variant, vec![format!("{url} -x")], vec![]);
            assert_eq!(bench.ask(url, &["x"]), nothing);
            if variant == Variant::Delta {
                bench.ack(url);
            }
            assert_eq!(bench.put(vec![res(url, "x", "1")]), [format!("{url} x@1")]);
        }
    }
}

#[test]
fn p9_a_type_not_served_leaves_the_others_alone() {
    for variant in BOTH {
        let mut bench = Bench::with(variant, vec![res(CDS, "a", "1")]);
        bench.ask(CDS, &[]);
        let strange = "type.googleapis.com/envoy.service.runtime.v3.Runtime";
        let ask = |names: &[&str]| match variant {
            Variant::Delta => delta(names, &[], &[]),
            Variant::Sotw => Ask::Sotw {
                names: names.iter().map(ToString::to_string).collect(),
                version_info: String::new(),
            },
        };
        // delta says that there is no such thing, state of the world cannot
        let expected: &[&str] = either(variant, &["Runtime -layer"], &[]);
        assert_eq!(
            bench.send_to(strange, "", None, ask(&["layer"])).unwrap(),
            expected
        );
        assert_eq!(
            bench.send_to(strange, "2", None, ask(&[])).unwrap(),
            SILENCE
        );
        assert_eq!(bench.send_to("", "", None, ask(&[])).unwrap(), SILENCE);
        assert_eq!(bench.ack(CDS), SILENCE);
        assert_eq!(bench.put(vec![res(CDS, "a", "2")]), ["Cluster a@2"]);
    }
}

#[test]
fn p10_xdstp_names_are_names_of_nothing() {
    let name = "xdstp://authority/envoy.config.cluster.v3.Cluster/foo";
    let mut bench = Bench::with(Variant::Delta, vec![res(CDS, "foo", "1")]);
    assert_eq!(bench.ask(CDS, &[name]), [format!("Cluster -{name}")]);
    let mut bench = Bench::with(Variant::Sotw, vec![res(EDS, "foo", "1")]);
    assert_eq!(bench.ask(EDS, &[name]), SILENCE);
}

#[test]
fn p12_a_name_asked_for_again_is_answered_again() {
    for url in ALL_TYPES {
        let mut bench = Bench::with(Variant::Delta, vec![res(url, "x", "1"), res(url, "y", "1")]);
        bench.ask(url, &["x", "y"]);
        bench.ack(url);
        assert_eq!(bench.ask(url, &["x"]), [format!("{url} x@1")]);
        bench.ack(url);
        assert_eq!(bench.ask(url, &[]), SILENCE);
    }
}

#[test]
fn p12_given_up_and_asked_for_again_within_one_round_trip() {
    let mut bench = Bench::with(Variant::Delta, vec![res(RDS, "x", "1")]);
    bench.ask(RDS, &["x"]);
    bench.unask(RDS, &["x"]);
    assert_eq!(bench.ask(RDS, &["x"]), SILENCE, "one response at a time");
    assert_eq!(bench.ack(RDS), ["RouteConfiguration x@1"]);
    assert_eq!(bench.ack(RDS), SILENCE);
}

#[test]
fn p13_giving_up_what_is_not_held_is_ignored() {
    let mut bench = Bench::with(Variant::Delta, vec![res(RDS, "x", "1")]);
    bench.ask(RDS, &["x"]);
    bench.ack(RDS);
    assert_eq!(bench.unask(RDS, &["never"]), SILENCE);
    assert_eq!(
        bench.put(vec![res(RDS, "x", "2")]),
        ["RouteConfiguration x@2"]
    );
}

#[test]
fn p14_what_does_not_exist_is_said_not_to() {
    for url in ALL_TYPES {
        let mut bench = Bench::with(Variant::Delta, vec![res(url, "a", "1")]);
        assert_eq!(bench.ask(url, &["a", "z"]), [format!("{url} a@1 -z")]);
        bench.ack(url);
        // and again after a deletion, however often
        for version in ["1", "2"] {
            assert_eq!(
                bench.put(vec![res(url, "z", version)]),
                [format!("{url} z@{version}")]
            );
            bench.ack(url);
            assert_eq!(bench.remove(&[(url, "z")]), [format!("{url} -z")]);
            assert_eq!(bench.ack(url), SILENCE);
        }
    }
}

#[test]
fn p15_a_stale_nonce_does_not_void_a_subscription() {
    let mut bench = Bench::with(Variant::Delta, vec![res(RDS, "a", "1"), res(RDS, "b", "1")]);
    bench.ask(RDS, &["a"]);
    bench.ack(RDS);
    bench.put(vec![res(RDS, "a", "2")]);
    // pipelined: the acknowledgement of the first response once more, and a new name
    assert_eq!(bench.send(RDS, "1", None, delta(&["b"], &[], &[])), SILENCE);
    assert_eq!(bench.ack(RDS), ["RouteConfiguration b@1"]);
    // the same for giving up
    bench.ack(RDS);
    bench.send(RDS, "77", None, delta(&[], &["a"], &[]));
    assert_eq!(
        bench.put(vec![res(RDS, "a", "3"), res(RDS, "b", "3")]),
        ["RouteConfiguration b@3"]
    );
}

#[test]
fn p15_a_stale_nack_rejects_nothing() {
    let mut bench = Bench::with(Variant::Delta, vec![res(RDS, "a", "1")]);
    bench.ask(RDS, &["a"]);
    bench.ack(RDS);
    bench.put(vec![res(RDS, "a", "2")]);
    bench.send(RDS, "1", Some("late"), delta(&[], &[], &[]));
    bench.send(RDS, "nonsense", Some("late"), delta(&[], &[], &[]));
    assert_eq!(bench.session.stale(), 2);
    assert_eq!(bench.ack(RDS), SILENCE);
    assert_eq!(
        bench.session.accepted(index(RDS), "a").unwrap().as_ref(),
        "2"
    );
}

#[test]
fn one_response_is_under_way_and_the_newest_follows() {
    for variant in BOTH {
        let mut bench = Bench::with(variant, vec![res(EDS, "e", "0")]);
        bench.ask(EDS, &["e"]);
        for version in 1..100 {
            assert_eq!(
                bench.put(vec![res(EDS, "e", &version.to_string())]),
                SILENCE
            );
        }
        assert_eq!(bench.ack(EDS), ["ClusterLoadAssignment e@99"]);
        assert_eq!(bench.ack(EDS), SILENCE);
    }
}

#[test]
fn a_change_and_its_undoing_within_one_round_trip_cost_nothing() {
    for variant in BOTH {
        let mut bench = Bench::with(variant, vec![res(EDS, "e", "1"), res(EDS, "f", "1")]);
        bench.ask(EDS, &["e", "f"]);
        bench.ack(EDS);
        bench.put(vec![res(EDS, "f", "2")]);
        bench.put(vec![res(EDS, "e", "2")]);
        bench.put(vec![res(EDS, "e", "1")]);
        assert_eq!(bench.ack(EDS), SILENCE);
    }
}

#[test]
fn a_name_given_up_while_on_its_way_is_not_taken_for_held() {
    let mut bench = Bench::with(Variant::Delta, vec![res(RDS, "a", "1"), res(RDS, "b", "1")]);
    bench.ask(RDS, &["a", "b"]);
    bench.unask(RDS, &["a"]);
    bench.ack(RDS);
    assert_eq!(bench.session.accepted(index(RDS), "a"), None);
    assert_eq!(
        bench.put(vec![res(RDS, "a", "2"), res(RDS, "b", "2")]),
        ["RouteConfiguration b@2"]
    );
}

#[test]
fn nothing_is_sent_before_the_scope_is_filled() {
    for variant in BOTH {
        let mut bench = Bench::unfilled(variant, SessionSettings::default());
        assert_eq!(bench.ask(CDS, &[]), SILENCE);
        assert_eq!(bench.ask(RDS, &["r"]), SILENCE);
        assert_eq!(bench.wait(secs(60)), SILENCE);
        assert_eq!(
            bench.fill(vec![
                res(CDS, "c", "1"),
                res(RDS, "r", "1"),
                res(LDS, "l", "1")
            ]),
            ["Cluster c@1", "RouteConfiguration r@1"]
        );
        assert_eq!(bench.ask(LDS, &[]), ["Listener l@1"]);
    }
}

#[test]
fn too_many_names_end_the_stream() {
    for variant in BOTH {
        let settings = SessionSettings {
            max_names: 3,
            ..SessionSettings::default()
        };
        let mut bench = Bench::set_up(variant, settings, vec![]);
        bench.ask(RDS, &["a", "b"]);
        bench.ask(EDS, &["a"]);
        bench.unask(RDS, &["a"]);
        bench.ask(EDS, &["b"]);
        let names = ["a", "b", "c"];
        let ask = match variant {
            Variant::Delta => delta(&["c"], &[], &[]),
            Variant::Sotw => Ask::Sotw {
                names: names.map(str::to_owned).into(),
                version_info: String::new(),
            },
        };
        let nonce = bench
            .last
            .get(EDS.as_str())
            .map(|r| r.nonce.to_string())
            .unwrap_or_default();
        assert_eq!(
            bench.send_to(EDS.as_str(), &nonce, None, ask),
            Err(Violation::TooManyNames)
        );
    }
}

#[test]
fn names_too_long_end_the_stream() {
    for variant in BOTH {
        let settings = SessionSettings {
            max_name_bytes: 100,
            ..SessionSettings::default()
        };
        let mut bench = Bench::set_up(variant, settings, vec![]);
        bench.ask(RDS, &[&"x".repeat(60)]);
        bench.ask(RDS, &[&"x".repeat(60)]);
        bench.unask(RDS, &[&"x".repeat(60)]);
        bench.ask(RDS, &[&"y".repeat(60)]);
        let names = vec!["z".repeat(41)];
        let ask = match variant {
            Variant::Delta => Ask::Delta {
                subscribe: names,
                unsubscribe: vec![],
                initial: vec![],
            },
            Variant::Sotw => Ask::Sotw {
                names,
                version_info: String::new(),
            },
        };
        assert_eq!(
            bench.send_to(EDS.as_str(), "", None, ask),
            Err(Violation::TooManyNames)
        );
    }
}

#[test]
fn a_large_response_is_cut_and_the_rest_follows() {
    for (variant, url) in [
        (Variant::Delta, CDS),
        (Variant::Delta, EDS),
        (Variant::Sotw, EDS),
    ] {
        let settings = SessionSettings {
            max_response_bytes: 250,
            ..SessionSettings::default()
        };
        let all = ["a", "b", "c", "d", "e"];
        let resources = all.iter().map(|name| res(url, name, "1")).collect();
        let mut bench = Bench::set_up(variant, settings, resources);
        let first = bench.ask(url, &all);
        let sent = bench.settle_all(first);
        assert!(sent.len() >= 2, "{sent:?}");
        let names: Vec<&str> = sent.iter().flat_map(|s| s.split(' ').skip(1)).collect();
        assert_eq!(names, ["a@1", "b@1", "c@1", "d@1", "e@1"]);
    }
    // a set that is to be taken as a whole is not cut
    let settings = SessionSettings {
        max_response_bytes: 10,
        ..SessionSettings::default()
    };
    let mut bench = Bench::set_up(
        Variant::Sotw,
        settings,
        vec![res(CDS, "a", "1"), res(CDS, "b", "1")],
    );
    assert_eq!(bench.ask(CDS, &[]), ["Cluster a@1 b@1"]);
}

pub(super) fn index(url: TypeUrl) -> crate::type_url::TypeIndex {
    TypeTable::envoy().index_of(url).unwrap()
}
