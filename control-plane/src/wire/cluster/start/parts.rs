//! What a replica consists of, and which part hears of which.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use anyhow::Context;
use arc_swap::ArcSwap;
use futures_util::stream::FuturesUnordered;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::Client;
use rustls::pki_types::ServerName;
use tokio::sync::{mpsc, watch};
use tulle_appmesh::admit::{IpFamily, Listing};
use tulle_identity::{
    ClusterAuthority, Evidence, Keeper, KeeperInputs, ProjectedTokens, ServingCertificate,
    ServingNames, TrustDomain,
};
use tulle_injector::bootstrap::SharedSpec;
use tulle_injector::webhook::{Server as WebhookServer, WebhookSettings};
use tulle_runtime::drain::DrainWatcher;
use tulle_runtime::lease::{Leadership, LeaseOptions};
use tulle_source::{KubeOptions, KubeSource, watch_one};
use tulle_xds::{Server, ServerSettings, Store, TypeTable};

use super::doors::{self, Doors};
use super::tasks::Tasks;
use super::{Inputs, Waits};
use crate::wire::cluster::admission::Webhooks;
use crate::wire::cluster::attest::PodTokens;
use crate::wire::cluster::directory::Directory;
use crate::wire::cluster::named::NamedSecrets;
use crate::wire::cluster::pods::Pods;
use crate::wire::cluster::proxy_config::{self, Desired};
use crate::wire::cluster::secrets::Secrets;
use crate::wire::cluster::settings::{self, ClusterFacts, Parts, Takers};
use crate::wire::cluster::{
    Clock, Cluster, api_server, ca_bundle, clock, follow, leader, owner, peers,
};
use crate::wire::mesh::{Mesh, Updates};

/// The Lease's name.
const LEASE: &str = "tulle-leader";
/// The Secrets of the certificate authority.
const CA_SECRET: &str = "tulle-ca";
const USERS_CA_SECRET: &str = "tulle-cacerts";

/// Brings everything up and returns once this replica serves.
pub(super) async fn bring_up(
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
    let (linked, mut is_linked) = watch::channel(false);
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
        owner::follow(client.clone(), options.owner.clone(), secret.clone(), owner),
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
        token: options.token.clone(),
        pods,
    };
    tasks.spawn(
        "reports",
        peers::report(dial, reports.encoded(), leadership),
    );

    is_linked
        .wait_for(|linked| *linked)
        .await
        .context("the mesh was never linked")?;
    let doors = Doors {
        xds: server,
        webhooks,
        names: served_names,
        late: dns_told,
    };
    doors::open(doors, &options, &config, address, watcher, tasks).await
}
