//! Small tasks that carry news from one part to another.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tulle_identity::{AuthoritySource, ClusterAuthority};
use tulle_injector::bootstrap::{SharedSpec, shared};
use tulle_runtime::lease::{Leadership, Lease, LeaseOptions};
use tulle_runtime::mailbox::Receiver;
use tulle_source::{KubeHealth, ObjectKey};

use super::Control;
use super::directory::Directory;
use super::proxy_config::Desired;

/// Between words on what is waited for.
const TELL: Duration = Duration::from_secs(5);

/// Says what the first objects are waited for, while they are.
pub(super) async fn tell_waiting(health: KubeHealth) {
    loop {
        tokio::time::sleep(TELL).await;
        let waiting = health.waiting_for();
        if waiting.is_empty() {
            return;
        }
        tracing::info!("waiting for {}", waiting.join("; "));
    }
}

/// Takes part in who leads: once the mesh is linked, or at once where there is no certificate authority yet, without which
/// nobody comes that far. A replica that cannot serve thus keeps no other from leading. Ends, with the lease given back,
/// when `leave` is cancelled.
pub(super) async fn contend(
    client: kube::Client,
    options: LeaseOptions,
    mut linked: watch::Receiver<bool>,
    mut secret: watch::Receiver<Option<Arc<Secret>>>,
    leadership: watch::Sender<Leadership>,
    leave: CancellationToken,
) {
    let no_authority = async {
        // The first change tells whether there is one.
        if secret.changed().await.is_err() || secret.borrow().is_some() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        _ = linked.wait_for(|linked| *linked) => {}
        () = no_authority => {}
        () = leave.cancelled() => return,
    }
    let lease = Lease::start(client, options);
    let mut now = lease.leadership();
    loop {
        leadership.send_replace(now.borrow_and_update().clone());
        tokio::select! {
            changed = now.changed() => if changed.is_err() { return },
            () = leave.cancelled() => break,
        }
    }
    lease.release().await;
    leadership.send_replace(Leadership::default());
}

/// Whether this replica leads, for who knows no lease.
pub(super) async fn leads(mut leadership: watch::Receiver<Leadership>, leads: watch::Sender<bool>) {
    loop {
        let now = leadership.borrow_and_update().is_leader();
        publish(&leads, now);
        if leadership.changed().await.is_err() {
            return;
        }
    }
}

/// Word of another certificate authority.
pub(super) async fn authority(authority: Arc<ClusterAuthority>, control: mpsc::Sender<Control>) {
    let mut changes = authority.changes();
    while changes.changed().await.is_ok() {
        changes.borrow_and_update();
        if control.send(Control::Authority).await.is_err() {
            return;
        }
    }
}

/// Word of other records.
pub(super) async fn records(
    mut changed: Receiver<ObjectKey, ()>,
    directory: Arc<Directory>,
    control: mpsc::Sender<Control>,
) {
    while let Some(keys) = changed.recv().await {
        directory.refresh(keys.keys());
        if control.send(Control::Status).await.is_err() {
            return;
        }
    }
}

/// Publishes the roots, and the proxies' files with them once it is known which namespaces need them.
pub(super) async fn bundle(
    authority: Arc<ClusterAuthority>,
    spec: SharedSpec,
    mut meshed: watch::Receiver<Option<BTreeSet<Arc<str>>>>,
    roots: watch::Sender<String>,
    desired: watch::Sender<Desired>,
) {
    let mut changes = authority.changes();
    loop {
        let namespaces = meshed.borrow_and_update().clone();
        if let Some(snapshot) = authority.snapshot() {
            let pem = snapshot.bundle().pem().to_string();
            let files = shared(SharedSpec {
                root_pem: pem.clone(),
                ..spec.clone()
            });
            match (files, namespaces) {
                (Ok(files), Some(namespaces)) => {
                    let now = Desired {
                        namespaces,
                        files: files.into_data(),
                    };
                    publish(&desired, now);
                }
                (Ok(_), None) => {}
                (Err(error), _) => tracing::error!(%error, "the proxies' files cannot be made"),
            }
            publish(&roots, pem);
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

/// Sets a value, waking nobody where it is the same.
pub(in crate::wire::cluster) fn publish<T: PartialEq>(to: &watch::Sender<T>, now: T) {
    to.send_if_modified(|held| {
        let news = *held != now;
        if news {
            *held = now;
        }
        news
    });
}
