//! Against a real API server: its keys, its tokens, its preconditions.
//!
//! Started here from the multi-call binary of the cluster tests, on loopback, and gone afterwards:
//! `TULLE_KUBERNETES=FILE cargo test -p tulle-identity --test api_server -- --ignored`

#![allow(clippy::unwrap_used)]

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use k8s_openapi::api::core::v1::{Pod, Secret, ServiceAccount};
use k8s_openapi::api::rbac::v1::ClusterRoleBinding;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::config::AuthInfo;
use kube::{Api, Client, Config};
use serde_json::{Value, json};
use tokio::sync::watch;
use tulle_identity::ca::{CaState, Stage};
use tulle_identity::cluster::{ROTATE, SECRET_NAME, USERS_SECRET_NAME, read_state};
use tulle_identity::{
    AuthoritySource, ClusterAuthority, Evidence, Keeper, KeeperInputs, ProjectedTokens, ProofError,
    RotationPolicy, TokenFault, TrustDomain,
};

const NAMESPACE: &str = "tulle-system";
const ADMIN: &str = "the-administrators-token";

/// etcd and an API server, killed when dropped.
struct Cluster {
    folder: tempfile::TempDir,
    etcd: Child,
    api: Option<Child>,
    ports: [u16; 3],
}

impl Cluster {
    fn start() -> Self {
        let binary = PathBuf::from(std::env::var_os("TULLE_KUBERNETES").expect(
            "TULLE_KUBERNETES names the multi-call binary that `tests/run cluster` builds",
        ));
        let folder = tempfile::tempdir().unwrap();
        for name in ["etcd", "kube-apiserver"] {
            std::os::unix::fs::symlink(&binary, folder.path().join(name)).unwrap();
        }
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
        fs::write(folder.path().join("accounts.key"), key.serialize_pem()).unwrap();
        fs::write(folder.path().join("accounts.pub"), key.public_key_pem()).unwrap();
        let users = format!("{ADMIN},admin,admin,\"system:masters\"\n");
        fs::write(folder.path().join("users.csv"), users).unwrap();
        let ports = [0; 3].map(|_| {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            listener.local_addr().unwrap().port()
        });
        let [client, peer, _] = ports.map(|port| format!("http://127.0.0.1:{port}"));
        let etcd = run(
            folder.path(),
            "etcd",
            &[
                "--data-dir=etcd-data",
                "--unsafe-no-fsync",
                "--log-level=warn",
                &format!("--listen-client-urls={client}"),
                &format!("--advertise-client-urls={client}"),
                &format!("--listen-peer-urls={peer}"),
                &format!("--initial-advertise-peer-urls={peer}"),
                &format!("--initial-cluster=default={peer}"),
            ],
        );
        let mut cluster = Self {
            folder,
            etcd,
            api: None,
            ports,
        };
        cluster.start_api();
        cluster
    }

    fn start_api(&mut self) {
        let [etcd, _, port] = self.ports;
        self.api = Some(run(
            self.folder.path(),
            "kube-apiserver",
            &[
                &format!("--etcd-servers=http://127.0.0.1:{etcd}"),
                &format!("--secure-port={port}"),
                "--bind-address=127.0.0.1",
                "--cert-dir=certs",
                "--token-auth-file=users.csv",
                "--authorization-mode=RBAC",
                "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
                "--service-account-key-file=accounts.pub",
                "--service-account-signing-key-file=accounts.key",
                "--service-cluster-ip-range=10.96.0.0/16",
            ],
        ));
    }

    fn stop_api(&mut self) {
        if let Some(mut api) = self.api.take() {
            api.kill().unwrap();
            api.wait().unwrap();
        }
    }

    fn client(&self, as_user: Option<&str>) -> Client {
        let url = format!("https://127.0.0.1:{}", self.ports[2]);
        let mut config = Config::new(url.parse().unwrap());
        config.accept_invalid_certs = true;
        config.auth_info = AuthInfo {
            token: Some(ADMIN.to_owned().into()),
            impersonate: as_user.map(str::to_owned),
            ..AuthInfo::default()
        };
        Client::try_from(config).unwrap()
    }

