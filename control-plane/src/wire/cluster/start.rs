//! Bringing the control plane up in a cluster: what waits for what, and which task does what.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use arc_swap::ArcSwap;
use futures_util::stream::FuturesUnordered;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::Client;
use rustls::pki_types::ServerName;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;
use tulle_appmesh::admit::{IpFamily, Listing};
use tulle_identity::{
    ClusterAuthority, Evidence, Keeper, KeeperInputs, ProjectedTokens, ServingCertificate,
    ServingNames, TrustDomain,
};
use tulle_injector::bootstrap::SharedSpec;
use tulle_injector::webhook::{Server as WebhookServer, WebhookSettings};
use tulle_runtime::admin::{AdminPages, AdminServer};
use tulle_runtime::drain::{DrainWatcher, Drained, drain};
use tulle_runtime::lease::{Leadership, LeaseOptions};
use tulle_runtime::readiness::{Readiness, ReadinessGuard};
use tulle_source::{KubeOptions, KubeSource, watch_one};
use tulle_xds::{Server, ServerSettings, Store, TypeTable};

use super::admission::Webhooks;
use super::attest::PodTokens;
use super::directory::Directory;
use super::named::NamedSecrets;
use super::pods::Pods;
use super::proxy_config::{self, Desired};
use super::secrets::Secrets;
use super::settings::{self, ClusterFacts, Parts, Takers};
use super::{Clock, Cluster, api_server, ca_bundle, clock, follow, leader, owner, peers};
use crate::config::MeshConfig;
use crate::wire::debug::Question;
use crate::wire::dns::Dns;
use crate::wire::late::Late;
use crate::wire::mesh::{Mesh, Updates};
use crate::wire::metrics::Metrics;
use crate::wire::{debug, metrics};

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
/// How long the end may take; the chart gives the pod more.
const GRACE: Duration = Duration::from_secs(25);
/// Proxies leave spread over this time.
const LEAVE_OVER: Duration = Duration::from_secs(10);
/// The Service goes on sending webhook calls to a pod for a while after it began to end.
const LINGER: Duration = Duration::from_secs(5);

/// Serves until a signal ends it.
pub(in crate::wire) async fn serve(
    options: ClusterOptions,
    config: MeshConfig,
) -> anyhow::Result<()> {
    let (trigger, watcher) = drain();
    // From the first moment: as the first process of its container it would not be ended by a signal otherwise.
    let mut drained = tokio::spawn(trigger.drain_on_signal(GRACE));
    let asked_to_end = watcher.signal();
    let address = listen_address(&config, options.pod_ip);
    let admin = AdminServer::bind(SocketAddr::new(address, config.listen.admin)).await?;
    let readiness = Readiness::new();
    let waits = Waits {
        objects: readiness.register("objects of the cluster"),
        authority: readiness.register("certificate authority"),
    };
    let late = Late::default();
    let (metrics, registry) = metrics::metrics(late.clone());
    let (ask, questions) = debug::door();
    let pages = AdminPages {
        metrics: registry,
        readiness: readiness.clone(),
        debug: debug::router(ask, late.clone()),
    };
    let admin = tokio::spawn(admin.serve(pages, watcher.signal()));

    let mut tasks = Tasks::default();
    let inputs = Inputs {
        options,
        config,
        address,
        metrics,
        questions,
        late,
        readiness,
    };
    let running = tokio::select! {
        running = bring_up(inputs, waits, watcher, &mut tasks) => running,
        () = asked_to_end.requested() => Ok(()),
    };
    let ended = match running {
        Err(error) => Err(error),
        Ok(()) => tokio::select! {
            biased;
            drained = &mut drained => drained?.context("signals"),
            why = tasks.unexpected(|| asked_to_end.is_requested()) => Err(why),
        },
    };
    // Another may lead at once.
    tasks.leave.cancel();
    if let Some(lease) = tasks.lease.take() {
        let _ = lease.await;
    }
    tasks.others.abort_all();
    if let Drained::Forced { left } = ended? {
        tracing::warn!(left, "ended without waiting any longer");
    }
    let _ = admin.await;
    Ok(())
}

