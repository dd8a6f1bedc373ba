use std::collections::BTreeMap;

use parking_lot::Mutex;
use serde_json::{Value, json};

use super::*;
use crate::ca::{Phase, Stage};
use crate::testing::{Answer, Call, Log, UsersCa, api_server};

const NAMESPACE: &str = "tulle-system";
const LEAF: Duration = Duration::from_secs(60);

/// The Secrets of a namespace, as an API server keeps them: versions, preconditions, one of each name.
#[derive(Default)]
struct Store {
    secrets: BTreeMap<String, Value>,
    version: u64,
    writes: Vec<String>,
    /// The next write finds that another was faster.
    race: bool,
    away: bool,
}

impl Store {
    fn put(&mut self, name: &str, mut secret: Value) -> Value {
        self.version += 1;
        secret["metadata"]["resourceVersion"] = json!(self.version.to_string());
        secret["metadata"]["uid"] = json!(format!("uid-{name}"));
        self.secrets.insert(name.to_owned(), secret.clone());
        secret
    }

    fn answer(&mut self, call: &Call) -> Answer {
        if self.away {
            return Answer::Broken;
        }
        let base = format!("/api/v1/namespaces/{NAMESPACE}/secrets");
        let name = call.path.strip_prefix(&base).expect("a Secret of ours");
        let name = name.trim_start_matches('/').to_owned();
        let body: Value = serde_json::from_slice(&call.body).unwrap_or_default();
        match call.method.as_str() {
            "GET" => match self.secrets.get(&name) {
                Some(secret) => Answer::ok(secret.clone()),
                None => Answer::status(404, "NotFound"),
            },
            "POST" => {
                let name = body["metadata"]["name"]
                    .as_str()
                    .expect("a name")
                    .to_owned();
                self.writes.push(format!("create {name}"));
                if self.secrets.contains_key(&name) {
                    return Answer::status(409, "AlreadyExists");
                }
                Answer::ok(self.put(&name, body))
            }
            "PUT" => {
                self.writes.push(format!("replace {name}"));
                let there = self.secrets.get(&name).cloned();
                let same = there.is_some_and(|there| {
                    there["metadata"]["resourceVersion"] == body["metadata"]["resourceVersion"]
                        && body["metadata"]["resourceVersion"].is_string()
                });
                if std::mem::take(&mut self.race) || !same {
                    return Answer::status(409, "Conflict");
                }
                Answer::ok(self.put(&name, body))
            }
            other => panic!("{other} is not granted"),
        }
    }
}

struct Bed {
    store: Arc<Mutex<Store>>,
    calls: Arc<Mutex<Vec<Call>>>,
    client: kube::Client,
    leads: watch::Sender<bool>,
    secret: watch::Sender<Option<Arc<Secret>>>,
    users: watch::Sender<Option<Arc<Secret>>>,
    evidence: watch::Sender<Evidence>,
    policy: watch::Sender<RotationPolicy>,
    owner: watch::Sender<Option<OwnerReference>>,
}

fn role(uid: &str) -> OwnerReference {
    OwnerReference {
        api_version: "rbac.authorization.k8s.io/v1".to_owned(),
        kind: "ClusterRole".to_owned(),
        name: "tulle".to_owned(),
        uid: uid.to_owned(),
        ..OwnerReference::default()
    }
}

impl Bed {
    fn new() -> Self {
        let store = Arc::new(Mutex::new(Store::default()));
        let served = Arc::clone(&store);
        let (client, calls) = api_server(move |call| served.lock().answer(call));
        let policy = RotationPolicy::new(
            Duration::from_secs(86_400),
            0.8,
            LEAF,
            Duration::from_secs(5),
        );
        Self {
            store,
            calls,
            client,
            leads: watch::channel(true).0,
            secret: watch::channel(None).0,
            users: watch::channel(None).0,
            evidence: watch::channel(Evidence::default()).0,
            policy: watch::channel(policy.unwrap()).0,
            owner: watch::channel(Some(role("u"))).0,
        }
    }

    fn keeper(&self) -> Keeper {
        Keeper::new(
            self.client.clone(),
            NAMESPACE,
            TrustDomain::default(),
            KeeperInputs {
                leads: self.leads.subscribe(),
                secret: self.secret.subscribe(),
                users: self.users.subscribe(),
                evidence: self.evidence.subscribe(),
                policy: self.policy.subscribe(),
                owner: self.owner.subscribe(),
            },
        )
    }

