//! The classic: a page, an application server of two versions, a database and a cache over TCP.

use super::ground::{Ground, SOON, between};

#[test]
fn page_server_database_and_cache() {
    let ground = Ground::new("three-tier");
    let page = |path: &str| ground.question("ui", 8080, path);
    ground.answers(&page("/api/version"), 200, "v1");
    for count in 1..=3 {
        ground.answers(&page("/api/vote/outback"), 200, &format!("outback {count}"));
    }
    ground.answers(&page("/api/votes/outback"), 200, "outback 3");
    ground.answers(&page("/api/views"), 200, "views 1");
    // both stores are called through Envoy
    for (store, port) in [("db", 5432), ("cache", 6379)] {
        let name = format!(
            "cluster.{}.upstream_cx_total",
            ground.egress(store, "tcp", port)
        );
        assert!(
            ground.figure("app-server-v1", &name).unwrap() > 0,
            "{store}"
        );
    }
    ground.apply("then/half.yaml");
    let version = page("/api/version");
    ground.case.eventually("half of the calls", SOON, || {
        between(&ground.count(&version, 100), "v2", 32, 68)
    });
    // both versions see the same votes
    for _ in 0..6 {
        ground.answers(&page("/api/votes/outback"), 200, "outback 3");
    }
    ground.apply("then/new.yaml");
    ground.case.eventually("all of the calls", SOON, || {
        between(&ground.count(&version, 30), "v2", 30, 30)
    });
    ground.all_is_well();
}
