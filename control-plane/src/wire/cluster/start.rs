//! Bringing the control plane up in a cluster: what waits for what, and which task does what.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use arc_swap::ArcSwap;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use k8s_openapi::api::rbac::v1::ClusterRole;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::{Api, Client};
use rustls::pki_types::ServerName;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tulle_appmesh::admit::{IpFamily, Listing};
use tulle_identity::{
    AuthoritySource, ClusterAuthority, Evidence, Keeper, KeeperInputs, ProjectedTokens,
    RotationPolicy, ServingCertificate, ServingNames, SvidPolicy, TrustDomain,
};
use tulle_injector::bootstrap::{SharedSpec, shared};
use tulle_injector::inject::InjectConfig;
use tulle_injector::webhook::{Server as WebhookServer, WebhookSettings};
use tulle_runtime::admin::{AdminPages, AdminServer};
use tulle_runtime::drain::{Drained, drain};
use tulle_runtime::lease::{Leadership, Lease, LeaseOptions};
use tulle_runtime::readiness::Readiness;
use tulle_source::{KubeHealth, KubeOptions, KubeSource, watch_one};
use tulle_status::ArnSpace;
use tulle_xds::{Server, ServerSettings, Store, TypeTable};

use super::admission::Webhooks;
use super::attest::PodTokens;
use super::directory::Directory;
use super::leader;
use super::pods::Pods;
use super::proxy_config::{self, Desired};
use super::secrets::Secrets;
use super::{Cluster, Control, ca_bundle, peers, settings};
use crate::config::MeshConfig;
use crate::wire::late::Late;
use crate::wire::mesh::{Mesh, Updates};
use crate::wire::{GRACE, debug, metrics};

/// Who this replica is in its cluster.
#[derive(Debug)]
pub struct ClusterOptions {
    /// Its pod.
    pub pod_name: Arc<str>,
    /// Its namespace.
    pub namespace: Arc<str>,
    /// Its address.
    pub pod_ip: IpAddr,
    /// Its service account.
    pub service_account: Arc<str>,
    /// The Service in front of all replicas, and the ConfigMap with the settings.
    pub service: String,
    /// The ClusterRole that owns what the control plane makes.
    pub owner: String,
    /// Its own token of audience `tulle`.
    pub token: PathBuf,
}

/// The Lease's name.
const LEASE: &str = "tulle-leader";
/// The Secrets of the certificate authority.
const CA_SECRET: &str = "tulle-ca";
const USERS_CA_SECRET: &str = "tulle-cacerts";
/// Between tries to reach an API server at the start.
const PATIENCE: Duration = Duration::from_secs(1);
/// Between words on what is waited for.
const TELL: Duration = Duration::from_secs(5);

