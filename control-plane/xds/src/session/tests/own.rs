//! Resources that are one caller's alone.

use super::bench::*;

fn secret(version: &str) -> Resource {
    Resource::secret(SDS, "default", version, version.as_bytes())
}

fn group() -> Vec<Resource> {
    vec![res(CDS, "a", "1"), res(SDS, "ROOTCA", "1")]
}

/// A proxy that went back to its first certificate when it was sent the second.
fn rejected(variant: Variant) -> Bench {
    let mut bench = Bench::with(variant, group());
    bench.call_as("own pod-1");
    bench.fill_own(vec![secret("1")]);
    assert_eq!(bench.ask(SDS, &["default"]), ["Secret default@1"]);
    bench.ack(SDS);
    assert_eq!(bench.fill_own(vec![secret("2")]), ["Secret default@2"]);
    assert_eq!(bench.nack(SDS, "no"), SILENCE);
    bench
}

#[test]
fn what_one_caller_rejects_is_kept_from_no_other() {
    for variant in BOTH {
        let mut bench = rejected(variant);
        bench.call_as("own pod-2");
        // another key by the same name and version
        bench.fill_own(vec![secret("2")]);
        assert_eq!(bench.ask(SDS, &["default"]), ["Secret default@2"]);
        assert_eq!(bench.ack(SDS), SILENCE);
    }
}

#[test]
fn what_one_caller_rejects_of_its_groups_is_kept_from_no_other_either() {
    for variant in BOTH {
        let mut bench = Bench::with(variant, group());
        for (caller, answer) in [("own pod-1", Some("no")), ("own pod-2", None)] {
            bench.call_as(caller);
            bench.fill_own(vec![]);
            assert_eq!(bench.ask(SDS, &["ROOTCA"]), ["Secret ROOTCA@1"]);
            match answer {
                Some(error) => bench.nack(SDS, error),
                None => bench.ack(SDS),
            };
        }
        bench.call_as("own pod-1");
        bench.fill_own(vec![]);
        assert_eq!(bench.ask(SDS, &["ROOTCA"]), SILENCE);
    }
}

#[test]
fn a_secret_that_was_good_is_not_kept_for_the_next_stream() {
    for variant in BOTH {
        let mut bench = rejected(variant);
        bench.call_as("own pod-1");
        bench.fill_own(vec![secret("2")]);
        assert_eq!(bench.ask(SDS, &["default"]), SILENCE);
        assert_eq!(bench.fill_own(vec![secret("3")]), ["Secret default@3"]);
    }
}

#[test]
fn types_that_are_not_private_are_rejected_for_the_group() {
    let mut bench = Bench::with(Variant::Delta, group());
    for expected in [&["Cluster a@1"][..], &["Cluster"]] {
        bench.call_as("own pod");
        assert_eq!(bench.ask(CDS, &[]), expected);
        bench.nack(CDS, "no");
    }
}

#[test]
fn a_scope_is_forgotten_alone() {
    let quarantine = Quarantine::new(secs(600), 100);
    let now = std::time::Instant::now();
    let scopes = ["own 1", "own 2", "own 3"].map(Scope::new);
    for scope in &scopes {
        for client in ["", "envoy/1.40.0"] {
            quarantine.add(scope, client, &secret("1"), None, now);
        }
    }
    quarantine.forget(&scopes[1]);
    let left = scopes.map(|scope| quarantine.rejects(&scope, "", SDS, &secret("1"), now));
    assert_eq!((left, quarantine.len()), ([true, false, true], 4));
}

#[test]
fn a_caller_has_its_own_although_nobody_says_what_its_group_has() {
    for variant in BOTH {
        let mut bench = Bench::unfilled(variant, SessionSettings::default());
        bench.call_as("own pod");
        assert_eq!(bench.ask(CDS, &[]), SILENCE);
        assert_eq!(bench.ask(SDS, &["default", "ROOTCA"]), SILENCE);
        assert_eq!(bench.fill_own(vec![secret("1")]), ["Secret default@1"]);
        // of the other nothing is known
        assert_eq!(bench.ack(SDS), SILENCE);
        assert_eq!(bench.fill_own(vec![secret("2")]), ["Secret default@2"]);
        assert_eq!(bench.ack(SDS), SILENCE);
        assert_eq!(
            bench.fill_own(vec![secret("2"), res(SDS, "ROOTCA", "1")]),
            ["Secret ROOTCA@1"]
        );
        assert_eq!(bench.ack(SDS), SILENCE);
        // nor is what is taken away known to be gone
        assert_eq!(bench.fill_own(vec![secret("2")]), SILENCE);
        assert_eq!(bench.wait(secs(60)), SILENCE);
        let gone = either(variant, "Secret -ROOTCA", "Cluster a@1");
        let mut sent = bench.fill(vec![res(CDS, "a", "1")]);
        sent.extend(bench.wait(secs(60)));
        assert!(sent.iter().any(|sent| sent == gone), "{sent:?}");
        assert!(sent.iter().any(|sent| sent == "Cluster a@1"), "{sent:?}");
    }
}