/// What is waited for before this replica is ready.
struct Waits {
    objects: ReadinessGuard,
    authority: ReadinessGuard,
}

struct Inputs {
    options: ClusterOptions,
    config: MeshConfig,
    address: IpAddr,
    metrics: Metrics,
    questions: mpsc::Receiver<Question>,
    late: Late,
    readiness: Readiness,
}

/// Everything that runs. None of it ends by itself before the end is asked for.
#[derive(Default)]
struct Tasks {
    others: JoinSet<&'static str>,
    lease: Option<JoinHandle<()>>,
    leave: CancellationToken,
}

impl Tasks {
    fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        self.others.spawn(async move {
            task.await;
            name
        });
    }

    /// Waits for a task that ends although nobody asked it to: without it the process would be half alive.
    async fn unexpected(&mut self, asked: impl Fn() -> bool) -> anyhow::Error {
        loop {
            match self.others.join_next().await {
                Some(Ok(_)) if asked() => {}
                Some(Ok(name)) => return anyhow::anyhow!("the task of {name} has ended"),
                Some(Err(error)) => {
                    return anyhow::anyhow!("a task has ended by a defect: {error}");
                }
                None => std::future::pending().await,
            }
        }
    }
}

/// Brings everything up and returns once this replica serves.
async fn bring_up(
    inputs: Inputs,
    waits: Waits,
    watcher: DrainWatcher,
    tasks: &mut Tasks,
) -> anyhow::Result<()> {
    let Inputs {
        options,
        config,
        address,
        metrics,
        questions,
        late,
        readiness,
    } = inputs;
    let trust_domain: TrustDomain = config.trust_domain.parse()?;
    let parts = Parts::of(&config)?;
    let access = kube::Config::infer()
        .await
        .context("no cluster: this runs in a pod with a service account")?;
    let watching = KubeSource::client(access.clone())?;
    let updates = KubeSource::start(watching.clone(), KubeOptions::default());
    let client = Client::try_from(access)?;
    let (health, records) = (updates.health(), updates.records());
    tokio::spawn(follow::tell_waiting(health));
    let facts = ClusterFacts {
        version: api_server::server_version(&client).await,
        pod_ip: options.pod_ip,
    };
    let (owner, owner_now) = watch::channel(owner::first(&client, &options.owner).await);
    let beside = Arc::new(Clock::default());
    late.set_clock(beside.clone());
    tasks.spawn("the clock", clock::keep(client.clone(), beside, readiness));

    // Who leads, and the certificate authority that the leader keeps.
    let (linked, is_linked) = watch::channel(false);
    let (leading, leadership) = watch::channel(Leadership::default());
    let secret = watch_one::<Secret>(watching.clone(), &options.namespace, CA_SECRET);
    let users = watch_one::<Secret>(watching.clone(), &options.namespace, USERS_CA_SECRET);
    let lease = LeaseOptions {
        owner: owner_now.clone(),
        ..LeaseOptions::new(&*options.namespace, LEASE, &*options.pod_name)
    };
    tasks.lease = Some(tokio::spawn(follow::contend(
        client.clone(),
        lease,
        is_linked.clone(),
        secret.clone(),
        leading,
        tasks.leave.clone(),
    )));
    tasks.spawn(
        "the owner",
        owner::follow(client.clone(), options.owner, secret.clone(), owner),
    );
    let authority = ClusterAuthority::follow(trust_domain.clone(), secret.clone());
    let (evidence, evidences) = watch::channel(Evidence::default());
    let (leads, leads_now) = watch::channel(false);
    let (rotation, rotation_now) = watch::channel(parts.rotation);
    let keeper = KeeperInputs {
        leads: leads_now,
        secret,
        users,
        owner: owner_now.clone(),
        evidence: evidences,
        policy: rotation_now,
    };
    let namespace = &*options.namespace;
    let keeper = Keeper::new(client.clone(), namespace, trust_domain, keeper);
    tasks.spawn("the certificate authority", keeper.run());
    tasks.spawn("leadership", follow::leads(leadership.clone(), leads));
    let snapshot = authority.ready().await;
    drop(waits.authority);

    // Who is served, and how.
    let (store, feed) = Store::new(TypeTable::envoy());
    let pods = Arc::new(Pods::default());
    let own = (options.namespace.clone(), options.service_account.clone());
    let certificate = ServingCertificate::with_identity(
        authority.clone(),
        &options.namespace,
        &options.service_account,
        ServingNames::of_service(
            &options.service,
            &options.namespace,
            &config.cluster_domain,
            Some(options.pod_ip),
        ),
    )?;
    let tokens = ProjectedTokens::start(client.clone());
    let server = Server::new(
        store.clone(),
        Arc::new(PodTokens::new(tokens, pods.clone(), own.clone())),
        certificate.clone(),
        ServerSettings {
            identifier: options.pod_name.to_string(),
            max_streams_per_caller: 4,
            ..ServerSettings::default()
        },
    )?;
    late.set_server(server.clone());
    let injection = Arc::new(ArcSwap::from_pointee(facts.fill(&config.injection)));
    let ip_family = match options.pod_ip {
        IpAddr::V4(_) => IpFamily::V4,
        IpAddr::V6(_) => IpFamily::V6,
    };
    let directory = Arc::new(Directory::new(Listing::new(ip_family), records.clone()));
    let webhooks = WebhookServer::new(
        Webhooks {
            directory: directory.clone(),
            config: injection.clone(),
            system_namespace: options.namespace.clone(),
        },
        certificate,
        WebhookSettings::default(),
    )?;
    late.set_webhooks(webhooks.stats());

    // The mesh, and what the cluster is told of it.
    let (control, controls) = mpsc::channel(16);
    let (meshed, meshed_now) = watch::channel(None);
    let (board, reports) = leader::start(
        leader::Inputs {
            client: client.clone(),
            records: records.clone(),
            leadership: leadership.clone(),
            replica: options.pod_name.clone(),
            space: parts.space,
            control: control.clone(),
            server: server.clone(),
            pods: pods.clone(),
            own,
            evidence,
            authority: authority.clone(),
            drain: watcher.signal(),
            late: late.clone(),
        },
        &mut tasks.others,
    );
    server.hear_peers(reports.clone());
    let secrets = Secrets::new(authority.clone(), parts.svids, pods.clone(), store.clone());
    let named = NamedSecrets::new(
        watching.clone(),
        (options.namespace.clone(), options.service_account.clone()),
    );
    let cluster = Cluster {
        named,
        server: server.clone(),
        pods: pods.clone(),
        directory: directory.clone(),
        secrets,
        injection: injection.clone(),
        namespaces: BTreeMap::new(),
        meshed,
        control: controls,
        ending: FuturesUnordered::new(),
        board,
    };
    let dns_told = late.clone();
    let mesh = Mesh::new(
        config.cluster_settings(),
        (store, feed),
        Updates::Cluster(updates),
        Some(cluster),
        questions,
        late,
        metrics,
    );
    let served_names = mesh.names();
    let objects = waits.objects;
    let ready = move || {
        drop(objects);
        linked.send_replace(true);
    };
    tasks.spawn("the mesh", mesh.run(None, ready, watcher.signal()));

    // News from here to there.
    let (roots, roots_now) = watch::channel(String::new());
    let (desired, desired_now) = watch::channel(Desired::default());
    let spec = SharedSpec {
        control_plane: format!(
            "{}.{}.svc.{}",
            options.service, options.namespace, config.cluster_domain
        ),
        control_plane_port: config.listen.xds,
        control_plane_identity: snapshot
            .issuer()
            .trust_domain()
            .service_account(&options.namespace, &options.service_account)
            .to_string(),
        root_pem: String::new(),
        ipv6: facts.ipv6(&config.injection),
    };
    let takers = Takers {
        injection,
        rotation,
        control: control.clone(),
        facts,
    };
    let documents = watch_one::<ConfigMap>(watching, &options.namespace, &options.service);
    tasks.spawn(
        "settings",
        settings::follow(config.clone(), documents, takers),
    );
    tasks.spawn(
        "the authority's news",
        follow::authority(authority.clone(), control.clone()),
    );
    tasks.spawn(
        "records",
        follow::records(records.subscribe(), directory, control),
    );
    tasks.spawn(
        "the bundle",
        follow::bundle(authority, spec, meshed_now, roots, desired),
    );
    let files = proxy_config::keep(client.clone(), owner_now, desired_now, leadership.clone());
    tasks.spawn("the proxies' files", files);
    let names = ca_bundle::Names {
        mutating: vec![
            format!("{}-injector", options.service),
            format!("{}-appmesh", options.service),
        ],
        validating: vec![format!("{}-appmesh", options.service)],
    };
    let bundles = ca_bundle::keep(client, names, roots_now.clone(), leadership.clone());
    tasks.spawn("the webhooks' bundle", bundles);
    let server_name = format!("{}.{}.svc", options.service, options.namespace);
    let dial = peers::Dial {
        namespace: options.namespace.clone(),
        pod: options.pod_name.clone(),
        port: config.listen.xds,
        server_name: ServerName::try_from(server_name)?,
        roots: roots_now,
        token: options.token,
        pods,
    };
    tasks.spawn(
        "reports",
        peers::report(dial, reports.encoded(), leadership),
    );

    // Nobody is served before everything is known.
    let mut is_linked = is_linked;
    is_linked
        .wait_for(|linked| *linked)
        .await
        .context("the mesh was never linked")?;
    let xds_address = SocketAddr::new(address, config.listen.xds);
    let xds = TcpListener::bind(xds_address)
        .await
        .with_context(|| format!("xDS port: cannot listen on {xds_address}"))?;
    let webhook_address = SocketAddr::new(address, config.listen.webhook);
    let webhook = TcpListener::bind(webhook_address)
        .await
        .with_context(|| format!("webhook port: cannot listen on {webhook_address}"))?;
    if config.dns.serves(true) {
        let dns_address = SocketAddr::new(address, config.listen.dns);
        let nameserver = format!(
            "{}-dns.{}.svc.{}",
            options.service, options.namespace, config.cluster_domain
        );
        let dns = Dns::bind(dns_address, &nameserver, served_names).await?;
        dns_told.set_dns(dns.told());
        tasks.spawn("the DNS server", dns.serve());
    }
    tracing::info!(xds = %xds_address, webhook = %webhook_address, "serving");
    let leave = tasks.leave.clone();
    let watching_end = watcher.clone();
    tasks.spawn("the webhooks", async move {
        let lingered = async {
            watching_end.requested().await;
            tokio::time::sleep(LINGER).await;
        };
        webhooks.serve(webhook, lingered).await;
        drop(watching_end);
    });
    tasks.spawn("the xDS server", async move {
        let leaving = async {
            watcher.requested().await;
            // Another may lead at once.
            leave.cancel();
            server.drain(LEAVE_OVER);
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = server.serve(xds) => {}
            () = leaving => {}
            () = watcher.forced() => {}
        }
        // The last proxy has left: the drain need not wait any longer.
        drop(watcher);
    });
    Ok(())
}

/// Every address of the family that pods have, unless the settings name another.
fn listen_address(config: &MeshConfig, pod_ip: IpAddr) -> IpAddr {
    match config.listen.address {
        IpAddr::V4(any) if any.is_unspecified() && pod_ip.is_ipv6() => Ipv6Addr::UNSPECIFIED.into(),
        address => address,
    }
}