/// Serves until a signal ends it.
pub(in crate::wire) async fn serve(
    options: ClusterOptions,
    started_with: MeshConfig,
) -> anyhow::Result<()> {
    let trust_domain: TrustDomain = started_with.trust_domain.parse()?;
    let listen = started_with.listen.clone();
    let readiness = Readiness::new();
    let objects_known = readiness.register("objects of the cluster");
    let authority_known = readiness.register("certificate authority");
    let admin = AdminServer::bind(SocketAddr::new(listen.address, listen.admin)).await?;
    let (trigger, watcher) = drain();
    // From here on: as the first process of its container it would not be ended by a signal otherwise.
    let drained = tokio::spawn(trigger.drain_on_signal(GRACE));
    let asked_to_end = watcher.signal();

    let access = kube::Config::infer()
        .await
        .context("no cluster: this runs in a pod with a service account")?;
    let updates = KubeSource::start(KubeSource::client(access.clone())?, KubeOptions::default());
    let client = Client::try_from(access)?;
    let (health, records) = (updates.health(), updates.records());
    let (store, feed) = Store::new(TypeTable::envoy());
    let pods = Arc::new(Pods::default());

    // Who leads, and what it keeps.
    let (major, minor) = server_version(&client).await;
    let owner = owner(&client, &options.owner).await;
    let lease = Lease::start(
        client.clone(),
        LeaseOptions {
            owner: owner.clone(),
            ..LeaseOptions::new(&*options.namespace, LEASE, &*options.pod_name)
        },
    );
    let leadership = lease.leadership();
    let (config, configs) = watch::channel(Arc::new(started_with.clone()));
    let mut tasks = JoinSet::new();
    tasks.spawn(settings::follow(
        started_with.clone(),
        watch_one::<ConfigMap>(client.clone(), &options.namespace, &options.service),
        config,
    ));
    let secret = watch_one::<Secret>(client.clone(), &options.namespace, CA_SECRET);
    let users = watch_one::<Secret>(client.clone(), &options.namespace, USERS_CA_SECRET);
    let authority = ClusterAuthority::follow(trust_domain.clone(), secret.clone());
    let (evidence, evidences) = watch::channel(Evidence::default());
    let (leads, leads_now) = watch::channel(false);
    let (policies, policy) = watch::channel(rotation_policy(&started_with)?);
    tasks.spawn(
        Keeper::new(
            client.clone(),
            &options.namespace,
            trust_domain.clone(),
            owner.clone(),
            KeeperInputs {
                leads: leads_now,
                secret,
                users,
                evidence: evidences,
                policy,
            },
        )
        .run(),
    );
    tasks.spawn(follow_leadership(leadership.clone(), leads));

    // The admin port answers from here on, so that readiness can say what is waited for.
    let late = Late::default();
    let (metrics, registry) = metrics::metrics(late.clone());
    let (ask, questions) = debug::door();
    let pages = AdminPages {
        metrics: registry,
        readiness,
        debug: debug::router(ask, late.clone()),
    };
    let admin = tokio::spawn(admin.serve(pages, watcher.signal()));
    tasks.spawn(tell_waiting(health));

    let snapshot = tokio::select! {
        snapshot = authority.ready() => snapshot,
        () = asked_to_end.requested() => return Ok(()),
    };
    drop(authority_known);
    let names = ServingNames::of_service(
        &options.service,
        &options.namespace,
        &started_with.cluster_domain,
        Some(options.pod_ip),
    );
    let certificate = ServingCertificate::with_identity(
        authority.clone(),
        &options.namespace,
        &options.service_account,
        names,
    )?;
    let tokens = ProjectedTokens::start(client.clone());
    let server = Server::new(
        store.clone(),
        Arc::new(PodTokens::new(
            tokens,
            pods.clone(),
            (options.namespace.clone(), options.service_account.clone()),
        )),
        certificate.clone(),
        ServerSettings {
            identifier: options.pod_name.to_string(),
            ..ServerSettings::default()
        },
    )?;
    late.set_server(server.clone());

    let inject_config = Arc::new(ArcSwap::from_pointee(for_cluster(
        &started_with.injection,
        (major, minor),
        options.pod_ip,
    )));
    let ip_family = match options.pod_ip {
        IpAddr::V4(_) => IpFamily::V4,
        IpAddr::V6(_) => IpFamily::V6,
    };
    let directory = Arc::new(Directory::new(Listing::new(ip_family), records.clone()));
    let webhooks = WebhookServer::new(
        Webhooks {
            directory: directory.clone(),
            config: inject_config.clone(),
            system_namespace: options.namespace.clone(),
        },
        certificate,
        WebhookSettings::default(),
    )?;
    late.set_webhooks(webhooks.stats());

    let (control, controls) = mpsc::channel(16);
    let (meshed, meshed_now) = watch::channel(BTreeSet::new());
    let space = arn_space(&started_with)?;
    let (board, reports) = leader::start(
        leader::Inputs {
            client: client.clone(),
            records: records.clone(),
            leadership: leadership.clone(),
            replica: options.pod_name.clone(),
            space,
            control: control.clone(),
            server: server.clone(),
            pods: pods.clone(),
            own: (options.namespace.clone(), options.service_account.clone()),
            evidence,
            authority: authority.clone(),
            drain: watcher.signal(),
            late: late.clone(),
        },
        &mut tasks,
    );
    server.hear_peers(reports.clone());
    let cluster = Cluster {
        server: server.clone(),
        pods: pods.clone(),
        directory: directory.clone(),
        secrets: Secrets::new(
            authority.clone(),
            SvidPolicy::new(started_with.mtls.certificate_ttl)?,
            pods.clone(),
            store.clone(),
        ),
        namespaces: BTreeMap::new(),
        meshed,
        control: controls,
        ending: Default::default(),
        board,
    };
    let mesh = Mesh::new(
        started_with.cluster_settings(),
        (store, feed),
        Updates::Cluster(updates),
        Some(cluster),
        questions,
        late,
        metrics,
    );
    let (linked, mut is_linked) = watch::channel(false);
    let mesh = tokio::spawn(mesh.run(None, (objects_known, Linked(linked)), watcher.signal()));

    // What follows the settings, the authority and the meshed namespaces.
    tasks.spawn(follow_settings(
        configs.clone(),
        inject_config,
        (major, minor),
        options.pod_ip,
        policies,
        control.clone(),
    ));
    tasks.spawn(follow_authority(authority.clone(), control.clone()));
    tasks.spawn(follow_records(records.changes(), directory, control));
    let (roots, roots_now) = watch::channel(String::new());
    let (desired, desired_now) = watch::channel(Desired::default());
    let spec = SharedSpec {
        control_plane: format!(
            "{}.{}.svc.{}",
            options.service, options.namespace, started_with.cluster_domain
        ),
        control_plane_port: listen.xds,
        control_plane_identity: snapshot
            .issuer()
            .trust_domain()
            .service_account(&options.namespace, &options.service_account)
            .to_string(),
        root_pem: String::new(),
        ipv6: inject_ipv6(&started_with.injection, options.pod_ip),
    };
    tasks.spawn(follow_bundle(authority, spec, meshed_now, roots, desired));
    tasks.spawn(proxy_config::keep(
        client.clone(),
        owner,
        desired_now,
        leadership.clone(),
    ));
    tasks.spawn(ca_bundle::keep(
        client,
        ca_bundle::Names {
            mutating: vec![
                format!("{}-injector", options.service),
                format!("{}-appmesh", options.service),
            ],
            validating: vec![format!("{}-appmesh", options.service)],
        },
        roots_now.clone(),
        leadership.clone(),
    ));
    let server_name = format!("{}.{}.svc", options.service, options.namespace);
    tasks.spawn(peers::report(
        peers::Dial {
            namespace: options.namespace.clone(),
            pod: options.pod_name.clone(),
            port: listen.xds,
            server_name: ServerName::try_from(server_name)?,
            roots: roots_now,
            token: options.token,
            pods,
        },
        reports.encoded(),
        leadership,
    ));

    // Nobody is served before everything is known.
    tokio::select! {
        _ = is_linked.wait_for(|linked| *linked) => {}
        () = asked_to_end.requested() => return Ok(()),
    }
    let xds_address = SocketAddr::new(listen.address, listen.xds);
    let xds = TcpListener::bind(xds_address)
        .await
        .with_context(|| format!("xDS port: cannot listen on {xds_address}"))?;
    let webhook_address = SocketAddr::new(listen.address, listen.webhook);
    let webhook = TcpListener::bind(webhook_address)
        .await
        .with_context(|| format!("webhook port: cannot listen on {webhook_address}"))?;
    tracing::info!(xds = %xds_address, webhook = %webhook_address, "serving");
    let leaving = watcher.signal();
    let webhook = tokio::spawn({
        let ended = watcher.signal();
        async move {
            webhooks
                .serve(webhook, async move { ended.ended().await })
                .await
        }
    });
    let xds = tokio::spawn({
        let (server, signal) = (server.clone(), watcher.signal());
        async move {
            tokio::select! {
                () = server.serve(xds) => {}
                () = signal.ended() => {}
            }
            drop(watcher);
        }
    });
    tokio::spawn(async move {
        leaving.requested().await;
        // Another may lead at once.
        lease.release().await;
        server.drain(GRACE / 2);
    });
    let drained = drained.await?.context("signals")?;
    let _ = tokio::join!(admin, mesh, xds, webhook);
    tasks.abort_all();
    if let Drained::Forced { left } = drained {
        tracing::warn!(left, "ended without waiting any longer");
    }
    Ok(())
}

