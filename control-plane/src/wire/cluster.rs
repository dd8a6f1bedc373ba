//! What Kubernetes adds to the running control plane: who proxies are, their certificates, webhooks, and what the leader
//! keeps in the cluster.

mod admission;
mod attest;
mod ca_bundle;
mod directory;
mod leader;
mod peers;
mod pods;
mod proxy_config;
mod secrets;
mod settings;
mod start;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use tokio::sync::{mpsc, watch};
use tulle_identity::SvidPolicy;
use tulle_injector::inject::wants_injection;
use tulle_model::fragment::{Fragment, Translated};
use tulle_model::settings::Settings;
use tulle_model::{ObjectId, Str};
use tulle_source::Batch;
use tulle_xds::{Resource, Scope, Server, TypeUrl};

use crate::engine::Engine;

pub use start::ClusterOptions;
pub(super) use start::serve;

use directory::Directory;
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
    /// Namespaces by name, with whether pods in them may be injected.
    namespaces: std::collections::BTreeMap<Str, bool>,
    /// Which namespaces need the proxies' files.
    meshed: watch::Sender<std::collections::BTreeSet<Str>>,
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
                    return Work::Settings(settings);
                }
                Control::Authority => {
                    self.secrets.reissue_now();
                    self.board.proxies_changed();
                    return Work::Roots;
                }
                Control::Status => self.board.stir(),
            },
            Some(gateway) = self.ending.next() => {
                if self.server.withdraw(&gateway.caller(), &[TypeUrl::LDS]) {
                    tracing::info!(pod = %gateway.caller(), "gateway ends: its listeners are taken away");
                }
            }
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
        for (change, (id, translated)) in batch.changes.iter().zip(translated) {
            self.directory.apply(change, id, translated.as_ref());
            self.board.observe(change, id, translated.as_ref());
            if &*id.kind == "Namespace" && id.group.is_empty() {
                match translated {
                    Some(translated) => {
                        let wanted = translated.fragments.iter().any(|fragment| {
                            matches!(fragment, Fragment::Namespace(namespace) if wants_injection(&namespace.labels))
                        });
                        self.namespaces.insert(id.name.clone(), wanted);
                    }
                    None => {
                        self.namespaces.remove(&id.name);
                    }
                }
            }
        }
        for fate in self.pods.apply(translated) {
            match fate {
                Fate::Gone(pod) => {
                    let ended = self.server.disconnect(&pod.caller());
                    self.server.withdraw(&pod.caller(), &[]);
                    tracing::debug!(pod = %pod.caller(), streams = ended, "pod is gone");
                }
                Fate::GatewayEnds(pod) => self.ending.push(
                    async move {
                        tokio::time::sleep(ENDPOINTS_LEAVE).await;
                        pod
                    }
                    .boxed(),
                ),
            }
        }
        let mut meshed = self.pods.meshed_namespaces();
        let wanted = self.namespaces.iter().filter(|(_, wanted)| **wanted);
        meshed.extend(wanted.map(|(name, _)| name.clone()));
        meshed.retain(|name| self.namespaces.contains_key(name));
        self.meshed.send_if_modified(|held| {
            let news = *held != meshed;
            if news {
                *held = meshed;
            }
            news
        });
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
