//! One replica's part in the contest.

use std::future::Future;
use std::sync::Arc;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use k8s_openapi::jiff::Timestamp;
use kube::api::PostParams;
use kube::{Api, Client};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::seen::{self, Seen};
use super::timing::Timing;
use super::{Leadership, LeaseOptions};

/// The task behind a [`super::Lease`].
#[derive(Debug)]
pub(super) struct Candidate {
    api: Api<Lease>,
    options: LeaseOptions,
    identity: Arc<str>,
    timing: Timing,
    leadership: watch::Sender<Leadership>,
    /// The object as our own last write left it; `None` where it has to be read first.
    held: Option<Lease>,
    seen: Option<Seen>,
    failing: bool,
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("no answer in time")]
    Slow,
    #[error("others change the record as fast as it is read")]
    Contested,
    #[error(transparent)]
    Server(#[from] kube::Error),
}

/// What a look at the record comes to.
enum Decision {
    /// Somebody else leads.
    Wait,
    /// There is no record, or one that may be taken or renewed.
    Write(Lease),
}

impl Candidate {
    pub(super) fn new(
        client: Client,
        options: LeaseOptions,
    ) -> (Self, watch::Receiver<Leadership>) {
        let (leadership, receiver) = watch::channel(Leadership::default());
        let candidate = Self {
            api: Api::namespaced(client, &options.namespace),
            identity: options.identity.as_str().into(),
            timing: Timing::new(options.ttl),
            options,
            leadership,
            held: None,
            seen: None,
            failing: false,
        };
        (candidate, receiver)
    }

    /// Takes part until `release`, then gives the lease back.
    pub(super) async fn run(mut self, release: CancellationToken) {
        loop {
            let attempt = tokio::select! {
                biased;
                () = release.cancelled() => break,
                attempt = self.attempt() => attempt,
            };
            self.tell(attempt);
            let pause = self.pause();
            let until = self.leadership.borrow().until;
            tokio::select! {
                biased;
                () = release.cancelled() => break,
                () = sleep_until(pause.min(until.unwrap_or(pause))) => {}
            }
            self.step_down_if_over();
        }
        self.give_back().await;
    }

    /// Looks at the record and writes it where that is due. A conflict means that it changed in between: it is looked at
    /// again, but not for ever.
    async fn attempt(&mut self) -> Result<(), Failure> {
        for _ in 0..3 {
            match self.turn().await {
                Err(Failure::Server(kube::Error::Api(status))) if status.code == 409 => {}
                result => return result,
            }
        }
        Err(Failure::Contested)
    }

    async fn turn(&mut self) -> Result<(), Failure> {
        let known = match self.held.take() {
            Some(held) => Some(held),
            None => self.read().await?,
        };
        let Decision::Write(lease) = self.decide(known) else {
            return Ok(());
        };
        let sent = Instant::now();
        let parameters = PostParams::default();
        let written = if lease.metadata.resource_version.is_none() {
            self.bounded(self.api.create(&parameters, &lease)).await?
        } else {
            let request = self.api.replace(&self.options.name, &parameters, &lease);
            self.bounded(request).await?
        };
        self.note(Some(&written));
        self.held = Some(written);
        self.publish(Some(sent + self.timing.hold()));
        Ok(())
    }

    async fn read(&mut self) -> Result<Option<Lease>, Failure> {
        let lease = self.bounded(self.api.get_opt(&self.options.name)).await?;
        self.note(lease.as_ref());
        Ok(lease)
    }

    /// A request, for no longer than a request may take, nor than leadership lasts.
    async fn bounded<T>(
        &self,
        request: impl Future<Output = Result<T, kube::Error>>,
    ) -> Result<T, Failure> {
        let most = self.timing.request();
        let left = self.leadership.borrow().remaining().unwrap_or(most);
        timeout(most.min(left), request)
            .await
            .map_err(|_| Failure::Slow)?
            .map_err(Failure::from)
    }

    /// Keeps what was received just now. An object that vanished leaves its last holder the time that it may have.
    fn note(&mut self, lease: Option<&Lease>) {
        let now = Instant::now();
        match (lease, &mut self.seen) {
            (Some(lease), seen) => {
                *seen = Some(Seen::note(seen.take(), lease, now, self.timing.ttl()));
            }
            (None, Some(seen)) => seen.miss(now),
            (None, None) => {}
        }
    }

