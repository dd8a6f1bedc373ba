//! What a client judges by what is around it.

use super::bench::*;

/// A secret that names a file.
fn file(version: &str) -> Resource {
    res(SDS, "f", version).judged_locally()
}

#[test]
fn a_rejection_is_the_streams_alone() {
    for variant in BOTH {
        let mut bench = Bench::with(variant, vec![file("1")]);
        assert_eq!(bench.ask(SDS, &["f"]), ["Secret f@1"]);
        assert_eq!(bench.nack(SDS, "Invalid path: /f"), SILENCE);
        assert_eq!(bench.wait(secs(700)), SILENCE);
        assert_eq!(bench.quarantine.len(), 0);
        assert_eq!(bench.put(vec![file("2")]), ["Secret f@2"]);
        bench.nack(SDS, "Invalid path: /f");
        bench.reconnect();
        assert_eq!(bench.ask(SDS, &["f"]), ["Secret f@2"]);
    }
}

#[test]
fn what_waits_for_it_goes_on_once_it_is_rejected() {
    for variant in BOTH {
        let cluster = res(CDS, "c", "1").with_requires(keys(&[(SDS, "f")]));
        let all = vec![cluster, file("1"), route("r", "1", &["c"])];
        let mut bench = Bench::with(variant, all);
        assert_eq!(bench.ask(CDS, &[]), ["Cluster c@1"]);
        assert_eq!(bench.ask(RDS, &["r"]), SILENCE);
        bench.ack(CDS);
        assert_eq!(bench.ask(SDS, &["f"]), ["Secret f@1"]);
        let sent = bench.nack(SDS, "Invalid path: /f");
        assert_eq!(sent, ["RouteConfiguration r@1"]);
    }
}

#[test]
fn it_travels_alone_and_after_the_others() {
    for variant in BOTH {
        let secrets = |name: &str| res(SDS, name, "1");
        let all = vec![
            file("1"),
            res(SDS, "g", "1").judged_locally(),
            secrets("a"),
            secrets("z"),
        ];
        let mut bench = Bench::with(variant, all);
        assert_eq!(
            bench.ask(SDS, &["a", "f", "g", "z"]),
            ["Secret a@1 z@1"],
            "{variant:?}"
        );
        assert_eq!(bench.ack(SDS), ["Secret f@1"]);
        assert_eq!(bench.nack(SDS, "Invalid path: /f"), ["Secret g@1"]);
        assert_eq!(bench.nack(SDS, "Invalid path: /g"), SILENCE);
        assert_eq!(bench.wait(secs(700)), SILENCE);
    }
}
