//! Who of several replicas leads: a `coordination.k8s.io` Lease that one of them holds at a time.
//!
//! Time is judged by this process's monotonic clock alone, never by the timestamps in the record, which other clocks wrote:
//! a candidate takes a lease over when it has *seen* the record unchanged for the record's whole duration; a leader counts
//! from the moment it *sent* its last renewal that was accepted, and stops a sixth of the duration early. So an old leader is
//! out before a new one is in, whatever their wall clocks say, and also if the old one was stopped for a while: a
//! [`Leadership`] runs out by itself. Every write carries the `resourceVersion` that was read, so of several candidates one
//! succeeds.
//!
//! What a leader writes elsewhere has to be preconditioned too: no lease can recall a request that is under way.

mod candidate;
mod seen;
mod timing;

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::Client;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use candidate::Candidate;

/// Which lease, and for whom.
#[derive(Debug, Clone)]
pub struct LeaseOptions {
    /// Namespace of the Lease object.
    pub namespace: String,
    /// Name of the Lease object.
    pub name: String,
    /// Who asks: the pod's name. A process that finds its own name in the record goes on with it.
    pub identity: String,
    /// For how long a leader that is heard of no more stays in place, whole seconds, at least one. Renewed every third to
    /// half of it; given up by the leader itself after five sixths without renewal.
    pub ttl: Duration,
    /// Who owns the object as it is now, so that it goes with the owner; each renewal looks.
    pub owner: watch::Receiver<Option<OwnerReference>>,
}

impl LeaseOptions {
    /// A lease of 15 seconds that nobody owns.
    pub fn new(
        namespace: impl Into<String>,
        name: impl Into<String>,
        identity: impl Into<String>,
    ) -> Self {
        Self {
            namespace: namespace.into(),
            name: name.into(),
            identity: identity.into(),
            ttl: Duration::from_secs(15),
            owner: watch::channel(None).1,
        }
    }
}

/// Whether this process leads, and who does as far as it knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Leadership {
    holder: Option<Arc<str>>,
    until: Option<Instant>,
}

impl Leadership {
    /// Leading until `until`, for those who have no lease to ask: a single process, a test.
    pub fn granted(holder: &str, until: Instant) -> Self {
        Self {
            holder: Some(holder.into()),
            until: Some(until),
        }
    }

    /// Whether this process leads at this very moment. Ask right before each write: the answer turns to no by the clock.
    pub fn is_leader(&self) -> bool {
        self.remaining().is_some()
    }

    /// For how long this process leads without another renewal; `None` if it does not lead.
    pub fn remaining(&self) -> Option<Duration> {
        let left = self.until?.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }

    /// The identity in the record as last read; `None` where nobody holds it or nothing was read yet.
    pub fn holder(&self) -> Option<&str> {
        self.holder.as_deref()
    }
}

/// A part in the contest. Dropping it ends the part without giving the lease back: it then runs out.
#[derive(Debug)]
pub struct Lease {
    leadership: watch::Receiver<Leadership>,
    release: CancellationToken,
    task: JoinHandle<()>,
}

impl Lease {
    /// Takes part from now on. Has to be called on a tokio runtime.
    pub fn start(client: Client, options: LeaseOptions) -> Self {
        let release = CancellationToken::new();
        let (candidate, leadership) = Candidate::new(client, options);
        let task = tokio::spawn(candidate.run(release.clone()));
        Self {
            leadership,
            release,
            task,
        }
    }

    /// The state, changing with every renewal and when leadership is lost.
    pub fn leadership(&self) -> watch::Receiver<Leadership> {
        self.leadership.clone()
    }

    /// Stops leading at once and gives the lease back, so that another may take it within a poll (an eighth of the
    /// duration). Returns when the server has been told, or could not be told in a sixth of the duration.
    pub async fn release(mut self) {
        self.release.cancel();
        // The task ends by itself; that it panicked has been printed, and the lease runs out.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[cfg(test)]
mod tests;
