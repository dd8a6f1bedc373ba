use std::sync::Arc;

use crate::aggregate::Aggregate;
use crate::report::tests::{at, proxy, refusal, report};

use super::*;

#[test]
fn a_line_a_proxy_and_a_line_a_refusal() {
    let kind = |held, pending, rejected| TypeReport {
        held,
        pending,
        pending_since: Some(at(995)),
        rejected,
        rejected_since: Some(at(100)),
    };
    let mut first = proxy("shop/front-7f9c");
    first.types = [
        ("CDS".into(), kind(4, 0, 1)),
        ("LDS".into(), kind(2, 3, 0)),
        ("EDS".into(), kind(2, 0, 0)),
    ]
    .into();
    let mut second = proxy("shop/a");
    second.envoy = "".into();
    let mut all = Aggregate::default();
    let mut told = report("tulle-b", vec![first]);
    told.refusals
        .extend([refusal("virtualnode/shop/front", "x", "no such thing", 100)]);
    all.merge(Arc::new(told));
    all.merge(Arc::new(report("tulle-a", vec![second])));
    let status = all.proxy_status();
    assert_eq!(
        status.render(at(1000)),
        "\
PROXY             REPLICA   ENVOY    CDS            LDS          EDS      RDS   SDS
shop/a            tulle-a   -        -              -            -        -     -
shop/front-7f9c   tulle-b   1.40.0   REJECTED 15m   PENDING 5s   SYNCED   -     -

virtualnode/shop/front refuses CDS x for 15m (VirtualNode shop/front): no such thing
"
    );
    let read: ProxyStatus = serde_json::from_str(&serde_json::to_string(&status).unwrap()).unwrap();
    assert_eq!(read, status);
    assert!(
        ProxyStatus::default()
            .render(at(0))
            .ends_with("no proxy is connected\n")
    );
}

#[test]
fn ages_are_short() {
    for (seconds, text) in [
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (7200, "2h"),
        (172_800, "2d"),
    ] {
        assert_eq!(age(at(0), at(seconds)), text);
    }
    assert_eq!(age(at(5), at(0)), "0s");
}