    /// What a watch would tell.
    fn sync(&self) {
        for (name, watch) in [
            (SECRET_NAME, &self.secret),
            (USERS_SECRET_NAME, &self.users),
        ] {
            let secret = self.store.lock().secrets.get(name).cloned();
            let secret = secret.map(|s| Arc::new(serde_json::from_value::<Secret>(s).unwrap()));
            watch.send_replace(secret);
        }
    }

    fn state(&self) -> CaState {
        let secret = self.store.lock().secrets[SECRET_NAME].clone();
        let secret: Secret = serde_json::from_value(secret).unwrap();
        read_state(&secret, &TrustDomain::default(), SystemTime::now()).unwrap()
    }

    /// As the leader's loop does.
    async fn tend(&self, keeper: &mut Keeper) -> Result<Duration, KeepError> {
        self.sync();
        let state = keeper.state(SystemTime::now());
        keeper.tend(state).await
    }

    fn annotate(&self, value: &str) {
        let mut store = self.store.lock();
        let mut secret = store.secrets[SECRET_NAME].clone();
        secret["metadata"]["annotations"] = json!({ROTATE: value, "other": "stays"});
        store.put(SECRET_NAME, secret);
    }

    fn annotations(&self) -> Value {
        self.store.lock().secrets[SECRET_NAME]["metadata"]["annotations"].clone()
    }

    fn bring(&self, ca: &UsersCa) {
        let data = [
            ("tls.crt", &ca.certificate_pem),
            ("tls.key", &ca.key_pem),
            ("ca.crt", &ca.root_pem),
        ];
        let secret = crate::testing::secret(data.map(|(k, v)| (k, v.as_str())));
        let secret = serde_json::to_value(secret).unwrap();
        self.store.lock().put(USERS_SECRET_NAME, secret);
    }

    fn writes(&self) -> Vec<String> {
        std::mem::take(&mut self.store.lock().writes)
    }
}

#[tokio::test]
async fn made_once_and_left_alone() {
    let bed = Bed::new();
    let mut keeper = bed.keeper();
    bed.tend(&mut keeper).await.unwrap();
    assert_eq!(bed.writes(), ["create tulle-ca"]);
    let secret = bed.store.lock().secrets[SECRET_NAME].clone();
    assert_eq!(secret["type"], "Opaque");
    assert_eq!(
        secret["metadata"]["ownerReferences"][0]["kind"],
        "ClusterRole"
    );
    assert_eq!(
        secret["metadata"]["labels"]["app.kubernetes.io/name"],
        "tulle"
    );
    assert_eq!(bed.state().stage(), Stage::Stable);

    let before = bed.calls.lock().len();
    for _ in 0..50 {
        assert_eq!(bed.tend(&mut keeper).await.unwrap(), LOOK);
    }
    assert_eq!(bed.calls.lock().len(), before, "no call in steady state");

    // A second one that has not seen it yet, and one that lost the race.
    bed.keeper().tend(None).await.unwrap();
    assert_eq!(bed.writes(), Vec::<String>::new());
}