    async fn ready(&self) {
        let client = self.client(None);
        let begin = Instant::now();
        loop {
            let request = http::Request::get("/readyz").body(Vec::new()).unwrap();
            if client.request_text(request).await.is_ok() {
                return;
            }
            assert!(begin.elapsed() < Duration::from_secs(60), "not ready");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stop_api();
        let _ = self.etcd.kill();
        let _ = self.etcd.wait();
    }
}

fn run(folder: &Path, name: &str, arguments: &[&str]) -> Child {
    let log = fs::File::create(folder.join(format!("{name}.log"))).unwrap();
    Command::new(folder.join(name))
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap()
}

async fn create<K>(api: &Api<K>, object: Value) -> K
where
    K: Clone + std::fmt::Debug + serde::Serialize + serde::de::DeserializeOwned,
{
    let object = serde_json::from_value(object).unwrap();
    api.create(&PostParams::default(), &object).await.unwrap()
}

/// A token as a kubelet asks for it.
async fn token(client: &Client, audience: &str, pod: Option<&Pod>) -> String {
    let bound = pod.map(|pod| {
        json!({"kind": "Pod", "apiVersion": "v1", "name": pod.metadata.name, "uid": pod.metadata.uid})
    });
    let request = json!({
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "metadata": {"name": "front"},
        "spec": {"audiences": [audience], "expirationSeconds": 600, "boundObjectRef": bound}
    });
    let request = http::Request::post("/api/v1/namespaces/shop/serviceaccounts/front/token")
        .header("content-type", "application/json")
        .body(serde_json::to_vec(&request).unwrap())
        .unwrap();
    let answer: Value = client.request(request).await.unwrap();
    answer["status"]["token"].as_str().unwrap().to_owned()
}

async fn workload(client: &Client) -> Pod {
    for namespace in ["shop", NAMESPACE] {
        create(
            &Api::<k8s_openapi::api::core::v1::Namespace>::all(client.clone()),
            json!({"metadata": {"name": namespace}}),
        )
        .await;
    }
    let accounts = Api::<ServiceAccount>::namespaced(client.clone(), "shop");
    create(&accounts, json!({"metadata": {"name": "front"}})).await;
    pod(client).await
}

async fn pod(client: &Client) -> Pod {
    let pods = Api::<Pod>::namespaced(client.clone(), "shop");
    create(
        &pods,
        json!({
            "metadata": {"name": "front-1"},
            "spec": {"serviceAccountName": "front", "automountServiceAccountToken": false,
                "containers": [{"name": "app", "image": "app"}]}
        }),
    )
    .await
}

#[tokio::test]
#[ignore = "needs TULLE_KUBERNETES"]
async fn tokens_of_a_real_cluster() {
    let mut cluster = Cluster::start();
    cluster.ready().await;
    let admin = cluster.client(None);
    let front = workload(&admin).await;
    let now = SystemTime::now;
    let good = token(&admin, "tulle", Some(&front)).await;
    let foreign = token(&admin, "other", Some(&front)).await;
    let unbound = token(&admin, "tulle", None).await;

    // By the keys, as any service account may read them.
    let reader = cluster.client(Some("system:serviceaccount:tulle-system:tulle"));
    let by_keys = ProjectedTokens::start(reader);
    // By asking: an account that may ask but not read the keys.
    create(
        &Api::<ClusterRoleBinding>::all(admin.clone()),
        json!({
            "metadata": {"name": "asker"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "system:auth-delegator"},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "asker"}]
        }),
    )
    .await;
    let asking = ProjectedTokens::start(cluster.client(Some("asker")));

    let (one, two) = (
        by_keys.verify(&good, now()).await.unwrap(),
        asking.verify(&good, now()).await.unwrap(),
    );
    assert_eq!(one, two, "both ways prove the same");
    assert_eq!(one.namespace, "shop");
    assert_eq!(one.service_account, "front");
    assert_eq!(one.pod_name, "front-1");
    assert_eq!(Some(&one.pod_uid), front.metadata.uid.as_ref());
    let left = one.expires.duration_since(now()).unwrap();
    assert!(left > Duration::from_secs(500) && left <= Duration::from_secs(600));
    for tokens in [&by_keys, &asking] {
        let refused = |token| tokens.verify(token, now());
        assert_eq!(
            refused(&foreign).await,
            Err(ProofError::Token(TokenFault::Audience))
        );
        assert_eq!(refused(&unbound).await, Err(ProofError::Unbound));
        let mut forged = good.clone();
        forged.replace_range(forged.len() - 8.., "AAAAAAAA");
        let error = refused(&forged).await.unwrap_err();
        assert!(
            matches!(
                error,
                ProofError::Token(TokenFault::Signature) | ProofError::Refused
            ),
            "{error}"
        );
    }
    let begin = Instant::now();
    for _ in 0..2_000 {
        by_keys.verify(&good, now()).await.unwrap();
    }
    use std::io::Write;
    writeln!(
        std::io::stderr(),
        "RS256 by the cluster's keys: {:?} each",
        begin.elapsed() / 2_000
    )
    .unwrap();

    // Away: what can be proven without it still is; who asked keeps the answer a while.
    let late = token(&admin, "tulle", Some(&front)).await;
    cluster.stop_api();
    by_keys.verify(&late, now()).await.unwrap();
    asking.verify(&good, now()).await.unwrap();
    let error = asking.verify(&late, now()).await.unwrap_err();
    assert!(error.is_temporary(), "{error}");
    cluster.start_api();
    cluster.ready().await;
    let begin = Instant::now();
    while asking.verify(&late, now()).await.is_err() {
        assert!(begin.elapsed() < Duration::from_secs(20));
        tokio::time::sleep(Duration::from_millis(200)).await;
    }

    // The pod is deleted and made again: its token is refused where the API server is asked. (By the keys it is still well
    // signed; whoever uses it compares the pod's UID.)
    let old = token(&admin, "tulle", Some(&front)).await;
    let pods = Api::<Pod>::namespaced(admin.clone(), "shop");
    pods.delete("front-1", &DeleteParams::default().grace_period(0))
        .await
        .unwrap();
    let again = pod(&admin).await;
    assert_ne!(again.metadata.uid, front.metadata.uid);
    assert_eq!(asking.verify(&old, now()).await, Err(ProofError::Refused));
    let proven = by_keys.verify(&old, now()).await.unwrap();
    assert_ne!(Some(&proven.pod_uid), again.metadata.uid.as_ref());
}

