use std::time::Duration;

use super::*;
use crate::ca::{CaSlot, CaState, Phase, Stage};
use crate::cluster::form::write_state;
use crate::serving::{ServingCertificate, ServingNames};
use crate::testing::Log;

fn slot() -> CaSlot {
    let day = Duration::from_secs(86_400);
    CaSlot::make(&TrustDomain::default(), SystemTime::now(), day, day).unwrap()
}

fn secret(state: &CaState) -> Option<Arc<Secret>> {
    Some(Arc::new(Secret {
        data: Some(write_state(state)),
        ..Secret::default()
    }))
}

async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_last_good_authority_goes_on() {
    let log = Log::begin();
    let (watch, watched) = watch::channel(None);
    let authority = ClusterAuthority::follow(TrustDomain::default(), watched);
    settle().await;
    assert!(authority.snapshot().is_none());
    assert!(authority.problem().unwrap().contains("not there yet"));
    let source: Arc<dyn AuthoritySource> = authority.clone();
    assert!(ServingCertificate::new(source.clone(), ServingNames::default()).is_err());

    let stable = CaState::new(slot());
    let waiting = tokio::spawn({
        let authority = Arc::clone(&authority);
        async move { authority.ready().await }
    });
    watch.send_replace(secret(&stable));
    let first = waiting.await.unwrap();
    assert_eq!(first.issuer().generation(), stable.signer().generation());
    assert_eq!(first.bundle(), &stable.bundle());
    assert_eq!((first.stage(), first.since()), (Stage::Stable, None));
    assert_eq!(authority.problem(), None);
    ServingCertificate::new(source, ServingNames::default()).unwrap();

    // The same again is no event.
    let mut changes = authority.changes();
    changes.mark_unchanged();
    watch.send_replace(secret(&stable));
    settle().await;
    assert!(!changes.has_changed().unwrap());

    let next = slot();
    let prepared = stable.prepare(next.clone(), SystemTime::now());
    watch.send_replace(secret(&prepared));
    changes.changed().await.unwrap();
    let second = authority.snapshot().unwrap();
    assert_eq!(second.issuer().generation(), first.issuer().generation());
    assert_eq!(second.bundle().roots().len(), 2);
    assert_eq!(second.other(), Some(next.generation()));
    assert!(
        matches!(prepared.phase(), Phase::Prepare { since, .. } if second.since() == Some(*since))
    );

    // Damaged, then gone.
    let mut damaged = Secret::clone(&secret(&prepared).unwrap());
    damaged.data.as_mut().unwrap().remove("state.json");
    for (bad, problem) in [(Some(Arc::new(damaged)), "state.json"), (None, "is gone")] {
        watch.send_replace(bad);
        settle().await;
        assert!(Arc::ptr_eq(&second, &authority.snapshot().unwrap()));
        let text = authority.problem().unwrap();
        assert!(text.contains(problem), "{text}");
    }
    let text = format!("{authority:?}{}", log.text());
    assert!(
        text.contains("state.json") && !text.contains("PRIVATE"),
        "{text}"
    );
}