#[tokio::test]
async fn given_to_the_owner_that_there_is_now() {
    let bed = Bed::new();
    let mut keeper = bed.keeper();
    bed.tend(&mut keeper).await.unwrap();
    let made = bed.state();
    let owners = |bed: &Bed| {
        let secret = bed.store.lock().secrets[SECRET_NAME].clone();
        let owners = secret["metadata"]["ownerReferences"].as_array().cloned();
        let uids = owners.unwrap_or_default();
        uids.iter()
            .map(|owner| owner["uid"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(owners(&bed), ["u"]);
    bed.owner.send_replace(Some(role("another")));
    for _ in 0..3 {
        bed.tend(&mut keeper).await.unwrap();
    }
    assert_eq!(bed.writes(), ["create tulle-ca", "replace tulle-ca"]);
    assert_eq!(owners(&bed), ["another"]);
    assert_eq!(bed.state(), made);

    // Taken with an owner that went, it is made again as it was, for the one that there is.
    bed.store.lock().secrets.remove(SECRET_NAME);
    bed.owner.send_replace(Some(role("a third")));
    bed.tend(&mut keeper).await.unwrap();
    assert_eq!(owners(&bed), ["a third"]);
    assert_eq!(bed.state(), made);
}

#[tokio::test]
async fn rotated_on_demand_step_by_step() {
    let bed = Bed::new();
    let mut keeper = bed.keeper();
    bed.tend(&mut keeper).await.unwrap();
    let first = bed.state();
    bed.annotate("now");
    bed.tend(&mut keeper).await.unwrap();
    let prepared = bed.state();
    assert_eq!(prepared.stage(), Stage::Prepare);
    assert_eq!(prepared.signer().generation(), first.signer().generation());
    assert_eq!(bed.annotations(), json!({"other": "stays"}));

    // A new leader goes on from what is written.
    let mut next = bed.keeper();
    bed.annotate("advance");
    bed.tend(&mut next).await.unwrap();
    assert_eq!(bed.state().stage(), Stage::Activate);
    bed.annotate("abort");
    bed.tend(&mut next).await.unwrap();
    let back = bed.state();
    assert_eq!(back.signer().generation(), first.signer().generation());
    assert_eq!(back.bundle(), prepared.bundle());
    bed.annotate("advance");
    bed.tend(&mut next).await.unwrap();
    bed.annotate("advance");
    bed.tend(&mut next).await.unwrap();
    assert_eq!(bed.state().phase(), &Phase::Stable);
    assert_eq!(bed.state().bundle(), first.bundle());
}

#[tokio::test]
async fn odd_annotations_are_removed_with_a_word() {
    let log = Log::begin();
    let bed = Bed::new();
    let mut keeper = bed.keeper();
    bed.tend(&mut keeper).await.unwrap();
    let before = bed.state();
    for odd in ["tomorrow", "", "abort", "advance"] {
        bed.annotate(odd);
        bed.tend(&mut keeper).await.unwrap();
        assert_eq!(bed.annotations(), json!({"other": "stays"}));
        assert_eq!(bed.state(), before);
    }
    let text = log.text();
    assert!(text.contains("use now, advance or abort"), "{text}");
    assert!(text.contains("nothing to do"), "{text}");
}

#[tokio::test]
async fn one_who_was_asleep_overwrites_nothing() {
    let bed = Bed::new();
    let mut keeper = bed.keeper();
    bed.tend(&mut keeper).await.unwrap();
    bed.annotate("now");
    // What a leader saw before it was paused.
    bed.sync();
    let mut paused = bed.keeper();
    let stale = paused.state(SystemTime::now());
    bed.tend(&mut keeper).await.unwrap();
    let after = bed.store.lock().secrets[SECRET_NAME].clone();
    paused.tend(stale).await.unwrap();
    assert_eq!(bed.store.lock().secrets[SECRET_NAME], after);

    // And one that is overtaken comes again.
    bed.annotate("advance");
    bed.store.lock().race = true;
    bed.tend(&mut keeper).await.unwrap();
    assert_eq!(bed.state().stage(), Stage::Prepare);
    bed.tend(&mut keeper).await.unwrap();
    assert_eq!(bed.state().stage(), Stage::Activate);
}

#[tokio::test]
async fn what_is_deleted_comes_back_and_what_is_damaged_is_left() {
    let bed = Bed::new();
    let mut keeper = bed.keeper();
    bed.tend(&mut keeper).await.unwrap();
    bed.tend(&mut keeper).await.unwrap();
    let before = bed.state();
    bed.store.lock().secrets.remove(SECRET_NAME);
    bed.tend(&mut keeper).await.unwrap();
    assert_eq!(bed.state(), before);

    let good = bed.store.lock().secrets[SECRET_NAME].clone();
    let mut bad = good.clone();
    bad["data"]["state.json"] = json!("e30=");
    bed.store.lock().put(SECRET_NAME, bad);
    bed.writes();
    let error = bed.tend(&mut keeper).await.unwrap_err().to_string();
    assert!(error.contains("state.json"), "{error}");
    assert_eq!(bed.writes(), Vec::<String>::new());
}

#[tokio::test]
async fn the_users_own_from_the_start_or_later() {
    let bed = Bed::new();
    let mut keeper = bed.keeper();
    let ca = UsersCa::new(rcgen::KeyPair::generate().unwrap());
    bed.bring(&ca);
    bed.tend(&mut keeper).await.unwrap();
    let users = bed.state();
    assert_eq!(users.signer().generation(), ca.slot().generation());
    assert_eq!(users.stage(), Stage::Stable);

    // cert-manager renews it.
    let renewed = ca.renewed();
    bed.bring(&renewed);
    bed.tend(&mut keeper).await.unwrap();
    assert_eq!(
        bed.state().signer().generation(),
        renewed.slot().generation()
    );
    assert_eq!(bed.state().bundle(), users.bundle());

    // Another company buys the first.
    let other = UsersCa::new(rcgen::KeyPair::generate().unwrap());
    bed.bring(&other);
    bed.tend(&mut keeper).await.unwrap();
    assert_eq!(bed.state().stage(), Stage::Prepare);
    assert_eq!(bed.state().bundle().roots().len(), 2);
}

#[tokio::test]
async fn a_bad_one_is_refused_and_the_old_goes_on() {
    let log = Log::begin();
    let bed = Bed::new();
    let mut keeper = bed.keeper();
    let ca = UsersCa::new(rcgen::KeyPair::generate().unwrap());
    let bad = json!({"metadata": {}, "data": {"tls.crt": "eA==", "tls.key": "eA=="}});
    // None is made in its place.
    bed.store.lock().put(USERS_SECRET_NAME, bad.clone());
    let error = bed.tend(&mut keeper).await.unwrap_err().to_string();
    assert!(
        error.contains("tls.crt") && error.contains("tulle-cacerts"),
        "{error}"
    );
    assert_eq!(bed.writes(), Vec::<String>::new());

    bed.bring(&ca);
    bed.tend(&mut keeper).await.unwrap();
    let before = bed.state();
    bed.store.lock().put(USERS_SECRET_NAME, bad);
    for _ in 0..3 {
        bed.tend(&mut keeper).await.unwrap();
    }
    assert_eq!(bed.state(), before);
    bed.store.lock().secrets.remove(USERS_SECRET_NAME);
    bed.tend(&mut keeper).await.unwrap();
    assert_eq!(bed.state(), before);
    let text = log.text();
    assert_eq!(
        text.matches("the authority that there is goes on").count(),
        2,
        "{text}"
    );
    for line in ca.key_pem.lines() {
        assert!(!text.contains(line), "{text}");
    }
}

#[tokio::test]
async fn an_api_server_that_is_away_is_an_error_and_no_more() {
    let bed = Bed::new();
    let mut keeper = bed.keeper();
    bed.store.lock().away = true;
    assert!(matches!(
        bed.tend(&mut keeper).await,
        Err(KeepError::Api(ApiError::Transport(_)))
    ));
    bed.store.lock().away = false;
    bed.tend(&mut keeper).await.unwrap();
    bed.state();
}

#[tokio::test]
async fn answers_that_cannot_be_read_are_not_printed() {
    let log = Log::begin();
    let (client, _) =
        api_server(|_| Answer::Text(200, r#"{"data":{"ca.key":"SECRETBYTES""#.into()));
    let secrets = Secrets::new(client, NAMESPACE);
    assert_eq!(
        secrets.get(SECRET_NAME).await.unwrap_err(),
        ApiError::Answer
    );
    assert!(!log.text().contains("SECRETBYTES"), "{}", log.text());
}

/// The whole loop, in time that passes as fast as it can: only who leads writes, and a rotation runs to its end.
#[tokio::test(start_paused = true)]
async fn runs_by_itself() {
    let bed = Bed::new();
    bed.leads.send_replace(false);
    let task = tokio::spawn(bed.keeper().run());
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert!(
        bed.calls.lock().is_empty(),
        "who does not lead asks nothing"
    );
    bed.leads.send_replace(true);
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_secs(2)).await;
        bed.sync();
    }
    assert_eq!(bed.writes(), ["create tulle-ca"]);
    let calls = bed.calls.lock().len();
    tokio::time::sleep(Duration::from_secs(7200)).await;
    assert_eq!(bed.calls.lock().len(), calls);

    bed.leads.send_replace(false);
    bed.annotate("now");
    bed.sync();
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(bed.calls.lock().len(), calls);
    bed.leads.send_replace(true);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(bed.state().stage(), Stage::Prepare);
    let text = format!("{:?}", bed.keeper());
    assert!(!text.contains("PRIVATE"));
    drop(bed.leads);
    task.await.unwrap();
}
