use super::*;
use crate::fixture::object;
use crate::report::tests::{at, proxy, refusal, report};

#[test]
fn newer_reports_replace_and_ended_runs_go() {
    let mut all = Aggregate::default();
    let first = report("tulle-a", vec![proxy("p1")]);
    assert!(all.merge(Arc::new(first.clone())));
    assert!(
        !all.merge(Arc::new(ReplicaReport {
            generation: 2,
            ..first.clone()
        })),
        "nothing new"
    );
    assert!(
        !all.merge(Arc::new(report("tulle-a", vec![]))),
        "older than what is known"
    );
    // started anew before the old stream's end was noticed
    let restarted = ReplicaReport {
        epoch: 2,
        ..report("tulle-a", vec![proxy("p2")])
    };
    assert!(all.merge(Arc::new(restarted)));
    assert!(!all.end("tulle-a", 1));
    assert_eq!(all.replicas().count(), 1);
    assert!(all.end("tulle-a", 2) && !all.end("tulle-a", 2));
    assert_eq!(all.replicas().count(), 0);
}

#[test]
fn a_refusal_is_told_once_with_its_earliest_time() {
    let mut all = Aggregate::default();
    for (replica, since) in [("tulle-a", 50), ("tulle-b", 20)] {
        let mut report = report(replica, vec![]);
        report
            .refusals
            .extend([refusal("virtualnode/shop/front", "n", "no", since)]);
        all.merge(Arc::new(report));
    }
    let refusals = all.refusals();
    assert_eq!(refusals.len(), 1);
    assert_eq!(refusals.values().next().unwrap().since, at(20));
    let refused = all.refused();
    assert_eq!(refused[&object("VirtualNode", "front")].len(), 1);
    all.end("tulle-a", 1);
    all.end("tulle-b", 1);
    assert_eq!(all.replicas().count(), 0);
}

#[tokio::test(start_paused = true)]
async fn refusals_outlive_their_stream_for_a_while() {
    let mut all = Aggregate::default();
    let refusing = || {
        let mut report = report("tulle-a", vec![]);
        report
            .refusals
            .extend([refusal("virtualnode/shop/front", "n", "no", 5)]);
        report
    };
    all.merge(Arc::new(refusing()));
    assert!(all.end("tulle-a", 1));
    assert_eq!((all.replicas().count(), all.refused().len()), (0, 1));
    let until = all.expiry().unwrap();

    // dialled again, with nothing refused any more
    let mended = ReplicaReport {
        generation: 2,
        ..report("tulle-a", vec![])
    };
    assert!(all.merge(Arc::new(mended)));
    assert_eq!((all.refused().len(), all.expiry()), (0, None));

    // started anew: its proxies have yet to say it again
    let again = ReplicaReport {
        generation: 3,
        ..refusing()
    };
    all.merge(Arc::new(again));
    let restarted = ReplicaReport {
        epoch: 2,
        ..report("tulle-a", vec![])
    };
    assert!(all.merge(Arc::new(restarted)));
    assert_eq!(all.refused().len(), 1);
    assert!(!all.expire());
    tokio::time::sleep_until(until + KEPT).await;
    assert!(all.expire() && !all.expire());
    assert_eq!((all.replicas().count(), all.refused().len()), (1, 0));
}
