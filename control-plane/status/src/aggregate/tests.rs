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
    assert!(all.refused().is_empty());
}
