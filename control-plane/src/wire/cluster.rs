//! What Kubernetes adds to the running control plane: who proxies are, their certificates, webhooks, and what the leader
//! keeps in the cluster.

mod admission;
mod api_server;
mod attest;
mod ca_bundle;
mod clock;
mod directory;
mod follow;
mod leader;
mod named;
mod owner;
mod peers;
mod pods;
mod proxy_config;
mod secrets;
mod settings;
mod start;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio::sync::{mpsc, watch};
use tulle_identity::SvidPolicy;
use tulle_injector::inject::{InjectConfig, wants_injection};
use tulle_model::fragment::{Fragment, Translated};
use tulle_model::selector::Labels;
use tulle_model::settings::Settings;
use tulle_model::{Finding, ObjectId, ProxyId, Str};
use tulle_source::Batch;
use tulle_xds::{Resource, Scope, Server, TypeUrl};

use crate::engine::Engine;

pub(super) use clock::Clock;
pub use start::ClusterOptions;
pub(super) use start::serve;

use directory::Directory;
use named::NamedSecrets;
use pods::{Entry, Fate, Pods};
use secrets::Secrets;

/// Endpoints leave a Service before its pods do, but every node has to hear of it first.
const ENDPOINTS_LEAVE: Duration = Duration::from_secs(3);

/// The part of the mesh's task that is Kubernetes' own.
pub(super) struct Cluster {
    server: Server,
    pods: Arc<Pods>,
    directory: Arc<Directory>,
    secrets: Secrets,
    named: NamedSecrets,
    injection: Arc<ArcSwap<InjectConfig>>,
    /// The labels of all namespaces.
    namespaces: BTreeMap<Str, Labels>,
    /// Which namespaces need the proxies' files; none before that is known.
    meshed: watch::Sender<Option<BTreeSet<Str>>>,
    control: mpsc::Receiver<Control>,
    /// Gateways whose listeners are about to be taken away.
    ending: FuturesUnordered<BoxFuture<'static, Entry>>,
    pub(super) board: leader::BoardKeeper,
}

/// Word from the other tasks.
#[derive(Debug)]
pub(super) enum Control {
    /// The settings are different.
    Settings(Settings, SvidPolicy, tulle_status::ArnSpace),
    /// The certificate authority is.
    Authority,
    /// What other replicas' proxies say is, or what the API server has on record.
    Status,
}

/// What the mesh's task has to do.
#[derive(Debug)]
pub(super) enum Work {
    /// Take these settings.
    Settings(Settings),
    /// Give all groups the roots anew.
    Roots,
    /// Give these proxies the Kubernetes Secrets that they want.
    Named(BTreeSet<ProxyId>),
    /// Nothing: it was done.
    Done,
}

/// Waits for work; for ever where there is no cluster.
pub(super) async fn work(cluster: &mut Option<Cluster>) -> Work {
    match cluster {
        Some(cluster) => cluster.work().await,
        None => std::future::pending().await,
    }
}

impl Cluster {
    async fn work(&mut self) -> Work {
        tokio::select! {
            Some(control) = self.control.recv() => match control {
                Control::Settings(settings, policy, space) => {
                    self.secrets.reissue(policy);
                    self.board.set_space(space);
                    self.tell_meshed();
                    return Work::Settings(settings);
                }
                Control::Authority => {
                    self.secrets.reissue_now();
                    self.board.proxies_changed();
                    return Work::Roots;
                }
                Control::Status => self.board.stir(),
            },
            proxies = self.named.news() => return Work::Named(proxies),
            Some(gateway) = self.ending.next() => self.end_gateway(&gateway),
            () = tokio::time::sleep(self.secrets.wait()) => self.secrets.renew(),
            () = due(self.board.wait()) => {}
        }
        Work::Done
    }