/// One replica: it follows the Secret by asking often, which stands in for the watch that others keep.
struct Replica {
    leads: watch::Sender<bool>,
    evidence: watch::Sender<Evidence>,
    authority: Arc<ClusterAuthority>,
    _policy: watch::Sender<RotationPolicy>,
    _owner: watch::Sender<Option<OwnerReference>>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Replica {
    fn start(client: &Client, policy: &RotationPolicy) -> Self {
        let (leads, evidence, policy) = (
            watch::channel(true).0,
            watch::channel(Evidence::default()).0,
            watch::channel(policy.clone()).0,
        );
        let secret = watch::channel(None).0;
        let users = watch::channel(None).0;
        let owner = watch::channel(None).0;
        let inputs = KeeperInputs {
            leads: leads.subscribe(),
            secret: secret.subscribe(),
            users: users.subscribe(),
            evidence: evidence.subscribe(),
            policy: policy.subscribe(),
            owner: owner.subscribe(),
        };
        let domain = TrustDomain::default();
        let authority = ClusterAuthority::follow(domain.clone(), secret.subscribe());
        let keeper = Keeper::new(client.clone(), NAMESPACE, domain, inputs);
        let api = Api::<Secret>::namespaced(client.clone(), NAMESPACE);
        let follow = tokio::spawn(async move {
            loop {
                for (name, tell) in [(SECRET_NAME, &secret), (USERS_SECRET_NAME, &users)] {
                    if let Ok(there) = api.get_opt(name).await {
                        tell.send_if_modified(|current| {
                            let there = there.map(Arc::new);
                            let version = |s: &Option<Arc<Secret>>| {
                                s.as_ref().and_then(|s| s.metadata.resource_version.clone())
                            };
                            let new = version(current) != version(&there);
                            *current = there;
                            new
                        });
                    }
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        });
        Self {
            leads,
            evidence,
            authority,
            _policy: policy,
            _owner: owner,
            tasks: vec![tokio::spawn(keeper.run()), follow],
        }
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

async fn state(api: &Api<Secret>) -> CaState {
    let secret = api.get(SECRET_NAME).await.unwrap();
    read_state(&secret, &TrustDomain::default(), SystemTime::now()).unwrap()
}

async fn until(api: &Api<Secret>, what: &str, is: impl Fn(&CaState) -> bool) -> CaState {
    let begin = Instant::now();
    loop {
        let state = state(api).await;
        if is(&state) {
            return state;
        }
        assert!(
            begin.elapsed() < Duration::from_secs(30),
            "{what}: still {state:?}"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn order(api: &Api<Secret>, command: &str) {
    let patch = json!({"metadata": {"annotations": {ROTATE: command}}});
    api.patch(SECRET_NAME, &PatchParams::default(), &Patch::Merge(patch))
        .await
        .unwrap();
}

#[tokio::test]
#[ignore = "needs TULLE_KUBERNETES"]
async fn the_authority_in_a_real_secret() {
    let cluster = Cluster::start();
    cluster.ready().await;
    let admin = cluster.client(None);
    workload(&admin).await;
    let api = Api::<Secret>::namespaced(admin.clone(), NAMESPACE);
    let policy = RotationPolicy::new(
        Duration::from_secs(3600),
        0.8,
        Duration::from_secs(2),
        Duration::from_secs(2),
    )
    .unwrap();
    // Split brain: two that both believe to lead.
    let replicas = [
        Replica::start(&admin, &policy),
        Replica::start(&admin, &policy),
    ];
    for replica in &replicas {
        replica.authority.ready().await;
    }
    let first = state(&api).await;
    for replica in &replicas {
        let snapshot = replica.authority.snapshot().unwrap();
        assert_eq!(
            snapshot.issuer().generation(),
            first.signer().generation(),
            "of two that made one, one was kept"
        );
    }
    // In steady state nothing is written.
    let version = |s: Secret| s.metadata.resource_version.unwrap();
    let before = version(api.get(SECRET_NAME).await.unwrap());
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(version(api.get(SECRET_NAME).await.unwrap()), before);

    // A whole rotation on demand, by two who race for each step.
    order(&api, "now").await;
    let prepared = until(&api, "prepared", |s| s.stage() == Stage::Prepare).await;
    assert_eq!(prepared.bundle().roots().len(), 2);
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(
        state(&api).await,
        prepared,
        "without evidence nothing moves on"
    );
    let tell = |state: &CaState| {
        for replica in &replicas {
            replica.evidence.send_replace(Evidence {
                complete: true,
                bundles: [state.bundle().version().clone()].into(),
                issuers: [state.signer().generation().clone()].into(),
            });
        }
    };
    tell(&prepared);
    let active = until(&api, "active", |s| s.stage() == Stage::Activate).await;
    tell(&active);
    let last = until(&api, "stable", |s| s.stage() == Stage::Stable).await;
    assert_ne!(last.signer().generation(), first.signer().generation());
    assert_eq!(last.bundle(), *last.signer().roots());
    let kept = api.get(SECRET_NAME).await.unwrap();
    assert_eq!(kept.data.unwrap().len(), 5, "the old key is gone");
    assert!(kept.metadata.annotations.is_none_or(|a| a.is_empty()));

    // The next leader goes on, and takes a step back.
    replicas[0].leads.send_replace(false);
    order(&api, "now").await;
    until(&api, "prepared", |s| s.stage() == Stage::Prepare).await;
    replicas[0].leads.send_replace(true);
    replicas[1].leads.send_replace(false);
    order(&api, "abort").await;
    let aborted = until(&api, "stable", |s| s.stage() == Stage::Stable).await;
    assert_eq!(aborted.signer().generation(), last.signer().generation());

    // Deleted by mistake: the same comes back, and nobody noticed.
    api.delete(SECRET_NAME, &DeleteParams::default())
        .await
        .unwrap();
    let begin = Instant::now();
    while api.get_opt(SECRET_NAME).await.unwrap().is_none() {
        assert!(begin.elapsed() < Duration::from_secs(20));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(
        state(&api).await.signer().generation(),
        last.signer().generation()
    );
}