/// Tells, when dropped, that the mesh is linked.
struct Linked(watch::Sender<bool>);

impl Drop for Linked {
    fn drop(&mut self) {
        self.0.send_replace(true);
    }
}

/// Says what the first objects are waited for, while they are.
async fn tell_waiting(health: KubeHealth) {
    loop {
        tokio::time::sleep(TELL).await;
        let waiting = health.waiting_for();
        if waiting.is_empty() {
            return;
        }
        tracing::info!("waiting for {}", waiting.join("; "));
    }
}

/// The API server's version; waits for one that does not answer.
async fn server_version(client: &Client) -> (u32, u32) {
    loop {
        match client.apiserver_version().await {
            Ok(version) => {
                let number = |text: &str| {
                    let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
                    digits.parse().unwrap_or(0)
                };
                return (number(&version.major), number(&version.minor));
            }
            Err(error) => {
                tracing::warn!(%error, "the API server does not tell its version; trying again");
                tokio::time::sleep(PATIENCE).await;
            }
        }
    }
}

/// The object with which everything goes that is made here; none where it does not exist.
async fn owner(client: &Client, name: &str) -> Option<OwnerReference> {
    let roles: Api<ClusterRole> = Api::all(client.clone());
    loop {
        match roles.get_metadata_opt(name).await {
            Ok(Some(role)) => {
                return Some(OwnerReference {
                    api_version: "rbac.authorization.k8s.io/v1".to_owned(),
                    kind: "ClusterRole".to_owned(),
                    name: name.to_owned(),
                    uid: role.metadata.uid.unwrap_or_default(),
                    ..OwnerReference::default()
                });
            }
            Ok(None) => {
                tracing::warn!(
                    "ClusterRole {name} is not there: what is made in the cluster outlives it"
                );
                return None;
            }
            Err(kube::Error::Api(status)) if status.code == 403 => {
                tracing::warn!(
                    "ClusterRole {name} may not be read: what is made in the cluster outlives it"
                );
                return None;
            }
            Err(error) => {
                tracing::warn!(%error, "ClusterRole {name} cannot be read; trying again");
                tokio::time::sleep(PATIENCE).await;
            }
        }
    }
}