    /// Takes in a batch and what was made of its objects.
    pub(super) fn observe(
        &mut self,
        batch: &Batch,
        translated: &[(ObjectId, Option<Arc<Translated>>)],
    ) {
        // The first batch tells even of a cluster without any.
        let mut namespaces_changed = self.meshed.borrow().is_none();
        for (change, (id, translated)) in batch.changes.iter().zip(translated) {
            self.directory.apply(change, id, translated.as_ref());
            self.board.observe(change, id, translated.as_ref());
            if &*id.kind == "Namespace" && id.group.is_empty() {
                let labels = translated
                    .iter()
                    .flat_map(|translated| &translated.fragments);
                let labels = labels.into_iter().find_map(|fragment| match fragment {
                    Fragment::Namespace(namespace) => Some(namespace.labels.clone()),
                    _ => None,
                });
                namespaces_changed = true;
                match labels {
                    Some(labels) => self.namespaces.insert(id.name.clone(), labels),
                    None => self.namespaces.remove(&id.name),
                };
            }
        }
        self.board.set_problems(&batch.problems);
        for fate in self.pods.apply(translated) {
            match fate {
                Fate::Gone(pod) => {
                    let ended = self.server.disconnect(&pod.caller());
                    self.server.withdraw(&pod.caller(), &[]);
                    tracing::debug!(pod = %pod.caller(), streams = ended, "pod is gone");
                }
                Fate::GatewayEnds {
                    pod,
                    long_ago: true,
                } => self.end_gateway(&pod),
                Fate::GatewayEnds { pod, .. } => self.ending.push(
                    async move {
                        tokio::time::sleep(ENDPOINTS_LEAVE).await;
                        pod
                    }
                    .boxed(),
                ),
            }
        }
        if namespaces_changed || self.pods.take_meshed_news() {
            self.tell_meshed();
        }
    }

    /// A gateway's endpoints have left: its listeners go, so that it drains.
    fn end_gateway(&self, pod: &Entry) {
        let there = self.pods.get(&pod.namespace, &pod.name, &pod.uid);
        if there.is_some() && self.server.withdraw(&pod.caller(), &[TypeUrl::LDS]) {
            tracing::info!(pod = %pod.caller(), "gateway ends: its listeners are taken away");
        }
    }

    /// Says which namespaces need the proxies' files.
    fn tell_meshed(&self) {
        let istio_label = self.injection.load().istio_label;
        let wants = |labels: &Labels| {
            if istio_label {
                return wants_injection(labels);
            }
            let mut labels = labels.clone();
            labels.remove("istio-injection");
            wants_injection(&labels)
        };
        let mut meshed = self.pods.meshed_namespaces();
        meshed.retain(|name| self.namespaces.contains_key(name));
        let wanted = self.namespaces.iter().filter(|(_, labels)| wants(labels));
        meshed.extend(wanted.map(|(name, _)| name.clone()));
        follow::publish(&self.meshed, Some(meshed));
    }

    /// A proxy asks for what is its alone.
    pub(super) fn asked(&mut self, scope: &Scope, holds: &[(Arc<str>, Arc<str>)]) {
        self.secrets.asked(scope, holds);
    }

    /// No stream uses a scope any more. Whether it was a pod's own.
    pub(super) fn idle(&mut self, scope: &Scope) -> bool {
        self.secrets.forget(scope)
    }

    /// What every group holds.
    pub(super) fn shared(&self) -> Option<Arc<Resource>> {
        self.secrets.roots()
    }

    /// What a proxy's group is served of Kubernetes Secrets.
    pub(super) fn named(&self, proxy: &ProxyId) -> Vec<Arc<Resource>> {
        self.named.resources(proxy)
    }

    /// Takes what proxies want of Kubernetes Secrets; gives back what they want no longer.
    pub(super) fn want_named(&mut self, wanted: named::Wanted) -> BTreeMap<ProxyId, Vec<Arc<str>>> {
        self.named.want(wanted)
    }

    /// What is wrong with them.
    pub(super) fn named_findings(&self) -> BTreeSet<Finding> {
        self.named.findings()
    }

    /// Keeps what statuses are made of up to date.
    pub(super) fn tell_board(&mut self, engine: &Engine, ledger: &tulle_status::Ledger) {
        self.board.tell(engine, ledger);
    }
}

async fn due(wait: Option<Duration>) {
    match wait {
        Some(wait) => tokio::time::sleep(wait).await,
        None => std::future::pending().await,
    }
}
