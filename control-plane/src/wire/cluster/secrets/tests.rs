use k8s_openapi::api::core::v1;
use tokio::sync::watch;
use tulle_identity::TrustDomain;
use tulle_identity::ca::{CaSlot, CaState};
use tulle_identity::cluster::write_state;
use tulle_xds::TypeTable;

use super::super::pods::fixture;
use super::*;

const DAY: Duration = Duration::from_secs(86_400);

/// A replica's part. All that replicas have in common is the Secret.
struct Replica {
    secrets: Secrets,
    store: Arc<Store>,
    scope: Scope,
    _secret: watch::Sender<Option<Arc<v1::Secret>>>,
}

fn authority() -> Arc<v1::Secret> {
    let slot = CaSlot::make(&TrustDomain::default(), SystemTime::now(), 365 * DAY, DAY).unwrap();
    Arc::new(v1::Secret {
        data: Some(write_state(&CaState::new(slot))),
        ..v1::Secret::default()
    })
}

async fn replica(secret: &Arc<v1::Secret>, account: &str, lifetime: Duration) -> Replica {
    let (sender, watched) = watch::channel(Some(secret.clone()));
    let authority = ClusterAuthority::follow(TrustDomain::default(), watched);
    authority.ready().await;
    let pods = Arc::new(Pods::default());
    let mut pod = fixture::pod("front", "10.0.0.1", Some("virtualnode/shop/front"));
    pod.service_account = account.into();
    pods.apply(&[fixture::translated(pod)]);
    let scope = pods.get("shop", "front", "uid of front").unwrap();
    let scope = scope.own_scope();
    let (store, _) = Store::new(TypeTable::envoy());
    let policy = SvidPolicy::new(lifetime).unwrap();
    Replica {
        secrets: Secrets::new(authority, policy, pods, store.clone()),
        store,
        scope,
        _secret: sender,
    }
}

impl Replica {
    /// The version of what a proxy is served that holds this one.
    fn serves(&mut self, held: Option<&str>) -> Arc<str> {
        let holds = held.map(|held| (Arc::from(CERTIFICATE), Arc::from(held)));
        self.secrets.asked(&self.scope.clone(), holds.as_slice());
        let served = self.store.get(&self.scope, TypeUrl::SDS, CERTIFICATE);
        served.unwrap().version().clone()
    }
}

#[tokio::test]
async fn another_replica_serves_a_fresh_certificate_under_its_own_version() {
    let secret = authority();
    let version = replica(&secret, "shop", DAY).await.serves(None);
    // Had it made a version of its own, that would end a second later.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let mut other = replica(&secret, "shop", DAY).await;
    assert_eq!(other.serves(Some(&version)), version);
    // Nor is it replaced before its time, which is that of the certificate and not of this replica.
    let left = other.secrets.due[&other.scope].duration_since(SystemTime::now());
    let left = left.unwrap();
    assert!((DAY / 10 * 4..DAY / 10 * 6).contains(&left), "{left:?}");
    other.secrets.renew();
    other.secrets.reissue_now();
    assert_eq!(other.serves(Some(&version)), version);

    // With nothing, or with what is no version, it gets a new one.
    for held in [None, Some("1"), Some("")] {
        let served = replica(&secret, "shop", DAY).await.serves(held);
        assert_ne!(served, version);
    }
}

#[tokio::test]
async fn another_issuer_identity_or_life_makes_a_new_one() {
    let secret = authority();
    let version = replica(&secret, "shop", DAY).await.serves(None);
    let elsewhere = replica(&authority(), "shop", DAY).await;
    let account = replica(&secret, "other", DAY).await;
    let life = replica(&secret, "shop", DAY / 24).await;
    for mut other in [elsewhere, account, life] {
        assert_ne!(other.serves(Some(&version)), version);
    }
    // One whose time to be replaced has come.
    let end = SystemTime::now() + DAY / 4;
    let end = end
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let (stem, _) = version.rsplit_once('.').unwrap();
    let old = format!("{stem}.{end}");
    let served = replica(&secret, "shop", DAY).await.serves(Some(&old));
    assert_ne!(*served, *old);
}