fn rotation_policy(config: &MeshConfig) -> anyhow::Result<RotationPolicy> {
    Ok(RotationPolicy::new(
        config.mtls.root_ttl,
        RotationPolicy::ROTATE_AT,
        config.mtls.certificate_ttl,
        RotationPolicy::DISTRIBUTION,
    )?)
}

fn arn_space(config: &MeshConfig) -> anyhow::Result<ArnSpace> {
    Ok(ArnSpace::new(&config.aws.region, &config.aws.account_id)?)
}

fn inject_ipv6(config: &InjectConfig, pod_ip: IpAddr) -> bool {
    config.ipv6.unwrap_or(pod_ip.is_ipv6())
}

/// The settings with what the cluster itself decides.
fn for_cluster(config: &InjectConfig, (major, minor): (u32, u32), pod_ip: IpAddr) -> InjectConfig {
    let mut config = config.clone().for_server(major, minor);
    config.ipv6 = Some(inject_ipv6(&config, pod_ip));
    config
}

async fn follow_leadership(
    mut leadership: watch::Receiver<Leadership>,
    leads: watch::Sender<bool>,
) {
    loop {
        let now = leadership.borrow_and_update().is_leader();
        leads.send_if_modified(|held| std::mem::replace(held, now) != now);
        if leadership.changed().await.is_err() {
            return;
        }
    }
}

async fn follow_settings(
    mut configs: watch::Receiver<Arc<MeshConfig>>,
    inject_config: Arc<ArcSwap<InjectConfig>>,
    version: (u32, u32),
    pod_ip: IpAddr,
    policies: watch::Sender<RotationPolicy>,
    control: mpsc::Sender<Control>,
) {
    while configs.changed().await.is_ok() {
        let config = configs.borrow_and_update().clone();
        inject_config.store(Arc::new(for_cluster(&config.injection, version, pod_ip)));
        let parts = (
            rotation_policy(&config),
            SvidPolicy::new(config.mtls.certificate_ttl),
            arn_space(&config),
        );
        match parts {
            (Ok(rotation), Ok(svids), Ok(space)) => {
                policies.send_replace(rotation);
                let settings = config.cluster_settings();
                if control
                    .send(Control::Settings(settings, svids, space))
                    .await
                    .is_err()
                {
                    return;
                }
            }
            (rotation, svids, space) => {
                let errors = [
                    rotation.err().map(|error| error.to_string()),
                    svids.err().map(|error| error.to_string()),
                    space.err().map(|error| error.to_string()),
                ];
                let errors: Vec<String> = errors.into_iter().flatten().collect();
                tracing::error!("settings: {}; they stay as they were", errors.join("; "));
            }
        }
    }
}

async fn follow_authority(authority: Arc<ClusterAuthority>, control: mpsc::Sender<Control>) {
    let mut changes = authority.changes();
    while changes.changed().await.is_ok() {
        changes.borrow_and_update();
        if control.send(Control::Authority).await.is_err() {
            return;
        }
    }
}

async fn follow_records(
    mut changes: watch::Receiver<u64>,
    directory: Arc<Directory>,
    control: mpsc::Sender<Control>,
) {
    while changes.changed().await.is_ok() {
        changes.borrow_and_update();
        directory.refresh();
        if control.send(Control::Status).await.is_err() {
            return;
        }
    }
}

/// Publishes the roots, and the proxies' files with them.
async fn follow_bundle(
    authority: Arc<ClusterAuthority>,
    spec: SharedSpec,
    mut meshed: watch::Receiver<BTreeSet<Arc<str>>>,
    roots: watch::Sender<String>,
    desired: watch::Sender<Desired>,
) {
    let mut changes = authority.changes();
    loop {
        if let Some(snapshot) = authority.snapshot() {
            let pem = snapshot.bundle().pem().to_string();
            let files = shared(SharedSpec {
                root_pem: pem.clone(),
                ..spec.clone()
            });
            match files {
                Ok(files) => {
                    let now = Desired {
                        namespaces: meshed.borrow_and_update().clone(),
                        files: files.into_data(),
                    };
                    desired.send_if_modified(|held| {
                        let news = *held != now;
                        if news {
                            *held = now;
                        }
                        news
                    });
                }
                Err(error) => tracing::error!(%error, "the proxies' files cannot be made"),
            }
            roots.send_if_modified(|held| {
                let news = *held != pem;
                if news {
                    *held = pem;
                }
                news
            });
        }
        let gone = tokio::select! {
            changed = changes.changed() => changed.is_err(),
            changed = meshed.changed() => changed.is_err(),
        };
        if gone {
            return;
        }
    }
}