    fn decide(&self, known: Option<Lease>) -> Decision {
        let other = self
            .seen
            .as_ref()
            .filter(|seen| seen.holder().is_some_and(|holder| *holder != self.identity));
        if other.is_some_and(|other| Instant::now() < other.expiry()) {
            return Decision::Wait;
        }
        let mut lease = known.unwrap_or_else(|| Lease {
            metadata: ObjectMeta {
                name: Some(self.options.name.clone()),
                namespace: Some(self.options.namespace.clone()),
                ..ObjectMeta::default()
            },
            spec: None,
        });
        self.claim(&mut lease);
        Decision::Write(lease)
    }

    /// Writes our name into the record, keeping what is not ours.
    fn claim(&self, lease: &mut Lease) {
        let now = MicroTime(Timestamp::now());
        let spec = lease.spec.get_or_insert_with(LeaseSpec::default);
        if seen::holder(spec) != Some(&*self.identity) {
            let before = spec.lease_transitions;
            let first = spec.acquire_time.is_none() && before.is_none();
            spec.lease_transitions = Some(before.unwrap_or(0) + i32::from(!first));
            spec.acquire_time = Some(now.clone());
        }
        spec.holder_identity = Some(self.identity.to_string());
        spec.lease_duration_seconds = Some(self.timing.seconds());
        spec.renew_time = Some(now);
        if let Some(owner) = &*self.options.owner.borrow() {
            let owners = lease.metadata.owner_references.get_or_insert_default();
            owners.retain(|other| {
                (&other.kind, &other.name) != (&owner.kind, &owner.name) || other.uid == owner.uid
            });
            if !owners.iter().any(|other| other.uid == owner.uid) {
                owners.push(owner.clone());
            }
        }
    }

    /// When to look or to renew next.
    fn pause(&self) -> Instant {
        let now = Instant::now();
        if self.held.is_some() {
            return now + self.timing.renew();
        }
        if self.leadership.borrow().is_leader() {
            return now + self.timing.retry();
        }
        let poll = now + self.timing.poll();
        match &self.seen {
            // one who waits for a leader's end is there when it comes
            Some(seen) if seen.expiry() > now => poll.min(seen.expiry()),
            _ => poll,
        }
    }

    fn publish(&self, until: Option<Instant>) {
        let holder = self.seen.as_ref().and_then(Seen::holder).cloned();
        let was = self.leadership.borrow().until.is_some();
        let now = Leadership { holder, until };
        if was != now.until.is_some() {
            let lease = format!("{}/{}", self.options.namespace, self.options.name);
            if was {
                tracing::info!(%lease, holder = now.holder().unwrap_or("nobody"), "leads no more");
            } else {
                tracing::info!(%lease, "leads");
            }
        }
        self.leadership.send_if_modified(|before| {
            let news = *before != now;
            *before = now;
            news
        });
    }

    fn step_down_if_over(&mut self) {
        let until = self.leadership.borrow().until;
        if until.is_some_and(|until| until <= Instant::now()) {
            self.publish(None);
        }
    }

    fn tell(&mut self, attempt: Result<(), Failure>) {
        match attempt {
            Ok(()) => {
                if std::mem::take(&mut self.failing) {
                    tracing::info!(lease = %self.options.name, "the lease answers again");
                }
                if self.held.is_none() {
                    // read, and it is another's
                    self.publish(None);
                }
            }
            Err(error) => {
                self.step_down_if_over();
                if std::mem::replace(&mut self.failing, true) {
                    tracing::debug!(lease = %self.options.name, %error, "lease");
                } else {
                    tracing::warn!(
                        lease = %self.options.name, namespace = %self.options.namespace, %error,
                        "the lease can neither be read nor renewed; trying on"
                    );
                }
            }
        }
    }

    /// Leads no more, then tells the server so if the record is ours.
    async fn give_back(&mut self) {
        self.publish(None);
        let result = timeout(self.timing.request(), async {
            // A write may have been cut off just now, so that only the server knows whose the record is.
            let Some(mut lease) = self.api.get_opt(&self.options.name).await? else {
                return Ok(());
            };
            let spec = lease.spec.get_or_insert_with(LeaseSpec::default);
            if seen::holder(spec) != Some(&*self.identity) {
                return Ok(());
            }
            spec.holder_identity = None;
            spec.lease_duration_seconds = Some(1);
            let parameters = PostParams::default();
            self.api
                .replace(&self.options.name, &parameters, &lease)
                .await
                .map(drop)
        });
        match result.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(lease = %self.options.name, %error, "the lease could not be given back; it runs out");
            }
            Err(_) => {
                tracing::warn!(lease = %self.options.name, "the lease could not be given back in time; it runs out");
            }
        }
    }
}
