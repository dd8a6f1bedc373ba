use std::time::Duration;

use super::*;

pub(crate) fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

pub(crate) fn proxy(name: &str) -> ProxyReport {
    ProxyReport {
        name: name.into(),
        scope: "virtualnode/shop/front".into(),
        envoy: "1.40.0".into(),
        since: at(100),
        types: BTreeMap::new(),
        bundles: BTreeMap::new(),
    }
}

pub(crate) fn report(replica: &str, proxies: Vec<ProxyReport>) -> ReplicaReport {
    ReplicaReport {
        replica: replica.into(),
        epoch: 1,
        generation: 1,
        refusals: BTreeMap::new(),
        proxies,
        signs: Default::default(),
        cut: false,
    }
}

pub(crate) fn refusal(scope: &str, name: &str, message: &str, since: u64) -> (RefusalKey, Refusal) {
    let key = RefusalKey {
        scope: scope.into(),
        type_url: "type.googleapis.com/envoy.config.cluster.v3.Cluster".into(),
        name: name.into(),
    };
    let refusal = Refusal {
        message: message.into(),
        objects: vec![crate::fixture::object("VirtualNode", "front")],
        since: at(since),
    };
    (key, refusal)
}

#[test]
fn through_the_wire_and_back() {
    let mut full = proxy("shop/front-1");
    full.types.insert(
        "CDS".into(),
        TypeReport {
            held: 4,
            pending: 1,
            pending_since: Some(at(200) + Duration::from_millis(125)),
            ..TypeReport::default()
        },
    );
    full.bundles.insert("ROOTCA".into(), "v1".into());
    let mut report = report("tulle-a", vec![full]);
    report.refusals.extend([refusal("s", "n", "no", 5)]);
    let bytes = report.encode().unwrap();
    assert_eq!(ReplicaReport::decode(&bytes).unwrap(), report);
}

#[test]
fn reports_are_bounded_and_say_so() {
    let many = (0..60_000).map(|at| {
        let mut proxy = proxy(&format!("shop/front-{at}"));
        for kind in ["CDS", "LDS", "EDS", "RDS", "SDS"] {
            proxy.types.insert(kind.into(), TypeReport::default());
        }
        proxy
    });
    let report = report("tulle-a", many.collect());
    let bytes = report.encode().unwrap();
    assert!(bytes.len() <= MOST_BYTES);
    let read = ReplicaReport::decode(&bytes).unwrap();
    assert!(
        read.cut && read.proxies.len() >= 10_000,
        "{}",
        read.proxies.len()
    );

    let mut chatty = super::tests::report("tulle-a", vec![]);
    chatty.refusals = (0..2000)
        .map(|at| refusal("s", &format!("{at}"), &"ä".repeat(10_000), 1))
        .collect();
    let read = ReplicaReport::decode(&chatty.encode().unwrap()).unwrap();
    assert!(read.cut && read.refusals.len() == MOST_REFUSALS);
    assert!(
        read.refusals
            .values()
            .all(|refusal| refusal.message.len() <= MOST_WORDS)
    );
}

#[test]
fn anything_else_is_refused() {
    let good = report("tulle-a", vec![proxy("p")]).encode().unwrap();
    for end in 0..good.len() {
        assert!(ReplicaReport::decode(&good[..end]).is_err());
    }
    assert!(matches!(
        ReplicaReport::decode(&vec![b' '; MOST_BYTES + 1]),
        Err(ReportError::TooLong(_))
    ));
    let text = String::from_utf8(good).unwrap();
    for odd in ["-1", "1e300", "\"x\"", "null", "-1e-400"] {
        let odd = text.replace("\"since\":100.0", &format!("\"since\":{odd}"));
        // must not panic; a point in time or an error
        let _ = ReplicaReport::decode(odd.as_bytes());
    }
    assert!(
        ReplicaReport::decode(
            text.replace("\"since\":100.0", "\"since\":1e300")
                .as_bytes()
        )
        .is_err()
    );
}

#[test]
fn times_reckoned_anew_are_no_news() {
    let with = |since: u64, pending: Option<u64>| {
        let mut proxy = proxy("p");
        proxy.since = at(since);
        let kind = TypeReport {
            pending_since: pending.map(at),
            ..TypeReport::default()
        };
        proxy.types.insert("CDS".into(), kind);
        report("tulle-a", vec![proxy])
    };
    let known = with(100, Some(50));
    for (since, pending, same) in [
        (101, Some(49), true),
        (103, Some(50), false),
        (100, Some(60), false),
        (100, None, false),
    ] {
        assert_eq!(known.says_the_same(&with(since, pending)), same);
    }
}