#[test]
fn a_group_that_is_filled_late_brings_its_part() {
    for variant in BOTH {
        let mut bench = Bench::unfilled(variant, SessionSettings::default());
        bench.call_as("own pod");
        bench.fill_own(vec![secret("1")]);
        let ask = ["default", "ROOTCA", "nothing"];
        assert_eq!(bench.ask(SDS, &ask), ["Secret default@1"]);
        assert_eq!(bench.ack(SDS), SILENCE);
        let told = either(variant, "Secret ROOTCA@1 -nothing", "Secret ROOTCA@1");
        assert_eq!(bench.fill(group()), [told]);
        assert_eq!(bench.ack(SDS), SILENCE);
    }
}

#[test]
fn what_a_client_brings_is_not_taken_away_before_the_group_is_known() {
    let mut bench = Bench::unfilled(Variant::Delta, SessionSettings::default());
    bench.call_as("own pod");
    bench.fill_own(vec![secret("2")]);
    let held = [("default", "1"), ("ROOTCA", "1"), ("old", "1")];
    let sent = bench.resume(SDS, &["default", "ROOTCA", "old"], &held);
    assert_eq!(sent, ["Secret default@2"]);
    assert_eq!(bench.ack(SDS), SILENCE);
    assert_eq!(bench.wait(secs(60)), SILENCE);
    let mut sent = bench.fill(group());
    sent.extend(bench.wait(secs(60)));
    assert_eq!(sent, ["Secret -old"]);
}

#[test]
fn a_subscription_to_all_is_answered_in_full_or_not_at_all() {
    let mut bench = Bench::unfilled(Variant::Delta, SessionSettings::default());
    bench.call_as("own pod");
    bench.fill_own(vec![]);
    assert_eq!(bench.ask(SDS, &["*"]), SILENCE);
    assert_eq!(bench.fill(vec![]), ["Secret"]);
}

#[test]
fn a_secret_under_way_is_sent_again_and_not_kept() {
    let mut bench = Bench::with(Variant::Delta, group());
    bench.call_as("own pod");
    bench.fill_own(vec![secret("1")]);
    assert_eq!(bench.ask(SDS, &["default"]), ["Secret default@1"]);
    bench.ack(SDS);
    bench.fill_own(vec![secret("2")]);
    let unsure = bench.session.unsure();
    assert!(!unsure.is_empty() && unsure.keeps_no_resource());
    // it is back to the first, and the client may have the second
    bench.call_as("own pod");
    bench.session.recall(unsure);
    bench.fill_own(vec![secret("1")]);
    let sent = bench.resume(SDS, &["default"], &[("default", "1")]);
    assert_eq!(sent, ["Secret default@1"]);
    assert_eq!(bench.ack(SDS), SILENCE);
    assert!(bench.session.unsure().is_empty());
}

fn claims(claims: &[(&str, &str)]) -> Result<Vec<String>, Violation> {
    let settings = SessionSettings {
        max_names: 4,
        max_name_bytes: 400,
        ..SessionSettings::default()
    };
    let mut bench = Bench::set_up(Variant::Delta, settings, vec![res(CDS, "a", "1")]);
    bench.send_to(CDS.as_str(), "", None, delta(&[], &[], claims))
}

#[test]
fn what_a_client_says_it_holds_is_bounded() {
    let long = "v".repeat(129);
    let fits = "v".repeat(128);
    // too long to be any version of ours, so it is kept as none
    let many = [("a", &*long), ("b", &*long), ("c", &*long), ("d", &*long)];
    let sent = claims(&many).unwrap();
    assert_eq!(sent[0], "Cluster a@1");
    assert!(claims(&[("a", &*fits), ("b", &*fits), ("c", &*fits)]).is_ok());
    let bytes = [("a", &*fits), ("b", &*fits), ("c", &*fits), ("d", &*fits)];
    assert_eq!(claims(&bytes), Err(Violation::TooManyNames));
    let names = ["n".repeat(200), "m".repeat(201)];
    assert_eq!(
        claims(&[(&names[0], ""), (&names[1], "")]),
        Err(Violation::TooManyNames)
    );
    let count = [("a", ""), ("b", ""), ("c", ""), ("d", ""), ("e", "")];
    assert_eq!(claims(&count), Err(Violation::TooManyNames));
}

#[test]
fn what_is_told_of_what_a_client_holds_is_bounded() {
    let mut bench = Bench::with(Variant::Delta, group());
    bench.call_as("own pod");
    let (name, version) = ("n".repeat(257), "v".repeat(129));
    bench.resume(SDS, &["default"], &[(&name, "1"), ("default", &version)]);
    let holds = bench.told(|event| match event {
        SessionEvent::Asked { holds, .. } => Some(holds),
        _ => None,
    });
    assert_eq!(holds, [vec![("default".into(), "".into())]]);
}
