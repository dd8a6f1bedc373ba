//! Every replica's view of the cluster's authority.

use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use k8s_openapi::api::core::v1::Secret;
use parking_lot::RwLock;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::form::{SECRET_NAME, read_state};
use crate::snapshot::{AuthoritySource, Snapshot};
use crate::spiffe::TrustDomain;

/// The authority in the Secret, always the last good one.
///
/// There is none before the leader has made it. A Secret that is damaged or gone changes nothing but [`problem`](Self::problem).
#[derive(Debug)]
pub struct ClusterAuthority {
    snapshots: watch::Receiver<Option<Arc<Snapshot>>>,
    problem: Arc<RwLock<Option<String>>>,
    task: OnceLock<AbortHandle>,
}

impl ClusterAuthority {
    /// Follows a watched Secret until dropped. Must be called within a runtime.
    pub fn follow(
        trust_domain: TrustDomain,
        secret: watch::Receiver<Option<Arc<Secret>>>,
    ) -> Arc<Self> {
        let (publish, snapshots) = watch::channel(None);
        let problem = Arc::new(RwLock::new(None));
        let follower = Follower {
            trust_domain,
            publish,
            problem: Arc::clone(&problem),
        };
        let authority = Arc::new(Self {
            snapshots,
            problem,
            task: OnceLock::new(),
        });
        let task = tokio::spawn(follower.run(secret)).abort_handle();
        // The cell is new: nobody else has set it.
        let _ = authority.task.set(task);
        authority
    }

    /// Waits until there is an authority. For ever, where the watch has ended.
    pub async fn ready(&self) -> Arc<Snapshot> {
        let mut snapshots = self.snapshots.clone();
        loop {
            if let Some(snapshot) = snapshots.borrow_and_update().clone() {
                return snapshot;
            }
            if snapshots.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Tells of each new snapshot: another issuer, another bundle, another stage.
    pub fn changes(&self) -> watch::Receiver<Option<Arc<Snapshot>>> {
        self.snapshots.clone()
    }

    /// What is wrong with the Secret, if anything; for readiness and people.
    pub fn problem(&self) -> Option<String> {
        self.problem.read().clone()
    }
}

impl AuthoritySource for ClusterAuthority {
    fn snapshot(&self) -> Option<Arc<Snapshot>> {
        self.snapshots.borrow().clone()
    }
}

impl Drop for ClusterAuthority {
    fn drop(&mut self) {
        if let Some(task) = self.task.get() {
            task.abort();
        }
    }
}

struct Follower {
    trust_domain: TrustDomain,
    publish: watch::Sender<Option<Arc<Snapshot>>>,
    problem: Arc<RwLock<Option<String>>>,
}

impl Follower {
    async fn run(self, mut secret: watch::Receiver<Option<Arc<Secret>>>) {
        loop {
            let now = secret.borrow_and_update().clone();
            self.take(now.as_deref());
            if secret.changed().await.is_err() {
                return;
            }
        }
    }

    fn take(&self, secret: Option<&Secret>) {
        let problem = match secret.map(|secret| self.read(secret)) {
            Some(Ok(snapshot)) => {
                self.publish.send_if_modified(|current| {
                    let same = current.as_ref().is_some_and(|c| equal(c, &snapshot));
                    if !same {
                        tracing::info!(
                            issuer = %snapshot.issuer().generation(),
                            bundle = %snapshot.bundle().version(),
                            stage = %snapshot.stage(),
                            "certificate authority"
                        );
                        *current = Some(Arc::new(snapshot));
                    }
                    !same
                });
                None
            }
            Some(Err(problem)) => Some(problem),
            None if self.publish.borrow().is_none() => Some(format!(
                "Secret {SECRET_NAME}: not there yet; the leader makes it"
            )),
            None => Some(format!(
                "Secret {SECRET_NAME}: is gone; what was in it goes on, and the leader writes it again"
            )),
        };
        let mut kept = self.problem.write();
        if *kept != problem {
            if let Some(problem) = &problem
                && secret.is_some()
            {
                tracing::error!("{problem}");
            }
            *kept = problem;
        }
    }

    fn read(&self, secret: &Secret) -> Result<Snapshot, String> {
        let state =
            read_state(secret, &self.trust_domain, SystemTime::now()).map_err(|e| e.to_string())?;
        Snapshot::of(&state, &self.trust_domain).map_err(|e| e.to_string())
    }
}

fn equal(one: &Snapshot, other: &Snapshot) -> bool {
    one.issuer().generation() == other.issuer().generation()
        && one.issuer().intermediates() == other.issuer().intermediates()
        && one.bundle() == other.bundle()
        && one.stage() == other.stage()
        && one.since() == other.since()
        && one.other() == other.other()
}

#[cfg(test)]
mod tests;
